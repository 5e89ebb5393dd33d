"""The rows and counts that the page shows of a review: plain values, filtered and sorted."""

from __future__ import annotations

from typing import Any

from CMBSegmentationLib.results.counts import SIZES, UNKNOWN_REGION, Counts
from CMBSegmentationLib.review import DECISIONS, ReviewedLesion
from CMBSegmentationLib.vocabulary.numbers import rounded_down
from CMBSegmentationLib.vocabulary.regions import ASSIGNABLE, brief, group_of
from CMBSegmentationLib.vocabulary.verdicts import BELOW, DEFINITE, POSSIBLE, UNREVIEWED

ALL, LISTED = "all", "listed"
FILTERS = (LISTED, UNREVIEWED, *DECISIONS, BELOW, ALL)
DESCENDING_FIRST = ("diameter_mm", "contrast", "probability")


def row_of(one: ReviewedLesion) -> dict[str, Any]:
    """Give a lesion's values for the page: mm, mm³, RAS mm; rounded as they are shown."""
    lesion = one.as_lesion()
    return {
        "id": one.id,
        "state": one.state,
        "mimic": lesion.mimic,
        "cause": lesion.cause,
        "is_readers_alone": one.is_readers_alone,
        "diameter_mm": round(lesion.diameter_mm, 1),
        "volume_mm3": round(lesion.volume_mm3, 1),
        "elongation": round(lesion.elongation, 1),
        "contrast": None if lesion.contrast is None else round(lesion.contrast, 2),
        "probability": None if lesion.probability is None else rounded_down(lesion.probability, 2),
        "detector": lesion.detector,
        "phase": lesion.phase,
        "region": lesion.region,
        "side": lesion.side,
        "place": f"{lesion.side} {lesion.region}".strip(),
        "brief_place": f"{brief(lesion.side)} {brief(lesion.region)}".strip(),
        "why": lesion.why_not_listed,
        "ras": [round(value, 1) for value in (lesion.r_mm, lesion.a_mm, lesion.s_mm)],
    }


def passes(one: ReviewedLesion, wanted: str) -> bool:
    """Whether a lesion is shown by a filter, one of `FILTERS`."""
    if wanted == ALL:
        return True
    return one.state != BELOW if wanted == LISTED else one.state == wanted


def region_shown(one: ReviewedLesion) -> str:
    """Give the region that a lesion is filtered by."""
    return one.lesion.region or UNKNOWN_REGION


def region_order(region: str) -> int:
    """Give a region's place in MARS; an unknown one comes last."""
    return ASSIGNABLE.index(region) if region in ASSIGNABLE else len(ASSIGNABLE)


def sort_rows(rows: list[dict[str, Any]], by: str, *, down: bool) -> None:
    """Sort rows in place; of equal ones the smaller number comes first."""
    rows.sort(key=lambda row: row["id"])
    rows.sort(key=lambda row: (row[by] is None, row[by]), reverse=down)


def counts_shown(counts: Counts) -> dict[str, Any]:
    """Give a review's counts for the page."""

    def pair(**where: Any) -> dict[str, int]:
        return {kind: counts.number((kind,), **where) for kind in (DEFINITE, POSSIBLE)}

    regions = [
        {"region": name, "group": group_of(name), **pair(regions=(name,))} for name in (*ASSIGNABLE, UNKNOWN_REGION)
    ]
    return {
        "definite": counts.definite,
        "possible": counts.possible,
        "unreviewed": counts.not_read,
        "rejected": counts.rejected,
        "pattern": counts.pattern_said,
        "pattern_meaning": counts.pattern_meaning,
        "regions": [one for one in regions if one[DEFINITE] or one[POSSIBLE]],
        "sizes": [{"size": size, **pair(size=size)} for size in SIZES],
    }
