"""What a detector points at: the hills of its probability, one for each peak that stands apart from the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..lesions import CANDIDATE_PROBABILITY

PARTED_BELOW = 0.735
"""Two peaks are two candidates where the saddle between them is below this share of the lower one. It is what lies
between two points that are just told apart by Rayleigh's criterion (Phil Mag 8:261, 1879)."""
MASK_SHARE = 0.6
"""A candidate's mask is what reaches this share of its own peak. Chosen on the sample (Docs/architecture.md, "One mask,
one score")."""

Pairs = tuple[NDArray[np.intp], NDArray[np.intp]]


@dataclass(frozen=True, eq=False)
class Hill:
    """One peak of the probability and its slopes, on the grid of the array that it was found in.

    Attributes
    ----------
    voxels : tuple of int arrays
        Indices, one array an axis: all voxels from `CANDIDATE_PROBABILITY` up whose slope leads to the peak.
    values : float32 array
        Their probabilities.
    centre : float array (3,)
        Mean of the voxels' indices.
    summit : tuple of int
        Index of the most probable voxel.
    """

    voxels: tuple[NDArray[np.intp], ...]
    values: NDArray[np.float32]
    centre: NDArray[np.float64]
    summit: tuple[int, ...]

    @property
    def peak(self) -> float:
        """Highest probability."""
        return float(self.values.max())


def find_hills(probability: NDArray[np.float32]) -> list[Hill]:
    """Part a probability into hills.

    Each voxel belongs to the peak that the steepest way up leads to. Of two neighbouring hills whose saddle is no
    real dip (`PARTED_BELOW`) one is made. No threshold of use has a part in it. Where two ways up are equally steep the
    order of the axes decides; a detector's probability is on the model's grid, whose order is always the same.

    Parameters
    ----------
    probability : float32 array, three axes of any order

    Returns
    -------
    list of Hill
        The most probable first.
    """
    flat = np.flatnonzero(probability >= CANDIDATE_PROBABILITY)
    if not len(flat):
        return []
    values = probability.ravel()[flat]
    summits = _climbed(flat, values, probability.shape)
    owner = _joined(flat, values, summits, probability.shape)
    index = np.column_stack(np.unravel_index(flat, probability.shape))
    order = np.lexsort((np.arange(len(flat)), owner))
    starts = np.flatnonzero(np.diff(owner[order], prepend=-1))
    found = []
    for own in np.split(order, starts[1:]):
        places, highest = index[own], int(values[own].argmax())
        summit = tuple(places[highest].tolist())
        found.append(Hill(tuple(places.T), values[own], places.mean(axis=0), summit))
    return sorted(found, key=lambda one: -one.peak)


def _climbed(flat: NDArray[np.intp], values: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.intp]:
    """Give the summit, as a place in `flat`, to which each voxel climbs by its highest neighbour."""
    order = np.argsort(values, kind="stable")  # of equal neighbours the later one is the higher one
    rank = np.empty(len(flat), np.intp)
    rank[order] = np.arange(len(flat))
    best = rank.copy()
    for one, other in _touching(flat, shape):
        best[one] = np.maximum(best[one], rank[other])  # in one direction a voxel has one neighbour
        best[other] = np.maximum(best[other], rank[one])
    up = order[best]
    while True:
        further = up[up]
        if np.array_equal(further, up):
            return up
        up = further


def _joined(
    flat: NDArray[np.intp], values: NDArray[np.float32], summits: NDArray[np.intp], shape: tuple[int, ...]
) -> NDArray[np.intp]:
    """Give the summit that each voxel belongs to once hills without a real dip between them are one."""
    low, high, saddle = _saddles(flat, values, summits, shape)
    leads_to: dict[int, int] = {}

    def root(summit: int) -> int:
        while summit in leads_to:
            summit = leads_to[summit]
        return summit

    peaks = np.sort(
        [values[low], values[high]], axis=0
    )  # of saddles in one voxel the one between higher peaks is first
    for n in np.lexsort((-peaks[0], -peaks[1], -saddle)).tolist():  # from the highest saddle down
        one, other = root(int(low[n])), root(int(high[n]))
        if one == other:
            continue
        lower, higher = sorted((one, other), key=lambda summit: (values[summit], summit))
        if saddle[n] >= PARTED_BELOW * values[lower]:
            leads_to[lower] = higher
    every = np.unique(summits)
    owner = np.array([root(int(one)) for one in every])
    return owner[np.searchsorted(every, summits)]


def _saddles(
    flat: NDArray[np.intp], values: NDArray[np.float32], summits: NDArray[np.intp], shape: tuple[int, ...]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """Give the pairs of hills that touch, by their summits, and the highest way from one to the other."""
    every, nth = np.unique(summits, return_inverse=True)
    keys, heights = [], []
    for one, other in _touching(flat, shape):
        apart = summits[one] != summits[other]
        one, other = one[apart], other[apart]
        pair = np.minimum(nth[one], nth[other]) * len(every) + np.maximum(nth[one], nth[other])
        key, height = _highest_of_each(pair, np.minimum(values[one], values[other]))
        keys.append(key)
        heights.append(height)
    key, height = _highest_of_each(np.concatenate(keys), np.concatenate(heights))
    return every[key // len(every)], every[key % len(every)], height


def _highest_of_each(
    keys: NDArray[np.intp], heights: NDArray[np.float32]
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Give each key once, in order, and the highest of its heights."""
    if not len(keys):
        return keys, heights
    order = np.argsort(keys)
    keys, heights = keys[order], heights[order]
    first = np.flatnonzero(np.diff(keys, prepend=-1))
    return keys[first], np.maximum.reduceat(heights, first)


def _touching(flat: NDArray[np.intp], shape: tuple[int, ...]) -> Iterator[Pairs]:
    """Give the pairs of voxels that touch (26-connectivity), as places in `flat`, one direction at a time."""
    padded = tuple(n + 2 for n in shape)  # no neighbour lies outside
    at = np.ravel_multi_index(tuple(one + 1 for one in np.unravel_index(flat, shape)), padded)
    place = np.full(padded, -1, np.int32).ravel()
    place[at] = np.arange(len(flat))
    steps = [(dz, dy, dx) for dz in (0, 1) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dz, dy, dx) > (0, 0, 0)]
    for dz, dy, dx in steps:
        neighbour = place[at + (dz * padded[1] + dy) * padded[2] + dx]
        one = np.flatnonzero(neighbour >= 0)
        yield one, neighbour[one].astype(np.intp)
