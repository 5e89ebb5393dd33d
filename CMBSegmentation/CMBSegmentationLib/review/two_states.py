"""Two states of one review, in the scene and on the disk: does one say all that the other does, and who said it."""

from __future__ import annotations

import re

import numpy as np

from .lesion_list import ReviewedLesion
from .review_file import SavedReview

TO_THE_MINUTE = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}")
LONGEST_NAME = 40


def holds(one: SavedReview, other: SavedReview) -> bool:
    """Tell whether a review says all that another one of the same scan says: nothing is lost without the other."""
    places = one.review.places
    return all(_same(one.review.find(said.id), said) for said in other.review.fixed) and all(
        places.get(number) == place for number, place in other.review.places.items()
    )


def last_change(saved: SavedReview) -> str:
    """Say when a review was changed last, and who gave its last verdict."""
    verdicts = [one.verdict for one in saved.review.fixed if one.verdict is not None]
    reader = max(verdicts, key=lambda one: one.time).reader if verdicts else ""
    when = f"{saved.changed_at[:16].replace('T', ' ')} UTC" if TO_THE_MINUTE.match(saved.changed_at) else ""
    by = f"by {reader[:LONGEST_NAME]}" if reader else ""
    return " ".join(filter(None, ("last changed", when, by))) if when or by else "changed at an unknown time"


def _same(one: ReviewedLesion | None, other: ReviewedLesion) -> bool:
    return (
        one is not None
        and (one.verdict, one.deleted, one.origin) == (other.verdict, other.deleted, other.origin)
        and (one.lesion.region, one.lesion.side) == (other.lesion.region, other.lesion.side)
        and np.array_equal(one.voxels, other.voxels)
    )
