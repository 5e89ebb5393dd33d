"""What is asked of a scan or drawn where it is not, and the grids that follow from it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from .acquisition import ALL_PROTOCOLS, Protocol, draw_grid, draw_sequence
from .contrast import Sequence
from .covers import Cover, draw_cover
from .grid import Grid
from .head import Head, cover_asked, imaged_part
from .load import draw_count
from .realism import Realism
from .streams import COVER, LOAD, Streams

FINE_IN_PLANE_MM = 0.65  # acquired voxels are split down to about this


@dataclass(frozen=True)
class Plan:
    """What is asked of a scan, or drawn where it is not."""

    name: str
    protocol: Protocol
    cover: Cover
    count: int
    top: float
    cortical_veins: int | None
    mimics: bool
    inverted_phase: bool
    realism: Realism


@dataclass(frozen=True)
class Scanner:
    """Sequence and grids: the whole matrix, the part that holds anything, its first voxel, and how it is split."""

    sequence: Sequence
    grid: Grid
    part: Grid
    start: NDArray[np.intp]
    factors: NDArray[np.int_]
    fine: Grid
    gap: int

    def whole(self, values: NDArray[Any]) -> sitk.Image:
        """Make an image of the whole matrix from an array (z, y, x) of the imaged part."""
        x, y, z = self.start
        nz, ny, nx = values.shape
        matrix = np.zeros(self.grid.shape, values.dtype)
        matrix[z : z + nz, y : y + ny, x : x + nx] = values
        return self.grid.image(matrix)


def planned(
    streams: Streams,
    protocol: str | None,
    lesions: int | None,
    skull_stripped: bool | None,
    highest: float | None,
    slice_mm: float | None,
    cortical_veins: int | None,
    mimics: bool,
    inverted_phase: bool,
    realism: Realism,
) -> Plan:
    """Draw what was not asked for."""
    rng = streams.main
    name = protocol or str(rng.choice(list(realism.protocols)))
    chosen = ALL_PROTOCOLS[name]
    if slice_mm is not None:
        chosen = replace(chosen, slice_mm=(slice_mm, slice_mm), common_slice_mm=())
    stripped = bool(rng.random() < 0.5) if skull_stripped is None else skull_stripped
    count = lesions
    if count is None:
        count = draw_count(realism.load, streams.topic(LOAD) if realism.calibrated else rng)
    top = float(np.exp(rng.uniform(np.log(255), np.log(30000)))) if highest is None else highest
    by_protocol = realism.calibrated and skull_stripped is None
    cover = draw_cover(name, streams.topic(COVER)) if by_protocol else cover_asked(stripped)
    return Plan(name, chosen, cover, count, top, cortical_veins, mimics, inverted_phase, realism)


def scanner_of(plan: Plan, head: Head, streams: Streams) -> Scanner:
    """Lay the scan's grid around the brain and split its voxels."""
    sequence = draw_sequence(plan.protocol, streams.main)
    grid = draw_grid(plan.protocol, head.anatomy.points(head.tissue), streams.main)
    part, start = imaged_part(grid, head.anatomy, head.kept)
    finest_mm = [FINE_IN_PLANE_MM, FINE_IN_PLANE_MM, plan.realism.fine_through_mm]
    factors = np.maximum(1, np.rint(part.spacing / finest_mm)).astype(int)
    gap = int(plan.mimics and factors[2] >= 4 and streams.mimics.random() < 0.3)
    return Scanner(sequence, grid, part, start, factors, part.subdivided(factors), gap)
