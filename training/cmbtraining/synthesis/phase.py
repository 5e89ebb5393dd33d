"""The phase image that a scanner stores beside the magnitude: coil offset, wraps, a vendor's sign and scale."""

from __future__ import annotations

from collections.abc import Sequence as Sequence_
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .acquisition import low_passed
from .contrast import Sequence
from .grid import Grid
from .lesions import Change, Lesion, array_slices
from .susceptibility import sphere_field

FAINTEST_RAD = 0.005  # phase to which a body's field is followed beyond the box in which its signal is computed
FILTERED_SHARE = 0.5  # of SWI protocols whose phase comes high-passed, as the mask is made from it
OFFSET_RAD = (3.0, 1.5, 0.7)  # spread of the receivers' offset across the image: linear, quadratic and cubic terms
THROUGH_SAMPLES_MM = 1.0  # a slice is averaged over points this far apart


@dataclass(frozen=True)
class Vendor:
    """How a manufacturer stores phase.

    Attributes
    ----------
    manufacturer : str
        As DICOM's Manufacturer has it.
    lowest, highest : int
        Stored values of -π and of the last step below π.
    step : int
        Between stored values.
    sign : int
        1 where a paramagnetic body raises the phase above and below it, -1 where it lowers it, 0 where both occur.
    """

    manufacturer: str
    lowest: int
    highest: int
    step: int = 1
    sign: int = 0


VENDORS = (
    Vendor("SIEMENS", -4096, 4094, 2, 1),
    Vendor("GE MEDICAL SYSTEMS", -3142, 3141, 1, -1),
    Vendor("Philips", -3142, 3141),
    Vendor("UIH", 0, 4095),
    Vendor("CANON_MEC", -4096, 4095),
)
"""Docs/phase.md, "Scale and sign"."""


@dataclass(frozen=True)
class Receiver:
    """What a scanner makes of the phase: its vendor, sign (1 or -1), whether it is high-passed, and the coils' offset.

    Attributes
    ----------
    vendor : Vendor
    sign : int
    filtered : bool
    offset_rad : float32 array (z, y, x)
    rng : numpy.random.Generator
        For the noise of other echoes and of the air around.
    """

    vendor: Vendor
    sign: int
    filtered: bool
    offset_rad: NDArray[np.float32]
    rng: np.random.Generator

    def stored(self, signal: NDArray[np.complex64]) -> NDArray[np.int16]:
        """Give the stored phase of a received signal, arrays (z, y, x)."""
        turned = signal * np.exp(1j * self.offset_rad).astype(np.complex64)
        if self.filtered:
            turned = turned * np.conj(low_passed(turned))
        turns = (self.sign * np.angle(turned) / (2 * np.pi)).astype(np.float32)
        return self._scaled(turns)

    def air(self, shape: tuple[int, int, int]) -> NDArray[np.int16]:
        """Give the stored phase where there is no signal: any, array (z, y, x)."""
        return self._scaled(self.rng.random(shape, np.float32) - np.float32(0.5))

    def _scaled(self, turns: NDArray[np.float32]) -> NDArray[np.int16]:
        vendor = self.vendor
        span = vendor.highest - vendor.lowest + vendor.step
        steps = np.floor((turns + 0.5) * (span / vendor.step)).astype(np.int32)
        return np.clip(vendor.lowest + vendor.step * steps, vendor.lowest, vendor.highest).astype(np.int16)

    def described(self) -> dict[str, Any]:
        """Say what was drawn, JSON-ready."""
        return {
            "manufacturer": self.vendor.manufacturer,
            "paramagnetic": self.sign,
            "high_passed": self.filtered,
            "range": [self.vendor.lowest, self.vendor.highest],
        }


def draw_receiver(shape: tuple[int, int, int], swi: bool, rng: np.random.Generator) -> Receiver:
    """Draw a scanner's phase for an image of a shape (z, y, x)."""
    vendor = VENDORS[int(rng.integers(len(VENDORS)))]
    sign = vendor.sign or int(rng.choice((-1, 1)))
    filtered = bool(rng.random() < FILTERED_SHARE) and swi
    z, y, x = np.meshgrid(*[np.linspace(-1, 1, n, dtype=np.float32) for n in shape], indexing="ij", sparse=True)
    offset = np.full(shape, rng.uniform(-np.pi, np.pi), np.float32)
    for power, spread in enumerate(OFFSET_RAD, 1):
        for i in range(power + 1):
            for j in range(power + 1 - i):
                offset += np.float32(rng.normal(0, spread)) * (z**i * y**j * x ** (power - i - j))
    return Receiver(vendor, sign, filtered, offset, rng)


def beyond(
    changes: Sequence_[Change], part: Grid, sequence: Sequence, b0_mm: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Give the phase that bodies cause outside the boxes in which their signal was computed.

    Inside its box a body's change is in the signal already; a magnitude does not show what is outside, a phase does.

    Parameters
    ----------
    changes : sequence of Change
    part : Grid
        Of the acquired array that their `where` is of.
    sequence : Sequence
    b0_mm : array (3,)
        Main field's direction in LPS.

    Returns
    -------
    float32 array (z, y, x)
        Radians.
    """
    phase = np.zeros(part.shape, np.float32)
    for change in changes:
        reach = np.ceil(_reach_mm(change, sequence) / part.spacing).astype(int)
        middle = np.rint(part.to_index(change.body.centre_mm)).astype(int)
        low, high = np.maximum(middle - reach, 0), np.minimum(middle + reach + 1, np.array(part.size))
        if np.any(high <= low):
            continue
        box = part.part(low, high)
        field = _slice_mean_field(change.body, box, b0_mm) * np.float32(change.share * sequence.radians_per_ppm)
        inside = tuple(
            slice(max(0, own.start - int(start)), max(0, own.stop - int(start)))
            for own, start in zip(change.where, low[::-1], strict=True)
        )
        field[inside] = 0
        phase[array_slices(low, high)] += field
    return phase


def _reach_mm(change: Change, sequence: Sequence) -> float:
    moment = sum(radius**3 for _, radius in change.body.spheres)
    on_axis = change.share * sequence.radians_per_ppm * abs(change.body.ppm) * 2 / 3 * moment
    return float((on_axis / FAINTEST_RAD) ** (1 / 3))


def _slice_mean_field(body: Lesion, box: Grid, b0_mm: NDArray[np.float64]) -> NDArray[np.float32]:
    """Field (ppm) of a body, averaged through each slice."""
    samples = max(1, round(float(box.spacing[2]) / THROUGH_SAMPLES_MM))
    finer = box.subdivided(np.array([1, 1, samples]))
    nx, ny, nz = finer.size
    index = np.stack(np.meshgrid(np.arange(nx), np.arange(ny), np.arange(nz), indexing="ij"), -1).transpose(2, 1, 0, 3)
    offsets = (finer.to_points(index) - body.centre_mm).astype(np.float32)
    field = np.zeros(finer.shape, np.float32)
    for offset, radius in body.spheres:
        field += sphere_field(offsets - offset.astype(np.float32), radius, body.ppm, b0_mm)
    return field.reshape(-1, samples, ny, nx).mean(axis=1)
