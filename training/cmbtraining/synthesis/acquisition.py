"""The scanner: its geometries and protocols, noise, shading, and the SWI filter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import fft

from .contrast import Sequence
from .grid import Grid


@dataclass(frozen=True)
class Protocol:
    """A kind of scan from Docs/simulation.md, "Geometry of real scans", with ranges to draw from.

    Attributes
    ----------
    matrix : tuple of int
        In-plane columns and rows; slices follow from coverage.
    pixel_mm, slice_mm : (low, high)
    sequences : tuple of Sequence
        Corner protocols; one is drawn and its times varied by a tenth.
    swi : bool
        SWI (magnitude times phase mask) rather than T2* magnitude.
    common_slice_mm : tuple of float
        Slice thicknesses that two thirds of the scans have, where some are more common than others.
    """

    matrix: tuple[int, int]
    pixel_mm: tuple[float, float]
    slice_mm: tuple[float, float]
    sequences: tuple[Sequence, ...]
    swi: bool = False
    common_slice_mm: tuple[float, ...] = ()


PROTOCOLS: dict[str, Protocol] = {
    "sabre": Protocol((512, 512), (0.449, 0.449), (3.0, 4.0), (Sequence(3.0, 0.021, 1.288, 18),)),
    "rss": Protocol((512, 512), (0.488, 0.488), (0.8, 0.8), (Sequence(1.5, 0.031, 0.045, 13),)),
    "alfa": Protocol((256, 256), (1.0, 1.0), (3.0, 4.0), (Sequence(3.0, 0.023, 1.300, 15),)),
    "clinical-t2s": Protocol(
        (320, 320), (0.7, 0.98), (3.0, 5.5), (Sequence(1.5, 0.020, 0.5, 20), Sequence(3.0, 0.025, 0.8, 20))
    ),
    "clinical-swi": Protocol(
        (256, 256), (0.86, 0.98), (1.75, 2.5), (Sequence(1.5, 0.040, 0.049, 15), Sequence(3.0, 0.020, 0.027, 15)), True
    ),
    "ukb-swi": Protocol((256, 288), (0.8, 0.8), (3.0, 3.0), (Sequence(3.0, 0.020, 0.027, 15),), True),
}
"""The first six, in the order that subjects are numbered by: those of the benchmark set and of the regions' heads."""

ALL_PROTOCOLS: dict[str, Protocol] = PROTOCOLS | {
    "thick-t2s": Protocol(
        (512, 512),
        (0.43, 0.98),
        (2.3, 7.4),
        (Sequence(1.5, 0.026, 0.6, 20), Sequence(1.5, 0.040, 0.8, 20), Sequence(3.0, 0.020, 0.6, 18)),
        common_slice_mm=(5.0, 5.0, 5.5, 6.0, 6.0),
    ),
    "thin-swi": Protocol(
        (512, 512), (0.43, 0.46), (0.9, 1.5), (Sequence(3.0, 0.020, 0.027, 15), Sequence(1.5, 0.040, 0.049, 15)), True
    ),
    "fine-swi": Protocol(
        (768, 768),
        (0.30, 0.40),
        (2.0, 6.0),
        (Sequence(3.0, 0.020, 0.028, 15), Sequence(1.5, 0.040, 0.050, 15)),
        True,
        common_slice_mm=(2.0, 2.0, 3.0, 5.0, 6.0),
    ),
}
"""With what clinics' scans showed besides: Docs/simulation.md, "Slices to expect in clinics"."""

COMMON_SHARE = 2 / 3


def draw_sequence(protocol: Protocol, rng: np.random.Generator) -> Sequence:
    """Draw acquisition parameters near one of the protocol's."""
    corner = protocol.sequences[rng.integers(len(protocol.sequences))]
    vary = rng.uniform(0.9, 1.1, 3)
    return Sequence(corner.b0_t, corner.te_s * vary[0], corner.tr_s * vary[1], corner.flip_deg * vary[2])


def draw_grid(protocol: Protocol, points_mm: NDArray[np.float64], rng: np.random.Generator) -> Grid:
    """Lay an axial, slightly tilted grid around a part of the patient.

    Parameters
    ----------
    protocol : Protocol
    points_mm : array (n, 3)
        LPS points that must be covered from top to bottom (the brain).
    rng : numpy.random.Generator

    Returns
    -------
    Grid
    """
    tilt = np.deg2rad(rng.normal(0, [7.0, 3.0, 4.0]))
    rotation = sitk.Euler3DTransform()
    rotation.SetRotation(*tilt.tolist())
    direction = np.array(rotation.GetMatrix()).reshape(3, 3)
    pixel, thickness = rng.uniform(*protocol.pixel_mm), rng.uniform(*protocol.slice_mm)
    if protocol.common_slice_mm and rng.random() < COMMON_SHARE:
        thickness = float(rng.choice(protocol.common_slice_mm))
    spacing = np.array([pixel, pixel, thickness])
    along = points_mm @ direction  # coordinates along the grid's own axes
    low_mm, high_mm = along.min(axis=0), along.max(axis=0)
    slices = int(np.ceil((high_mm[2] - low_mm[2] + 4.0) / thickness))
    size = (protocol.matrix[0], protocol.matrix[1], slices)
    origin = direction @ ((low_mm + high_mm) / 2 - spacing * (np.array(size) - 1) / 2)
    return Grid(size, spacing, origin, direction)


