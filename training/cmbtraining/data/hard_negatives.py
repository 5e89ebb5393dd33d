"""What an earlier model took for microbleeds and what is none: places to draw more training patches from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..evaluation.score_files import PREDICTED, ScoreError, read_lesions

HardNegatives = dict[str, NDArray[np.float64]]
"""Points (h, 3), patient RAS mm, by subject."""


def read_hard_negatives(path: Path) -> HardNegatives:
    """Take the false positives out of the ``lesions.csv`` that ``evaluate.py score`` writes.

    Parameters
    ----------
    path : Path

    Returns
    -------
    HardNegatives
        Predicted lesions that neither matching rule gives a true one.

    Raises
    ------
    ScoreError
        The table cannot be read, or holds no false positive.
    """
    found: dict[str, list[tuple[float, float, float]]] = {}
    for lesion in read_lesions(path):
        if lesion.role == PREDICTED and not lesion.overlaps and not lesion.within_3_mm:
            found.setdefault(lesion.subject, []).append((lesion.r_mm, lesion.a_mm, lesion.s_mm))
    if not found:
        raise ScoreError(f"{path} holds no false positive to train on.")
    return {subject: np.array(points) for subject, points in found.items()}
