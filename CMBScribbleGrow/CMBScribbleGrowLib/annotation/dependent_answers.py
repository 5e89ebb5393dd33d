"""Answers that are asked for only where another answer of the same record calls for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from CMBSegmentationLib.errors import InputError


@dataclass(frozen=True, kw_only=True)
class DependentAnswer:
    """A field of a record, and the answer in another field that calls for it.

    Attributes
    ----------
    field : str
    label : str
        What forms call the field.
    other : str
        The field that decides; of words, one word, or yes and no.
    other_label : str
        What messages call that field.
    asked_by : str or bool
        The answer that calls for it; of words, one of them.
    otherwise : str or int
        What the field holds where it is not asked for.
    """

    field: str
    label: str
    other: str
    other_label: str
    asked_by: str | bool
    otherwise: str | int = ""

    def is_asked(self, record: Any) -> bool:
        """Whether the record's other answer calls for this one."""
        said = getattr(record, self.other)
        return self.asked_by in said if isinstance(said, tuple) else said == self.asked_by


def is_asked(record: Any, field: str) -> bool:
    """Whether a field of a record is asked for; the records refuse an answer that is not."""
    return all(one.is_asked(record) for one in _dependent(record) if one.field == field)


def not_asked(record: Any, fields: dict[str, Any]) -> dict[str, Any]:
    """Give what the fields hold that are no longer asked for once others have been answered.

    Parameters
    ----------
    record : Microbleed, Mimic, Finding, SeriesQuality or Assessment
    fields : dict
        The new answers, by field.
    """
    after = _Answers(record, fields)
    return {one.field: one.otherwise for one in _dependent(record) if one.other in fields and not one.is_asked(after)}


def check_asked(record: Any) -> None:
    """Refuse a record with an answer that is not asked for, in the words of its fields: a file's or a script's."""
    for one in _dependent(record):
        value, said = getattr(record, one.field), getattr(record, one.other)
        if value != one.otherwise and not one.is_asked(record):
            raise InputError(
                f"{one.field} is {value!r}, but {one.other} is {_as_written(said)}.",
                f"{one.field} is asked where {one.other} is {_as_written(one.asked_by)}; "
                f"elsewhere it is {one.otherwise or 'empty'}.",
            )


def check_answers(record: Any, fields: dict[str, Any]) -> None:
    """Refuse new answers of which one is not asked for, in the words of the forms."""
    after = _Answers(record, fields)
    for one in _dependent(record):
        if fields.get(one.field, one.otherwise) != one.otherwise and not one.is_asked(after):
            said = _words(getattr(after, one.other))
            raise InputError(
                f"{one.label} is asked only where {one.other_label} is {_words(one.asked_by)}; "
                + (f"here it is {said}." if said else "that is not answered yet."),
                f"Leave it {one.otherwise or 'empty'}, or change that first.",
            )


class _Answers:
    """A record as it would be with new answers, whether or not it could be."""

    def __init__(self, record: Any, fields: dict[str, Any]) -> None:
        self._record, self._fields = record, fields

    def __getattr__(self, field: str) -> Any:
        return self._fields[field] if field in self._fields else getattr(self._record, field)


def _dependent(record: Any) -> tuple[DependentAnswer, ...]:
    return getattr(record, "DEPENDENT", ())


def _as_written(answer: object) -> str:
    """Write an answer as a file has it."""
    return str(answer).lower() if isinstance(answer, bool) else _words(answer) or "empty"


def _words(answer: object) -> str:
    """Write an answer; nothing where there is none."""
    if isinstance(answer, bool):
        return "yes" if answer else "no"
    if isinstance(answer, tuple):
        return ", ".join(repr(one) for one in answer)
    return repr(answer) if answer else ""
