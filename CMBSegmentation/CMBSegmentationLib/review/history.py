"""Undo and redo: the steps that a reader took, and those taken back since."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

MOST_UNDONE = 200


@dataclass(frozen=True, eq=False)
class Step:
    """One thing that a reader did.

    Attributes
    ----------
    before, after : object
        The state that undo and redo lead to.
    what : str
        Worded for the reader: "Undone: <what>".
    key : hashable or None
        Steps in a row with the same key are one: typing a word is not four steps.
    about : int or None
        Number of the lesion that it was done to.
    """

    before: Any
    after: Any
    what: str
    key: Hashable = None
    about: int | None = field(default=None, kw_only=True)


S = TypeVar("S", bound=Step)


class History(Generic[S]):
    """Steps of one kind; of the first ones no more than `MOST_UNDONE` are kept."""

    def __init__(self) -> None:
        self._done: list[S] = []
        self._undone: list[S] = []

    @property
    def can_undo(self) -> bool:
        """Whether there is anything to undo."""
        return bool(self._done)

    @property
    def can_redo(self) -> bool:
        """Whether there is anything to redo."""
        return bool(self._undone)

    @property
    def undoes(self) -> S | None:
        """The step that `undo` would go back by."""
        return self._done[-1] if self._done else None

    @property
    def redoes(self) -> S | None:
        """The step that `redo` would go forward by."""
        return self._undone[-1] if self._undone else None

    def add(self, step: S) -> None:
        """Take a step; what was undone before cannot be redone any more."""
        last = self._done[-1] if self._done else None
        if last is not None and step.key is not None and step.key == last.key and not self._undone:
            self._done[-1] = replace(last, after=step.after)
        else:
            self._done.append(step)
            del self._done[:-MOST_UNDONE]
        self._undone.clear()

    def undo(self) -> S | None:
        """Give the step to go back by; None if there is none."""
        if not self._done:
            return None
        self._undone.append(self._done.pop())
        return self._undone[-1]

    def redo(self) -> S | None:
        """Give the step to go forward by; None if there is none."""
        if not self._undone:
            return None
        self._done.append(self._undone.pop())
        return self._done[-1]
