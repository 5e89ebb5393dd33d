"""Region growing from seed voxels (paper section V-A, Algorithm 1): which voxels join at which tolerance.

A neighbour joins if its intensity is less than the tolerance away from a reference: that of the voxel
it is reached from (`parent`), the seeds' mean (`seed-mean`), or the mean of the region so far
(`running-mean`). For the first two a voxel joins at the tolerance of its cheapest path from the seeds,
the cost of a path being its largest step: one pass of a priority queue (Dijkstra's, with the maximum in
place of the sum) gives the region at every tolerance. `running-mean` depends on the order in which
voxels join, and is grown anew at each tolerance.

Only what is reached is ever looked at, so a lesion costs the same in a small scan and in a large one.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

PATH_MODES = ("parent", "seed-mean")
MODES = (*PATH_MODES, "running-mean")
CONNECTIVITIES = {6: 1, 18: 2, 26: 3}  # neighbours: how many axes may change at once
PLAIN_TYPES = "bBhHiIlLqQfd"  # what a memoryview gives as Python numbers
INFINITE = float("inf")


class Voxels:
    """A volume as flat positions: intensities, and the neighbours of each.

    Parameters
    ----------
    volume : array (3 axes, any order)
        Finite intensities. Not copied if it is C-contiguous and of a native number type.
    connectivity : {6, 18, 26}
    """

    def __init__(self, volume: NDArray[np.generic], connectivity: int) -> None:
        plain = volume.dtype.char in PLAIN_TYPES and volume.dtype.isnative
        flat = np.ascontiguousarray(volume if plain else volume.astype(np.float64))
        self.shape = flat.shape
        self.values: Any = flat.reshape(-1).data
        structure = scipy.ndimage.generate_binary_structure(3, CONNECTIVITIES[connectivity])
        self._offsets = [tuple(o) for o in (np.argwhere(structure) - 1).tolist() if any(o)]
        self._columns, self._plane = self.shape[2], self.shape[1] * self.shape[2]
        self._steps = [self._step(offset) for offset in self._offsets]

    def flat(self, index: NDArray[np.integer]) -> list[int]:
        """Turn indices (n, 3) into flat positions, each once, in their order."""
        positions = np.ravel_multi_index(tuple(np.asarray(index).T), self.shape).tolist()
        return list(dict.fromkeys(positions))

    def index(self, positions: list[int]) -> NDArray[np.intp]:
        """Turn flat positions into indices (n, 3)."""
        return np.column_stack(np.unravel_index(np.array(positions, np.intp), self.shape))

    def steps(self, position: int) -> list[int]:
        """What to add to a flat position to reach each neighbour; fewer at the volume's border."""
        plane, within = divmod(position, self._plane)
        row, column = divmod(within, self._columns)
        planes, rows, columns = self.shape
        if 0 < plane < planes - 1 and 0 < row < rows - 1 and 0 < column < columns - 1:
            return self._steps
        return [
            self._step(offset)
            for offset in self._offsets
            if 0 <= plane + offset[0] < planes and 0 <= row + offset[1] < rows and 0 <= column + offset[2] < columns
        ]

    def _step(self, offset: tuple[int, ...]) -> int:
        return offset[0] * self._plane + offset[1] * self._columns + offset[2]


@dataclass(frozen=True)
class JoinOrder:
    """Voxels in the order in which they join as the tolerance rises.

    Attributes
    ----------
    index : int array (n, 3)
        Indices in the volume; the seeds come first.
    tolerance : float array (n,)
        A voxel is in the region at every tolerance above its own; that of the seeds is -1.
        Never falls; in the scan's own intensities.
    """

    index: NDArray[np.intp]
    tolerance: NDArray[np.float64]


def join_order(voxels: Voxels, seeds: NDArray[np.integer], mode: str, most: int) -> JoinOrder:
    """Order the voxels by the tolerance of their cheapest path from the seeds.

    Parameters
    ----------
    voxels : Voxels
    seeds : int array (n, 3)
        Indices in the volume.
    mode : {"parent", "seed-mean"}
    most : int
        Stop once so many voxels have joined.

    Returns
    -------
    JoinOrder
        At most `most` voxels (but all the seeds).
    """
    search = {"parent": _order_from_parent, "seed-mean": _order_from_mean}[mode]
    positions, costs = search(voxels, voxels.flat(seeds), most)
    return JoinOrder(voxels.index(positions), np.array(costs))


