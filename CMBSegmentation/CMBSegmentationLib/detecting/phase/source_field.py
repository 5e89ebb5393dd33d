"""Whether the local phase in a box is the field of something in it: how the sign of a scan's phase is found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from .box import without_background
from .dipole import dipole

MOST_RAD = 1.0  # larger phases count as this one: they are next to something that is no part of the question

Where = tuple[slice, slice, slice]
Radians = Callable[[Where], NDArray[np.float32]]


class Geometry(NamedTuple):
    """Voxel size (x, y, z, mm), and the main field's unit vector along the array's axes (x, y, z)."""

    spacing_mm: tuple[float, float, float]
    b0: tuple[float, float, float]


class BoxOffer(NamedTuple):
    """A box that may be asked: how much it has to say, its lowest corner and the one beyond its highest (z, y, x)."""

    share: float
    low: NDArray[np.intp]
    high: NDArray[np.intp]

    @property
    def where(self) -> Where:
        """Its part of the image."""
        z, y, x = (slice(int(a), int(b)) for a, b in zip(self.low, self.high, strict=True))
        return z, y, x


def half_of(shape: Sequence[int], spacing_mm: tuple[float, float, float], half_mm: float) -> NDArray[np.intp]:
    """Give the voxels (z, y, x) on each side of a box's middle one: boxes of one kind are all of one size."""
    size = np.array(shape)
    half: NDArray[np.intp] = np.minimum(np.rint(half_mm / np.array(spacing_mm[::-1])).astype(int), (size - 1) // 2)
    return half


def centres_of(shape: Sequence[int], half: NDArray[np.intp]) -> NDArray[np.intp]:
    """Give the middle voxels (array (n, 3)) of boxes that overlap by half, in all the image."""
    axes = [np.arange(h, size - h, h + 1) for size, h in zip(shape, half, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def beside_one_another(offers: Sequence[BoxOffer], most: int) -> list[BoxOffer]:
    """Take the boxes with most to say, none of which overlap: what each says, none of the others has said."""
    taken: list[BoxOffer] = []
    for offer in sorted(offers, key=lambda one: -one.share):
        if len(taken) == most:
            break
        if all(np.any((offer.low >= one.high) | (one.low >= offer.high)) for one in taken):
            taken.append(offer)
    return taken


def has_spot(offer: BoxOffer, spots: NDArray[np.float64]) -> bool:
    """Whether a candidate (indices x, y, z, array (n, 3)) lies in a box."""
    at = spots.reshape(-1, 3)[:, ::-1]
    return bool(np.any(np.all((at >= offer.low) & (at < offer.high), axis=1)))


def field_correlation(
    radians: NDArray[np.float32], source: NDArray[np.float32], weight: NDArray[np.float32], geometry: Geometry
) -> float | None:
    """Correlate the field that a source makes in its box with the local phase there.

    Parameters
    ----------
    radians, source, weight : arrays (z, y, x)
        Phase; susceptibility to a positive factor; 0 to 1, how far a voxel's phase can be trusted.
    geometry : Geometry

    Returns
    -------
    float or None
        -1 to 1, above 0 where the source is paramagnetic in the image's own sign; None where there is no field.
    """
    box = without_background(radians, weight)
    field = _field_of(source, geometry)
    root = np.sqrt(weight).ravel()
    one, other = (
        column - box.background @ (box.background.T @ column)
        for column in (root * field.ravel(), root * np.clip(box.phase, -MOST_RAD, MOST_RAD).ravel())
    )
    norms = float(one @ one) * float(other @ other)
    return float(one @ other) / np.sqrt(norms) if norms > 0 else None


def _field_of(source: NDArray[np.float32], geometry: Geometry) -> NDArray[np.float32]:
    """Give the field that a box of sources makes in itself, to a factor."""
    padded = tuple(scipy.fft.next_fast_len(2 * n - 1, real=True) for n in source.shape)
    spectrum = scipy.fft.rfftn(source, padded) * _kernel_spectrum(source.shape, padded, geometry)
    return scipy.fft.irfftn(spectrum, padded)[tuple(slice(n - 1, 2 * n - 1) for n in source.shape)]


@lru_cache(maxsize=32)
def _kernel_spectrum(
    shape: tuple[int, int, int], padded: tuple[int, int, int], geometry: Geometry
) -> NDArray[np.complex64]:
    nz, ny, nx = shape
    kernel = dipole(geometry.spacing_mm, geometry.b0, (nx - 1, ny - 1, nz - 1), (0.0, 0.0, 0.0))
    return scipy.fft.rfftn(kernel, padded)
