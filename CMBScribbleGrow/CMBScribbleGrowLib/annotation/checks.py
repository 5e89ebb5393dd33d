"""Checks of single fields of a record: each error names the field, the wrong value and what is allowed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from CMBSegmentationLib.errors import InputError

from .words import NOT_ANSWERED

LONGEST_TEXT = 100_000  # characters; a report's worth of comments, not a file's


def check_word(field: str, value: object, allowed: Sequence[object], *, unanswered: bool = False) -> None:
    """Refuse a value that is not one of the allowed ones (nor empty, where that is open to the reader)."""
    if (unanswered and value == NOT_ANSWERED) or any(value == word and type(value) is type(word) for word in allowed):
        return
    words = " · ".join(str(word) for word in allowed)
    raise InputError(f"{field} is {value!r}.", f"Allowed are: {words}" + (" (or empty: not answered)." * unanswered))


def check_text(field: str, value: object, *, empty: bool = True, one_line: bool = False) -> None:
    """Refuse what is not text, or empty text where some is needed."""
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise InputError(f"{field} is {str(value)[:80]!r}.", f"It must be text of at most {LONGEST_TEXT} characters.")
    if not empty and not value.strip():
        raise InputError(f"{field} is empty.", "Give some text.")
    if one_line and len(value.splitlines()) > 1:
        raise InputError(f"{field} is {value[:80]!r}.", "It must be one line.")


def check_reader(value: object) -> None:
    """Refuse what cannot name a reader, in the records and in the segmentation file's tags alike."""
    check_text("reader", value, empty=False, one_line=True)
    if "|" in str(value):
        raise InputError(f"reader is {value!r}.", "It must not hold | (which parts the tags of a segmentation file).")


def check_flag(field: str, value: object, *, unanswered: bool = False) -> None:
    """Refuse what is neither yes nor no (nor open)."""
    if not isinstance(value, bool) and not (unanswered and value is None):
        raise InputError(f"{field} is {value!r}.", "Allowed are: true · false" + " · null (not answered)" * unanswered)


def check_number(field: str, value: object, *, least: float | None = None, unanswered: bool = False) -> None:
    """Refuse what is not a finite number, or is below the least one."""
    if unanswered and value is None:
        return
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
        raise InputError(f"{field} is {value!r}.", "It must be a finite number.")
    if least is not None and value < least:
        raise InputError(f"{field} is {value!r}.", f"It must be {least:g} or more.")


def check_count(field: str, value: object, *, most: int | None = None, unanswered: bool = False) -> None:
    """Refuse what is not a whole number from 1, or is above the most there can be."""
    if unanswered and value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool) or value < 1 or value > (most or value):
        allowed = "1 or more" if most is None else f"1 to {most}"
        raise InputError(f"{field} is {value!r}.", f"It must be a whole number, {allowed}.")


def check_time(field: str, value: object) -> None:
    """Refuse what is not a moment in UTC, ISO 8601."""
    try:
        moment = datetime.fromisoformat(str(value).removesuffix("Z") + "+00:00" * str(value).endswith("Z"))
    except ValueError:
        moment = None
    if not isinstance(value, str) or moment is None or moment.utcoffset() != timedelta(0):
        raise InputError(f"{field} is {value!r}.", "It must be a time in UTC as in 2026-01-31T09:30:00Z (ISO 8601).")
