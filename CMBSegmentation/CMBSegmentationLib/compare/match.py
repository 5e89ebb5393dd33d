"""Which found lesion is which true one: one to one, by the distance of their centres."""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import ArrayLike

MATCH_MM = 3.0  # about a lesion's own diameter; Docs/paper.md, section 6: one-to-one, by distance of centres of mass


def match_centres(predicted_mm: ArrayLike, true_mm: ArrayLike, within_mm: float = MATCH_MM) -> list[tuple[int, int]]:
    """Pair centres, as many as can be and of those pairings the one with the least total distance.

    Parameters
    ----------
    predicted_mm : array (n, 3)
        Centres in any frame, mm.
    true_mm : array (m, 3)
        Centres in the same frame, mm.
    within_mm : float
        Centres farther apart are no pair.

    Returns
    -------
    list of (int, int)
        Row in `predicted_mm` and row in `true_mm`, by the former; each row occurs once at most.

    References
    ----------
    Kuhn, Naval Research Logistics 2:83, 1955: the assignment problem.

    Examples
    --------
    >>> match_centres([[0, 0, 0], [0, 0, 2]], [[0, 0, 1.5], [0, 0, 4]])
    [(0, 0), (1, 1)]
    """
    predicted = np.asarray(predicted_mm, np.float64).reshape(-1, 3)
    true = np.asarray(true_mm, np.float64).reshape(-1, 3)
    distance = np.linalg.norm(predicted[:, None] - true[None], axis=-1)
    near = distance <= within_mm
    no_pair = within_mm * (min(distance.shape) + 1) + 1.0  # more than any number of pairs can cost together
    rows, columns = scipy.optimize.linear_sum_assignment(np.where(near, distance, no_pair))
    return [(int(row), int(column)) for row, column in zip(rows, columns, strict=True) if near[row, column]]
