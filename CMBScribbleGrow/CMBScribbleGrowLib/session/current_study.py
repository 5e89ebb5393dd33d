"""The study in work and the lesion that is adjusted: what the parts of a session act on, and who hears of it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import replace

import slicer

from CMBSegmentationLib.errors import CMBError, InputError
from CMBSegmentationLib.signal import Signal

from ..annotation.records import Annotation
from ..scene import clear_curve, show_curve
from ..study.linked_lesion import LinkedLesion
from ..study.on_disk import SETTLED_S, StudyOnDisk
from ..study.state import GrowParameters, Snapshot, State, Status
from .open_study import OpenStudy


class CurrentStudy:
    """Gives the parts of a session the study they act on, and tells what they did.

    Parameters
    ----------
    scene : vtkMRMLScene
    clock : callable
        Seconds that never go back.

    Attributes
    ----------
    parameters : GrowParameters
    status : Status
    study : OpenStudy or None
    parameters_changed, status_changed, annotation_changed, current_changed : Signal
        As those of `GrowSession`.
    saving_changed, list_changed : Signal
        As those of `GrowSession`.
    """

    def __init__(self, scene: slicer.vtkMRMLScene, clock: Callable[[], float] = time.monotonic) -> None:
        self.scene, self.clock = scene, clock
        self.parameters_changed, self.status_changed = Signal(), Signal()
        self.annotation_changed, self.current_changed = Signal(), Signal()
        self.saving_changed, self.list_changed = Signal(), Signal()
        self.parameters, self.status = GrowParameters(), Status()
        self.study: OpenStudy | None = None
        self._current: int | None = None
        self._before_preview: Snapshot | None = None
        self._moved_at = 0.0
        self._save_error = ""  # told once, not with every attempt
        self._shown_unsaved = ""
        self._closed: list[StudyOnDisk] = []  # whose scan was closed before they could be saved

    @property
    def annotation(self) -> Annotation | None:
        """The reader's records of it."""
        return self.study.annotation if self.study else None

    @property
    def lesion(self) -> LinkedLesion | None:
        """The lesion whose tolerance and mode are adjusted."""
        return self.study.snapshot.lesion(self._current) if self.study else None

    @property
    def is_previewing(self) -> bool:
        """Whether a tolerance is shown that is not kept as a step yet."""
        return self._before_preview is not None

    def take(self, parameters: GrowParameters) -> None:
        """Have user interfaces show what is wanted now."""
        self.parameters = parameters
        self.parameters_changed(parameters)

    def ready(self, *, settle: bool = True) -> OpenStudy:
        """Give the open study with all that its reader did until now; `InputError` if there is none."""
        study = self.study
        if study is None:
            has_scan = self.scene.GetNodeByID(self.parameters.scan_node_id or "") is not None
            raise InputError("No annotation is open.", asked_first(has_scan, bool(self.parameters.reader.strip())))
        if not study.is_there:
            raise self._lost(study)
        study.check_scan()
        if settle:
            self.settle()
        study.take_in()
        return study

    def chosen(self, lesion_id: int | None = None) -> LinkedLesion:
        """Give a lesion, the current one where None is asked for; `InputError` if there is none."""
        lesion = self.lesion
        if lesion_id is not None and self.study is not None:
            lesion = self.study.snapshot.lesion(lesion_id)
        if lesion is None:
            raise InputError("No lesion is chosen.", "Grow one, or choose one in the list.")
        return lesion

    def select(self, lesion: LinkedLesion | None) -> None:
        """Have a lesion be the one that is adjusted, and show its growth curve where that is known."""
        self._current = lesion.id if lesion else None
        if self.study is not None and self.study.nodes.complete:
            if lesion is None or not lesion.strokes:
                clear_curve(self.study.nodes)
            else:
                show_curve(self.study.nodes, lesion)
        self.current_changed(lesion)

    # what is not on the disk

    @property
    def not_saved(self) -> CMBError | None:
        """Why an annotation, open or of a scan that was closed, could not be written; None once all are."""
        every = [*([self.study.disk] if self.study else []), *self._closed]
        return next((one.not_saved for one in every if one.not_saved is not None), None)

    def show_saving(self) -> None:
        """Have user interfaces show why something is unsaved, where that changed."""
        error, shown = self.not_saved, self._shown_unsaved
        self._shown_unsaved = str(error or "")
        if self._shown_unsaved != shown:
            self.saving_changed(error)

    def _save_closed(self) -> None:
        """Try again to save what could not be saved when its scan was closed."""
        for disk in self._closed:
            with contextlib.suppress(CMBError):  # `not_saved` says why
                if disk.poll():
                    self.tell(Status(State.READY, "Saved again."))
        self._closed = [disk for disk in self._closed if disk.unsaved]

    # a tolerance that moves

    def preview(self, study: OpenStudy, changed: LinkedLesion) -> None:
        """Show the current lesion otherwise, to be kept as one step when it rests."""
        if self._before_preview is None:
            self._before_preview = study.snapshot
        study.show(study.snapshot.with_lesion(changed))
        show_curve(study.nodes, changed, whole=False)
        self._moved_at = self.clock()
        self.current_changed(changed)

    def before_preview(self) -> Snapshot | None:
        """Give the snapshot from before the tolerance moved, which is then no preview any more."""
        before, self._before_preview = self._before_preview, None
        return before

    def settle(self) -> None:
        """Keep a previewed tolerance as a step of its own."""
        before, lesion = self.before_preview(), self.lesion
        if before is None or self.study is None or lesion is None:
            return
        after = self.study.recorded(self.study.snapshot, lesion)
        self.study.do(after, f"tolerance of CMB {lesion.id} changed", before=before)

    # what a timer does

    def poll(self) -> None:
        """Take in what was painted or placed, keep a preview that rests, save what is due; never waits long."""
        self._save_closed()
        study = self.study
        if study is None:
            self.show_saving()
            return
        try:
            if not study.is_there:
                self.fail(self._lost(study))
                return
            if study.take_in():
                self._show_taken_in()
            if self.is_previewing and self.clock() - self._moved_at >= SETTLED_S:
                self.settle()
                self._tell_tolerance()
            if study.list_changed():
                self.list_changed()
            failed, saved = study.disk.not_saved is not None, study.disk.poll()
        except CMBError as error:
            if str(error) != self._save_error:
                self._save_error = str(error)
                self.fail(error)
            return
        finally:
            self.show_saving()
        if study.disk.not_saved is None:
            self._save_error = ""
        if saved and failed:
            self.tell(Status(State.READY, "Saved again."))

    # leaving

    def leave(self) -> None:
        """Save and close what is open; raises, and leaves it open, if it cannot be saved."""
        if self.study is None:
            return
        self.settle()
        if self.study.is_there:
            self.study.take_in()
        self.study.disk.flush()
        self._forget()

    def close(self) -> None:
        """Save what can be saved, without telling anybody: the user interface is going away."""
        for disk in self._closed:
            with contextlib.suppress(CMBError):
                disk.flush()
        if self.study is None:
            return
        try:
            self.settle()
            if self.study.is_there:
                self.study.take_in()
            self.study.disk.flush()
        except CMBError:
            pass  # the status has said so since it first failed
        self.study.close()
        self.study = None

    def _forget(self) -> None:
        if self.study is not None:
            self.study.close()
        self.study, self._current, self._before_preview = None, None, None
        self.parameters = replace(self.parameters, scan_node_id=None)
        self._save_error = ""
        self.show_saving()
        self.current_changed(None)

    def _lost(self, study: OpenStudy) -> CMBError:
        """Save what there is of a study whose scan was closed, later where not now; give what is to be told of it."""
        name = study.nodes.scan.GetName()
        if self.is_previewing and self.lesion is not None:
            study.snapshot = study.recorded(study.snapshot, self.lesion)
        if study.touched or self.is_previewing:
            study.keep(segments=True)
        try:
            study.disk.flush()
            said: CMBError = InputError(f"{name} was closed.", "What was annotated is saved; load the scan to go on.")
        except CMBError as error:
            said = error
            if study.disk.not_saved is not None:  # it has a folder
                self._closed.append(study.disk)
        self._forget()
        self.take(self.parameters)
        self.tell_of_study()
        return said

    # telling

    def tell(self, status: Status) -> None:
        """Tell the reader what was done."""
        self.status = status
        self.status_changed(status)

    def fail(self, error: CMBError) -> None:
        """Tell of something that failed by itself; an action that was asked for raises."""
        self.tell(Status(State.FAILED, str(error), error=error))

    def note(self, note: str) -> None:
        """Add a note to what was told last."""
        self.tell(replace(self.status, notes=(*self.status.notes, note)))

    def tell_of_study(self, status: Status | None = None) -> None:
        """Have user interfaces show the records anew, and what was done; what says nothing of it clears their line.

        What was told before is not told again: it would look as if it had just happened.
        """
        if status is None:
            self.clear()
        self.annotation_changed(self.annotation)
        if status is not None:
            self.tell(status)

    def clear(self) -> None:
        """Have nothing told any more."""
        self.tell(Status(State.IDLE if self.study is None else State.READY))

    def _tell_tolerance(self) -> None:
        """Tell at which tolerance the lesion is now, and what is to be known of it there."""
        lesion = self.lesion
        if lesion is not None:
            self.tell_of_study(Status(State.READY, lesion.tolerance_said, lesion.notes))

    def _show_taken_in(self) -> None:
        """Show what was done with Slicer's own tools: a refusal is over then, what was done before it still told."""
        if self.status.state is State.FAILED:
            self.clear()
        self.annotation_changed(self.annotation)


def asked_first(has_scan: bool, has_reader: bool) -> str:
    """Say what an annotation lacks before it can be opened."""
    if has_scan:
        return "Choose the scan again." if has_reader else "Type the reader's name or initials."
    return "Choose a scan." if has_reader else "Choose a scan and name the reader."
