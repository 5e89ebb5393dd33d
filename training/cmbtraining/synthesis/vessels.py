"""Veins as tubes: along the cortex, and in the white matter towards the ventricles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from .anatomy import Anatomy
from .contrast import BRAIN_LABELS, CSF, GREY_LABELS, TISSUE_OF_LABEL, VENTRICLE_LABELS, WHITE_LABELS
from .grid import Grid

STEP_MM = 0.4
CIRCLE_STEPS = 50  # 20 mm
BASE_LABELS = (16, 28, 60)  # brainstem and ventral diencephalon
SAMPLES_PER_VOXEL = 10  # Monte-Carlo points that fill a fine voxel


@dataclass(frozen=True)
class Tubes:
    """Centre lines of many vessels: LPS points (n, 3), and radius in mm at each."""

    points_mm: NDArray[np.float64]
    radius_mm: NDArray[np.float64]


def draw_veins(anatomy: Anatomy, rng: np.random.Generator, cortical: int | None = None) -> Tubes:
    """Draw cortical veins (radius 0.3-1.3 mm) and medullary veins (0.12-0.5 mm).

    Parameters
    ----------
    anatomy : Anatomy
    rng : numpy.random.Generator
    cortical : int, optional
        Cortical veins; drawn between 20 and 260 if not given.

    Returns
    -------
    Tubes
    """
    count = int(rng.integers(20, 260)) if cortical is None else cortical
    return joined([_cortical(anatomy, count, rng), medullary_veins(anatomy, rng)])


def joined(parts: list[Tubes]) -> Tubes:
    """Put vessels together."""
    return Tubes(
        np.concatenate([np.empty((0, 3)), *(p.points_mm for p in parts)]),
        np.concatenate([np.empty(0), *(p.radius_mm for p in parts)]),
    )


def draw_arteries(anatomy: Anatomy, rng: np.random.Generator) -> Tubes:
    """Draw arteries (radius 0.4-1.5 mm) in the fluid around the brain's base, where blood flows fast."""
    fluid = np.isin(anatomy.labels, [k for k in BRAIN_LABELS if TISSUE_OF_LABEL[k] is CSF])
    to_base = distance_mm(np.isin(anatomy.labels, BASE_LABELS))
    count = int(rng.integers(4, 24))
    start = anatomy.random_points(fluid & (to_base < 25), count, rng)
    cost = np.where(fluid, 0.0, 2.0).astype(np.float32)
    length_mm = rng.uniform(15, 60, len(start))
    radius = rng.uniform(0.4, 1.5, len(start))
    return walk(anatomy, start, unit(rng.normal(size=(len(start), 3))), length_mm, radius, cost, 0.3, rng)


def _cortical(anatomy: Anatomy, count: int, rng: np.random.Generator) -> Tubes:
    """Walk through sulcal CSF along the cortex: of a few turns, take the one that stays nearest to it."""
    labels = anatomy.labels
    grey = np.isin(labels, GREY_LABELS)
    to_grey = distance_mm(grey)
    sulcal = (to_grey <= 2.5) & np.isin(labels, [k for k in BRAIN_LABELS if TISSUE_OF_LABEL[k] is CSF])
    length_mm = rng.uniform(15, 70, count)
    start = anatomy.random_points(sulcal, count, rng)
    cost = np.where(sulcal, 0.0, np.where(grey, 0.5, 2.0)).astype(np.float32) + 0.1 * to_grey
    radius = rng.uniform(0.3, 1.3, count) ** 1.3
    return walk(anatomy, start, unit(rng.normal(size=(count, 3))), length_mm, radius, cost, 0.35, rng)


def medullary_veins(anatomy: Anatomy, rng: np.random.Generator) -> Tubes:
    """Draw medullary veins (radius 0.12-0.5 mm): from the cortex side of the white matter towards the ventricles."""
    labels = anatomy.labels
    ventricle = np.isin(labels, VENTRICLE_LABELS)
    white = np.isin(labels, WHITE_LABELS)
    distance = distance_mm(ventricle)
    count = int(rng.integers(40, 240))
    start = anatomy.random_points(white & (distance > 8) & (distance < 32), count, rng)
    smooth = ndimage.gaussian_filter(distance, 1.5)
    gradient = np.stack(np.gradient(smooth)[::-1], axis=-1)
    inward = -unit(anatomy.lookup(start, gradient) + rng.normal(0, 0.15, start.shape))
    cost = np.where(white, 0.0, 1.5).astype(np.float32) + 0.05 * distance
    length_mm = rng.uniform(6, 25, len(start))
    return walk(anatomy, start, inward, length_mm, rng.uniform(0.12, 0.5, len(start)), cost, 0.12, rng)


