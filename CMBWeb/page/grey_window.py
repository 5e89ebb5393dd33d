"""A grey window that shows signal voids: black is no signal, white the brightest tissue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_VOXELS = 200_000
HEAD_PERCENTILES = (1.0, 99.0)  # of what is brighter than air: Docs/paper.md, "robust intensity range"


@dataclass(frozen=True)
class GreyWindow:
    """Intensities shown as black and white, and the range that a slider offers."""

    low: float
    high: float
    lowest: float
    highest: float


def reading_window(voxels: NDArray[np.generic]) -> GreyWindow:
    """Find the window to start reading a T2*-weighted or SWI scan with.

    Parameters
    ----------
    voxels : array
        The scan; any scale, finite.

    Returns
    -------
    GreyWindow
        From the darkest tissue to the brightest, so that air, which is half of a scan, takes no greys.
    """
    step = max(1, round((voxels.size / MOST_VOXELS) ** (1 / 3)))
    some = np.asarray(voxels[tuple(slice(None, None, step) for _ in voxels.shape)], np.float64)
    lowest, highest = float(some.min()), float(np.percentile(some, 99.9))
    head = some[some > some.mean()]
    if not head.size or highest <= lowest:
        return GreyWindow(lowest, max(highest, lowest + 1.0), lowest, max(highest, lowest + 1.0))
    dark, bright = (float(value) for value in np.percentile(head, HEAD_PERCENTILES))
    # a void is darker than all tissue: half of the way to no signal stays distinguishable
    low = max(lowest, dark - 0.5 * (dark - lowest))
    return GreyWindow(min(low, dark), bright, lowest, max(highest, bright))
