"""Algorithm 1 of the paper as it is written, and its sweep over all tolerances: what the fast way is held against."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from CMBScribbleGrowLib.growing.region import CONNECTIVITIES


def plain_growth(
    volume: NDArray, seeds: NDArray, mode: str, tolerance: float, connectivity: int, most: int
) -> tuple[NDArray[np.bool_], int]:
    """Grow at one tolerance, voxel by voxel; the region as a mask of the volume, and its number of voxels."""
    structure = ndimage.generate_binary_structure(3, CONNECTIVITIES[connectivity])
    offsets = [tuple(o) for o in np.argwhere(structure) - 1 if any(o)]
    region = np.zeros(volume.shape, bool)
    queue = deque(tuple(int(i) for i in seed) for seed in seeds)
    for seed in queue:
        region[seed] = True
    count = len(queue)
    mean = float(np.mean([float(volume[seed]) for seed in queue]))
    while queue and count < most:
        here = queue.popleft()
        for offset in offsets:
            there = (here[0] + offset[0], here[1] + offset[1], here[2] + offset[2])
            inside = all(0 <= t < n for t, n in zip(there, volume.shape, strict=True))
            if not inside or region[there]:
                continue
            reference = float(volume[here]) if mode == "parent" else mean
            if abs(float(volume[there]) - reference) < tolerance:
                region[there] = True
                queue.append(there)
                count += 1
                if mode == "running-mean":
                    mean += (float(volume[there]) - mean) / count
                if count >= most:
                    break
    return region, count


def plain_sweep(
    volume: NDArray, seeds: NDArray, mode: str, connectivity: int, limit: int, thresholds: NDArray
) -> list[NDArray[np.bool_]]:
    """Grow at every tolerance, up to the first at which the region exceeds the limit; the regions as masks."""
    regions = []
    for tolerance in thresholds:
        region, count = plain_growth(volume, seeds, mode, float(tolerance), connectivity, limit + 1)
        regions.append(region)
        if count > limit:
            break
    return regions
