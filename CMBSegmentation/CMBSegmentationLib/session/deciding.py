"""What a reader decides on lesions: verdicts, places, and the question what a rejected one is."""

from __future__ import annotations

from dataclasses import replace

from ..errors import InputError
from ..review import REJECTED, ReviewedLesion, Step, Verdict, utc_now
from ..review.edits import with_place
from ..review.following import decided, says_already, with_own_cause
from ..signal import Signal
from ..vocabulary.regions import ASSIGNABLE, SIDES
from .chosen_review import ChosenReview
from .navigation import Navigation
from .reading import Reading


class Question:
    """What is it? Open about one lesion that is to be rejected, or closed.

    Attributes
    ----------
    changed : Signal
        Called with whether it is open, when that changes.
    """

    def __init__(self) -> None:
        self.changed = Signal()
        self._about: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether an answer is waited for."""
        return self._about is not None

    def ask(self, lesion_id: int) -> None:
        """Ask about a lesion."""
        self._set(lesion_id)

    def close(self) -> None:
        """Ask no more."""
        self._set(None)

    def close_unless_about(self, lesion_id: int | None) -> None:
        """Ask no more if the reader looks at another lesion now."""
        if lesion_id != self._about:
            self.close()

    def _set(self, about: int | None) -> None:
        was_open, self._about = self.is_open, about
        if self.is_open != was_open:
            self.changed(self.is_open)


class Deciding:
    """Verdicts, places and causes, each a step that can be undone.

    Parameters
    ----------
    chosen : ChosenReview
    reading : Reading
        Says who signs, and whether a verdict leads on.
    navigation : Navigation

    Attributes
    ----------
    question : Question
        Whether the reader is asked what the current lesion is; `ask` opens it, `answer` and any other step close it.
    """

    def __init__(self, chosen: ChosenReview, reading: Reading, navigation: Navigation) -> None:
        self._chosen, self._reading, self._navigation = chosen, reading, navigation
        self.question = Question()
        chosen.stepped.connect(self.question.close)
        chosen.current_changed.connect(lambda lesion: self.question.close_unless_about(lesion.id if lesion else None))

    @property
    def can_undo(self) -> bool:
        """Whether there is anything to undo."""
        review = self._chosen.review
        return review is not None and review.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether there is anything to redo."""
        review = self._chosen.review
        return review is not None and review.can_redo

    def decide(
        self, decision: str, mimic: str = "", *, lesion_id: int | None = None, advance: bool | None = None
    ) -> ReviewedLesion:
        """Give a verdict; the same one of the same reader again is no step, and keeps its time.

        Parameters
        ----------
        decision : str
            One of `review.DECISIONS`.
        mimic : str
            One of `review.MIMICS`, with "rejected" only; as the annotation says if not given.
        lesion_id : int, optional
            The current one if not given.
        advance : bool, optional
            Whether to go on to the next lesion without a verdict; as `ReviewParameters.advance` if not given.
        """
        review, lesion = self._chosen.ready(), self._chosen.lesion(lesion_id)
        if decision == REJECTED:
            mimic = mimic or review.annotated_mimic(lesion)
        cause = lesion.verdict.cause if lesion.verdict and decision != REJECTED else ""
        verdict = Verdict(decision, mimic, self._reading.reader, utc_now(), cause)
        said = f"CMB {lesion.id} {decision}{f' ({mimic})' if mimic else ''}"
        if says_already(review.review, lesion, verdict):
            self._chosen.after(f"{said} already")
        else:
            review.do(decided(review.review, lesion, verdict, review.annotated), said, lesion.id)
            self._chosen.after(said)
        if self._reading.parameters.advance if advance is None else advance:
            self._navigation.advance(lesion.id)
        return review.find(lesion.id) or lesion

    def ask(self) -> ReviewedLesion:
        """Ask what the current lesion is, which is to be rejected."""
        lesion = self._chosen.lesion(None)
        self.question.ask(lesion.id)
        return lesion

    def answer(self, mimic: str = "") -> ReviewedLesion | None:
        """Reject the lesion that is asked about; None if none is.

        Parameters
        ----------
        mimic : str
            One of `review.MIMICS`; empty leaves open what it is.
        """
        return self.decide(REJECTED, mimic) if self.question.is_open else None

    def set_place(self, region: str | None, side: str | None, *, lesion_id: int | None = None) -> ReviewedLesion | None:
        """Say where a lesion lies; one without a verdict follows the threshold as before.

        Parameters
        ----------
        region : str or None
            One of `vocabulary.regions.ASSIGNABLE`, or empty; None leaves it as it is.
        side : str or None
            One of `vocabulary.regions.SIDES`, or empty; None leaves it as it is.
        lesion_id : int, optional
            The current one if not given.
        """
        if region and region not in ASSIGNABLE:
            raise InputError(f"There is no region {region!r}.", f"Regions are {', '.join(ASSIGNABLE)}.")
        if side and side not in SIDES:
            raise InputError(f"There is no side {side!r}.", f"Sides are {', '.join(SIDES)}.")
        review, lesion = self._chosen.ready(), self._chosen.lesion(lesion_id)
        region, side = lesion.lesion.region if region is None else region, lesion.lesion.side if side is None else side
        if (lesion.lesion.region, lesion.lesion.side) != (region, side):
            review.do(with_place(review.review, lesion, region, side), f"place of CMB {lesion.id}", lesion.id)
        self._chosen.after(f"CMB {lesion.id}: {' '.join(filter(None, (side, region))) or 'no region'}")
        return review.find(lesion.id)

    def set_cause(self, cause: str, *, lesion_id: int | None = None) -> ReviewedLesion | None:
        """Say what a lesion is suspected to come from; its verdict stays whose it is.

        Parameters
        ----------
        cause : str
            One of `vocabulary.verdicts.CAUSES`, or empty.
        lesion_id : int, optional
            The current one if not given.
        """
        review, lesion = self._chosen.ready(), self._chosen.lesion(lesion_id)
        if lesion.verdict is None:
            raise InputError(f"CMB {lesion.id} has no verdict yet.", "Accept it, or mark it as uncertain, first.")
        verdict = replace(lesion.verdict, cause=cause)
        if not says_already(review.review, lesion, verdict):
            review.do(with_own_cause(review.review, lesion, verdict), f"cause of CMB {lesion.id}", lesion.id)
        self._chosen.after(f"CMB {lesion.id}: {cause or 'no cause'}")
        return review.find(lesion.id)

    def undo(self) -> str | None:
        """Go back by one step, and to the lesion that it was done to; the threshold stays as it is."""
        step = self._chosen.ready().undo()
        self._chosen.after(f"Undone: {step.what}" if step else "Nothing to undo")
        return self._return_to(step)

    def redo(self) -> str | None:
        """Go forward by one step that was undone, and to its lesion."""
        step = self._chosen.ready().redo()
        self._chosen.after(f"Done again: {step.what}" if step else "Nothing to do again")
        return self._return_to(step)

    def _return_to(self, step: Step | None) -> str | None:
        """Look at the lesion of a step where it is listed: the next key is meant for it."""
        if step is None:
            return None
        if any(one.id == step.about for one in self._navigation.lesions):
            self._navigation.select(step.about)
        return step.what
