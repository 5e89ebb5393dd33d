"""What looks like a microbleed and is not: calcifications, cavernomas, arteries, lacunes, white-matter lesions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .anatomy import Anatomy
from .contrast import VENTRICLE_LABELS, WHITE_LABELS
from .lesions import Lesion

VESSEL, CALCIFICATION, CAVERNOMA, LACUNE = "vessel", "calcification", "cavernoma", "lacune"
KINDS = (VESSEL, CALCIFICATION, CAVERNOMA, LACUNE)
"""What a simulated scan's map of mimics tells apart: its value k is ``KINDS[k - 1]``."""

BASAL_GANGLIA = (13, 52, 12, 51, 11, 50)
DEEP_GREY = (10, 11, 12, 13, 49, 50, 51, 52)
PINEAL_BEHIND = 14  # the third ventricle, at whose back the pineal gland lies
CSF_LABEL = 24


@dataclass(frozen=True)
class Mimic:
    """A body that disturbs the field as a microbleed does; `kind` is one of `KINDS`."""

    kind: str
    body: Lesion


def draw_mimics(anatomy: Anatomy, rng: np.random.Generator) -> list[Mimic]:
    """Draw calcifications (basal ganglia, choroid plexus, pineal gland) and cavernomas.

    Parameters
    ----------
    anatomy : Anatomy
    rng : numpy.random.Generator

    Returns
    -------
    list of Mimic
        Calcium is diamagnetic, -0.5 to -2 ppm (Docs/simulation.md); a cavernoma is a berry of old blood.
    """
    mimics = []
    if rng.random() < 0.4:  # calcification of the basal ganglia comes with age, on both sides
        mimics += _calcifications(anatomy, np.isin(anatomy.labels, BASAL_GANGLIA), int(rng.integers(1, 7)), rng)
    if rng.random() < 0.5:
        mimics += _calcifications(anatomy, np.isin(anatomy.labels, VENTRICLE_LABELS), int(rng.integers(1, 5)), rng)
    if rng.random() < 0.5:
        mimics += _pineal(anatomy, rng)
    if rng.random() < 0.15:
        where = np.isin(anatomy.labels, (*WHITE_LABELS, 3, 42, 16))
        mimics += [Mimic(CAVERNOMA, cavernoma(point, rng)) for point in anatomy.random_points(where, 1, rng)]
    return mimics


def with_lacunes(anatomy: Anatomy, rng: np.random.Generator) -> tuple[Anatomy, NDArray[np.bool_]]:
    """Put fluid-filled holes of 3-12 mm into white matter and deep grey matter.

    Returns
    -------
    Anatomy
        With the holes labelled as CSF.
    bool array (z, y, x)
        Where they are.
    """
    where = np.isin(anatomy.labels, (*WHITE_LABELS, *DEEP_GREY))
    count = int(rng.integers(0, 6)) if rng.random() < 0.5 else 0
    holes = np.zeros(anatomy.labels.shape, bool)
    for point in anatomy.random_points(where, count, rng):
        _paint(holes, anatomy, point, rng.uniform(1.5, 6.0, 3))
    holes &= where
    return Anatomy(np.where(holes, np.int16(CSF_LABEL), anatomy.labels), anatomy.origin_mm), holes


def white_matter_lesions(anatomy: Anatomy, rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw the factor by which white-matter lesions brighten a T2*-weighted scan, array (z, y, x)."""
    white = np.isin(anatomy.labels, WHITE_LABELS)
    spots = np.zeros(white.shape, bool)
    for point in anatomy.random_points(white, int(rng.integers(0, 40)), rng):
        _paint(spots, anatomy, point, rng.uniform(1.5, 7.0, 3))
    smooth = ndimage.gaussian_filter((spots & white).astype(np.float32), 0.8)
    return 1 + np.float32(rng.uniform(0.05, 0.35)) * smooth


def _calcifications(anatomy: Anatomy, where: NDArray[np.bool_], count: int, rng: np.random.Generator) -> list[Mimic]:
    return [Mimic(CALCIFICATION, calcium(point, rng)) for point in anatomy.random_points(where, count, rng)]


def _pineal(anatomy: Anatomy, rng: np.random.Generator) -> list[Mimic]:
    ventricle = anatomy.points(anatomy.labels == PINEAL_BEHIND)
    if len(ventricle) == 0:
        return []
    back = ventricle[ventricle[:, 1] >= np.percentile(ventricle[:, 1], 97)].mean(axis=0)  # LPS: back is +y
    return [Mimic(CALCIFICATION, calcium(back + [0.0, 4.0, 0.0] + rng.normal(0, 1, 3), rng))]


def calcium(
    centre_mm: NDArray[np.float64], rng: np.random.Generator, diameter_mm: tuple[float, float] = (1.5, 5.0)
) -> Lesion:
    """Draw a calcified body at an LPS point, of a diameter (mm) in a range."""
    return Lesion(
        centre_mm, _berry(rng.uniform(*diameter_mm), int(rng.integers(0, 4)), rng), -float(rng.uniform(0.5, 2.0))
    )


def cavernoma(centre_mm: NDArray[np.float64], rng: np.random.Generator) -> Lesion:
    """Draw a berry of old blood at an LPS point."""
    return Lesion(centre_mm, _berry(rng.uniform(7.0, 16.0), int(rng.integers(3, 8)), rng), float(rng.uniform(0.4, 1.5)))


def _berry(diameter_mm: float, lobes: int, rng: np.random.Generator) -> tuple[tuple[NDArray[np.float64], float], ...]:
    spheres = [(np.zeros(3), diameter_mm / 2)]
    for _ in range(lobes):
        offset = rng.normal(size=3)
        offset *= rng.uniform(0.3, 0.6) * diameter_mm / np.linalg.norm(offset)
        spheres.append((offset, float(rng.uniform(0.2, 0.4) * diameter_mm)))
    return tuple(spheres)


def _paint(
    mask: NDArray[np.bool_], anatomy: Anatomy, point_mm: NDArray[np.float64], radii_mm: NDArray[np.float64]
) -> None:
    """Set the voxels of an ellipsoid with its axes along the grid's."""
    centre = point_mm - anatomy.origin_mm
    low = np.maximum(np.floor(centre - radii_mm).astype(int), 0)
    high = np.minimum(np.ceil(centre + radii_mm).astype(int) + 1, mask.shape[::-1])
    if np.any(high <= low):
        return
    z, y, x = (np.arange(low[k], high[k]) - centre[k] for k in (2, 1, 0))
    inside = (z[:, None, None] / radii_mm[2]) ** 2 + (y[:, None] / radii_mm[1]) ** 2 + (x / radii_mm[0]) ** 2 <= 1
    mask[low[2] : high[2], low[1] : high[1], low[0] : high[0]] |= inside