def _order_from_parent(voxels: Voxels, seeds: list[int], most: int) -> tuple[list[int], list[float]]:
    values, steps_from = voxels.values, voxels.steps
    joined, queue = set(seeds), deque(seeds)
    heap: list[tuple[float, int]] = []
    cheapest: dict[int, float] = {}
    so_far, push, pop = cheapest.get, heapq.heappush, heapq.heappop
    positions: list[int] = []
    costs: list[float] = []
    level, most = -1.0, max(most, len(seeds))
    while len(positions) < most:
        if queue:  # all that joins at the present level, the nearest first
            here = queue.popleft()
        elif heap:
            level, here = pop(heap)
            if here in joined:
                continue
            joined.add(here)
        else:
            break
        positions.append(here)
        costs.append(level)
        intensity = values[here]
        for step in steps_from(here):
            there = here + step
            if there in joined:
                continue
            difference = abs(values[there] - intensity)
            if difference <= level:
                joined.add(there)
                queue.append(there)
            elif difference < so_far(there, INFINITE):
                cheapest[there] = difference
                push(heap, (difference, there))
    return positions, costs


def _order_from_mean(voxels: Voxels, seeds: list[int], most: int) -> tuple[list[int], list[float]]:
    values, steps_from = voxels.values, voxels.steps
    mean = _mean(voxels, seeds)
    seen, queue = set(seeds), deque(seeds)
    heap: list[tuple[float, int]] = []
    push, pop = heapq.heappush, heapq.heappop
    positions: list[int] = []
    costs: list[float] = []
    level, most = -1.0, max(most, len(seeds))
    while len(positions) < most:
        if queue:
            here = queue.popleft()
        elif heap:
            level, here = pop(heap)
        else:
            break
        positions.append(here)
        costs.append(level)
        for step in steps_from(here):
            there = here + step
            if there in seen:
                continue
            seen.add(there)
            difference = abs(values[there] - mean)
            if difference <= level:
                queue.append(there)
            else:
                push(heap, (difference, there))
    return positions, costs


@dataclass(frozen=True)
class Grown:
    """The region at one tolerance.

    Attributes
    ----------
    index : int array (n, 3)
        Indices in the volume.
    next_tolerance : float
        Up to this tolerance, itself included, the region stays the same; infinite if nothing was
        refused. Meaningless for a region that was cut off at `most`.
    """

    index: NDArray[np.intp]
    next_tolerance: float


def breadth_first(voxels: Voxels, seeds: NDArray[np.integer], mode: str, tolerance: float, most: int) -> Grown:
    """Grow at one tolerance, as Algorithm 1 does: first in, first out.

    Parameters
    ----------
    voxels : Voxels
    seeds : int array (n, 3)
        Indices in the volume.
    mode : {"parent", "seed-mean", "running-mean"}
    tolerance : float
        In the scan's own intensities.
    most : int
        Stop once so many voxels have joined.

    Returns
    -------
    Grown

    References
    ----------
    del Pozo Lerida 2023, Algorithm 1.
    """
    positions, refused = _GROW[mode](voxels, voxels.flat(seeds), tolerance, most)
    return Grown(voxels.index(positions), refused)


def _grow_from_parent(voxels: Voxels, seeds: list[int], tolerance: float, most: int) -> tuple[list[int], float]:
    values, steps_from = voxels.values, voxels.steps
    joined, order, queue = set(seeds), list(seeds), deque(seeds)
    refused = INFINITE
    while queue and len(order) < most:
        here = queue.popleft()
        level = values[here]
        for step in steps_from(here):
            there = here + step
            if there in joined:
                continue
            difference = abs(values[there] - level)
            if difference < tolerance:
                joined.add(there)
                order.append(there)
                queue.append(there)
                if len(order) >= most:
                    break
            elif difference < refused:
                refused = difference
    return order, refused


def _grow_from_mean(
    voxels: Voxels, seeds: list[int], tolerance: float, most: int, *, running: bool
) -> tuple[list[int], float]:
    values, steps_from = voxels.values, voxels.steps
    joined, order, queue = set(seeds), list(seeds), deque(seeds)
    mean = _mean(voxels, seeds)
    refused = INFINITE
    while queue and len(order) < most:
        here = queue.popleft()
        for step in steps_from(here):
            there = here + step
            if there in joined:
                continue
            difference = abs(values[there] - mean)
            if difference < tolerance:
                joined.add(there)
                order.append(there)
                queue.append(there)
                if running:
                    mean += (values[there] - mean) / len(order)
                if len(order) >= most:
                    break
            elif difference < refused:
                refused = difference
    return order, refused


def _mean(voxels: Voxels, seeds: list[int]) -> float:
    return float(sum(voxels.values[seed] for seed in seeds) / len(seeds))


_GROW: dict[str, Callable[[Voxels, list[int], float, int], tuple[list[int], float]]] = {
    "parent": _grow_from_parent,
    "seed-mean": lambda *given: _grow_from_mean(*given, running=False),
    "running-mean": lambda *given: _grow_from_mean(*given, running=True),
}
