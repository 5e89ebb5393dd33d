"""Ways to take the background off a whole phase image, against which the one in use is measured (Docs/phase.md)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import fft, ndimage

from CMBSegmentationLib.detecting.phase.box import wrapped
from CMBSegmentationLib.detecting.phase.radians import scale_of
from CMBSegmentationLib.reading.phase.image import PhaseImage

Floats = NDArray[np.floating[Any]]
HIGH_PASS_MM = 4.0
RADII_MM = (12.0, 10.0, 8.0, 6.0, 4.0, 2.0)
LEAST_GAIN = 0.05
MARGIN_MM = 15.0


def high_passed(phase: Floats, mask: NDArray[np.bool_], spacing: Floats) -> Floats:
    """Divide the complex phase by itself smoothed, as scanners do for SWI (homodyne filter).

    Parameters
    ----------
    phase : array
        Radians, wrapped, (z, y, x).
    mask : array of bool
        The brain.
    spacing : array
        mm, in the array's order.

    Returns
    -------
    array
        Radians, wrapped; 0 outside the brain.
    """
    turns = np.exp(1j * phase).astype(np.complex64) * mask
    sigma = HIGH_PASS_MM / spacing
    smooth = ndimage.gaussian_filter(turns.real, sigma) + 1j * ndimage.gaussian_filter(turns.imag, sigma)
    return np.angle(turns * np.conj(smooth)) * mask


def v_sharp(phase: Floats, mask: NDArray[np.bool_], spacing: Floats) -> Floats:
    """Unwrap by the Laplacian and take off what is harmonic in the largest sphere about a voxel that fits the brain.

    Schofield and Zhu, *Optics Letters* 2003 (unwrapping); Wu et al., *Magnetic Resonance in Medicine* 2012, doi
    10.1002/mrm.23000 (V-SHARP). Parameters as `high_passed`.

    Returns
    -------
    array
        Radians, unwrapped; 0 outside the brain and where no sphere fits.
    """
    axes = np.ix_(*(2 * np.pi * fft.fftfreq(n, mm) for n, mm in zip(phase.shape, spacing, strict=True)))
    k = np.sqrt(sum(one**2 for one in axes)).astype(np.float32)
    spectrum = fft.fftn(_unwrapped(phase, k))
    within = ndimage.distance_transform_edt(mask, sampling=spacing).astype(np.float32)
    done, left = np.zeros(phase.shape, bool), np.zeros(phase.shape, np.float32)
    for radius in RADII_MM:
        new = (within > radius) & ~done
        if new.any():
            left[new] = fft.ifftn((1 - _sphere(k, radius)) * spectrum).real[new]
        done |= new
    gain = 1 - _sphere(k, RADII_MM[0])
    gain[np.abs(gain) < LEAST_GAIN] = np.inf
    return fft.ifftn(fft.fftn(left) / gain).real * done


def _unwrapped(phase: Floats, k: Floats) -> Floats:
    k2 = k**2
    sine, cosine = np.sin(phase), np.cos(phase)
    laplacian = cosine * fft.ifftn(k2 * fft.fftn(sine)).real - sine * fft.ifftn(k2 * fft.fftn(cosine)).real
    k2[k == 0] = np.inf
    return fft.ifftn(fft.fftn(laplacian) / k2).real


def _sphere(k: Floats, radius: float) -> Floats:
    """Transform of a sphere that sums to 1."""
    kr = np.maximum(k * radius, 0.01)  # below it, single precision is not enough
    return np.where(k * radius < 0.01, 1, 3 * (np.sin(kr) - kr * np.cos(kr)) / kr**3).astype(np.float32)


BACKGROUNDS: dict[str, Callable[[Floats, NDArray[np.bool_], Floats], Floats]] = {
    "none": lambda phase, mask, spacing: phase,  # as in use, to compare with
    "high-pass": high_passed,
    "v-sharp": v_sharp,
}


def without_background(phase: PhaseImage, brain: sitk.Image, how: str) -> PhaseImage:
    """Take the background off a phase image.

    Parameters
    ----------
    phase : PhaseImage
    brain : SimpleITK.Image
        On its grid, above 0 in the brain.
    how : str
        One of `BACKGROUNDS`.

    Returns
    -------
    PhaseImage
        In radians.
    """
    values = sitk.GetArrayViewFromImage(phase.image)
    scale = scale_of(values, phase.name)
    mask = ndimage.binary_fill_holes(sitk.GetArrayViewFromImage(brain) > 0)
    spacing = np.array(phase.image.GetSpacing()[::-1])
    margin = np.ceil(MARGIN_MM / spacing).astype(int)
    where = tuple(
        slice(max(0, one.start - m), one.stop + m)
        for one, m in zip(ndimage.find_objects(mask.astype(np.uint8))[0], margin, strict=True)
    )
    radians = (values[where].astype(np.float32) - np.float32(scale.zero)) * np.float32(scale.per_value)
    result = np.zeros(values.shape, np.float32)
    result[where] = wrapped(BACKGROUNDS[how](radians, mask[where], spacing))
    result.flat[[0, -1]] = -np.pi, np.pi  # corners of the image, by which its scale is known
    image = sitk.GetImageFromArray(result)
    image.CopyInformation(phase.image)
    return replace(phase, image=image)
