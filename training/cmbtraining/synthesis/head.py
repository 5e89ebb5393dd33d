"""Stage one, the head that is scanned: its anatomy, what of it is brain, and what of it the scan keeps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .anatomy import Anatomy, read_anatomy
from .contrast import BRAIN_LABELS
from .covers import TIGHT, WHOLE, Cover, closed, covered
from .grid import Grid
from .head_around import is_brain_only, with_head
from .mimics import CSF_LABEL, with_lacunes
from .streams import COVER, HEAD, Streams

AIR_LABELS, BONE_LABELS = (0, 502), (515, 516)
HULL_MM = 8.0  # of a closing: over the sulci
SPECK_VOXELS = 500
AROUND_VOXELS = 10
IRON = (0.7, 1.9)
"""Of middle age's: Docs/simulation.md gives the pallidum 0.12-0.25 ppm; Hallgren and Sourander's iron at 80 years is
twice that at 30."""


@dataclass(frozen=True)
class Head:
    """A head; arrays (z, y, x) on the anatomy's grid of 1 mm.

    Attributes
    ----------
    anatomy : Anatomy
    brain, lacunes : bool array
    kept : bool array
        What the scan shows.
    iron : float or None
        In the basal ganglia, 1 = middle age; None: drawn with the susceptibility.
    """

    anatomy: Anatomy
    brain: NDArray[np.bool_]
    lacunes: NDArray[np.bool_]
    kept: NDArray[np.bool_]
    iron: float | None

    @property
    def tissue(self) -> NDArray[np.bool_]:
        """Brain without label 24, CSF, which runs down the spinal canal."""
        return self.brain & (self.anatomy.labels != CSF_LABEL)

    def around_brain(self) -> Anatomy:
        """Anatomy of the brain and 10 mm around it: where vessels, calcium and lesions are."""
        ranges = [
            np.flatnonzero(self.tissue.any(axis=tuple(k for k in range(3) if k != axis)))[[0, -1]] for axis in range(3)
        ]
        box = tuple(slice(max(0, int(a) - AROUND_VOXELS), int(b) + AROUND_VOXELS + 1) for a, b in ranges)
        start = np.array([part.start for part in box[::-1]])
        return Anatomy(self.anatomy.labels[box], self.anatomy.origin_mm + start)


def original_head(label_map: Path, cover: Cover, mimics: bool, streams: Streams) -> Head:
    """Draw a head as of version 0.1: all or nothing of what is not brain.

    Parameters
    ----------
    label_map : Path
        Whole head.
    cover : Cover
    mimics : bool
        Whether there may be lacunes.
    streams : Streams

    Returns
    -------
    Head
    """
    anatomy = read_anatomy(label_map, streams.main)
    anatomy, holes = _with_lacunes(anatomy, mimics, streams)
    brain = np.isin(anatomy.labels, BRAIN_LABELS)
    return Head(anatomy, brain, holes, anatomy.labels > 0 if cover.kind == WHOLE else brain, None)


def calibrated_head(label_map: Path, cover: Cover, mimics: bool, streams: Streams) -> Head:
    """Draw a head with the brain mask that its data set would have, completed where the map is of the brain only.

    Parameters
    ----------
    label_map : Path
        Whole head, or brain only.
    cover : Cover
    mimics : bool
        Whether there may be lacunes.
    streams : Streams

    Returns
    -------
    Head
    """
    anatomy = read_anatomy(label_map, streams.main)
    rng = streams.topic(HEAD)
    anatomy = with_head(anatomy, rng) if is_brain_only(anatomy) else without_specks(anatomy)
    anatomy, holes = _with_lacunes(anatomy, mimics, streams)
    brain = np.isin(anatomy.labels, BRAIN_LABELS)
    tissue = np.flatnonzero((brain & (anatomy.labels != CSF_LABEL)).any(axis=(1, 2)))
    brain[: tissue[0]] = False  # fluid of the spinal canal
    return Head(anatomy, brain, holes, covered(anatomy, brain, cover, streams.topic(COVER)), float(rng.uniform(*IRON)))


def without_specks(anatomy: Anatomy) -> Anatomy:
    """Turn specks of air and bone inside the skull into fluid.

    They are slips of the label maps (map 8 has 3,500 of air alone in the upper half of the skull), and each would
    stand in the scan as a black ball.
    """
    labels = anatomy.labels.copy()
    hull = closed(np.isin(labels, BRAIN_LABELS), HULL_MM)
    for where in (np.isin(labels, AIR_LABELS), np.isin(labels, BONE_LABELS)):
        components, _ = ndimage.label(where)
        small = np.bincount(components.ravel()) < SPECK_VOXELS
        labels[small[components] & where & hull] = CSF_LABEL
    return Anatomy(labels, anatomy.origin_mm)


def cover_asked(skull_stripped: bool) -> Cover:
    """Turn a yes or no into a cover."""
    return Cover(TIGHT if skull_stripped else WHOLE)


def imaged_part(grid: Grid, anatomy: Anatomy, where: NDArray[np.bool_]) -> tuple[Grid, NDArray[np.intp]]:
    """Cut the grid to what holds anything, the rest of the matrix being air; with it, the first voxel (x, y, z)."""
    ranges = [np.flatnonzero(where.any(axis=tuple(k for k in range(3) if k != axis))) for axis in (2, 1, 0)]
    low_mm = anatomy.origin_mm + [r[0] for r in ranges]
    high_mm = anatomy.origin_mm + [r[-1] for r in ranges]
    corners = np.array(np.meshgrid(*zip(low_mm, high_mm, strict=True))).reshape(3, -1).T
    index = grid.to_index(corners)
    size = np.array(grid.size)
    start = np.clip(np.floor(index.min(axis=0)).astype(int) - 2, 0, size - 1)
    stop = np.clip(np.ceil(index.max(axis=0)).astype(int) + 3, start + 1, size)
    return grid.part(start, stop), start


def _with_lacunes(anatomy: Anatomy, mimics: bool, streams: Streams) -> tuple[Anatomy, NDArray[np.bool_]]:
    if not mimics:
        return anatomy, np.zeros(anatomy.labels.shape, bool)
    return with_lacunes(anatomy, streams.mimics)
