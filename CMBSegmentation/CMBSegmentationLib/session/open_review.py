"""The review of one scan while it is open: its list, what was done to it, and where it is kept."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..errors import CMBError, InputError
from ..files.atomic_file import DamagedFileError
from ..results.stored_list import StoredList
from ..review import (
    Annotated,
    CandidateField,
    Grower,
    GrowsFrom,
    History,
    Numbering,
    Review,
    ReviewAutosave,
    ReviewedLesion,
    SavedReview,
    Step,
    candidates_under,
    from_text,
    holds,
    last_change,
    listed,
    on_grid,
    to_text,
)
from ..review.following import followed
from ..review.kept_in import Kept, kept_in
from ..review.review_file import ENDING, moved_with_scan
from ..scene import (
    ResultNodes,
    ShownReview,
    candidates_of,
    list_of,
    read_review,
    read_view,
    write_review,
    write_view,
)
from ..scene.annotated import read_annotated
from ..scene.results import check_place
from ..scene.review_nodes import read_kept_in, write_kept_in
from ..scene.volumes import file_of
from ..vocabulary.operating_points import CUSTOM, SAME_THRESHOLD, checked_threshold, point_at
from ..vocabulary.reasons import CALCIUM, Rule
from ..vocabulary.verdicts import ACCEPTED, BELOW, UNCERTAIN, utc_now

STAYS = {ACCEPTED: "accepted", UNCERTAIN: "called uncertain"}  # others that count were added, merged or split
NOWHERE = -1
DARKEST_WITHIN_MM = 1.5  # a click is rarely on a lesion's darkest voxel


class OpenReview:
    """A scan's list of lesions, kept the same in memory, in the scene and on the disk.

    Parameters
    ----------
    nodes : ResultNodes
    folder : str or None
        Where it is saved; None takes where it was saved before, or the scan's own folder.
    clock : callable
        Seconds that never go back.
    grower : Grower, optional
        Grows what the detector missed.
    former : OpenReview, optional
        Of the same scan, before it was searched again.

    Attributes
    ----------
    nodes : ResultNodes
    stored : StoredList
        The list as it was loaded.
    candidates : CandidateField
    stem : str
        What the names of its files begin with.
    review : Review
    numbers : Numbering
    lesions : tuple of ReviewedLesion
        All at the present threshold, those below it too; by id.
    current : int or None
        Number of the lesion that the reader looks at.
    show_dropped : bool
    annotated : Annotated
        What the annotation of the same scan says, as the scene has it.
    notes : list of str
        What the reader should know of how it was opened or saved; taken by the session.

    Raises
    ------
    InputError
        No probability is stored, or the scan was moved or resampled since it was searched.
    """

    def __init__(
        self,
        nodes: ResultNodes,
        folder: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        grower: Grower | None = None,
        former: OpenReview | None = None,
    ) -> None:
        self.nodes = nodes
        self.stored: StoredList = list_of(nodes)
        self.candidates = candidates_of(nodes)
        self.notes: list[str] = []
        self.annotated = Annotated()
        self.lesions: tuple[ReviewedLesion, ...] = ()
        self._seen: set[tuple[str, int]] = set()
        self._others: set[int] = set()  # lesions of the annotation with the number of another one here
        self._clock = clock
        self._shown = ShownReview(nodes)
        self._history: History[Step] = History()
        self._autosave: ReviewAutosave | None = None
        self._grower = grower
        self._grow_from: GrowsFrom | None = None
        self.review, self.numbers = Review(self.candidates.rules.threshold), Numbering()
        self._changed_at, self.stem = "", ""
        self._found: SavedReview | None = None  # on the disk, where the scene had none
        if former is not None:
            former.follow_scan(nodes, self.candidates)
        in_scene = self._in_scene()
        self._begin_with(in_scene, self._save_in(folder))
        self._remember(folder)
        view = read_view(nodes)
        self.current: int | None = view.get("current") if isinstance(view.get("current"), int) else None
        self.show_dropped = bool(view.get("show_dropped", False))
        self.show(save=not self.review.is_empty)

    # the list

    @property
    def is_there(self) -> bool:
        """Whether the scan and its results are still in the scene."""
        return self._shown.is_there

    @property
    def changed_at(self) -> str:
        """When a reader changed it last: UTC, ISO 8601; empty if none has."""
        return self._changed_at

    def check_place(self) -> None:
        """Refuse to go on with a scan that lies elsewhere than where it was searched; `InputError` says what to do."""
        check_place(self.nodes.scan, self.candidates.probability)

    def follow_scan(self, nodes: ResultNodes, candidates: CandidateField) -> None:
        """Move the review, in scene and on disk, to where its scan was moved and searched again.

        Parameters
        ----------
        nodes : ResultNodes
            Of the new search.
        candidates : CandidateField
            Of the new search; where their scan has other voxels, as after resampling, the review stays as it was.

        Raises
        ------
        CMBError
            It cannot be written.
        """
        before, after = (sitk.GetArrayViewFromImage(one.scan) for one in (self.candidates, candidates))
        if self.candidates.grid.is_like(candidates.grid) or not np.array_equal(before, after):
            return
        moved = moved_with_scan(self._saved(), candidates.grid)
        write_review(nodes, to_text(moved))
        if self._autosave is not None:
            self._autosave.changed(moved)
            self._autosave.flush()

    @property
    def scan_image(self) -> sitk.Image:
        """The scan as it was read, on its own grid."""
        return self.candidates.scan

    @property
    def visible(self) -> tuple[ReviewedLesion, ...]:
        """What the reader goes through: without what the detector dropped, unless that is to be shown."""
        return tuple(one for one in self.lesions if self.show_dropped or one.state != BELOW)

    def find(self, lesion_id: int | None) -> ReviewedLesion | None:
        """Find a lesion of the list."""
        return next((one for one in self.lesions if one.id == lesion_id), None)

    def do(self, after: Review, what: str, about: int) -> None:
        """Take a step, done to the lesion with the number `about`: show it, save it, remember it for undo."""
        self._history.add(Step(self.review, after, what, about=about))
        self.review, self._changed_at = after, utc_now()
        self.show()

    def undo(self) -> Step | None:
        """Go back by one step, at the present threshold; give the step."""
        step = self._history.undo()
        if step is not None:
            self._go_to(step.before)
        return step

    def redo(self) -> Step | None:
        """Go forward by one step that was undone; give the step."""
        step = self._history.redo()
        if step is not None:
            self._go_to(step.after)
        return step

    @property
    def can_undo(self) -> bool:
        """Whether there is anything to undo."""
        return self._history.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether there is anything to redo."""
        return self._history.can_redo

    def list_at(self, threshold: float) -> None:
        """List at another threshold; verdicts stay with their lesions."""
        checked_threshold(threshold)
        self.review = replace(self.review, threshold=threshold)
        self.show()

    def list_new(self, operating_point: str | None, former: OpenReview | None) -> None:
        """List what a search has just found: numbered as the detector did, then at an operating point.

        A threshold that its reader set between the operating points stays, and any of a review that only the disk had,
        unless it is another model's. What is read on from the disk is noted.

        Parameters
        ----------
        operating_point : str or None
            None, or one that the model does not have, takes the detection's own threshold.
        former : OpenReview or None
            Of the same scan, as it was open when the search ended.
        """
        own, points = self.candidates.rules.threshold, self.stored.search.operating_points
        found = self._found if former is None else None
        before = former._saved() if former is not None else found
        if self.review.is_empty:
            self.numbers.by_peak.clear()
            self.numbers.last = 0
        self.list_at(own)
        chosen = points.get(operating_point or "", own)
        if found is not None and not found.review.is_empty:
            self.notes.append(f"The review on the disk is shown, {last_change(found)}.")
        if before is not None:
            chosen = self._threshold_after(before, chosen)
        if chosen != own:
            self.list_at(chosen)
        self.notes += self._calcium_that_stays()

    def _threshold_after(self, before: SavedReview, chosen: float) -> float:
        """Give the threshold of a review from before the search where it still holds, else the chosen one."""
        was, points = before.review.threshold, self.stored.search.operating_points
        is_custom = point_at(before.operating_points, was) == CUSTOM
        is_reviewed = before is self._found and not before.review.is_empty
        if abs(was - chosen) < SAME_THRESHOLD or not (is_custom or is_reviewed):
            return chosen
        if before.operating_points == points:
            if before is self._found:
                self.notes.append(f"It is listed at {was:.3g}, as it was when it was last open.")
            return was
        if is_custom:
            setter = "for another model" if before.operating_points else "by an earlier version"
            self.notes.append(f"The threshold is {chosen:.3g} now: {was:.3g} was set {setter}.")
        return chosen

    def _calcium_that_stays(self) -> list[str]:
        """Say which lesions a reader has on the list that the search drops as calcium, as none knew on deciding."""
        rules = replace(self.candidates.rules, threshold=self.review.threshold)
        said = []
        for number, candidate in candidates_under(self.candidates, self.review.fixed).items():
            lesion, reason = self.review.find(number), candidate.reason(rules)
            if reason is None or reason.rule is not Rule.CALCIUM or self.find(number) is None:
                continue
            if lesion is not None and lesion.counts and lesion.lesion.phase != CALCIUM:
                how = STAYS.get(lesion.state, lesion.origin)
                said.append(f"The phase calls CMB {number} calcium; it stays, as it was {how}.")
        return said

    def show(self, *, save: bool = True) -> None:
        """List anew; have scene and disk follow."""
        self.learn_annotated()
        self.lesions = listed(self.candidates, self.review, self.numbers)
        self._shown.show(self.lesions, [one for one in self.visible])
        saved = self._saved()
        write_review(self.nodes, to_text(saved))
        self.keep_view()
        if save and self._autosave is not None:
            self._autosave.changed(saved)

    def let_go_of_hidden(self) -> None:
        """Look at no lesion that is not in the list any more: the next verdict would be on what nobody sees."""
        if self.current is not None and self.current not in {one.id for one in self.visible}:
            self.current = None
            self.keep_view()

    def keep_view(self) -> None:
        """Have the scene show and remember where the reader is."""
        self._shown.choose(self.current)
        write_view(self.nodes, {"current": self.current, "show_dropped": self.show_dropped})

    # growing what was missed

    def grown_at(self, position_ras_mm: Sequence[float]) -> np.ndarray:
        """Grow a lesion from a point.

        Parameters
        ----------
        position_ras_mm : sequence of 3 float
            World RAS, inside the lesion or beside it.

        Returns
        -------
        int64 array
            Flat indices in the scan's array.

        Raises
        ------
        InputError
            The point lies outside the scan, or CMB Scribble Grow is not there.
        """
        if self._grower is None:
            raise InputError(
                "Adding a lesion needs the module CMB Scribble Grow.", "Add its folder to the module paths, too."
            )
        if self._grow_from is None:
            self._grow_from = self._grower(self.scan_image, self.candidates.brain)
        mask = self._grow_from(self._seed(position_ras_mm))
        return np.unique(np.ravel_multi_index(tuple(mask.T), self.candidates.shape)).astype(np.int64)

    def flat_index(self, position_ras_mm: Sequence[float]) -> int:
        """Give the voxel at a point; `InputError` if it lies outside the scan."""
        return int(np.ravel_multi_index(tuple(self._index(position_ras_mm)), self.candidates.shape))

    def learn_annotated(self) -> None:
        """Learn what the annotation of the same scan says: its numbers are given to no other lesion.

        Where it has a number for another lesion than the list, as one that was made without the list may, it says
        nothing of that lesion.
        """
        annotated = read_annotated(self.nodes.scan)
        places = {}
        for number, one in annotated.lesions.items():
            with contextlib.suppress(InputError):  # outside: the scan was moved since
                places[number] = NOWHERE if one.grouped else self.flat_index(one.at)
        self.numbers.reserved = places
        self.annotated = self._without_others(annotated)
        self._seen |= {(self.annotated.reader, number) for number in self.annotated.lesions}

    def _without_others(self, annotated: Annotated) -> Annotated:
        """Leave out the lesions that have the number of another one of the list; note which, once."""
        here = {one.id: one for one in (*self.lesions, *self.review.fixed) if not one.deleted}
        others = {n for n in annotated.lesions if n in here and annotated.is_elsewhere(n, here[n].voxels)}
        if others - self._others:
            which = ", ".join(f"CMB {number}" for number in sorted(others))
            self.notes.append(f"{which}: another lesion has this number in the annotation. It changes nothing here.")
        self._others = others
        return replace(annotated, lesions={n: one for n, one in annotated.lesions.items() if n not in others})

    def follow_annotated(self) -> list[int]:
        """Follow what the annotation has said or taken back since this was last asked; give which lesions changed."""
        self.learn_annotated()
        before, after = self.lesions, self._followed(self.review)
        if after is self.review:
            return []
        self.review, self._changed_at = after, utc_now()
        self.show()
        former, now = ({one.id: one.as_lesion() for one in lesions} for lesions in (before, self.lesions))
        return sorted(number for number in {*former, *now} if former.get(number) != now.get(number))

    def annotated_mimic(self, lesion: ReviewedLesion) -> str:
        """Give what the annotation says that a lesion is instead of a microbleed; empty if it says nothing."""
        for mimic in self.annotated.mimics:
            with contextlib.suppress(InputError):
                if self.flat_index(mimic.at) in lesion.voxels:
                    return mimic.type
        return ""

    def _index(self, position_ras_mm: Sequence[float]) -> np.ndarray:
        r_mm, a_mm, s_mm = (float(value) for value in position_ras_mm)
        zyx = np.array(self.scan_image.TransformPhysicalPointToIndex((-r_mm, -a_mm, s_mm))[::-1])
        if (zyx < 0).any() or (zyx >= self.candidates.shape).any():
            raise InputError("The point lies outside the scan.", "Point at the lesion in a slice view of this scan.")
        return zyx

    def _seed(self, position_ras_mm: Sequence[float]) -> np.ndarray:
        """Give the darkest voxel (z, y, x) near a point."""
        image, shape = self.scan_image, np.array(self.candidates.shape)
        zyx = self._index(position_ras_mm)
        spacing = np.array(image.GetSpacing()[::-1])
        reach = np.floor(DARKEST_WITHIN_MM / spacing).astype(int)
        low, high = np.maximum(zyx - reach, 0), np.minimum(zyx + reach + 1, shape)
        box = sitk.GetArrayViewFromImage(image)[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
        offsets = np.stack(np.meshgrid(*[np.arange(a, b) for a, b in zip(low, high, strict=True)], indexing="ij"), -1)
        near = np.linalg.norm((offsets - zyx) * spacing, axis=-1) <= DARKEST_WITHIN_MM
        darkest = np.argmin(np.where(near, box, np.inf))
        return offsets.reshape(-1, 3)[darkest]

    # the disk

    @property
    def path(self) -> Path | None:
        """The file that it is saved in; None if there is no folder."""
        return self._autosave.path if self._autosave else None

    @property
    def unsaved(self) -> bool:
        """Whether there is anything that is not on the disk."""
        return self._autosave.dirty if self._autosave else not self.review.is_empty

    @property
    def not_saved(self) -> CMBError | None:
        """Why what is unsaved could not be written; None once it is."""
        return self._autosave.not_saved if self._autosave else None

    def move_to(self, folder: str | None) -> None:
        """Save in another folder from now on, everything at once; raises as `flush`, and all is as before then.

        The review at hand stays. Another one of this scan that lies there is kept beside; it is gone on with only where
        it says all that the one at hand does.
        """
        before = self._autosave, self.stem, self.review, self.numbers, self._changed_at
        try:
            found = self._save_in(folder)
            if before[0] is not None and self.path is not None and before[0].path.resolve() == self.path.resolve():
                self._autosave, found = before[0], None  # it knows its own file
            if found is not None and not self._takes(found):
                self._keep_aside(found)
            self.show()
            self.flush()
        except CMBError:
            self._autosave, self.stem, self.review, self.numbers, self._changed_at = before
            self.show(save=False)
            raise
        if found is not None and self.review is found.review:
            self._go_on_with(found, before[2])
        self._remember(folder)

    def poll(self) -> bool:
        """Write if it is time to; raises as `ReviewAutosave.poll`."""
        return self._autosave.poll() if self._autosave else False

    def flush(self) -> None:
        """Write now; `InputError` or `MachineError` if that fails, and nothing is lost."""
        if self._autosave is not None:
            self._autosave.flush()

    def _save_in(self, folder: str | None) -> SavedReview | None:
        """Save in a folder from now on; give what is there already. Raises as `ReviewAutosave.load`."""
        scan, before = self.nodes.scan, read_kept_in(self.nodes.scan)
        where, stem = kept_in(file_of(scan), scan.GetName() or "", folder, before)
        if where is None:
            self._autosave, self.stem = None, stem
            gone = (
                f"There is no folder {before.folder} any more" if before.folder else "The scan has no folder of its own"
            )
            self.notes.append(f"{gone}: choose where to save, or the review is kept in the scene only.")
            return None
        autosave = ReviewAutosave(where / (stem + ENDING), clock=self._clock)
        autosave.noted.connect(self.notes.append)
        found = autosave.load(self.candidates.grid, scan.GetName() or "")
        self._autosave, self.stem = autosave, stem
        return found

    def _remember(self, folder: str | None) -> None:
        """Have the scene know where it is saved, and by which name."""
        before = read_kept_in(self.nodes.scan)
        kept_folder = str(self.path.parent.absolute()) if self.path else before.folder
        is_chosen = bool(folder) or (before.chosen and kept_folder == before.folder)
        write_kept_in(self.nodes, Kept(self.stem, kept_folder, is_chosen))

    def _begin_with(self, in_scene: SavedReview | None, on_disk: SavedReview | None) -> None:
        """Go on with the later of two states, of equal ones the scene's; what only the other says is kept beside."""
        taken, other = in_scene, on_disk
        if on_disk is not None and (in_scene is None or on_disk.changed_at > in_scene.changed_at):
            taken, other = on_disk, in_scene
        if taken is not None and other is not None and self._autosave is not None and not holds(taken, other):
            places = {id(on_disk): "on the disk", id(in_scene): "in the scene"}
            try:
                copy = self._keep(other, found=other is on_disk)
            except CMBError as error:
                taken = in_scene
                self._autosave.forget_found()
                self.notes.append(f"{error} The review in the scene is shown.")
            else:
                self.notes.append(
                    f"There are two reviews of {self.nodes.scan.GetName()}. The one {places[id(taken)]} is shown, "
                    f"{last_change(taken)}; the one {places[id(other)]}, {last_change(other)}, is kept as {copy}."
                )
        elif taken is on_disk and on_disk is not None and in_scene is not None and not holds(in_scene, on_disk):
            self.notes.append(
                f"The review on the disk is shown, {last_change(on_disk)}: it goes on from the one in the scene."
            )
        if in_scene is None:
            self._found = on_disk
        if taken is not None:
            self._take(taken)
        if taken is on_disk and on_disk is not None and on_disk.scan not in ("", self.nodes.scan.GetName()):
            self.notes.append(f"Its review was kept under the name {on_disk.scan}.")

    def _takes(self, found: SavedReview) -> bool:
        """Take a review that lies in a folder where it says more than the one at hand, and all of that."""
        at_hand = self._saved()
        if holds(at_hand, found) or not holds(found, at_hand):
            return False
        self._take(found)
        return True

    def _go_on_with(self, found: SavedReview, before: Review) -> None:
        """Say that a review was taken, and let the reader take that back where there was one before."""
        if before.is_empty:
            self._history = History()
        else:
            self._history.add(Step(before, found.review, "review of the folder taken", about=self.current or NOWHERE))
        if self.find(self.current) is None:
            self.current = None
        self.keep_view()
        self.notes.append(f"The review that was there is shown, {last_change(found)}.")

    def _keep_aside(self, found: SavedReview) -> None:
        """Keep a review that lies in a folder beside, where it says what the one at hand does not."""
        if not holds(self._saved(), found):
            copy = self._keep(found, found=True)
            self.notes.append(f"Another review of this scan was there, {last_change(found)}; it is kept as {copy}.")

    def _keep(self, other: SavedReview, *, found: bool) -> Path:
        assert self._autosave is not None
        return self._autosave.keep_found_beside() if found else self._autosave.keep_beside(to_text(other))

    def _saved(self) -> SavedReview:
        name = self.nodes.scan.GetName() or ""
        points = self.stored.search.operating_points
        return SavedReview(self.review, self.numbers, self.candidates.grid, name, self._changed_at, points)

    def _take(self, saved: SavedReview) -> None:
        self.review, self.numbers, self._changed_at = saved.review, saved.numbers, saved.changed_at

    def _in_scene(self) -> SavedReview | None:
        text = read_review(self.nodes)
        if text is None:
            return None
        try:
            saved = from_text(text, "The review in the scene")
        except DamagedFileError as damage:
            self.notes.append(f"{damage.message} The list begins anew; the scene's file is as it was.")
            return None
        return on_grid(saved, self.candidates.grid)

    def _go_to(self, review: Review) -> None:
        self.learn_annotated()
        after = replace(review, threshold=self.review.threshold)
        self.review, self._changed_at = self._followed(after), utc_now()
        self.show()

    def _followed(self, review: Review) -> Review:
        return followed(review, self.annotated, {n for reader, n in self._seen if reader == self.annotated.reader})