def shading(shape: tuple[int, int, int], rng: np.random.Generator, strength: float = 0.25) -> NDArray[np.float32]:
    """Draw a smooth receive field: the exponential of a quadratic, array (z, y, x), about 1."""
    bias: NDArray[np.float32] = np.zeros((1, 1, 1), np.float32)
    for axis, n in enumerate(shape):
        at = np.linspace(-1, 1, n, dtype=np.float32)
        curve = rng.normal(0, strength) * at + rng.normal(0, strength) * at**2
        bias = bias + curve.astype(np.float32).reshape([-1 if k == axis else 1 for k in range(3)])
    return np.exp(bias)


def add_noise(signal: NDArray[np.complex64], sigma: float, rng: np.random.Generator) -> NDArray[np.complex64]:
    """Add the receiver's complex Gaussian noise; the magnitude is then Rician."""
    noisy = signal.copy()
    noisy.real += sigma * rng.standard_normal(signal.shape, np.float32)
    noisy.imag += sigma * rng.standard_normal(signal.shape, np.float32)
    return noisy


def spoil(signal: NDArray[np.complex64], rng: np.random.Generator) -> NDArray[np.complex64]:
    """Draw what goes wrong along the phase-encoding axis: ringing, ghosts, a head that moves.

    Parameters
    ----------
    signal : complex64 array (z, y, x)
        Phase is encoded along y.
    rng : numpy.random.Generator

    Returns
    -------
    complex64 array (z, y, x)
    """
    lines = np.fft.fftfreq(signal.shape[1]).astype(np.float32)
    change = np.ones(signal.shape[1], np.complex64)
    if rng.random() < 0.3:  # outer lines are not acquired: Gibbs ringing
        change *= np.abs(lines) <= 0.5 * rng.uniform(0.7, 1.0)
    if rng.random() < 0.2:  # every second line differs: a ghost half a field of view away
        change[1::2] *= np.complex64(1 + rng.uniform(0.005, 0.03) * np.exp(1j * rng.uniform(0, 2 * np.pi)))
    if rng.random() < 0.2:  # from some line on, the head lies elsewhere
        moved = lines > rng.uniform(0.05, 0.4)
        change *= np.exp(-2j * np.pi * lines * moved * rng.uniform(-1.5, 1.5)).astype(np.complex64)
    if np.all(change == 1):
        return signal
    spectrum = fft.fft(signal, axis=1, workers=1)
    return fft.ifft(spectrum * change[:, None], axis=1, workers=1)


def swi_magnitude(signal: NDArray[np.complex64], keep: float = 0.12) -> NDArray[np.float32]:
    """Weight the magnitude by the high-passed phase.

    Parameters
    ----------
    signal : complex64 array (z, y, x)
    keep : float
        Share of in-plane k-space that counts as background phase.

    Returns
    -------
    float32 array (z, y, x)

    References
    ----------
    Haacke et al., Magn Reson Med 52:612, 2004: homodyne phase, mask to the fourth power.
    """
    phase = np.angle(signal * np.conj(low_passed(signal, keep)))
    mask = np.where(phase > 0, 1 - phase / np.pi, 1.0)  # paramagnetic: positive phase in this sign convention
    return (np.abs(signal) * mask**4).astype(np.float32)


def low_passed(signal: NDArray[np.complex64], keep: float = 0.12) -> NDArray[np.complex64]:
    """Keep the middle share of in-plane k-space of a signal (z, y, x): what a homodyne filter takes for background."""
    spectrum = fft.fft2(signal, axes=(1, 2), workers=1)
    window = np.ones((1, 1, 1), np.float32)
    for axis in (1, 2):
        frequency = np.abs(np.fft.fftfreq(signal.shape[axis]))
        hann = np.where(frequency < keep / 2, 0.5 + 0.5 * np.cos(np.pi * frequency / (keep / 2)), 0.0)
        window = window * hann.astype(np.float32).reshape([-1 if k == axis else 1 for k in range(3)])
    return fft.ifft2(spectrum * window, axes=(1, 2), workers=1)
