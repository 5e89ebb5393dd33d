"""Where microbleeds lie, by the regions that readers report."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .anatomy import Anatomy
from .contrast import GREY_LABELS, WHITE_LABELS
from .vessels import distance_mm

CORTEX, WHITE_MATTER, DEEP_GREY, INFRATENTORIAL = (
    "cortex or junction",
    "subcortical white",
    "deep grey",
    "infratentorial",
)
PLACES = (CORTEX, WHITE_MATTER, DEEP_GREY, INFRATENTORIAL)
PUBLISHED_SHARES = (0.38, 0.39, 0.16, 0.07)  # VALDO: Docs/simulation.md, "Real lesions, as published"
DRAWN_SHARES = (0.38, 0.39, 0.16, 0.07)
JUNCTION_MM = 1.5
APART_MM = 7.0
DEEP_LABELS = (10, 49, 11, 50, 12, 51, 13, 52)
INFRATENTORIAL_LABELS = (7, 46, 8, 47, 16)


@dataclass(frozen=True)
class Site:
    """Where a lesion is to lie: LPS centre (3,), and one of `PLACES`."""

    centre_mm: NDArray[np.float64]
    place: str


def draw_sites(anatomy: Anatomy, count: int, rng: np.random.Generator) -> list[Site]:
    """Draw up to `count` sites in brain tissue, each at least 7 mm from the others.

    Parameters
    ----------
    anatomy : Anatomy
    count : int
    rng : numpy.random.Generator

    Returns
    -------
    list of Site
        In random order of places.
    """
    if count == 0:
        return []
    regions = place_masks(anatomy)
    chosen: list[Site] = []
    for place in rng.choice(PLACES, 2 * count, p=np.array(DRAWN_SHARES) / sum(DRAWN_SHARES)):
        for point in anatomy.random_points(regions[str(place)], 1, rng):
            if all(np.linalg.norm(point - other.centre_mm) >= APART_MM for other in chosen):
                chosen.append(Site(point, str(place)))
        if len(chosen) == count:
            break
    return chosen


def place_masks(anatomy: Anatomy) -> dict[str, NDArray[np.bool_]]:
    """Find the voxels (z, y, x) of every place; the junction is white matter within 1.5 mm of the cortex."""
    grey, white = np.isin(anatomy.labels, GREY_LABELS), np.isin(anatomy.labels, WHITE_LABELS)
    junction = white & (distance_mm(grey) <= JUNCTION_MM)
    return {
        CORTEX: grey | junction,
        WHITE_MATTER: white & ~junction,
        DEEP_GREY: np.isin(anatomy.labels, DEEP_LABELS),
        INFRATENTORIAL: np.isin(anatomy.labels, INFRATENTORIAL_LABELS),
    }