def walk(
    anatomy: Anatomy,
    start_mm: NDArray[np.float64],
    direction: NDArray[np.float64],
    length_mm: NDArray[np.float64],
    radius_mm: NDArray[np.float64],
    cost: NDArray[np.float32],
    wander: float,
    rng: np.random.Generator,
    whim: float = 0.3,
    least_progress_mm: float = 0.0,
) -> Tubes:
    """Walk all vessels at once; each step tries five turns and takes the cheapest, give or take a whim.

    Parameters
    ----------
    anatomy : Anatomy
    start_mm, direction : array (n, 3)
        LPS; directions are unit vectors.
    length_mm, radius_mm : array (n,)
        Vessels taper to half their radius.
    cost : float32 array (z, y, x)
        On the anatomy's grid.
    wander : float
        Standard deviation of a turn's components: the larger, the curlier.
    rng : numpy.random.Generator
    whim : float
        Largest random addition to a price.
    least_progress_mm : float
        A vessel that got less far than this in 20 mm of its way ends: it runs in circles.

    Returns
    -------
    Tubes
    """
    position, heading = start_mm.copy(), direction.copy()
    points, radii = [], []
    marks, circling = start_mm, np.zeros(len(start_mm), bool)
    for step in range(int(length_mm.max(initial=0) / STEP_MM)):
        if step and step % CIRCLE_STEPS == 0:
            circling |= np.linalg.norm(position - marks, axis=1) < least_progress_mm
            marks = position
        alive = (step * STEP_MM < length_mm) & ~circling
        turns = unit(heading[:, None, :] + rng.normal(0, wander, (len(heading), 5, 3)))
        ahead = position[:, None, :] + 2.0 * turns
        price = anatomy.lookup(ahead.reshape(-1, 3), cost).reshape(-1, 5) + rng.uniform(0, whim, (len(heading), 5))
        heading = turns[np.arange(len(heading)), price.argmin(axis=1)]
        position = position + STEP_MM * heading
        taper = 1.0 - 0.5 * step * STEP_MM / length_mm
        points.append(position[alive])
        radii.append((radius_mm * taper)[alive])
    if not points:
        return Tubes(np.empty((0, 3)), np.empty(0))
    return Tubes(np.concatenate(points), np.concatenate(radii))


def filled_fraction(tubes: Tubes, grid: Grid, rng: np.random.Generator) -> NDArray[np.float32]:
    """Give the part of every voxel of a grid that lies inside a vessel.

    Parameters
    ----------
    tubes : Tubes
    grid : Grid
    rng : numpy.random.Generator
        Draws the points with which the tubes are filled.

    Returns
    -------
    float32 array (z, y, x), 0 to 1
    """
    voxel_mm3 = float(np.prod(grid.spacing))
    volume = np.pi * tubes.radius_mm**2 * STEP_MM
    samples = np.maximum(4, np.ceil(SAMPLES_PER_VOXEL * volume / voxel_mm3)).astype(int)
    owner = np.repeat(np.arange(len(volume)), samples)
    offsets = unit(rng.normal(size=(len(owner), 3))) * np.cbrt(rng.random((len(owner), 1)))
    points = tubes.points_mm[owner] + offsets * tubes.radius_mm[owner, None] * 1.1
    weight = (volume / samples / voxel_mm3)[owner]
    index = np.rint(grid.to_index(points)).astype(np.intp)
    inside = np.all((index >= 0) & (index < np.array(grid.size)), axis=1)
    x, y, z = index[inside].T
    flat = np.ravel_multi_index((z, y, x), grid.shape)
    filled = np.bincount(flat, weights=weight[inside], minlength=int(np.prod(grid.shape)))
    return np.minimum(filled, 1.0).astype(np.float32).reshape(grid.shape)


def distance_mm(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Distance of every 1 mm voxel to the mask (Maurer's; several times faster than scipy's)."""
    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    distance = sitk.SignedMaurerDistanceMap(image, insideIsPositive=False, squaredDistance=False)
    return np.maximum(sitk.GetArrayFromImage(distance), 0)


def unit(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Give vectors (..., 3) the length 1."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
