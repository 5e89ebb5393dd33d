"""A ball of a brain with phase: veins, one spot of blood, one of calcium, a smooth background, wraps and noise."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import SimpleITK as sitk
from dark_spots import OBLIQUE, ball_brain

BLOOD_MM, CALCIUM_MM = (12.0, 5.0, 4.1), (-14.0, -9.0, 8.0)
SPACING = (1.2, 1.2, 2.2)
MOMENT = 14.0  # rad mm3, of either spot
VEINS, VEIN_RAD = 70, 5.0
NUCLEI_MM, NUCLEUS_MM = ((16.0, 14.0, -12.0), (-16.0, 14.0, -12.0), (0.0, -20.0, -10.0), (0.0, 16.0, 14.0)), 6.0
IRON_RAD = 1.0


@lru_cache(maxsize=8)
def phase_brain(
    sign: int = 1, *, veins: int = VEINS, high_passed: bool = False, direction=OBLIQUE, iron: bool = False
) -> tuple[sitk.Image, sitk.Image, np.ndarray]:
    """Give a scan, its phase in radians between -π and π, and the RAS places of blood and calcium: not to be changed.

    Parameters
    ----------
    sign : int
        -1: a scanner of the other convention.
    veins : int
    high_passed : bool
        Without the background.
    direction : sequence of 9 float
    iron : bool
        Dark balls of iron at `nuclei_of`.
    """
    magnitude, places = ball_brain(SPACING, direction, spots_mm=(BLOOD_MM, CALCIUM_MM))
    shape, spacing = magnitude.GetSize()[::-1], np.array(SPACING)
    turn = np.array(magnitude.GetDirection()).reshape(3, 3)
    index = np.stack(np.indices(shape)[::-1], -1)
    points = (index * spacing) @ turn.T + np.array(magnitude.GetOrigin())
    rng = np.random.default_rng(5)
    tubes = np.zeros(shape, np.float32)
    near = points.reshape(-1, 3).astype(np.float32)
    middle = points.reshape(-1, 3).mean(axis=0)
    spots = places * [-1, -1, 1]
    for _ in range(veins):
        start = middle + rng.uniform(-18, 18, 3)
        along = rng.normal(size=3) * (1, 1, 0.6)
        along /= np.linalg.norm(along)
        if np.linalg.norm(np.cross(spots - start, along), axis=1).min() < 8:
            continue
        away = near - start.astype(np.float32)
        along_it = away @ along.astype(np.float32)
        beside = np.sqrt(np.maximum(np.einsum("ni,ni->n", away, away) - along_it**2, 0)).reshape(shape)
        tubes = np.maximum(tubes, np.clip(1.3 - beside / 0.9, 0, 1) * (np.abs(along_it.reshape(shape)) < 14))
    nuclei = nuclei_of(magnitude, NUCLEUS_MM) * np.float32(iron)
    phase = _dipole_convolved(VEIN_RAD * tubes + IRON_RAD * nuclei, spacing, turn[2])
    for spot, moment in zip(spots, (MOMENT, -MOMENT), strict=True):
        away = points - spot
        squared = np.maximum((away**2).sum(axis=-1), 1.5**2)
        phase += moment * (3 * away[..., 2] ** 2 / squared - 1) * squared**-1.5
    if not high_passed:
        x, y, z = np.moveaxis((points - middle) / 40, -1, 0)
        phase += 4 + 9 * x - 7 * z + 6 * y * y + 3 * x * z
    values = sitk.GetArrayFromImage(magnitude) * (1 - 0.6 * tubes) * (1 - 0.3 * nuclei)
    phase += rng.normal(0, 0.03, shape)
    phase = np.where(values > 300, phase, phase + rng.uniform(-np.pi, np.pi, shape) * (values < 100))
    wrapped = np.angle(np.exp(1j * sign * phase)).astype(np.float32)
    images = [sitk.GetImageFromArray(one.astype(np.float32)) for one in (values, wrapped)]
    for image in images:
        image.CopyInformation(magnitude)
    return images[0], images[1], places


def nuclei_of(magnitude: sitk.Image, radius_mm: float) -> np.ndarray:
    """Balls around the places of the nuclei, array (z, y, x) of bool."""
    index = np.stack(np.indices(magnitude.GetSize()[::-1])[::-1], -1) * np.array(magnitude.GetSpacing())
    points = index @ np.array(magnitude.GetDirection()).reshape(3, 3).T + np.array(magnitude.GetOrigin())
    middle = points.reshape(-1, 3).mean(axis=0)
    return np.any([np.linalg.norm(points - middle - place, axis=-1) < radius_mm for place in NUCLEI_MM], axis=0)


def _dipole_convolved(source: np.ndarray, spacing: np.ndarray, b0: np.ndarray) -> np.ndarray:
    """Field of a susceptibility map by the k-space dipole (Docs/simulation.md)."""
    padded = [n + 20 for n in source.shape]
    k = np.stack(
        np.meshgrid(*[np.fft.fftfreq(n, s) for n, s in zip(padded, spacing[::-1], strict=True)], indexing="ij")[::-1],
        -1,
    )
    squared = (k**2).sum(axis=-1)
    squared[0, 0, 0] = 1
    field = np.fft.ifftn(np.fft.fftn(source, padded) * (1 / 3 - (k @ b0) ** 2 / squared)).real
    return field[tuple(slice(n) for n in source.shape)]
