"""From susceptibility to field: the dipole kernel in k-space, and the closed form for a sphere."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import fft

SHIM_STRIDE = 50  # of the brain's voxels, those that the shim is fitted to
# Docs/simulation.md: D(k) = 1/3 - (k.B)^2 / |k|^2


def dipole_field(
    ppm: NDArray[np.float32],
    spacing_mm: Sequence[float] | NDArray[np.float64],
    b0_direction: NDArray[np.floating],
    pad: int = 0,
) -> NDArray[np.float32]:
    """Field shift caused by a susceptibility map, the sphere of Lorentz taken off.

    Parameters
    ----------
    ppm : float32 array (z, y, x)
        Susceptibility, ppm.
    spacing_mm : sequence of float
        Voxel size (x, y, z).
    b0_direction : array (3,)
        Unit vector of the main field along the array's axes (x, y, z).
    pad : int
        Voxels of wrap-around room added at each far side; the map's corner value is continued.

    Returns
    -------
    float32 array (z, y, x)
        Field shift in ppm of the main field.
    """
    shape = [fft.next_fast_len(n + pad, real=True) for n in ppm.shape]
    rest = float(ppm[0, 0, 0])
    spectrum = fft.rfftn(ppm - rest, shape, workers=1)
    frequencies = (
        np.fft.rfftfreq(shape[2], spacing_mm[0])[None, None, :],
        np.fft.fftfreq(shape[1], spacing_mm[1])[None, :, None],
        np.fft.fftfreq(shape[0], spacing_mm[2])[:, None, None],
    )
    along, squared, at_nyquist = (np.zeros((1, 1, 1), np.float32) for _ in range(3))
    for k, spacing, component in zip(frequencies, spacing_mm, b0_direction, strict=True):
        # the Nyquist frequency stands for both signs: it has a square, but no product with another axis
        nyquist = np.isclose(np.abs(k), 0.5 / spacing)
        along = along + (np.where(nyquist, 0, k) * component).astype(np.float32)
        at_nyquist = at_nyquist + np.where(nyquist, (k * component) ** 2, 0).astype(np.float32)
        squared = squared + (k**2).astype(np.float32)
    squared[0, 0, 0] = 1.0
    spectrum *= np.float32(1 / 3) - (along**2 + at_nyquist) / squared
    spectrum[0, 0, 0] = 0.0
    field = fft.irfftn(spectrum, shape, workers=1)
    return field[tuple(slice(n) for n in ppm.shape)]


def shimmed(field: NDArray[np.float32], brain: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Take off what a scanner's shim coils level out: the best constant, linear and quadratic field over the brain.

    Parameters
    ----------
    field : float32 array (z, y, x)
        ppm.
    brain : bool array (z, y, x)

    Returns
    -------
    float32 array (z, y, x)

    References
    ----------
    Gruetter, Magn Reson Med 29:804, 1993: first- and second-order shims.
    """
    axes = [np.linspace(-1, 1, n, dtype=np.float32) for n in field.shape]
    z, y, x = (axis[where] for axis, where in zip(axes, np.nonzero(brain), strict=True))
    some = slice(None, None, SHIM_STRIDE)
    terms = np.stack([a * b for a, b in _pairs(z[some], y[some], x[some])], axis=1)
    weights, *_ = np.linalg.lstsq(terms, field[brain][some], rcond=None)
    left = field.copy()
    for weight, (a, b) in zip(weights, _pairs(*np.ix_(*axes)), strict=True):
        left -= np.float32(weight) * (a * b)
    return left


def _pairs(
    z: NDArray[np.float32], y: NDArray[np.float32], x: NDArray[np.float32]
) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    one = np.ones_like(x)
    return [(one, one), (z, one), (y, one), (x, one), (z, z), (y, y), (x, x), (z, y), (z, x), (y, x)]


def sphere_field(
    offsets_mm: NDArray[np.floating], radius_mm: float, ppm: float, b0_direction: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Field shift (ppm) of a uniform sphere: zero inside, the dipole's outside.

    Parameters
    ----------
    offsets_mm : array (..., 3)
        Positions relative to the sphere's centre, in the frame of `b0_direction`.
    radius_mm, ppm : float
        The sphere's radius and susceptibility.
    b0_direction : array (3,)
        Unit vector of the main field.

    Returns
    -------
    float32 array (...)

    References
    ----------
    Haacke et al., Magnetic Resonance Imaging: Physical Principles and Sequence Design, 2014, ch. 25.
    """
    squared = np.einsum("...i,...i->...", offsets_mm, offsets_mm)
    along = offsets_mm @ np.asarray(b0_direction)
    outside = squared > radius_mm**2
    safe = np.where(outside, squared, 1.0)
    field = (ppm / 3) * radius_mm**3 * safe**-1.5 * (3 * along**2 / safe - 1)
    return np.where(outside, field, 0.0).astype(np.float32)
