"""An annotation as a user interface sees it: paint, grow, adjust, accept; answers, landmarks; saved as one works."""

from __future__ import annotations

import time
from collections.abc import Callable

import slicer

from CMBSegmentationLib.errors import CMBError

from ..annotation.records import Annotation
from ..study.linked_lesion import LinkedLesion
from ..study.state import GrowParameters, GrowStep, State, Status
from .answering import Answering
from .current_study import CurrentStudy
from .growing import Growing
from .open_study import OpenStudy
from .opening import Opening


class GrowSession:
    """Annotates scans of a scene; the state that all its user interfaces show.

    A user interface connects to the signals, calls the actions of the parts, and has a timer call `poll` twice a
    second or more often. Actions raise `CMBError` for what a user has caused, and change nothing then: the user
    interface tells it. What was done, and what failed by itself, is told by `status`.

    Parameters
    ----------
    scene : vtkMRMLScene
    clock : callable
        Seconds that never go back.

    Attributes
    ----------
    opening : Opening
        Which scan is annotated, by whom, saved where.
    growing : Growing
        Scribbles grown and adjusted.
    answering : Answering
        The protocol's questions, landmarks, the study's end.
    parameters_changed : Signal
        Called with the new `GrowParameters`.
    status_changed : Signal
        Called with the new `Status`.
    annotation_changed : Signal
        Called with the reader's `Annotation`, or None where no study is open.
    list_changed : Signal
        Called where the list of the same scan is another: `listed_verdicts` and `answering.left_open` may be.
    current_changed : Signal
        Called with the `LinkedLesion` that is being worked on, or None.
    saving_changed : Signal
        Called with the `CMBError` that keeps an annotation from being written, or None once it is: `not_saved`.
    """

    def __init__(self, scene: slicer.vtkMRMLScene, *, clock: Callable[[], float] = time.monotonic) -> None:
        current = self._current = CurrentStudy(scene, clock)
        self.parameters_changed, self.status_changed = current.parameters_changed, current.status_changed
        self.annotation_changed, self.current_changed = current.annotation_changed, current.current_changed
        self.saving_changed, self.list_changed = current.saving_changed, current.list_changed
        self.opening, self.growing, self.answering = Opening(current), Growing(current), Answering(current)

    @property
    def parameters(self) -> GrowParameters:
        """What the reader chose."""
        return self._current.parameters

    @property
    def status(self) -> Status:
        """What was done last, or what failed by itself."""
        return self._current.status

    @property
    def study(self) -> OpenStudy | None:
        """The study in work."""
        return self._current.study

    @property
    def not_saved(self) -> CMBError | None:
        """Why an annotation, open or of a scan that was closed, could not be written; None once all are."""
        return self._current.not_saved

    @property
    def annotation(self) -> Annotation | None:
        """The reader's records of it."""
        return self._current.annotation

    @property
    def lesions(self) -> tuple[LinkedLesion, ...]:
        """The lesions that were grown in it."""
        return self.study.snapshot.lesions if self.study else ()

    @property
    def current(self) -> LinkedLesion | None:
        """The lesion whose tolerance and mode are adjusted."""
        return self._current.lesion

    @property
    def listed_verdicts(self) -> dict[int, str]:
        """What the list of the same scan says of its lesions, by number; as `OpenStudy.listed_verdicts`."""
        study = self.study
        return study.listed_verdicts() if study is not None and study.is_there else {}

    @property
    def can_undo(self) -> bool:
        """Whether there is anything to undo."""
        return self._current.is_previewing or (self.study is not None and self.study.history.can_undo)

    @property
    def can_redo(self) -> bool:
        """Whether there is anything to redo."""
        return self.study is not None and self.study.history.can_redo

    @property
    def undoes(self) -> str:
        """What `undo` would take back, worded for the reader; empty where that is not known, or nothing."""
        step = self.study.history.undoes if self.study is not None else None
        if self._current.is_previewing:
            return "tolerance changed"
        return step.what if step is not None else ""

    @property
    def redoes(self) -> str:
        """What `redo` would bring back, worded for the reader; empty where there is nothing."""
        step = self.study.history.redoes if self.study is not None else None
        return step.what if step is not None else ""

    @property
    def waiting(self) -> int:
        """How many strokes are painted and not grown yet."""
        return self.study.waiting if self.study is not None else 0

    def undo(self) -> GrowStep | None:
        """Go back by one step: a stroke is one, too."""
        return self._after(self._current.ready().undo(), "Undone", "Nothing to undo.")

    def redo(self) -> GrowStep | None:
        """Go forward by one step that was undone."""
        return self._after(self._current.ready().redo(), "Done again", "Nothing to do again.")

    def poll(self) -> None:
        """Take in what was painted or placed, keep a preview that rests, save what is due; never waits long.

        Call it twice a second or more often: what was done two seconds ago is on the disk then.
        """
        self._current.poll()

    def close(self) -> None:
        """Save what can be saved, without telling anybody: the user interface is going away."""
        self._current.close()

    def tell(self, status: Status) -> None:
        """Tell the reader something that happened around the session, such as in its worklist."""
        self._current.tell(status)

    def note(self, note: str) -> None:
        """Add a note to what was told last."""
        self._current.note(note)

    def refuse(self, why: str) -> None:
        """Take a refusal of the user interface's, or one that an action raised, as what was told last."""
        self._current.tell(Status(State.FAILED, why))

    def clear_refusal(self) -> None:
        """Have a refusal no longer told, once something else was done; what was told before it is over, too."""
        if self.status.state is State.FAILED:
            self._current.clear()

    def _changed_by(self, step: GrowStep) -> LinkedLesion | None:
        """Give the lesion that a step was about, where it is there now: the next key is meant for it."""
        before, after = ({one.id: one for one in each.lesions} for each in (step.before, step.after))
        changed = [one for one in self.lesions if before.get(one.id) is not after.get(one.id)]
        return changed[-1] if changed else None

    def _after(self, step: GrowStep | None, word: str, nothing: str) -> GrowStep | None:
        if step is None:
            self.tell(Status(State.READY, nothing))
            return None
        self._current.select(self._changed_by(step) or self.current)
        self._current.tell_of_study(Status(State.READY, f"{word}: {step.what}."))
        return step
