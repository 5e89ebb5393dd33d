"""The FROC curve: sensitivity against false positives per subject, as the threshold falls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from CMBSegmentationLib.compare.match import MATCH_MM, match_centres

from .score_files import TRUE, LesionScore

MOST_THRESHOLDS = 200
FALSE_A_SCAN = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0)  # as FROC curves are published


@dataclass(frozen=True)
class Curve:
    """A FROC curve at every threshold at which it changes.

    Attributes
    ----------
    thresholds : float array (n,)
        From the highest down; at each, what has at least this probability is called.
    found, false : int array (n,)
        True lesions matched, and predictions that match none.
    n_true, n_subjects : int
    """

    thresholds: NDArray[np.float64]
    found: NDArray[np.int64]
    false: NDArray[np.int64]
    n_true: int
    n_subjects: int

    def __len__(self) -> int:
        return len(self.thresholds)

    def at(self, threshold: float) -> tuple[int, int]:
        """True lesions found and false predictions at any threshold."""
        step = int((self.thresholds >= threshold).sum()) - 1
        return (int(self.found[step]), int(self.false[step])) if step >= 0 else (0, 0)

    def recall_at(self, false_a_scan: float) -> float:
        """Highest recall with at most so many false predictions a scan; 0 where no threshold is high enough."""
        allowed = self.false <= false_a_scan * self.n_subjects
        return float(self.found[allowed].max(initial=0)) / self.n_true if self.n_true else float("nan")

    def average_precision(self) -> float:
        """Precision averaged over recall as the threshold falls, without interpolation; what is never found adds 0.

        References
        ----------
        Everingham et al., Int J Comput Vis 88:303, 2010, before its interpolation.
        """
        if not self.n_true:
            return float("nan")
        gained = np.diff(self.found, prepend=0) / self.n_true
        return float((gained * self.found / np.maximum(self.found + self.false, 1)).sum())


def full_curve(lesions: Sequence[LesionScore], subjects: Sequence[str]) -> Curve:
    """Compute the curve from lesion lists with probabilities.

    Lesions are matched one to one by their centres within 3 mm: overlap cannot be told of a
    candidate that was never drawn.

    Parameters
    ----------
    lesions : sequence of LesionScore
        Of all roles; predictions without a probability are left out.
    subjects : sequence of str
        All subjects, those without any lesion too: they count in the false positives per subject.

    Returns
    -------
    Curve
        Without points where no prediction has a probability.

    References
    ----------
    Chakraborty, Med Phys 16:561, 1989.
    """
    true: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    for one in lesions:
        if one.role == TRUE:
            true[one.subject].append(_centre(one))
    listed = sorted(
        ((one.probability, one) for one in lesions if one.role != TRUE and one.probability is not None),
        key=lambda pair: -pair[0],
    )
    near: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    matched: dict[str, int] = defaultdict(int)
    thresholds, found, called = [], [], 0
    for threshold, group in groupby(listed, key=lambda pair: pair[0]):
        for _, one in group:
            called += 1
            if _is_near(one, true[one.subject]):  # anything else is false at any threshold
                near[one.subject].append(_centre(one))
                matched[one.subject] = len(match_centres(near[one.subject], true[one.subject]))
        thresholds.append(threshold)
        found.append((sum(matched.values()), called))
    hits, all_called = np.array(found, np.int64).reshape(-1, 2).T
    return Curve(np.array(thresholds, float), hits, all_called - hits, sum(map(len, true.values())), len(subjects))


def froc(lesions: Sequence[LesionScore], subjects: Sequence[str]) -> list[dict[str, float]]:
    """Give `full_curve` as rows, at `MOST_THRESHOLDS` thresholds at most.

    Returns
    -------
    list of dict
        ``threshold, TPR, FPavg``, from the highest threshold down; empty where no prediction has a
        probability or there is no true lesion.
    """
    curve = full_curve(lesions, subjects)
    if not len(curve) or not curve.n_true:
        return []
    steps = np.arange(len(curve))
    if len(curve) > MOST_THRESHOLDS:
        steps = np.linspace(0, len(curve) - 1, MOST_THRESHOLDS).round().astype(int)
    return [
        {
            "threshold": float(curve.thresholds[k]),
            "TPR": int(curve.found[k]) / curve.n_true,
            "FPavg": int(curve.false[k]) / curve.n_subjects,
        }
        for k in steps.tolist()
    ]


def draw_froc(points: Sequence[dict[str, float]], path: Path) -> None:
    """Draw a curve as PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 4), layout="constrained")
    axes = figure.subplots()
    axes.step([p["FPavg"] for p in points], [p["TPR"] for p in points], where="post")
    axes.set(xlabel="False positives per subject", ylabel="Sensitivity", ylim=(0, 1), title="FROC")
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=120)


def _centre(lesion: LesionScore) -> tuple[float, float, float]:
    return lesion.r_mm, lesion.a_mm, lesion.s_mm


def _is_near(lesion: LesionScore, true: Sequence[tuple[float, float, float]]) -> bool:
    if not true:
        return False
    return bool((np.linalg.norm(np.array(true) - _centre(lesion), axis=1) <= MATCH_MM).any())
