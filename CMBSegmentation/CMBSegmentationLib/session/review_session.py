"""A review as a user interface sees it: list, verdicts, next and previous, views, threshold, export."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import numpy as np
import slicer
from numpy.typing import NDArray

from ..errors import CMBError, InputError, told
from ..results.counts import Counts, counts_of
from ..results.summary import text_of
from ..review import (
    ACCEPTED,
    ADDED,
    MERGED,
    REJECTED,
    SPLIT,
    Grower,
    ReviewedLesion,
    Verdict,
    utc_now,
)
from ..review.edits import added, deleted, merged, regrown, split, with_place, with_verdict
from ..scene import ResultNodes, check_has_field, jump_to, middle_of_views, set_slab, show_field, show_overview
from ..scene.brain_surface import hide_3d, show_3d
from ..signal import Signal
from ..vocabulary.operating_points import point_at
from ..vocabulary.regions import REGIONS, SIDES
from ..vocabulary.verdicts import UNREVIEWED
from ..worker.process import ProcessRunner, Subprocess
from .compare_review import compare_review
from .detection_session import DetectionSession, State
from .export_review import ExportedFrom, export_pdf, export_review
from .open_review import OpenReview
from .question import Question

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Header

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class ReviewParameters:
    """How a reader wants to read.

    Attributes
    ----------
    reader : str
        Name or initials, written into each verdict.
    folder : str or None
        Where the review is saved; None takes the scan's own folder.
    operating_point : str or None
        One of `vocabulary.operating_points.OPERATING_POINTS`, at which the next detection is listed; None
        takes the threshold of the detection's parameters.
    advance : bool
        Whether a verdict leads to the next lesion without one.
    field_of_view_mm : float
        What the shorter side of a slice view shows after a jump.
    slab_mm : float or None
        Thickness of the minimum-intensity slab; None shows single slices.
    filled : bool
        Whether lesions are filled in slice views, not only outlined.
    in_3d : bool
        Whether the 3D views show the brain translucent and the lesions solid.
    overview : bool
        Whether the slice views show the detector's probability, projected through the whole head.
    field : bool
        Whether the slice views show the local phase; goes off where a scan has none, and as `overview` goes on.
    """

    reader: str = ""
    folder: str | None = None
    operating_point: str | None = None
    advance: bool = True
    field_of_view_mm: float = 60.0
    slab_mm: float | None = None
    filled: bool = False
    in_3d: bool = False
    overview: bool = False
    field: bool = False


@dataclass(frozen=True)
class Notice:
    """What happened, in a line for the reader.

    Attributes
    ----------
    message : str
    error : CMBError or None
        Why it was refused; what was there before still is.
    """

    message: str
    error: CMBError | None = None


def noticed(action: Callable[Concatenate[Any, P], R]) -> Callable[Concatenate[Any, P], R | None]:
    """Have an action tell by `ReviewSession.noticed` what it refuses; it gives None then."""

    @functools.wraps(action)
    def noticing(session: Any, *args: P.args, **kwargs: P.kwargs) -> R | None:
        try:
            return action(session, *args, **kwargs)
        except (CMBError, MemoryError, OSError) as error:
            problem = told(error)
            session.noticed(Notice(str(problem), problem))
            return None

    return noticing


class ReviewSession(DetectionSession):
    """Detects and reviews; the state that all user interfaces of a scene show.

    A user interface connects to the signals, calls the actions, and has a timer call `poll` twice a
    second or more often, also while no detection runs. Actions raise nothing that a user has
    caused: they give None, and `noticed` says why and what to do.

    Parameters
    ----------
    scene : vtkMRMLScene
    python, runner
        As `DetectionSession`.
    clock : callable
        Seconds that never go back.
    grower : Grower, optional
        Grows what the detector missed: `CMBScribbleGrowLib.growing.from_point.grower`.

    Attributes
    ----------
    review_changed : Signal
        Called without values when the list, a verdict or the threshold changed.
    current_changed : Signal
        Called with the `ReviewedLesion` that the reader looks at, or None.
    reading_changed : Signal
        Called with the new `ReviewParameters`.
    noticed : Signal
        Called with a `Notice`.
    question : Question
        Whether the reader is asked what the current lesion is; `ask` opens it, `answer` and any other step close it.
    """

    def __init__(
        self,
        scene: slicer.vtkMRMLScene,
        *,
        python: str | None = None,
        runner: ProcessRunner = Subprocess,
        clock: Callable[[], float] = time.monotonic,
        grower: Grower | None = None,
    ) -> None:
        super().__init__(scene, python=python, runner=runner)
        self.review_changed, self.current_changed = Signal(), Signal()
        self.reading_changed, self.noticed = Signal(), Signal()
        self._clock, self._grower = clock, grower
        self._reading = ReviewParameters()
        self._open: dict[str, OpenReview] = {}
        self._order: list[int] = []
        self._save_error = ""
        self._searched: str | None = None  # ID of the scan whose new results are to be listed
        self.question = Question()
        self.current_changed.connect(lambda lesion: self.question.close_unless_about(lesion.id if lesion else None))
        self.results_changed.connect(self._on_results)

    # what there is

    @property
    def reading(self) -> ReviewParameters:
        """How the reader wants to read."""
        return self._reading

    @property
    def review(self) -> OpenReview | None:
        """The chosen scan's review; None if it was not searched."""
        return self._open.get(self.parameters.scan_node_id or "")

    @property
    def lesions(self) -> tuple[ReviewedLesion, ...]:
        """The rows that are shown, in the order that the user interface last gave, else by number."""
        review = self.review
        if review is None:
            return ()
        place = {number: n for n, number in enumerate(self._order)}
        return tuple(sorted(review.visible, key=lambda one: (place.get(one.id, len(place)), one.id)))

    @property
    def dropped(self) -> int:
        """How many candidates the detector dropped that have no verdict."""
        return sum(one.state == "dropped" for one in self.review.lesions) if self.review else 0

    @property
    def current(self) -> ReviewedLesion | None:
        """The lesion that the reader looks at."""
        return self.review.find(self.review.current) if self.review else None

    @property
    def threshold(self) -> float | None:
        """At which the chosen scan is listed."""
        return self.review.review.threshold if self.review else None

    @property
    def operating_points(self) -> dict[str, float]:
        """Threshold by name, of the model that searched the chosen scan; empty if it was not searched."""
        return dict(self.review.stored.search.operating_points) if self.review else {}

    @property
    def operating_point(self) -> str:
        """The name of the threshold at which the chosen scan is listed, or "custom"; empty if it was not searched."""
        return point_at(self.operating_points, self.threshold)

    @property
    def counts(self) -> Counts:
        """The chosen scan's review in numbers."""
        return counts_of([one.as_lesion() for one in self.review.lesions] if self.review else ())

    @property
    def text(self) -> str:
        """The counts worded for a report."""
        return text_of(self.counts)

    @property
    def can_undo(self) -> bool:
        """Whether there is anything to undo."""
        return self.review is not None and self.review.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether there is anything to redo."""
        return self.review is not None and self.review.can_redo

    # how to read

    @noticed
    def set_reading(self, **changes: Any) -> bool:
        """Change `ReviewParameters` by name.

        Parameters
        ----------
        **changes
            Fields of `ReviewParameters`.
        """
        reading = replace(self._reading, **changes)
        if reading == self._reading:
            return True
        if not 5 <= reading.field_of_view_mm <= 500:
            raise InputError(
                f"The field of view must be 5 to 500 mm, not {reading.field_of_view_mm:g} mm.", "Give another one."
            )
        if reading.slab_mm is not None and not 0 < reading.slab_mm <= 100:
            raise InputError(
                f"The slab must be up to 100 mm thick, not {reading.slab_mm:g} mm.", "Give another thickness."
            )
        if reading.folder != self._reading.folder and self.review is not None:
            self.review.move_to(reading.folder)
            self.noticed(Notice(f"The review is saved in {self.review.path}."))
            self.review_changed()
        if reading.field and not self._reading.field:
            check_has_field(self.results)
            reading = replace(reading, overview=False)
        elif reading.overview:
            reading = replace(reading, field=False)
        before, self._reading = self._reading, reading
        if reading.overview != before.overview and self.results is not None:
            show_overview(self.results, reading.overview)
        if reading.field != before.field and not reading.overview and self.results is not None:
            show_field(self.results, reading.field)
        if not reading.overview and (reading.slab_mm != before.slab_mm or before.overview):
            set_slab(self.scene, reading.slab_mm)
        self._apply_looks()
        self.reading_changed(reading)
        if reading.field_of_view_mm != before.field_of_view_mm and self.current is not None:
            self.jump()
        return True

    @noticed
    def show_dropped(self, shown: bool) -> bool:
        """List the dropped candidates too, with their reasons, or not."""
        review = self._ready()
        review.show_dropped = bool(shown)
        review.show(save=False)
        self.review_changed()
        return True

    @noticed
    def set_threshold(self, threshold: float) -> bool:
        """List the chosen scan at another threshold, above 0 and below 1; the network does not run."""
        self._ready().list_at(threshold)
        self._after_listing()
        return True

    @noticed
    def set_operating_point(self, name: str | None) -> bool:
        """List the chosen scan at a named threshold, and the next ones too; None keeps the threshold as it is."""
        self.set_reading(operating_point=name)
        if name is not None and self.review is not None:
            self.set_threshold(self.operating_points[name])
        return True

    def set_order(self, ids: Sequence[int]) -> None:
        """Tell in which order the user interface shows the lesions: next and previous follow it."""
        self._order = list(ids)

    # going through

    @noticed
    def select(self, lesion_id: int | None, *, jump: bool = True) -> ReviewedLesion | None:
        """Choose a lesion and centre the slice views on it."""
        review = self._ready()
        review.current = lesion_id if review.find(lesion_id) else None
        review.keep_view()
        if jump and self.current is not None:
            self.jump()
        self.current_changed(self.current)
        return self.current

    def next(self) -> ReviewedLesion | None:
        """Go to the next row; from the last to the first."""
        return self._step(1)

    def previous(self) -> ReviewedLesion | None:
        """Go to the row before; from the first to the last."""
        return self._step(-1)

    def jump(self) -> None:
        """Centre all slice views on the current lesion, with the fixed field of view."""
        if self.current is not None:
            place = self.current.lesion
            jump_to(self.scene, (place.r_mm, place.a_mm, place.s_mm), self._reading.field_of_view_mm)

    # deciding

    @noticed
    def decide(
        self, decision: str, mimic: str = "", *, lesion_id: int | None = None, advance: bool | None = None
    ) -> ReviewedLesion:
        """Give a verdict.

        Parameters
        ----------
        decision : str
            One of `review.DECISIONS`.
        mimic : str
            One of `review.MIMICS`, with "rejected" only.
        lesion_id : int, optional
            The current one if not given.
        advance : bool, optional
            Whether to go on to the next lesion without a verdict; as `ReviewParameters.advance` if not given.
        """
        review, lesion = self._ready(), self._chosen(lesion_id)
        verdict = Verdict(decision, mimic, self._reading.reader.strip(), utc_now())
        said = f"CMB {lesion.id} {decision}{f' ({mimic})' if mimic else ''}"
        review.do(with_verdict(review.review, lesion, verdict), said)
        self._after(said)
        if self._reading.advance if advance is None else advance:
            self._advance(lesion.id)
        return review.find(lesion.id) or lesion

    @noticed
    def ask(self) -> ReviewedLesion:
        """Ask what the current lesion is, which is to be rejected."""
        lesion = self._chosen(None)
        self.question.ask(lesion.id)
        return lesion

    def answer(self, mimic: str = "") -> ReviewedLesion | None:
        """Reject the lesion that is asked about; None if none is.

        Parameters
        ----------
        mimic : str
            One of `review.MIMICS`; empty leaves open what it is.
        """
        if not self.question.is_open:
            return None
        return self.decide(REJECTED, mimic)

    @noticed
    def take_back(self, lesion_id: int | None = None) -> ReviewedLesion | None:
        """Remove a verdict; a lesion as it was detected follows the threshold again."""
        review, lesion = self._ready(), self._chosen(lesion_id)
        review.do(with_verdict(review.review, lesion, None), f"verdict on CMB {lesion.id} taken back")
        self._after(f"CMB {lesion.id} has no verdict")
        return review.find(lesion.id)

    @noticed
    def set_place(self, region: str, side: str, *, lesion_id: int | None = None) -> ReviewedLesion | None:
        """Say where a lesion lies; one without a verdict follows the threshold as before.

        Parameters
        ----------
        region : str
            One of `vocabulary.regions.REGIONS`, or empty.
        side : str
            One of `vocabulary.regions.SIDES`, or empty.
        lesion_id : int, optional
            The current one if not given.
        """
        if region and region not in REGIONS:
            raise InputError(f"There is no region {region!r}.", f"Regions are {', '.join(REGIONS)}.")
        if side and side not in SIDES:
            raise InputError(f"There is no side {side!r}.", f"Sides are {', '.join(SIDES)}.")
        review, lesion = self._ready(), self._chosen(lesion_id)
        review.do(with_place(review.review, lesion, region, side), f"place of CMB {lesion.id}")
        self._after(f"CMB {lesion.id}: {' '.join(filter(None, (side, region))) or 'no region'}")
        return review.find(lesion.id)

    @noticed
    def undo(self) -> str | None:
        """Go back by one step; the threshold stays as it is."""
        what = self._ready().undo()
        self._after(f"Undone: {what}" if what else "Nothing to undo")
        return what

    @noticed
    def redo(self) -> str | None:
        """Go forward by one step that was undone."""
        what = self._ready().redo()
        self._after(f"Done again: {what}" if what else "Nothing to do again")
        return what

    # changing lesions

    @noticed
    def add_at(self, position_ras_mm: Sequence[float] | None = None) -> ReviewedLesion:
        """Add a lesion that was missed, accepted, grown from a point.

        Parameters
        ----------
        position_ras_mm : sequence of 3 float, optional
            World RAS; the middle of the slice views if not given.
        """
        review = self._ready()
        position = middle_of_views(self.scene) if position_ras_mm is None else position_ras_mm
        if position is None:
            raise InputError("There is no slice view to point in.", "Choose a layout with slice views.")
        under = self._under(review, position)
        if under is not None:
            raise InputError(f"That is CMB {under.id}.", "Choose it in the list to decide on it.")
        return self._added(review, review.grown_at(position))

    @noticed
    def add_voxels(self, zyx: NDArray[np.integer], *, number: int | None = None) -> ReviewedLesion:
        """Add a lesion that was missed, accepted, from a mask that was made elsewhere.

        Parameters
        ----------
        zyx : int array (n, 3)
            Voxels (z, y, x) of the scan's array.
        number : int, optional
            That it has where it was made. If it is on the list by that number, it is accepted there; one that a
            reader has added gets this mask.
        """
        review = self._ready()
        voxels = np.unique(np.ravel_multi_index(tuple(np.asarray(zyx).T), review.candidates.shape)).astype(np.int64)
        same = review.find(number)
        if same is not None and np.isin(voxels, same.voxels).any():
            return self._accepted_again(review, same, voxels)
        under = next((one for one in self._decidable(review) if np.isin(voxels, one.voxels).any()), None)
        if under is not None:
            raise InputError(f"That is CMB {under.id}.", "Choose it in the list to decide on it.")
        return self._added(review, voxels, number if same is None else None)

    @noticed
    def merge(self, ids: Sequence[int]) -> ReviewedLesion:
        """Make one lesion of several; it has the smallest number."""
        review = self._ready()
        parts = [self._chosen(number) for number in ids]
        after, lesion = merged(review.review, review.candidates, parts)
        review.do(after, f"CMB {', '.join(str(one.id) for one in parts)} merged")
        review.current = lesion.id
        self._after(f"CMB {lesion.id} is made of {len(parts)} lesions")
        return lesion

    @noticed
    def split(self, lesion_id: int | None = None) -> tuple[ReviewedLesion, ...]:
        """Part a lesion; the first part has its number."""
        review, lesion = self._ready(), self._chosen(lesion_id)
        after, parts = split(review.review, review.candidates, review.numbers, lesion)
        review.do(after, f"CMB {lesion.id} split")
        self._after(f"CMB {lesion.id} split into {', '.join(str(one.id) for one in parts)}")
        return parts

    @noticed
    def delete(self, lesion_id: int | None = None) -> ReviewedLesion:
        """Take a lesion off the list that a reader has added; what the detector found stays, with a verdict."""
        review, lesion = self._ready(), self._chosen(lesion_id)
        if lesion.origin != ADDED:
            how = {MERGED: "merged", SPLIT: "split"}.get(lesion.origin, "found by the detector")
            raise InputError(f"CMB {lesion.id} was {how}: it stays on the list.", "Reject it, and say what it is.")
        before = [one.id for one in self.lesions]
        review.do(deleted(review.review, lesion), f"CMB {lesion.id} deleted")
        if review.current == lesion.id:
            after = before[before.index(lesion.id) + 1 :] if lesion.id in before else []
            review.current = after[0] if after else None
        self._after(f"CMB {lesion.id} deleted")
        return lesion

    # keeping

    @noticed
    def export(
        self,
        folder: str | Path,
        *,
        overwrite: bool = False,
        dicom_folder: str | Path | None = None,
        series: str | None = None,
        header: Nifti1Header | None = None,
    ) -> dict[str, Path]:
        """Write the files of a detection, with the verdicts, to a folder.

        Parameters
        ----------
        folder : path
            Made if it is not there.
        overwrite : bool
            Whether earlier results of the same scan may be replaced.
        dicom_folder : path, optional
            The series that the scan came from: a DICOM segmentation and report are written too.
        series : str, optional
            Its UID, in a folder with many.
        header : nibabel.nifti1.Nifti1Header, optional
            Of the scan's NIfTI file, as for `running.write.write_results`.

        Returns
        -------
        dict
            Path by kind, as `running.write.write_results`.
        """
        origin = ExportedFrom(Path(dicom_folder) if dicom_folder else None, series, header)
        files = export_review(self._ready(), Path(folder), overwrite, origin)
        left = self.counts.not_read
        more = f" {left} of the list have no verdict yet." if left else ""
        self.noticed(Notice(f"Exported to {folder}.{more}"))
        return files

    @noticed
    def export_pdf(self, path: str | Path, *, overwrite: bool = False, dropped: bool = False) -> Path:
        """Write the report with the verdicts as PDF.

        Parameters
        ----------
        path : path
            Of the file, ending in ``.pdf``.
        overwrite : bool
            Whether a file of this name may be replaced.
        dropped : bool
            Also list and picture the dropped candidates.
        """
        written = export_pdf(self._ready(), Path(path), overwrite=overwrite, dropped=dropped)
        self.noticed(Notice(f"Report written to {written}."))
        return written

    @noticed
    def compare_with(
        self,
        earlier_folder: str | Path,
        out: str | Path,
        *,
        earlier_scan: str | Path | None = None,
        overwrite: bool = False,
    ) -> dict[str, Path]:
        """Write what changed since an earlier scan of the patient: a table and a page of both side by side.

        Aligning takes some five seconds, during which nothing else happens.

        Parameters
        ----------
        earlier_folder : path
            With the results of the earlier scan, of a detection or an export.
        out : path
            Folder for the files; made if it is not there.
        earlier_scan : path, optional
            File or DICOM folder; looked for in `earlier_folder` and beside it if not given.
        overwrite : bool
            Whether an earlier comparison of the same scan may be replaced.

        Returns
        -------
        dict
            Path by kind: ``table`` (CSV), ``json``, ``page`` (HTML).
        """
        scan = Path(earlier_scan) if earlier_scan else None
        files = compare_review(self._ready(), Path(earlier_folder), Path(out), earlier_scan=scan, overwrite=overwrite)
        self.noticed(Notice(f"Compared: {files['page']}."))
        return files

    @noticed
    def refuse(self, message: str, hint: str) -> None:
        """Tell that what a user asked for cannot be done, and what to do instead."""
        raise InputError(message, hint)

    def poll(self) -> None:
        """Hear of the worker and save what is due; never waits long."""
        super().poll()
        try:
            for number, review in list(self._open.items()):
                if not review.is_there:
                    self._lose(number, review)
                    continue
                if review.poll() and self._save_error:
                    self._save_error = ""
                    self.noticed(Notice("Saved again."))
                self._tell_notes(review)
        except CMBError as error:
            if str(error) != self._save_error:  # once, not with every attempt
                self._save_error = str(error)
                self.noticed(Notice(str(error), error))

    @noticed
    def save(self) -> bool:
        """Write what is unsaved now."""
        for review in self._open.values():
            review.flush()
        return True

    def close(self) -> None:
        """End what runs and save what can be saved: the user interface is going away."""
        super().close()
        for review in self._open.values():
            with contextlib.suppress(CMBError):  # it was told since it first failed; the scene has it
                review.flush()
        self._open.clear()

    def reopen(self) -> None:
        """Look at the scene again: it was closed, or another was opened."""
        for number, review in list(self._open.items()):
            if not review.is_there or self.scene.GetNodeByID(number) is not review.nodes.scan:
                self._lose(number, review)
        self.results_changed(self.results)

    # inside

    def _on_results(self, results: ResultNodes | None) -> None:
        """Open the review of what is chosen, or of what a detection has just found: at its first lesion."""
        is_new = False
        self.set_reading(field=False)
        if results is not None:
            number = results.scan.GetID()
            known = self._open.get(number)
            is_new = self._searched == number
            if known is None or not known.is_there or is_new:
                self._open_review(results, is_new)
        self._order = []
        self.review_changed()  # the user interface says in which order it lists
        if is_new and self.current is None and self.lesions:
            self.select(self.lesions[0].id)
        else:
            self.current_changed(self.current)

    @noticed
    def _open_review(self, results: ResultNodes, is_new: bool) -> None:
        number = results.scan.GetID()
        former = self._open.pop(number, None)
        if former is not None:
            former.flush()
        self._searched = None
        review = OpenReview(results, self._reading.folder, self._clock, self._grower)
        self._open[number] = review
        if is_new:
            points = review.stored.search.operating_points
            chosen = points.get(self._reading.operating_point or "", review.candidates.rules.threshold)
            if review.review.is_empty:
                review.numbers.by_peak.clear()
                review.numbers.last = 0
            review.list_at(review.candidates.rules.threshold)  # numbers as the detector gave them
            if chosen != review.candidates.rules.threshold:
                review.list_at(chosen)
        self._apply_looks()
        self._tell_notes(review)

    def _finish(self, run: Any, exit_code: int) -> None:
        self._searched = run.scan.GetID()
        super()._finish(run, exit_code)
        if self.status.state is not State.DONE:
            self._searched = None

    def _lose(self, number: str, review: OpenReview) -> None:
        """The scan or its results were taken out of the scene: save what there is."""
        self._open.pop(number, None)
        try:
            review.flush()
        except CMBError as error:
            self.noticed(Notice(str(error), error))
        self.review_changed()
        self.current_changed(self.current)

    def _apply_looks(self) -> None:
        results = self.results
        if results is None:
            return
        display = results.segmentation.GetDisplayNode()
        if display is not None:
            display.SetOpacity2DFill(0.5 if self._reading.filled else 0.0)
        (show_3d if self._reading.in_3d else hide_3d)(results)

    def _ready(self) -> OpenReview:
        review = self.review
        if review is None:
            raise InputError("There is no list yet.", "Choose a scan and detect its microbleeds first.")
        if not review.is_there:
            self._lose(self.parameters.scan_node_id or "", review)
            raise InputError("The scan or its results were removed.", "Load the scan, or detect again.")
        review.learn_numbers()
        return review

    def _chosen(self, lesion_id: int | None) -> ReviewedLesion:
        lesion = self.current if lesion_id is None else self._ready().find(lesion_id)
        if lesion is None:
            raise InputError("No lesion is chosen.", "Choose one in the list, or press N for the next.")
        return lesion

    def _step(self, step: int) -> ReviewedLesion | None:
        ids = [one.id for one in self.lesions]
        if not ids:
            return None
        current = self.current
        here = ids.index(current.id) if current is not None and current.id in ids else (-1 if step > 0 else 0)
        return self.select(ids[(here + step) % len(ids)])

    def _advance(self, from_id: int) -> None:
        """Go to the next lesion that has no verdict, after this one, then from the start; stay if all have one."""
        rows = list(self.lesions)
        ids = [one.id for one in rows]
        here = ids.index(from_id) + 1 if from_id in ids else 0
        for one in rows[here:] + rows[:here]:
            if one.state == UNREVIEWED:
                self.select(one.id)
                return

    def _under(self, review: OpenReview, position_ras_mm: Sequence[float]) -> ReviewedLesion | None:
        """Find the lesion that counts or was rejected at a point."""
        flat = review.flat_index(position_ras_mm)
        return next((one for one in self._decidable(review) if flat in one.voxels), None)

    def _decidable(self, review: OpenReview) -> list[ReviewedLesion]:
        """List the lesions beside which no other can be added: those that count or were rejected."""
        return [one for one in review.lesions if one.counts or one.state == REJECTED]

    def _accepted_again(self, review: OpenReview, lesion: ReviewedLesion, voxels: NDArray[np.int64]) -> ReviewedLesion:
        """Accept a lesion of the list that was grown as a scribble, too; one that was added gets the new mask."""
        if lesion.state == REJECTED:
            raise InputError(f"CMB {lesion.id} is rejected in the list.", "Change its verdict if it is a microbleed.")
        if lesion.origin == ADDED:
            after, changed = regrown(review.review, review.candidates, lesion, voxels)
            review.do(after, f"mask of CMB {lesion.id} changed")
            self._after(f"CMB {lesion.id} changed, {changed.lesion.diameter_mm:.1f} mm")
            return changed
        if lesion.verdict is None:
            self.decide(ACCEPTED, lesion_id=lesion.id, advance=False)
        return review.find(lesion.id) or lesion

    def _added(self, review: OpenReview, voxels: NDArray[np.int64], number: int | None = None) -> ReviewedLesion:
        verdict = Verdict(ACCEPTED, "", self._reading.reader.strip(), utc_now())
        after, lesion = added(review.review, review.candidates, review.numbers, voxels, verdict, number)
        review.do(after, f"CMB {lesion.id} added")
        review.current = lesion.id
        self._after(f"CMB {lesion.id} added, {lesion.lesion.diameter_mm:.1f} mm")
        return lesion

    def _after(self, said: str) -> None:
        self.question.close()
        self.review_changed()
        self.current_changed(self.current)
        self.noticed(Notice(f"{said}."))

    def _after_listing(self) -> None:
        if self.review is not None and self.current is None:
            self.review.current = None
        self.review_changed()
        self.current_changed(self.current)

    def _tell_notes(self, review: OpenReview) -> None:
        notes, review.notes[:] = list(review.notes), []
        for note in notes:
            self.noticed(Notice(note))
