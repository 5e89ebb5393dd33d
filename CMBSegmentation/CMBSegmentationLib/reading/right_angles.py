"""Axes at right angles: rounding is taken off, real shear is resampled away, anything else is refused."""

from __future__ import annotations

from itertools import product

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..errors import InputError

WRONG_SIZE = "Voxel sizes must be above zero: correct the header or export the scan again."
FURTHEST_MM = 1e5  # from the scanner's centre; float32 positions are exact to a hundredth of a millimetre up to here
SILENT_VOXELS = 0.01  # rounding of headers
CORRECTED_VOXELS = 0.1  # no voxel is shown further off than this from where the header has it
LENGTH_OF_AXIS = 0.01  # a direction may be longer or shorter than 1 by this
LARGEST_SHEAR_DEGREES = 30.0


def with_right_angles(image: sitk.Image, name: str) -> tuple[sitk.Image, tuple[str, ...]]:
    """Give a 3D image whose axes are orthonormal, as everything after it takes for granted.

    Parameters
    ----------
    image : SimpleITK.Image
        3D, scalar.
    name : str
        For messages.

    Returns
    -------
    image : SimpleITK.Image
        The same voxels on the nearest orthogonal grid if none moves by more than `CORRECTED_VOXELS`, else
        resampled (linear) onto one that covers the scan.
    notes : tuple of str
        Worded for the user; empty for what only rounding explains.

    Raises
    ------
    InputError
        A value is not finite, an axis is not of length 1, the axes are far from right angles, or the image lies
        metres away from the scanner.

    Notes
    -----
    The nearest orthogonal matrix is the polar decomposition's (Higham, SIAM J Sci Stat Comput 7:1160, 1986), turned
    about the image's middle.
    """
    direction = check_place(image, name)
    lengths = np.linalg.norm(direction, axis=0)
    if np.abs(lengths - 1).max() > LENGTH_OF_AXIS:
        raise InputError(
            f"{name} contradicts itself: the directions of its axes have lengths of "
            f"{', '.join(f'{length:.3g}' for length in lengths)} instead of 1.",
            "Correct the header or export the scan again.",
        )
    left, stretch, right = np.linalg.svd(direction / lengths)
    straight = left @ right
    angle = float(np.degrees(np.arccos(np.clip(_largest_cosine(direction / lengths), 0, 1))))
    if stretch.min() < 0.1 or 90 - angle > LARGEST_SHEAR_DEGREES:
        raise InputError(
            f"The axes of {name} are not at right angles ({90 - angle:.0f} degrees off).",
            "Correct the header or export the scan again.",
        )
    moved = _furthest_voxels(image, direction, straight)
    if moved <= CORRECTED_VOXELS:
        note = (
            f"The axes of {name} were not exactly at right angles. This was corrected; no voxel moved by more than "
            f"{moved:.2g} voxels."
        )
        return _turned(image, straight), (note,) if moved > SILENT_VOXELS else ()
    return _resampled(image, straight), (
        f"The axes of {name} are not at right angles ({90 - angle:.2g} degrees off): it was resampled onto a regular "
        "grid. The results lie on that grid.",
    )


def check_place(image: sitk.Image, name: str) -> NDArray[np.float64]:
    """Refuse (`InputError`) an image that lies nowhere; gives the directions of its axes (3, 3)."""
    direction = np.array(image.GetDirection()).reshape(3, 3)
    origin = np.array(image.GetOrigin())
    if not (np.isfinite(direction).all() and np.isfinite(origin).all()):
        raise InputError(f"{name} does not say where it lies: a value is not a number.", "Export the scan again.")
    if np.abs(origin).max() > FURTHEST_MM:
        raise InputError(
            f"{name} lies {np.abs(origin).max() / 1000:.3g} m away from the scanner's centre.",
            "Correct the origin in its header, or export the scan again.",
        )
    return direction


def _largest_cosine(direction: NDArray[np.float64]) -> float:
    return float(np.abs(np.triu(direction.T @ direction, 1)).max())


def _furthest_voxels(image: sitk.Image, direction: NDArray[np.float64], straight: NDArray[np.float64]) -> float:
    """How far a corner moves about the middle, in widths of the smallest voxel."""
    spacing = np.array(image.GetSpacing())
    half_mm = (np.array(image.GetSize()) - 1) / 2 * spacing
    corners = np.array(list(product(*[(-h, h) for h in half_mm])))
    return float(np.linalg.norm(corners @ (direction - straight).T, axis=1).max() / spacing.min())


def _middle(image: sitk.Image) -> NDArray[np.float64]:
    half = [(n - 1) / 2 for n in image.GetSize()]
    return np.array(image.TransformContinuousIndexToPhysicalPoint(half))


def _turned(image: sitk.Image, straight: NDArray[np.float64]) -> sitk.Image:
    if np.array_equal(straight.ravel(), image.GetDirection()):
        return image
    half_mm = (np.array(image.GetSize()) - 1) / 2 * image.GetSpacing()
    middle, turned = _middle(image), sitk.Image(image)
    turned.SetDirection(straight.ravel().tolist())
    turned.SetOrigin((middle - straight @ half_mm).tolist())
    return turned


def _resampled(image: sitk.Image, straight: NDArray[np.float64]) -> sitk.Image:
    spacing = np.array(image.GetSpacing())
    corners = [image.TransformIndexToPhysicalPoint(c) for c in product(*[(0, n - 1) for n in image.GetSize()])]
    along = np.array(corners) @ straight
    low, high = along.min(axis=0), along.max(axis=0)
    size = np.ceil((high - low) / spacing - 1e-6).astype(int) + 1
    grid = sitk.ResampleImageFilter()
    grid.SetSize(size.tolist())
    grid.SetOutputSpacing(spacing.tolist())
    grid.SetOutputDirection(straight.ravel().tolist())
    grid.SetOutputOrigin((straight @ low).tolist())
    grid.SetInterpolator(sitk.sitkLinear)
    grid.SetDefaultPixelValue(float(sitk.GetArrayViewFromImage(image).min()))
    return grid.Execute(image)
