"""Which sign of the phase is paramagnetic in a scan: that of its veins, which always are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from .box import without_background
from .dipole import dipole

HALF_MM = 8.0  # of a box
APART_MM = 8.0
MOST_BOXES = 160
FEWEST_BOXES = 6
BATCH = 16  # of boxes
THREADS = 2
DARK = 0.75  # of the box's median signal
DARK_SHARE = (0.002, 0.10)  # of a box: some vein, and no border of the brain
LENGTH_MM = 5.0  # what is dark over at least this length is a vessel, not a spot
THICKEST_MM = 3.0  # veins are thinner
DARKER = 0.12  # than what is on both sides, of the box's median signal
FEWEST_VOXELS = 5  # of a tube: fewer are noise
SOLID = 0.25  # of the cube of its length: what fills more is no tube
FROM_EDGE_MM = 6.0  # where air bends the field
SURE = 3.0  # mean correlation over its standard error
CLEAR_EARLY = 5.0  # from here on no more boxes are looked at

Where = tuple[slice, slice, slice]


@dataclass(frozen=True)
class Convention:
    """Sign of a scan's phase.

    Attributes
    ----------
    sign : int
        1 or -1: what a paramagnetic body's dipole is multiplied by in the image; 0: not known.
    by : str
        ``veins``, ``manufacturer`` or empty.
    said : str
        For the user.
    """

    sign: int
    by: str
    said: str


MANUFACTURERS = {"SIEMENS": 1, "GE": -1}
"""Docs/phase.md, "Scale and sign": of others both signs are known."""


def convention_of(
    radians: Callable[[Where], NDArray[np.float32]],
    magnitude: NDArray[Any],
    brain: NDArray[Any],
    spacing_mm: tuple[float, float, float],
    b0: tuple[float, float, float],
    spots: NDArray[np.float64],
    manufacturer: str = "",
) -> Convention:
    """Settle the sign of a scan's phase.

    Dark tubes in the brain are veins. The field that they would have, were they paramagnetic, is compared with the
    local phase in boxes all over the brain.

    Parameters
    ----------
    radians : callable
        Gives the phase in a part of the image (slices along z, y, x).
    magnitude, brain : arrays (z, y, x)
        Signal; above 0 in the brain.
    spacing_mm, b0 : (x, y, z)
        Voxel size, and the main field's unit vector along the array's axes.
    spots : array (n, 3)
        Indices x, y, z of the candidates, which have no say.
    manufacturer : str
        As DICOM has it, for where the veins do not tell.

    Returns
    -------
    Convention
    """
    found: list[float] = []
    boxes = _boxes(magnitude, brain, spacing_mm, spots)
    with ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(boxes), BATCH):  # until it is clear
            some = boxes[start : start + BATCH]
            values = pool.map(lambda box: _correlation(radians, magnitude, box[0], box[1], spacing_mm, b0), some)
            found += [value for value in values if value is not None]
            if len(found) >= BATCH and abs(_clarity(found)) > CLEAR_EARLY:
                break
    if len(found) >= FEWEST_BOXES and abs(clarity := _clarity(found)) > SURE:
        sign = 1 if clarity > 0 else -1
        agree = sum(np.sign(value) == sign for value in found)
        return Convention(sign, "veins", f"its sign is that of the veins ({agree} of {len(found)} places agree)")
    for name, sign in MANUFACTURERS.items():
        if manufacturer.upper().startswith(name):
            return Convention(sign, "manufacturer", f"the veins do not tell its sign; that of {name} was taken")
    return Convention(0, "", "neither veins nor manufacturer tell its sign, so blood and calcium are not told apart")


def _clarity(values: Sequence[float]) -> float:
    """Mean over its standard error."""
    return float(np.mean(values) / max(np.std(values, ddof=1) / np.sqrt(len(values)), 1e-9))


def _boxes(
    magnitude: NDArray[Any],
    brain: NDArray[Any],
    spacing_mm: tuple[float, float, float],
    spots: NDArray[np.float64],
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Choose boxes (low, high as z, y, x) inside the brain in which something is dark, those with most of it first."""
    spacing = np.array(spacing_mm[::-1])
    stride = np.maximum(1, np.floor(3.0 / spacing)).astype(int)
    coarse = np.pad(brain[tuple(slice(None, None, n) for n in stride)] > 0, 1)
    depth = ndimage.distance_transform_edt(ndimage.binary_closing(coarse), sampling=spacing * stride)[1:-1, 1:-1, 1:-1]
    centres = np.argwhere(depth > FROM_EDGE_MM) * stride
    size = np.array(magnitude.shape)
    half = np.minimum(np.ceil(HALF_MM / spacing).astype(int), (size - 1) // 2)
    centres = np.clip(centres, half, size - half - 1)  # boxes are all of one size: their kernels are made once
    cell = np.floor(centres * spacing / APART_MM).astype(int)
    _, first = np.unique(cell, axis=0, return_index=True)
    offers = []
    for centre in centres[first]:
        low = centre - half
        high = low + 2 * half + 1
        if np.any(half < 1) or _has_spot(low, high, spots):
            continue
        values = magnitude[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
        values = values[:, ::2, ::2]  # a share needs no more
        share = float(np.mean(values < DARK * np.median(values)))
        if DARK_SHARE[0] <= share <= DARK_SHARE[1]:
            offers.append((share, low, high))
    offers.sort(key=lambda offer: -offer[0])
    return [(low, high) for _, low, high in offers[:MOST_BOXES]]


def _has_spot(low: NDArray[np.intp], high: NDArray[np.intp], spots: NDArray[np.float64]) -> bool:
    if len(spots) == 0:
        return False
    at = spots[:, ::-1]
    return bool(np.any(np.all((at >= low) & (at < high), axis=1)))


def _correlation(
    radians: Callable[[Where], NDArray[np.float32]],
    magnitude: NDArray[Any],
    low: NDArray[np.intp],
    high: NDArray[np.intp],
    spacing_mm: tuple[float, float, float],
    b0: tuple[float, float, float],
) -> float | None:
    z, y, x = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return vein_correlation(radians((z, y, x)), magnitude[z, y, x], spacing_mm, b0)


def vein_correlation(
    radians: NDArray[np.float32],
    magnitude: NDArray[Any],
    spacing_mm: tuple[float, float, float],
    b0: tuple[float, float, float],
) -> float | None:
    """Correlate the field of what is dark, long and thin in a box with its local phase.

    Parameters
    ----------
    radians, magnitude : arrays (z, y, x)
    spacing_mm, b0 : (x, y, z)
        As for `convention_of`.

    Returns
    -------
    float or None
        Above 0 where veins are paramagnetic in the image's own sign; None where there are none.
    """
    values = magnitude.astype(np.float32)
    level = float(np.median(values))
    if level <= 0:
        return None
    darker = (_closed(values, spacing_mm) - values) / level
    tubes = _tubes(darker > DARKER, spacing_mm)
    if not tubes.any():
        return None
    source = darker * tubes
    weight = np.clip(values / level, 0, 1) ** 2
    box = without_background(radians, weight.astype(np.float32))
    field = _field_of(source, spacing_mm, b0)
    root = np.sqrt(weight).ravel()
    one, other = (
        column - box.background @ (box.background.T @ column)
        for column in (root * field.ravel(), root * np.clip(box.phase, -1, 1).ravel())
    )
    norms = float(one @ one) * float(other @ other)
    return float(one @ other) / np.sqrt(norms) if norms > 0 else None


def _field_of(
    source: NDArray[np.float32], spacing_mm: tuple[float, float, float], b0: tuple[float, float, float]
) -> NDArray[np.float32]:
    """Give the field that a box of sources makes in itself, to a factor."""
    padded = tuple(fft.next_fast_len(2 * n - 1, real=True) for n in source.shape)
    spectrum = fft.rfftn(source, padded) * _kernel_spectrum(source.shape, padded, spacing_mm, b0)
    return fft.irfftn(spectrum, padded)[tuple(slice(n - 1, 2 * n - 1) for n in source.shape)]


@lru_cache(maxsize=32)
def _kernel_spectrum(
    shape: tuple[int, int, int],
    padded: tuple[int, int, int],
    spacing_mm: tuple[float, float, float],
    b0: tuple[float, float, float],
) -> NDArray[np.complex64]:
    nz, ny, nx = shape
    kernel = dipole(spacing_mm, b0, (nx - 1, ny - 1, nz - 1), (0.0, 0.0, 0.0))
    return fft.rfftn(kernel, padded)


def _closed(values: NDArray[np.float32], spacing_mm: tuple[float, float, float]) -> NDArray[np.float32]:
    """Fill in, slice by slice, what is dark and thinner than `THICKEST_MM`."""
    width = [2 * max(1, round(THICKEST_MM / 2 / size)) + 1 for size in spacing_mm[1::-1]]
    return ndimage.grey_closing(values, size=(1, *width))


def _tubes(dark: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> NDArray[np.bool_]:
    """Keep the dark components that are long and thin."""
    components, count = ndimage.label(dark, np.ones((3, 3, 3)))
    keep = np.zeros(count + 1, bool)
    sizes = np.bincount(components.ravel(), minlength=count + 1)
    volumes = sizes * float(np.prod(spacing_mm))
    parts = ndimage.find_objects(components)
    for number in np.flatnonzero(sizes[1:] >= FEWEST_VOXELS) + 1:
        part = parts[number - 1]
        length = max((p.stop - p.start) * s for p, s in zip(part, spacing_mm[::-1], strict=True))
        keep[number] = length >= LENGTH_MM and volumes[number] < SOLID * length**3
    return keep[components]
