"""Where the signal is missing at a candidate: the middle of the body whose field is asked for.

A detector may outline a part of a large body, off its middle; a dipole that is sought there fits badly, or with the
wrong sign.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

DARK_FROM = 0.25  # signal loss from which a voxel counts
NARROWEST_MM = 1.5  # of the window whose middle moves with what is dark in it
PER_DIAMETER = 0.75
ROUNDS = 6
FARTHEST_MM = 3.0  # more than that, it is another body

Vector = NDArray[np.float64]


def middle_of_void(
    magnitude: NDArray[Any], inside: NDArray[Any], index: Vector, spacing_mm: Vector, diameter_mm: float
) -> Vector:
    """Move a candidate's centre to the middle of what is dark around it.

    Parameters
    ----------
    magnitude, inside : array (z, y, x)
        The scan, and above 0 in its brain: bone, air and sinuses are dark, too.
    index : array (3,)
        Of the candidate's centre: x, y, z.
    spacing_mm : array (3,)
        x, y, z.
    diameter_mm : float
        The candidate's.

    Returns
    -------
    array (3,)
        Index x, y, z; the one that was given where nothing is dark, or the darkness lies elsewhere.
    """
    width = max(NARROWEST_MM, PER_DIAMETER * diameter_mm)
    reach = FARTHEST_MM + 2 * width
    low = np.maximum(np.ceil(index - reach / spacing_mm), 0).astype(int)
    high = np.minimum(np.floor(index + reach / spacing_mm) + 1, magnitude.shape[::-1]).astype(int)
    if np.any(high - low < 1):
        return index
    where = tuple(slice(low[k], high[k]) for k in (2, 1, 0))
    values, own = magnitude[where].astype(np.float32), inside[where] > 0
    if not own.any():
        return index
    around = max(float(np.median(values[own])), 1e-6)
    dark = np.clip(1 - values / around - DARK_FROM, 0, 1) * own
    axes = [np.arange(low[k], high[k], dtype=float) for k in range(3)]
    at = index
    for _ in range(ROUNDS):
        x, y, z = (np.exp(-0.5 * ((axes[k] - at[k]) * spacing_mm[k] / width) ** 2) for k in range(3))
        weight = dark * (z[:, None, None] * y[:, None] * x)
        total = float(weight.sum())
        if total < 1e-6:
            return index
        sums = weight.sum((0, 1)) @ axes[0], weight.sum((0, 2)) @ axes[1], weight.sum((1, 2)) @ axes[2]
        at = np.array(sums) / total
    return at if np.linalg.norm((at - index) * spacing_mm) <= FARTHEST_MM else index
