"""A lesion as a row of a list: written, and read back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..detecting.lesions import DETECTED_ONE, Lesion
from ..files.fields import Fields, WrongValueError
from ..vocabulary.columns import COLUMNS
from ..vocabulary.reasons import Reason, Rule
from ..vocabulary.verdicts import DECISIONS, DROPPED, KEPT, REJECTED, STATUSES, UNDECIDED
from .earlier_versions import STATUS_OF_0_1_0, reason_of_sentence

POSITIVE = ("volume_mm3", "diameter_mm", "elongation")


def row_of(lesion: Lesion, columns: Sequence[str] = COLUMNS) -> dict[str, Any]:
    """Write a lesion for JSON: the columns, and what no table has: ``reason``, for code, and ``place_by_reader``."""
    only = {"reason": reason_to_json(lesion.reason), "place_by_reader": lesion.place_by_reader}
    return {**lesion.as_row(columns), **only}


def checked_lesion(one: Fields) -> Lesion:
    """Read a lesion from a file of any version; `WrongValueError` where a value is of another kind."""
    decision = one.text("decision", default="") and one.text("decision", choices=(*DECISIONS, UNDECIDED))
    status = one.text("status", choices=(*STATUSES, *STATUS_OF_0_1_0))
    status, reason = STATUS_OF_0_1_0.get(status, status), _reason_of(one)
    if decision == REJECTED and reason is not None and reason.said.startswith(REJECTED):
        status, reason = KEPT, None  # 0.1.0 wrote the reader's reason over the program's
    lesion = Lesion(
        id=one.whole("id", least=1, most=65535),
        status=status,
        **measures_of(one),
        decision=decision or UNDECIDED,
        reason=reason if status == DROPPED else None,
        origin=one.text("origin", default=DETECTED_ONE),
        place_by_reader=one.plain.get("place_by_reader") is True,
        **{name: one.text(name, default="") for name in ("mimic", "cause", "reader", "decided_at")},
    )
    if lesion.probability is None and not lesion.is_readers:
        raise WrongValueError(f"{one.named('probability')} is missing.")
    return lesion.without_others_scores()


def measures_of(one: Fields) -> dict[str, Any]:
    """Read what was measured on a mask and what is known of it, by the names of `Lesion`."""
    return {
        **{name: one.number(name) for name in ("r_mm", "a_mm", "s_mm")},
        "contrast": one.number("contrast", default=None),
        **{name: one.number(name, least=0) for name in POSITIVE},
        "probability": one.number("probability", least=0, most=1, default=None),
        "detector": one.number("detector", least=0, most=1, default=None),
        **{name: one.text(name, default="") for name in ("phase", "region", "side")},
    }


def reason_to_json(reason: Reason | None) -> dict[str, Any] | None:
    """Write a reason; None where there is none."""
    if reason is None:
        return None
    return {
        "rule": reason.rule.value,
        "value": reason.value,
        "limit": reason.limit,
        "looks_like": reason.looks_like,
        "said": reason.said,
    }


def _reason_of(one: Fields) -> Reason | None:
    told = one.mapping("reason", default=None)
    if told is None:  # lists up to schema version 2 have words only
        return reason_of_sentence(one.text("dropped_because", default=""))
    about = one.fields("reason")
    return Reason(
        Rule(about.text("rule", choices=[rule.value for rule in Rule])),
        about.number("value", default=None),
        about.number("limit", default=None),
        about.text("looks_like", default=""),
        about.text("said", default=""),
    )
