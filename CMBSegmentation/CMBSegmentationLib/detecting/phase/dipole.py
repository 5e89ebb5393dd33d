"""The field of a small magnetised body as voxels show it, with its centre anywhere between them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

CORE_MM = 0.6  # nearer than this nothing is received, or it is the body itself
SAMPLE_MM = 0.6  # a voxel is averaged over points about this far apart


@lru_cache(maxsize=96)
def dipole(
    spacing_mm: tuple[float, float, float],
    b0: tuple[float, float, float],
    reach: tuple[int, int, int],
    offset: tuple[float, float, float],
) -> NDArray[np.float32]:
    """Give the field of a dipole of moment 1 around its centre, averaged over each voxel.

    Parameters
    ----------
    spacing_mm : (x, y, z)
    b0 : (x, y, z)
        Unit vector of the main field along the array's axes.
    reach : (x, y, z)
        Voxels on each side of the middle one.
    offset : (x, y, z)
        Of the dipole from the middle voxel's centre, voxels.

    Returns
    -------
    float32 array (z, y, x)
        ``(3 cos² θ - 1) / r³`` in 1/mm³, θ against the main field; times a moment in rad mm³ it is a phase.

    References
    ----------
    Haacke et al., Magnetic Resonance Imaging: Physical Principles and Sequence Design, 2014, ch. 25: outside a
    sphere of radius a and susceptibility χ the moment is γ B0 TE χ a³ / 3.
    """
    axes = []
    counts = [max(1, round(size / SAMPLE_MM)) for size in spacing_mm]
    for size, n, count, shift in zip(spacing_mm, reach, counts, offset, strict=True):
        within = (np.arange(count) + 0.5) / count - 0.5
        axes.append(((np.arange(-n, n + 1)[:, None] + within - shift) * size).ravel().astype(np.float32))
    x, y, z = axes[0][None, None, :], axes[1][None, :, None], axes[2][:, None, None]
    squared = x * x + y * y + z * z
    along = np.float32(b0[0]) * x + np.float32(b0[1]) * y + np.float32(b0[2]) * z
    outside = squared > CORE_MM**2
    safe = np.where(outside, squared, np.float32(1))
    field = np.where(outside, (3 * along * along / safe - 1) / (safe * np.sqrt(safe)), np.float32(0))
    nx, ny, nz = (2 * n + 1 for n in reach)
    cx, cy, cz = counts
    averaged = field.reshape(nz, cz, ny, cy, nx, cx).mean(axis=(1, 3, 5), dtype=np.float32)
    averaged.setflags(write=False)
    return averaged
