"""The named thresholds that a reader can choose from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import InputError

SENSITIVE, BALANCED, SPECIFIC = "sensitive", "balanced", "specific"
OPERATING_POINTS = (SENSITIVE, BALANCED, SPECIFIC)
CUSTOM = "custom"  # any other threshold
RELATIVE = {SENSITIVE: 1 / 3, BALANCED: 1.0, SPECIFIC: 5 / 3}  # 0.1, 0.3, 0.5 for a model whose own is 0.3
SAME_THRESHOLD = 0.0005  # points have three decimals
SMALLEST, LARGEST = 0.001, 0.999  # that a scan can be listed at: the ends of the sliders
LOWEST, HIGHEST = 0.06, 0.95  # of operating points: above lesions.CANDIDATE_PROBABILITY, and some lesions reach it


def checked_threshold(threshold: float) -> float:
    """Give a threshold that a scan can be listed at; `InputError` with any other."""
    if SMALLEST <= threshold <= LARGEST:
        return threshold
    raise InputError(f"Threshold {threshold:g} is not between {SMALLEST} and {LARGEST}.", "Try 0.3.")


def operating_points(measured: Any, own: float) -> dict[str, float]:
    """Give the threshold of each operating point.

    Parameters
    ----------
    measured : object
        Of a model's manifest, ``metrics.operating_points``: by name a number, or a mapping with ``threshold``; what is
        missing or no threshold is set relative to `own`.
    own : float
        The threshold that the scan is searched at.

    Returns
    -------
    dict
        Threshold by name, all three.
    """
    told = measured if isinstance(measured, Mapping) else {}
    points = {}
    for name in OPERATING_POINTS:
        value = told.get(name)
        if isinstance(value, Mapping):
            value = value.get("threshold")
        points[name] = float(value) if isinstance(value, int | float) and 0 < value < 1 else own * RELATIVE[name]
        points[name] = round(min(max(points[name], LOWEST), HIGHEST), 3)
    return points


def point_at(points: Mapping[str, float], threshold: float | None) -> str:
    """Name the operating point of a threshold: one of `points`, else `CUSTOM`; empty without a threshold."""
    if threshold is None:
        return ""
    return next((name for name, at in points.items() if abs(at - threshold) < SAME_THRESHOLD), CUSTOM)
