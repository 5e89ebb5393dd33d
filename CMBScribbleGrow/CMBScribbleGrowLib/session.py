"""An annotation as a user interface sees it: paint, grow, adjust, accept; answers, landmarks; saved as one works."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np
import slicer
from numpy.typing import NDArray

from CMBSegmentationLib.announce import Signal
from CMBSegmentationLib.errors import CMBError, InputError
from CMBSegmentationLib.read import checked_scan
from CMBSegmentationLib.summary import counted

from .annotation import LISTS, Annotation, Assessment, Entry, Finding, Microbleed, Mimic, SeriesQuality, entry_key
from .annotation_edits import next_id, unanswered, utc_now, with_done, with_entry, without_entry
from .annotation_file import StudyFiles
from .answers import answered
from .linked_lesion import LinkedLesion, at_percent, grow_lesion, strokes_of, with_growth
from .open_study import OpenStudy, files_of_study
from .scan import ScanToGrow, scan_to_grow
from .scene import PAINT_SEGMENT, clear_curve, lesion_of_segment, segment_on_scan, show_curve
from .session_state import GrowParameters, Snapshot, State, Status, Step
from .settings import GrowSettings
from .study_on_disk import SETTLED_S

P = ParamSpec("P")
R = TypeVar("R")
OPENS = ("scan_node_id", "reader")  # parameters that lead to another annotation


def announced(
    action: Callable[Concatenate[GrowSession, P], R],
) -> Callable[Concatenate[GrowSession, P], R | None]:
    """Have an action tell by the status what it refuses; it gives None then."""

    @functools.wraps(action)
    def told(session: GrowSession, *args: P.args, **kwargs: P.kwargs) -> R | None:
        try:
            return action(session, *args, **kwargs)
        except CMBError as error:
            session._fail(error)
            return None

    return told


class GrowSession:
    """Annotates scans of a scene; the state that all its user interfaces show.

    A user interface connects to the signals, calls the actions, and has a timer call `poll` twice a
    second or more often. Actions raise nothing that a user has caused: they give None, and `status`
    says why and what to do.

    Parameters
    ----------
    scene : vtkMRMLScene
    clock : callable
        Seconds that never go back.

    Attributes
    ----------
    parameters_changed : Signal
        Called with the new `GrowParameters`.
    status_changed : Signal
        Called with the new `Status`.
    annotation_changed : Signal
        Called with the reader's `Annotation`, or None where no study is open.
    current_changed : Signal
        Called with the `LinkedLesion` that is being worked on, or None.
    """

    def __init__(self, scene: slicer.vtkMRMLScene, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.scene = scene
        self.parameters_changed, self.status_changed = Signal(), Signal()
        self.annotation_changed, self.current_changed = Signal(), Signal()
        self._clock = clock
        self._parameters = GrowParameters()
        self._status = Status()
        self._study: OpenStudy | None = None
        self._current: int | None = None
        self._prepared: tuple[int, ScanToGrow] | None = None
        self._before_preview: Snapshot | None = None
        self._moved_at = 0.0
        self._save_error = ""

    @property
    def parameters(self) -> GrowParameters:
        """What the reader chose."""
        return self._parameters

    @property
    def status(self) -> Status:
        """What was done last, or why it was refused."""
        return self._status

    @property
    def study(self) -> OpenStudy | None:
        """The study in work."""
        return self._study

    @property
    def annotation(self) -> Annotation | None:
        """The reader's records of it."""
        return self._study.annotation if self._study else None

    @property
    def lesions(self) -> tuple[LinkedLesion, ...]:
        """The lesions that were grown in it."""
        return self._study.snapshot.lesions if self._study else ()

    @property
    def current(self) -> LinkedLesion | None:
        """The lesion whose tolerance and mode are adjusted."""
        return self._study.snapshot.lesion(self._current) if self._study else None

    @property
    def can_undo(self) -> bool:
        """Whether there is anything to undo."""
        return self._before_preview is not None or (self._study is not None and self._study.history.can_undo)

    @property
    def can_redo(self) -> bool:
        """Whether there is anything to redo."""
        return self._study is not None and self._study.history.can_redo

    @property
    def unanswered(self) -> list[str]:
        """What the protocol asks and the reader has not answered, worded for the reader."""
        return unanswered(self.annotation) if self.annotation else []

    # which scan, whose annotation

    @announced
    def set_parameters(self, **changes: Any) -> bool:
        """Change parameters by name; another scan, reader or folder opens or moves the annotation.

        Parameters
        ----------
        **changes
            Fields of `GrowParameters`.
        """
        parameters = replace(self._parameters, **changes)
        if parameters == self._parameters:
            return True
        parameters.settings()  # checks the values
        before = self._parameters
        if any(getattr(parameters, name) != getattr(before, name) for name in OPENS):
            self._open(parameters)
        elif parameters.folder != before.folder and self._study is not None:
            self._move(self._study, parameters.folder)
        self._parameters = parameters
        self.parameters_changed(parameters)
        return True

    @announced
    def open(
        self, scan_node: slicer.vtkMRMLScalarVolumeNode | None, *, report: str = "", priority: str = "", **changes: Any
    ) -> OpenStudy:
        """Open a scan's annotation: what was left in the scene or on the disk, or a new one.

        Parameters
        ----------
        scan_node : vtkMRMLScalarVolumeNode or None
        report, priority : str
            What a worklist says of the study.
        **changes
            Further parameters, such as ``reader`` and ``folder``.
        """
        if scan_node is None:
            raise InputError("No scan is chosen.", "Load a T2* or SWI volume and choose it.")
        parameters = replace(self._parameters, scan_node_id=scan_node.GetID(), **changes)
        self._open(parameters, report=report, priority=priority)
        self._parameters = parameters
        self.parameters_changed(parameters)
        if self._study is None:
            raise InputError("No reader is named.", "Type the reader's name or initials.")
        return self._study

    @announced
    def close_study(self) -> bool:
        """Save and close the annotation; what could not be saved stays open, and the status says why."""
        self._leave()
        self._tell(Status(State.IDLE, "Saved and closed."))
        self._tell_of_study()
        return True

    def close(self) -> None:
        """Save what can be saved, without telling anybody: the user interface is going away."""
        if self._study is not None:
            try:
                self._settle()
                if self._study.is_there:
                    self._study.take_in()
                self._study.disk.flush()
            except CMBError:
                pass  # the status has said so since it first failed
            self._study.close()
            self._study = None

    # growing

    @announced
    def grow(self, segment_id: str = PAINT_SEGMENT) -> tuple[LinkedLesion, ...]:
        """Grow what is painted: each stroke apart becomes one lesion, or all one group if so chosen.

        The strokes of a lesion that was grown before grow it anew; those that do not touch its mask
        become lesions of their own. A stroke that is refused stays painted, and the status says why.

        Parameters
        ----------
        segment_id : str
            Of a scribble's segment (or a lesion's mask).
        """
        study = self._ready()
        owner = lesion_of_segment(study.snapshot.lesions, segment_id)
        if owner is None and study.nodes.scribbles.GetSegmentation().GetSegment(segment_id) is None:
            raise InputError("There is no scribble.", "Paint a few voxels inside a microbleed, then grow.")
        painted: NDArray[np.intp] = owner.scribble if owner else np.empty((0, 3), np.intp)
        notes: tuple[str, ...] = ()
        if owner is None:
            on_scan = segment_on_scan(study.nodes.scribbles, segment_id, study.grid)
            painted, notes = on_scan.voxels, on_scan.notes
        if not len(painted):
            raise InputError("Nothing is painted.", "Paint a few voxels inside a microbleed, then grow.")
        scan = self._scan_to_grow()
        apart = [painted] if self._parameters.grouped else strokes_of(painted)
        own: NDArray[np.intp] = np.empty((0, 3), np.intp)
        if owner is not None:
            own, apart = _parted(owner, apart)
        lesions, refused = self._grown(study, scan, owner, own, apart)
        if not lesions:
            raise refused[0]
        taken = None if owner else np.concatenate([lesion.scribble for lesion in lesions])
        what = f"{_listed(lesions)} grown"
        study.do(study.recorded(study.snapshot, *lesions), what, segment=segment_id, painted=taken)
        self._select(lesions[-1])
        notes = (*notes, *(str(one) for one in refused), *_notes(lesions))
        self._tell_of_study(Status(State.READY, f"{what[0].upper()}{what[1:]}.", notes))
        return lesions

    @announced
    def preview(self, percent: float | None) -> LinkedLesion:
        """Show the current lesion at another tolerance; None shows the automatic one.

        Fast enough to follow a slider. It is kept by itself when it rests, or by `accept`; undo goes
        back to before it moved.

        Parameters
        ----------
        percent : float or None
            0 to 100.
        """
        study, lesion = self._ready(settle=False), self._chosen()
        if not lesion.strokes:
            lesion = with_growth(self._scan_to_grow(), lesion)
            show_curve(study.nodes, lesion)
        if lesion.tolerance_percent is None:
            raise InputError(f"The mode {lesion.mode} has no tolerance.", "Choose another mode to adjust it.")
        changed = at_percent(self._scan_to_grow(), lesion, percent)
        if self._before_preview is None:
            self._before_preview = study.snapshot
        study.show(study.snapshot.with_lesion(changed))
        show_curve(study.nodes, changed, whole=False)
        self._moved_at = self._clock()
        self.current_changed(changed)
        return changed

    @announced
    def change(self, lesion_id: int | None = None, **settings: Any) -> LinkedLesion:
        """Grow a lesion anew with other settings; in another mode with the automatic tolerance.

        Parameters
        ----------
        lesion_id : int, optional
            The current one if not given.
        **settings
            Fields of `GrowSettings`.
        """
        study = self._ready()
        lesion = self._chosen(lesion_id)
        if "mode" in settings and settings["mode"] != lesion.settings.mode:
            settings = {"tolerance_percent": None, **settings}
        wanted = replace(lesion.settings, **settings)
        grown = grow_lesion(self._scan_to_grow(), lesion.id, lesion.scribble, wanted, grouped=lesion.grouped)
        study.do(study.recorded(study.snapshot, grown), f"CMB {lesion.id} changed")
        self._select(grown)
        self._tell_of_study(Status(State.READY, f"CMB {lesion.id} changed.", grown.notes))
        return grown

    @announced
    def accept(self, lesion_id: int | None = None) -> LinkedLesion:
        """Keep a lesion as it is shown; the current one if none is named."""
        study = self._ready(settle=False)
        lesion = self._chosen(lesion_id)
        accepted = replace(lesion, accepted=True)
        before, self._before_preview = self._before_preview, None
        study.do(study.recorded(study.snapshot, accepted), f"CMB {lesion.id} accepted", before=before)
        self._tell_of_study(Status(State.READY, f"CMB {lesion.id} accepted."))
        return accepted

    @announced
    def select(self, lesion_id: int | None) -> LinkedLesion | None:
        """Choose the lesion to be adjusted, and show its growth curve where that is known."""
        study = self._ready()
        lesion = study.snapshot.lesion(lesion_id)
        if lesion is not None and not lesion.strokes and self._prepared is not None:
            lesion = with_growth(self._scan_to_grow(), lesion)
            study.snapshot = study.snapshot.with_lesion(lesion)
        self._select(lesion)
        return lesion

    @announced
    def undo(self) -> Step | None:
        """Go back by one step; nothing that is painted meanwhile is lost."""
        step = self._ready().undo()
        return self._after(step, "Undone")

    @announced
    def redo(self) -> Step | None:
        """Go forward by one step that was undone."""
        step = self._ready().redo()
        return self._after(step, "Done again")

    # what the reader says

    @announced
    def answer(self, entry: Entry, **answers: Any) -> Entry:
        """Change answers in an entry of the annotation.

        Parameters
        ----------
        entry : Microbleed, Mimic, Finding or SeriesQuality
            Of the annotation; found by its kind and id.
        **answers
            Its fields; what another answer no longer asks for is emptied (`answers.answered`).
        """
        study = self._ready()
        known = next((e for e in study.annotation.entries() if _same_entry(e, entry)), None)
        if known is None and isinstance(entry, SeriesQuality):
            known = entry
        if known is None:
            raise InputError(f"{_name(entry)} is no longer there.", "Undo brings it back.")
        changed = answered(known, **answers)
        if changed is not known or known is entry:
            key = ("answer", type(entry), entry_key(entry), *sorted(answers))
            after = replace(study.snapshot, annotation=with_entry(study.annotation, changed))
            study.do(after, f"{_name(entry)} answered", key=key)
            self._tell_of_study()
        return changed

    def rate_series(self, series: str, **answers: Any) -> Entry | None:
        """Say how good a series is; fields of `SeriesQuality`."""
        reader, now = self._parameters.reader or "?", utc_now()
        return self.answer(SeriesQuality(series=series, reader=reader, time=now), **answers)

    @announced
    def assess(self, **answers: Any) -> Assessment:
        """Say something of the study as a whole; fields of `Assessment`."""
        study = self._ready()
        said = study.annotation.assessment or Assessment(reader=study.reader, time=utc_now())
        changed = answered(said, **answers)
        if changed != study.annotation.assessment:
            annotation = replace(study.annotation, assessment=changed)
            key = ("assessment", *sorted(answers))
            study.do(replace(study.snapshot, annotation=annotation), "study assessed", key=key)
            self._tell_of_study()
        return changed

    @announced
    def add_mimic(self, ras_mm: Sequence[float], **answers: Any) -> Mimic:
        """Set a landmark on what looks like a microbleed and is none; fields of `Mimic`."""
        return self._add_landmark(Mimic, ras_mm, answers)

    @announced
    def add_finding(self, ras_mm: Sequence[float], **answers: Any) -> Finding:
        """Set a landmark on another finding; fields of `Finding`."""
        return self._add_landmark(Finding, ras_mm, answers)

    @announced
    def remove(self, entry: Entry) -> bool:
        """Take an entry out of the annotation, with its segments or its point; undo brings it back."""
        study = self._ready()
        after = replace(study.snapshot, annotation=without_entry(study.annotation, entry))
        if isinstance(entry, Microbleed):
            after = after.without_lesion(entry.id)
        study.do(after, f"{_name(entry)} removed")
        if self.current is None:
            self._select(None)
        self._tell_of_study(Status(State.READY, f"{_name(entry)} removed."))
        return True

    @announced
    def mark_done(self, done: bool = True) -> bool:
        """Mark the study as finished by its reader, and save it; the status lists what was left unanswered."""
        study = self._ready()
        after = replace(study.snapshot, annotation=with_done(study.annotation, done))
        study.do(after, "study marked as done" if done else "study marked as not done")
        study.disk.flush()
        pending = [f"CMB {lesion.id}: not accepted" for lesion in study.snapshot.lesions if not lesion.accepted]
        notes = tuple(pending + self.unanswered) if done else ()
        self._tell_of_study(Status(State.READY, "Marked as done and saved." if done else "Marked as not done.", notes))
        return True

    # what a timer does

    def poll(self) -> None:
        """Take in what was painted or placed, keep a preview that rests, save what is due; never waits long.

        Call it twice a second or more often: what was done two seconds ago is on the disk then.
        """
        study = self._study
        if study is None:
            return
        try:
            if not study.is_there:
                self._lose(study)
                return
            if study.take_in():
                self._tell_of_study()
            if self._before_preview is not None and self._clock() - self._moved_at >= SETTLED_S:
                self._settle()
                self._tell_of_study()
            saved = study.disk.poll()
        except CMBError as error:
            if str(error) != self._save_error:  # once, not with every attempt
                self._save_error = str(error)
                self._fail(error)
            return
        if saved and self._save_error:
            self._save_error = ""
            self._tell(Status(State.READY, "Saved again."))

    def tell(self, what: Status | CMBError) -> None:
        """Tell the reader something that happened around the session, such as in its worklist."""
        self._fail(what) if isinstance(what, CMBError) else self._tell(what)

    # inside

    def _open(self, parameters: GrowParameters, *, report: str = "", priority: str = "") -> None:
        """Open what parameters name, and only then leave what was open."""
        scan = self.scene.GetNodeByID(parameters.scan_node_id or "")
        self._leave()
        if scan is None or not parameters.reader.strip():
            self._tell(Status(State.IDLE, "Choose a scan and name the reader."))
            self._tell_of_study()
            return
        self._study = OpenStudy(
            scan,
            parameters.reader.strip(),
            parameters.folder,
            largest_diameter_mm=parameters.largest_diameter_mm,
            report=report,
            priority=priority,
            clock=self._clock,
        )
        self._study.disk.noted.connect(self._note)
        notes = self._study.notes
        if self._study.disk.files is None:
            notes = (*notes, "The scan has no folder of its own: choose one, or nothing is saved.")
        self._select(None)
        found = counted(len(self._study.annotation.microbleeds), "microbleed")
        self._tell_of_study(Status(State.READY, f"{scan.GetName()}: {found} annotated by {self._study.reader}.", notes))

    def _leave(self) -> None:
        """Save and close what is open; raises, and leaves it open, if it cannot be saved."""
        study = self._study
        if study is None:
            return
        self._settle()
        if study.is_there:
            study.take_in()
        study.disk.flush()
        self._forget()

    def _forget(self) -> None:
        if self._study is not None:
            self._study.close()
        self._study, self._current, self._prepared, self._before_preview = None, None, None, None
        self._save_error = ""
        self.current_changed(None)

    def _move(self, study: OpenStudy, folder: str | None) -> None:
        files: StudyFiles | None = files_of_study(study, folder)
        if files is None:
            raise InputError("The scan has no folder of its own.", "Choose a folder.")
        self._settle()
        study.take_in()
        study.disk.move_to(files)
        self._tell(Status(State.READY, f"Saved in {Path(files.folder)} from now on."))

    def _lose(self, study: OpenStudy) -> None:
        """The scan was closed under us: save what there is."""
        name = study.nodes.scan.GetName()
        if self._before_preview is not None and self.current is not None:
            study.snapshot = study.recorded(study.snapshot, self.current)
        if study.touched or self._before_preview is not None:
            study.keep(segments=True)
        try:
            study.disk.flush()
            said: CMBError = InputError(f"{name} was closed.", "What was annotated is saved; load the scan to go on.")
        except CMBError as error:
            said = error
        self._forget()
        self._parameters = replace(self._parameters, scan_node_id=None)
        self._fail(said)
        self._tell_of_study()

    def _ready(self, *, settle: bool = True) -> OpenStudy:
        """The open study with all that its reader did until now."""
        study = self._study
        if study is None:
            raise InputError("No annotation is open.", "Choose a scan and name the reader.")
        if not study.is_there:
            self._lose(study)
            raise self._status.error or InputError("The scan was closed.", "Load it to go on.")
        study.check_scan()
        if settle:
            self._settle()
        study.take_in()
        return study

    def _settle(self) -> None:
        """Keep a previewed tolerance as a step of its own."""
        before, self._before_preview = self._before_preview, None
        lesion = self.current
        if before is None or self._study is None or lesion is None:
            return
        after = self._study.recorded(self._study.snapshot, lesion)
        self._study.do(after, f"tolerance of CMB {lesion.id} changed", before=before)

    def _chosen(self, lesion_id: int | None = None) -> LinkedLesion:
        lesion = self._study.snapshot.lesion(self._current if lesion_id is None else lesion_id) if self._study else None
        if lesion is None:
            raise InputError("No lesion is chosen.", "Grow one, or choose one in the list.")
        return lesion

    def _select(self, lesion: LinkedLesion | None) -> None:
        self._current = lesion.id if lesion else None
        if self._study is not None and self._study.nodes.complete:
            if lesion is None or not lesion.strokes:
                clear_curve(self._study.nodes)
            else:
                show_curve(self._study.nodes, lesion)
        self.current_changed(lesion)

    def _grown(
        self,
        study: OpenStudy,
        scan: ScanToGrow,
        owner: LinkedLesion | None,
        own: NDArray[np.intp],
        apart: list[NDArray[np.intp]],
    ) -> tuple[tuple[LinkedLesion, ...], list[CMBError]]:
        """Grow a lesion's own strokes and those apart; those that are refused are told of."""
        wanted, grouped = self._parameters.settings(), self._parameters.grouped
        lesions: list[LinkedLesion] = []
        refused: list[CMBError] = []
        new = next_id(study.annotation.microbleeds)
        jobs = [(owner.id, own, owner.settings, owner.grouped)] if owner is not None else []
        jobs += [(new + number, stroke, wanted, grouped) for number, stroke in enumerate(apart)]
        for lesion_id, scribble, settings, group in jobs:
            grown = _lesion_or_error(scan, lesion_id, scribble, settings, group)
            if isinstance(grown, LinkedLesion):
                lesions.append(grown)
            else:
                refused.append(grown)
        return tuple(lesions), refused

    def _scan_to_grow(self) -> ScanToGrow:
        """The scan made ready, once; it takes some seconds on a large one."""
        assert self._study is not None
        node = self._study.nodes.scan
        changed_at = node.GetImageData().GetMTime()
        if self._prepared is None or self._prepared[0] != changed_at:
            former = self._status
            self._tell(Status(State.WORKING, f"Measuring the intensities of {node.GetName()} (once a scan) …"))
            try:
                checked = checked_scan(self._study.image, Path(node.GetName()))
                self._prepared = (changed_at, scan_to_grow(checked.image))
            finally:
                self._status = former
        return self._prepared[1]

    def _add_landmark(self, kind: Any, ras_mm: Sequence[float], answers: dict[str, Any]) -> Any:
        study = self._ready()
        r_mm, a_mm, s_mm = (round(float(x), 3) for x in ras_mm)
        number = next_id(getattr(study.annotation, LISTS[kind]))
        at = {"r_mm": r_mm, "a_mm": a_mm, "s_mm": s_mm}
        entry = answered(kind(id=number, reader=study.reader, time=utc_now(), **at), **answers)
        after = replace(study.snapshot, annotation=with_entry(study.annotation, entry))
        study.do(after, f"{_name(entry)} placed")
        self._tell_of_study()
        return entry

    def _after(self, step: Step | None, word: str) -> Step | None:
        if step is None:
            self._tell(Status(State.READY, f"Nothing to be {'undone' if word == 'Undone' else 'done again'}."))
            return None
        self._select(self.current)
        self._tell_of_study(Status(State.READY, f"{word}: {step.what}."))
        return step

    def _note(self, note: str) -> None:
        self._tell(replace(self._status, notes=(*self._status.notes, note)))

    def _tell_of_study(self, status: Status | None = None) -> None:
        self.annotation_changed(self.annotation)
        if status is not None:
            self._tell(status)

    def _fail(self, error: CMBError) -> None:
        self._tell(Status(State.FAILED, str(error), error=error))

    def _tell(self, status: Status) -> None:
        self._status = status
        self.status_changed(status)


