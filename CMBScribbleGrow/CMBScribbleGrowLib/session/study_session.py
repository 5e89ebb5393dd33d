"""A study in a session: opened, undone, saved as one works, and closed; what is refused is told by the status."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import SimpleITK as sitk
import slicer

from CMBSegmentationLib.errors import CMBError, InputError, told
from CMBSegmentationLib.reading.scan import checked_scan
from CMBSegmentationLib.signal import Signal
from CMBSegmentationLib.vocabulary.numbers import counted

from ..annotation.edits import unanswered
from ..annotation.records import Annotation
from ..growing.scan import ScanToGrow, scan_to_grow
from ..scene import clear_curve, show_curve
from ..study.linked_lesion import LinkedLesion
from ..study.on_disk import SETTLED_S
from ..study.state import GrowParameters, GrowStep, Snapshot, State, Status
from .open_study import OpenStudy, files_of_study

P = ParamSpec("P")
R = TypeVar("R")
OPENS = ("scan_node_id", "reader")  # parameters that lead to another annotation


def announced(
    action: Callable[Concatenate[Any, P], R],
) -> Callable[Concatenate[Any, P], R | None]:
    """Have an action tell by the status what it refuses; it gives None then."""

    @functools.wraps(action)
    def announcing(session: Any, *args: P.args, **kwargs: P.kwargs) -> R | None:
        try:
            return action(session, *args, **kwargs)
        except (CMBError, MemoryError) as error:
            session._fail(told(error))
            return None

    return announcing


class StudySession:
    """Opens studies of a scene; `session.GrowSession` adds what is done with them.

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

    @announced
    def undo(self) -> GrowStep | None:
        """Go back by one step; nothing that is painted meanwhile is lost."""
        step = self._ready().undo()
        return self._after(step, "Undone")

    @announced
    def redo(self) -> GrowStep | None:
        """Go forward by one step that was undone."""
        step = self._ready().redo()
        return self._after(step, "Done again")

    def without_brain(self) -> sitk.Image | None:
        """Give the image whose brain the first growing has to find (`brain_mask.brain_mask`); None if that is done.

        It takes some seconds: a user interface that must not stand still has another process find it
        beforehand, and hands it to `take_brain`.

        Returns
        -------
        SimpleITK.Image or None
            Checked and clean.
        """
        study = self._study
        if study is None or not study.is_there or self._is_prepared(study):
            return None
        try:
            return checked_scan(study.image, Path(study.nodes.scan.GetName())).image
        except CMBError:
            return None  # told when it is asked for

    def take_brain(self, study: OpenStudy, image: sitk.Image, brain: sitk.Image) -> None:
        """Take the brain (mask 0, 1) of the image that `without_brain` gave for a study; if it was closed, nothing."""
        if study is self._study and study.is_there:
            with contextlib.suppress(CMBError):  # told when it is asked for
                self._prepared = (study.nodes.scan.GetImageData().GetMTime(), scan_to_grow(image, brain))

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
        self._parameters = replace(self._parameters, scan_node_id=None)
        self._save_error = ""
        self.current_changed(None)

    def _move(self, study: OpenStudy, folder: str | None) -> None:
        files = files_of_study(study, folder)
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

    def _scan_to_grow(self) -> ScanToGrow:
        """The scan made ready, once; it takes some seconds on a large one."""
        assert self._study is not None
        node = self._study.nodes.scan
        if self._prepared is None or not self._is_prepared(self._study):
            former = self._status
            self._tell(Status(State.WORKING, f"Measuring the intensities of {node.GetName()} (once a scan) …"))
            try:
                checked = checked_scan(self._study.image, Path(node.GetName()))
                self._prepared = (node.GetImageData().GetMTime(), scan_to_grow(checked.image))
            finally:
                self._tell(former)
        return self._prepared[1]

    def _is_prepared(self, study: OpenStudy) -> bool:
        return self._prepared is not None and self._prepared[0] == study.nodes.scan.GetImageData().GetMTime()

    def _after(self, step: GrowStep | None, word: str) -> GrowStep | None:
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
