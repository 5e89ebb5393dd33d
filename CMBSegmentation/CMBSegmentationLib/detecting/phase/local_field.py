"""The local phase of a whole brain, to look at: what varies over less than a centimetre or so."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from .source_field import Radians

PER_RADIAN = 1000  # stored values are thousandths of a radian
SHOWN_RAD = 0.6  # is shown white, and as much below 0 black: two millimetres from a microbleed, or a vein
STEP = 20  # of stored values, which keeps the file small: a third of a percent of a turn
SMOOTH_MM = 5.0  # what is taken off is the complex image smoothed by so much: filters of SWI take about as much
COARSE_MM = 2.0  # on which it is smoothed
FAINT = 0.3  # of the brain's signal: below it a phase is noise, and fades
THREADS = 2


def local_field(scan: sitk.Image, brain: sitk.Image, radians: Radians, level: float, sign: int) -> sitk.Image:
    """Give the local phase, slice by slice: nothing is unwrapped, and slices may alternate as they like.

    Parameters
    ----------
    scan, brain : SimpleITK.Image
        Magnitude, and above 0 in the brain, on one grid.
    radians : callable
        Gives the phase in a part of the array (slices along z, y, x).
    level : float
        Signal of the brain.
    sign : int
        1 or -1: what makes a paramagnetic body positive above and below it.

    Returns
    -------
    SimpleITK.Image
        Int16, thousandths of a radian, 0 outside the brain; fades where there is next to no signal.
    """
    magnitude, inside = sitk.GetArrayViewFromImage(scan), sitk.GetArrayViewFromImage(brain)
    spacing = np.array(scan.GetSpacing())[::-1]
    through = int(np.argmax(spacing))
    across = [axis for axis in range(3) if axis != through]
    field = np.zeros(magnitude.shape, np.int16)
    box = _box_of(inside)
    smoothed = _smoothing([box[axis].stop - box[axis].start for axis in across], spacing[across])

    def fill(number: int) -> None:
        z, y, x = (slice(number, number + 1) if axis == through else box[axis] for axis in range(3))
        where = (z, y, x)
        weight = np.clip(magnitude[where].astype(np.float32) / np.float32(level), 0, 1).squeeze(through)
        angle = radians(where).squeeze(through)
        plane = np.empty(angle.shape, np.complex64)
        plane.real, plane.imag = weight * np.cos(angle), weight * np.sin(angle)  # complex exp takes ten times as long
        local = np.angle(plane * np.conj(smoothed(plane))) * (inside[where].squeeze(through) > 0)
        local *= np.minimum(1, weight / np.float32(FAINT))
        steps = np.rint(sign * local * (PER_RADIAN / STEP)).astype(np.int16) * np.int16(STEP)
        field[where] = np.expand_dims(steps, through)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(fill, range(box[through].start, box[through].stop)))
    image = sitk.GetImageFromArray(field)
    image.CopyInformation(scan)
    return image


def _box_of(inside: NDArray[np.integer]) -> tuple[slice, slice, slice]:
    """Give the part of the array that holds the brain; all of it where there is none."""
    parts = []
    for axis in range(3):
        own = np.flatnonzero((inside > 0).any(axis=tuple(k for k in range(3) if k != axis)))
        parts.append(slice(int(own[0]), int(own[-1]) + 1) if len(own) else slice(0, inside.shape[axis]))
    return parts[0], parts[1], parts[2]


def _smoothing(
    shape: list[int], spacing_mm: NDArray[np.float64]
) -> Callable[[NDArray[np.complex64]], NDArray[np.complex64]]:
    """Give the function that smooths a slice: averaged into coarse pixels, smoothed, and interpolated again."""
    from scipy import ndimage

    down, up, widths = [], [], []
    for count, size in zip(shape, spacing_mm, strict=True):
        factor = max(1, round(COARSE_MM / size))
        pixels = -(-count // factor)
        own = np.minimum(np.arange(count) // factor, pixels - 1)
        averaging = np.zeros((pixels, count), np.float32)
        averaging[own, np.arange(count)] = 1
        averaging /= averaging.sum(axis=1, keepdims=True)
        centres = averaging @ np.arange(count, dtype=np.float32)
        down.append(averaging)
        up.append(np.stack([np.interp(np.arange(count), centres, row) for row in np.eye(pixels)], 1).astype(np.float32))
        widths.append(SMOOTH_MM / (size * factor))

    def smoothed(plane: NDArray[np.complex64]) -> NDArray[np.complex64]:
        coarse = down[0] @ plane @ down[1].T
        parts = [ndimage.gaussian_filter(part, widths, mode="nearest") for part in (coarse.real, coarse.imag)]
        result: NDArray[np.complex64] = up[0] @ (parts[0] + 1j * parts[1]).astype(np.complex64) @ up[1].T
        return result

    return smoothed
