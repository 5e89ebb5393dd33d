"""The named thresholds of a model, chosen by how many false predictions a scan they allow."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from CMBSegmentationLib.vocabulary.operating_points import BALANCED, HIGHEST, LOWEST, SENSITIVE, SPECIFIC

from ..evaluation.aggregate import json_ready
from ..evaluation.froc import FALSE_A_SCAN, Curve

ALLOWED_FALSE = {SPECIFIC: 0.5, BALANCED: 1.0, SENSITIVE: 2.0}
"""False predictions a scan, by operating point."""

DEFAULT = BALANCED
STEPS = 1000  # thresholds are kept to three decimals, as `review.operating_points` rounds them


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold, and what it gives on the scans that it was chosen on.

    Attributes
    ----------
    threshold : float
    found, false : int
        True lesions matched and predictions that match none, over all scans.
    recall, precision, f1, false_a_scan : float
        NaN where undefined.
    """

    threshold: float
    found: int
    false: int
    recall: float
    precision: float
    f1: float
    false_a_scan: float


def choose_thresholds(curve: Curve, allowed_false: Mapping[str, float] = ALLOWED_FALSE) -> dict[str, OperatingPoint]:
    """Find the lowest threshold, to three decimals, that stays within each number of false predictions a scan.

    Parameters
    ----------
    curve : Curve
    allowed_false : mapping of str to float
        False predictions a scan by name.

    Returns
    -------
    dict
        By name. Thresholds lie between `LOWEST` and `HIGHEST`, the range that is kept in use; a point that no threshold
        of that range reaches is left out.
    """
    steps = [k / STEPS for k in range(round(LOWEST * STEPS), round(HIGHEST * STEPS) + 1)]
    chosen = {}
    for name, rate in allowed_false.items():
        allowed = rate * curve.n_subjects
        first = bisect_left(steps, -allowed, key=lambda step: -curve.at(step)[1])  # false ones fall as it rises
        if first < len(steps):
            chosen[name] = _point(curve, steps[first])
    return chosen


def manifest_metrics(curve: Curve, chosen: Mapping[str, OperatingPoint], data: str) -> dict[str, Any]:
    """Say what was measured in the form of a model manifest's ``metrics``.

    ``review.operating_points`` reads the thresholds from it and the model card the figures; ``export.py --metrics``
    takes it as a file.

    Parameters
    ----------
    curve : Curve
    chosen : mapping of str to OperatingPoint
        Of `choose_thresholds`.
    data : str
        What was searched, in words.

    Returns
    -------
    dict
        JSON-ready. ``figures`` are those of the default point.
    """
    own = chosen.get(DEFAULT)
    figures = {} if own is None else {"TPR": own.recall, "PPV": own.precision, "F1": own.f1, "FPavg": own.false_a_scan}
    told = {
        "data": f"{data}; the thresholds were chosen on these scans, from their FROC curve",
        "rule": "centres one to one within 3 mm",
        "subjects": curve.n_subjects,
        "microbleeds": curve.n_true,
        "default_point": DEFAULT,
        "operating_points": {name: point.threshold for name, point in chosen.items()},
        "figures": {name: round(value, 3) for name, value in figures.items()},
        "validation": {name: _in_words(point, curve, ALLOWED_FALSE[name]) for name, point in chosen.items()},
        "average_precision": round(curve.average_precision(), 3),
        "recall_at_false_a_scan": {f"{rate:g}": round(curve.recall_at(rate), 3) for rate in FALSE_A_SCAN},
    }
    return json_ready(told)


def _point(curve: Curve, threshold: float) -> OperatingPoint:
    found, false = curve.at(threshold)
    return OperatingPoint(
        threshold=threshold,
        found=found,
        false=false,
        recall=_ratio(found, curve.n_true),
        precision=_ratio(found, found + false),
        f1=_ratio(2 * found, curve.n_true + found + false),
        false_a_scan=_ratio(false, curve.n_subjects),
    )


def _in_words(point: OperatingPoint, curve: Curve, allowed: float) -> str:
    return (
        f"{point.found} of {curve.n_true} found (recall {point.recall:.2f}), "
        f"{point.false_a_scan:.2f} false a scan (allowed: {allowed:g})"
    )


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
