"""How dark a place is against the tissue around it: a lesion that was not detected, or one that was not there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy
import SimpleITK as sitk
from numpy.typing import NDArray

from ..detecting.lesions import SURROUND_MM

SEARCH_MM = 2.0  # how far off the aligned place may be: the alignment to a millimetre, and the lesion's centre
SMALLEST_RADIUS_MM, LARGEST_RADIUS_MM = 1.0, 5.0  # of a microbleed: Docs/paper.md, "Words"
CORE = 0.7  # of the radius is measured: the edge is blurred, and smaller in an earlier scan
LEAST_AROUND = 0.5  # of what lies around that is within the scan
STEP_MM = 0.5
GAP_MM = 1.0  # between spot and tissue around: partial volume
DARKEST_PERCENTILE = 5.0  # of the tissue around: a vessel goes on there as dark as at the place itself
AROUND_PERCENTILE = 25.0  # of the tissue around: at the edge of fluid or bone half of it is as dark as the place itself


def signal_loss_at(image: sitk.Image, place: Sequence[float], diameter_mm: float) -> float | None:
    """Measure the darkest ball near a place against the tissue around it.

    Parameters
    ----------
    image : SimpleITK.Image
        Any geometry.
    place : (float, float, float)
        LPS, mm.
    diameter_mm : float
        Of the lesion that is looked for.

    Returns
    -------
    float or None
        1 where it is black, 0 where it does not stand out from the darker part of what lies around; None where too
        little of the surroundings is within the scan.
    """
    edge = float(np.clip(diameter_mm / 2, SMALLEST_RADIUS_MM, LARGEST_RADIUS_MM))
    radius = max(SMALLEST_RADIUS_MM, CORE * edge)
    outer = edge + GAP_MM + SURROUND_MM
    steps = int(np.ceil((SEARCH_MM + outer) / STEP_MM))
    values, known = _cube(image, place, steps)
    middle, reach = np.full(3, steps), int(outer / STEP_MM)
    away = _away(reach)
    ball = np.argwhere(away <= radius) - reach
    shell = np.argwhere((away > edge + GAP_MM) & (away <= outer)) - reach
    shifts = np.argwhere(_away(int(SEARCH_MM / STEP_MM)) <= SEARCH_MM) - int(SEARCH_MM / STEP_MM)
    balls = [tuple((middle + shift + ball).T) for shift in shifts]
    means = [values[one].mean() if known[one].all() else np.inf for one in balls]
    around = tuple((middle + shifts[int(np.argmin(means))] + shell).T)
    if np.isinf(min(means)) or known[around].mean() < LEAST_AROUND:
        return None
    darkest, level = np.percentile(values[around][known[around]], [DARKEST_PERCENTILE, AROUND_PERCENTILE])
    return 1 - float(min(means) / level) if level > 0 and min(means) < darkest else 0.0


def _cube(image: sitk.Image, place: Sequence[float], steps: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Sample a cube around a place along the patient's axes, `STEP_MM` apart, and say where the scan has voxels."""
    to_index = np.linalg.inv(np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing())
    offsets = (np.indices((2 * steps + 1,) * 3).reshape(3, -1) - steps) * STEP_MM
    index = to_index @ (offsets + np.subtract(place, image.GetOrigin())[:, None])
    size = np.array(image.GetSize())[:, None]
    low = np.clip(np.floor(index.min(axis=1)).astype(int) - 1, 0, None)
    high = np.clip(np.ceil(index.max(axis=1)).astype(int) + 2, None, size[:, 0])
    shape = (2 * steps + 1,) * 3
    if (high <= low).any():
        return np.zeros(shape), np.zeros(shape, bool)
    part = sitk.GetArrayViewFromImage(image)[low[2] : high[2], low[1] : high[1], low[0] : high[0]].astype(np.float64)
    values = scipy.ndimage.map_coordinates(part, (index - low[:, None])[::-1], order=1, mode="nearest")
    known = ((index >= -0.5) & (index <= size - 0.5)).all(axis=0)
    return values.reshape(shape), known.reshape(shape)


def _away(reach: int) -> NDArray[np.float64]:
    """Distances from the middle of a cube, mm."""
    return np.linalg.norm((np.indices((2 * reach + 1,) * 3).transpose(1, 2, 3, 0) - reach) * STEP_MM, axis=-1)
