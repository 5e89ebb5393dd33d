"""The FROC curve: sensitivity against false positives per subject, as the threshold falls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from CMBSegmentationLib.matching import match_centres

from .score_files import TRUE, LesionScore

MOST_THRESHOLDS = 200


def froc(lesions: Sequence[LesionScore], subjects: Sequence[str]) -> list[dict[str, float]]:
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
    list of dict
        ``threshold, TPR, FPavg``, from the highest threshold down; empty where no prediction has a
        probability or there is no true lesion.

    References
    ----------
    Chakraborty, Med Phys 16:561, 1989.
    """
    true: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    found: dict[str, list[LesionScore]] = defaultdict(list)
    for one in lesions:
        if one.role == TRUE:
            true[one.subject].append(_centre(one))
        elif one.probability is not None:
            found[one.subject].append(one)
    levels = np.unique([one.probability for group in found.values() for one in group])[::-1]
    count = sum(map(len, true.values()))
    if not levels.size or not count:
        return []
    if levels.size > MOST_THRESHOLDS:
        levels = levels[np.linspace(0, levels.size - 1, MOST_THRESHOLDS).round().astype(int)]
    points = []
    for level in levels.tolist():
        hits = false = 0
        for subject, group in found.items():
            called = [_centre(one) for one in group if (one.probability or 0.0) >= level]
            matched = len(match_centres(called, true[subject]))
            hits, false = hits + matched, false + len(called) - matched
        points.append({"threshold": level, "TPR": hits / count, "FPavg": false / len(subjects)})
    return points


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
