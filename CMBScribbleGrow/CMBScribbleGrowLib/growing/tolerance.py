"""The region at every tolerance, and the automatic one: the last before the size limit (Fig. 5's elbow)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .region import PATH_MODES, Voxels, breadth_first, join_order

STEP_PERCENT = 0.1  # the finest tolerance told to a reader
STEPS = 1000
SWEEP_STEP = 5  # running-mean, which has to be grown anew at each, goes by 0.5 % as the paper's Fig. 5


@dataclass(frozen=True)
class Growth:
    """How a region grows as the tolerance rises from 0 to 100 %, up to where it exceeds the size limit.

    Attributes
    ----------
    percent : float array (n,)
        Tolerances, multiples of `STEP_PERCENT`, at which the region changes; the first is 0.
    regions : tuple of n int arrays (m, 3)
        Indices in the volume, from that tolerance up to the next. If the limit is exceeded, the
        last region has one voxel more than it, and is where growing was stopped.
    limit_voxels : int
    elbow_percent : float
        The last tolerance before the limit is exceeded; 100 if it never is.
    """

    percent: NDArray[np.float64]
    regions: tuple[NDArray[np.intp], ...]
    limit_voxels: int
    elbow_percent: float

    @property
    def voxels(self) -> NDArray[np.int64]:
        """Voxels of each region: with `percent`, the growth curve of Fig. 5."""
        return np.array([len(region) for region in self.regions])

    @property
    def exceeds_limit(self) -> bool:
        """Whether some tolerance leads beyond the size limit."""
        return len(self.regions[-1]) > self.limit_voxels

    def at(self, percent: float) -> NDArray[np.intp]:
        """Give the region (m, 3) at a tolerance from 0 to 100 %; in running-mean, at the half per cent below it."""
        return self.regions[int(np.searchsorted(self.percent, percent + STEP_PERCENT / 2)) - 1]


def grow_at_every_tolerance(
    voxels: Voxels,
    seeds: NDArray[np.integer],
    mode: str,
    *,
    intensity_range: float,
    limit_voxels: int,
) -> Growth:
    """Raise the tolerance from 0 to 100 % until the region exceeds the size limit.

    Parameters
    ----------
    voxels : Voxels
    seeds : int array (n, 3)
        Indices in the volume, no more than `limit_voxels`.
    mode : {"parent", "seed-mean", "running-mean"}
    intensity_range : float
        What 100 % means, in the scan's intensities (`growing.intensity.robust_range`).
    limit_voxels : int

    Returns
    -------
    Growth

    References
    ----------
    del Pozo Lerida 2023, section V-A and Fig. 5.
    """
    thresholds = np.arange(STEPS + 1) * (intensity_range / STEPS)
    if mode in PATH_MODES:
        order = join_order(voxels, seeds, mode, limit_voxels + 1)
        joins = np.searchsorted(thresholds, order.tolerance, side="right")  # the first step above its tolerance
        steps = np.unique(joins[joins <= STEPS])
        regions = [order.index[:count] for count in np.searchsorted(joins, steps, side="right")]
    else:
        steps, regions = _swept(voxels, seeds, mode, thresholds, limit_voxels + 1)
    exceeded = len(regions[-1]) > limit_voxels
    elbow = int(steps[-1]) - (1 if mode in PATH_MODES else SWEEP_STEP) if exceeded else STEPS
    return Growth(np.round(steps * STEP_PERCENT, 1), tuple(regions), limit_voxels, round(elbow * STEP_PERCENT, 1))


def _swept(
    voxels: Voxels,
    seeds: NDArray[np.integer],
    mode: str,
    thresholds: NDArray[np.floating],
    most: int,
) -> tuple[NDArray[np.int64], list[NDArray[np.intp]]]:
    """Grow at one tolerance after the other, leaving out those that could not change a single decision."""
    steps: list[int] = []
    regions: list[NDArray[np.intp]] = []
    step = 0
    while step <= STEPS:
        grown = breadth_first(voxels, seeds, mode, float(thresholds[step]), most)
        steps.append(step)
        regions.append(grown.index)
        if len(grown.index) >= most:
            break
        next_step = int(np.searchsorted(thresholds, grown.next_tolerance, side="right"))
        step = -(-next_step // SWEEP_STEP) * SWEEP_STEP
    return np.array(steps), regions
