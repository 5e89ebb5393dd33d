"""How bright tissue is around each voxel: what a microbleed's signal loss is measured against."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy
import SimpleITK as sitk
from numpy.typing import NDArray

BLOCK_MM = 3.0  # the level is found on blocks of about this size
PASSES = ((20.0, 0.3, 3.0), (10.0, 0.6, 1.5))
"""Width of the Gaussian in mm, and what counts as tissue against the level of the pass before: first the coils'
shading, then the tissue itself, without vessels, fluid, bright inflow and air."""


def tissue_level(
    values: NDArray[np.floating], brain: NDArray[np.bool_], spacing_mm: Sequence[float]
) -> NDArray[np.float32]:
    """Estimate the local brightness of brain tissue.

    Parameters
    ----------
    values : float array (i, j, k)
        Magnitude, 0 or more.
    brain : bool array (i, j, k)
        May be loose: what is dark in it (air, zeros of a stripped head) does not count.
    spacing_mm : sequence of float
        Of the voxels.

    Returns
    -------
    float32 array (i, j, k), above 0
        Smooth; continued outside the brain.
    """
    inside = values[brain]
    inside = inside[inside > 0]
    if not inside.size:
        return np.ones(values.shape, np.float32)
    overall = _middle_of_the_bright(inside)
    shrink = [max(1, round(BLOCK_MM / s)) for s in spacing_mm]
    sizes = [f * s for f, s in zip(shrink, spacing_mm, strict=True)]
    level: NDArray[np.float32] = np.full(tuple(-(-n // f) for n, f in zip(values.shape, shrink, strict=True)), overall)
    for width_mm, low, high in PASSES:
        fine = _spread(level, shrink, values.shape)
        counts = brain & (values > low * fine) & (values < high * fine)
        share = _block_sums(counts.astype(np.float32), shrink)
        total = _block_sums(np.where(counts, values, 0).astype(np.float32), shrink)
        sigma = [width_mm / s for s in sizes]
        share, total = scipy.ndimage.gaussian_filter(share, sigma), scipy.ndimage.gaussian_filter(total, sigma)
        enough = share > 1e-3 * share.max()
        level = _continued(np.where(enough, total / np.maximum(share, 1e-12), 0).astype(np.float32), enough, overall)
    return np.maximum(_spread(level, shrink, values.shape), np.float32(1e-3 * overall))


def _middle_of_the_bright(inside: NDArray[np.floating]) -> np.float32:
    """Median of what is at least a quarter as bright as the brightest twentieth: air in a loose mask is left out."""
    return np.float32(np.median(inside[inside >= 0.25 * np.percentile(inside, 95)]))


def _continued(level: NDArray[np.float32], known: NDArray[np.bool_], otherwise: np.float32) -> NDArray[np.float32]:
    if not known.any():
        return np.full(level.shape, otherwise)
    nearest = scipy.ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    return level[tuple(nearest)]


def _block_sums(values: NDArray[np.float32], shrink: Sequence[int]) -> NDArray[np.float32]:
    for axis, factor in enumerate(shrink):
        values = np.add.reduceat(values, np.arange(0, values.shape[axis], factor), axis=axis)
    return values


def _spread(level: NDArray[np.float32], shrink: Sequence[int], shape: Sequence[int]) -> NDArray[np.float32]:
    """Interpolate between the middles of blocks."""
    coarse = sitk.GetImageFromArray(level)  # axes k, j, i of the image's x, y, z: the order does not matter here
    coarse.SetSpacing([float(f) for f in shrink[::-1]])
    coarse.SetOrigin([(f - 1) / 2 for f in shrink[::-1]])
    grid = sitk.ResampleImageFilter()
    grid.SetSize([int(n) for n in shape[::-1]])
    grid.SetInterpolator(sitk.sitkLinear)
    grid.SetUseNearestNeighborExtrapolator(True)
    return sitk.GetArrayFromImage(grid.Execute(coarse))
