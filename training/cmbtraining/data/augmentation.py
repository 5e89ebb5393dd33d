"""Random changes of training patches beyond the paper: turn, scale, contrast, blur, shading, noise, thick slices.

Patches are in standard deviations around the scan's mean, where a signal void lies near `VOID`: what
acts on a scanner's signal (contrast, shading) is applied around that value, so that black stays black.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from ..config.sections import Augmentation

VOID = -4.0  # a brain's mean is three to five of its standard deviations on gradient-echo scans
SHADING_KNOTS = 3  # a side: as smooth as a coil's sensitivity


def random_turn(
    settings: Augmentation, spacing_mm: tuple[float, float, float], rng: np.random.Generator
) -> NDArray[np.float64] | None:
    """Draw a rotation about a random axis and a scale.

    Parameters
    ----------
    settings : Augmentation
    spacing_mm : tuple of float
        Of the voxels: a rotation turns millimetres.
    rng : numpy.random.Generator

    Returns
    -------
    array (3, 3) or None
        Takes steps in the patch (voxels) to steps in the volume; None where neither is asked for.
    """
    if not settings.rotation_degrees and not settings.scale:
        return None
    axis = rng.normal(size=3)
    angle = np.deg2rad(rng.uniform(-settings.rotation_degrees, settings.rotation_degrees))
    turn = Rotation.from_rotvec(angle * axis / np.linalg.norm(axis)).as_matrix()
    factor = np.exp(rng.uniform(-1, 1) * np.log1p(settings.scale))
    spacing = np.array(spacing_mm)
    return turn * spacing / spacing[:, None] / factor


def augment(voxels: NDArray[np.floating], settings: Augmentation, rng: np.random.Generator) -> NDArray[np.float32]:
    """Change a patch's intensities; what is switched off leaves them as they are.

    Parameters
    ----------
    voxels : float array (i, j, k)
        In standard deviations around the mean.
    settings : Augmentation
    rng : numpy.random.Generator

    Returns
    -------
    float32 array (i, j, k)
    """
    signal = voxels.astype(np.float32) - np.float32(VOID)
    if settings.anisotropy > 1:
        signal = _thick_slices(signal, rng.uniform(1, settings.anisotropy), int(rng.integers(3)), rng)
    if settings.intensity:
        power = np.exp(rng.uniform(-1, 1) * np.log1p(settings.intensity))
        signal = np.maximum(signal, 0) ** np.float32(power) * np.float32(-VOID) ** np.float32(1 - power)
    if settings.gain:
        signal = signal * np.float32(np.exp(rng.uniform(-1, 1) * np.log1p(settings.gain)))
    if settings.offset:
        signal = signal + np.float32(rng.uniform(-1, 1) * settings.offset)
    if settings.blur:
        signal = ndimage.gaussian_filter(signal, rng.uniform(0, settings.blur), mode="nearest")
    if settings.bias_field:
        signal = signal * np.exp(_smooth_field(signal.shape, settings.bias_field, rng))
    if settings.noise:
        level = np.float32(rng.uniform(0, settings.noise))
        signal = signal + level * rng.standard_normal(signal.shape, np.float32)
    return (signal + VOID).astype(np.float32)


def _smooth_field(shape: tuple[int, ...], largest: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Interpolate random values at a few knots along each axis, between ``-largest`` and ``largest``."""
    field = rng.uniform(-largest, largest, (SHADING_KNOTS,) * 3)
    at = np.arange(SHADING_KNOTS)
    for axis, count in enumerate(shape):
        weights = np.array([np.interp(np.linspace(0, at[-1], count), at, row) for row in np.eye(SHADING_KNOTS)])
        field = np.moveaxis(np.tensordot(field, weights, (axis, 0)), -1, axis)
    return field.astype(np.float32)


def _thick_slices(
    signal: NDArray[np.float32], factor: float, axis: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Average slabs of `factor` voxels along an axis, the first at a random place, and interpolate back."""
    thick = ndimage.gaussian_filter1d(signal, factor / 2.355, axis, mode="nearest")  # full width at half maximum
    length = signal.shape[axis]
    centres = np.arange(rng.uniform(-factor, 0), length + factor, factor)
    place = (np.arange(length) - centres[0]) / factor
    low = np.floor(place).astype(int)
    share = (place - low).astype(np.float32)
    at = np.clip(np.rint(centres).astype(int), 0, length - 1)
    shape = [-1 if k == axis else 1 for k in range(3)]
    lower, upper = (np.take(thick, at[np.minimum(low + k, len(at) - 1)], axis) for k in (0, 1))
    share = share.reshape(shape)
    return lower * (1 - share) + upper * share