def _lesion_or_error(
    scan: ScanToGrow, lesion_id: int, scribble: NDArray[np.intp], settings: GrowSettings, grouped: bool
) -> LinkedLesion | CMBError:
    try:
        return grow_lesion(scan, lesion_id, scribble, settings, grouped=grouped)
    except CMBError as error:
        return error


def _parted(owner: LinkedLesion, strokes: list[NDArray[np.intp]]) -> tuple[NDArray[np.intp], list[NDArray[np.intp]]]:
    """Part a lesion's strokes into its own, which touch its mask, and others; at least one is its own."""
    mask = {tuple(voxel) for voxel in owner.mask.tolist()}
    touches = [any(tuple(voxel) in mask for voxel in stroke.tolist()) for stroke in strokes]
    if owner.grouped or not any(touches):
        touches = [owner.grouped or number == 0 for number in range(len(strokes))]
    own = [stroke for stroke, is_own in zip(strokes, touches, strict=True) if is_own]
    return np.concatenate(own), [stroke for stroke, is_own in zip(strokes, touches, strict=True) if not is_own]


def _listed(lesions: Sequence[LinkedLesion]) -> str:
    names = [f"CMB {lesion.id}" for lesion in lesions]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _notes(lesions: Sequence[LinkedLesion]) -> tuple[str, ...]:
    return tuple(f"CMB {lesion.id}: {note}" for lesion in lesions for note in lesion.notes)


def _same_entry(one: Entry, other: Entry) -> bool:
    return type(one) is type(other) and entry_key(one) == entry_key(other)


def _name(entry: Entry) -> str:
    if isinstance(entry, SeriesQuality):
        return entry.series
    return f"{'CMB' if isinstance(entry, Microbleed) else type(entry).__name__} {entry.id}"
