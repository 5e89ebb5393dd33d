"""A reader's answers in a record: what another answer no longer asks for is cleared with it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from CMBSegmentationLib.errors import InputError

from .checks import check_count
from .dependent_answers import check_answers, not_asked
from .edits import utc_now
from .records import Assessment, Finding, Microbleed, Mimic, SeriesQuality

Answered = TypeVar("Answered", bound=Microbleed | Mimic | Finding | SeriesQuality | Assessment)

NOT_ANSWERS = ("id", "reader", "time", "scribble_segment", "grown_segment", "growing", "acceptance", "series")

MOST_IN_A_GROUP = 1000
"""Microbleeds that a reader can say a group stands for; more is a slip of the keyboard."""


def answered(record: Answered, **answers: Any) -> Answered:
    """Give a record with answers changed, and the time of it.

    Parameters
    ----------
    record : Microbleed, Mimic, Finding, SeriesQuality or Assessment
    **answers
        Fields of the record. Text that specifies another answer (which other cause, why not included)
        is emptied when that answer becomes another one.

    Returns
    -------
    record
        The same one if nothing changed.

    Raises
    ------
    InputError
        A field is none of the reader's, its value is none that is allowed, or it is not asked for.
    """
    wrong = [name for name in answers if name in NOT_ANSWERS or not hasattr(record, name)]
    if wrong:
        raise InputError(f"{wrong[0]} is not a field of the protocol.", "Answers are the fields of the protocol.")
    changed = {name: value for name, value in answers.items() if getattr(record, name) != value}
    if not changed:
        return record
    check_answers(record, changed)
    if "count" in changed:
        check_count("Count in the group", changed["count"], most=MOST_IN_A_GROUP, unanswered=True)
    return replace(record, **{**not_asked(record, changed), **changed}, time=utc_now())
