"""Lesion masks as others drew them: brought to {0, 1} (Docs/paper.md, section 3), and their grids compared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.reading.scan import read_label_image

GRID_TOLERANCE = 0.5  # of a voxel: two headers that differ by less mean the same grid, rounded differently


class MaskError(ValueError):
    """A mask is unreadable or on another grid; the message names the file."""


def clean_mask(values: NDArray) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Bring a mask to 0 (background) and 1 (lesion).

    NaN counts as background. Fractional masks, as resampling leaves them, are cut at half of their
    range. The majority value is background, whichever number it has; in a mask of whole numbers
    everything else is lesion, so that numbered lesions and 0/255 are read as they are meant.

    Parameters
    ----------
    values : array
        Any numeric type.

    Returns
    -------
    mask : uint8 array of the same shape
    repairs : tuple of str
        Of ``"nan", "fractional", "inverted"``, what was found.
    """
    repairs = []
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        repairs.append("nan")
        finite = values[np.isfinite(values)]
        values = np.where(np.isfinite(values), values, _majority(finite) if finite.size else 0)
    if values.dtype.kind == "f" and (values != np.rint(values)).any():
        repairs.append("fractional")
        values = values > (float(values.min()) + float(values.max())) / 2
    background = _majority(values) if values.size else 0
    if background != values.min():
        repairs.append("inverted")
    return (values != background).astype(np.uint8), tuple(repairs)


def read_labels(path: Path) -> sitk.Image:
    """Read a mask or label file as scans are read, without judging it; `MaskError` if it cannot be read."""
    try:
        return read_label_image(path)
    except InputError as error:
        raise MaskError(f"{path} cannot be read as an image ({error.message})") from error


def read_mask(path: Path) -> tuple[sitk.Image, tuple[str, ...]]:
    """Read a mask file and clean it; see `clean_mask`."""
    image = read_labels(path)
    values, repairs = clean_mask(sitk.GetArrayViewFromImage(image))
    mask = sitk.GetImageFromArray(values)
    mask.CopyInformation(image)
    return mask, repairs


def grid_difference(image: sitk.Image, other: sitk.Image) -> str:
    """Say how the grids of two images differ; empty where they are the same but for rounding.

    Corners are compared in mm: a difference below half a voxel is rounding in a header.
    """
    if image.GetSize() != other.GetSize():
        return f"{_times(image.GetSize())} voxels against {_times(other.GetSize())}"
    far = [n - 1 for n in image.GetSize()]
    corners = [[0, 0, 0], [far[0], 0, 0], [0, far[1], 0], [0, 0, far[2]]]
    shift = max(
        float(np.abs(np.subtract(image.TransformIndexToPhysicalPoint(c), other.TransformIndexToPhysicalPoint(c))).max())
        for c in corners
    )
    allowed = GRID_TOLERANCE * min(*image.GetSpacing(), *other.GetSpacing())
    return f"the same number of voxels, but {shift:.1f} mm apart" if shift > allowed else ""


def _majority(values: NDArray) -> float:
    """The value that more than half of the voxels have: the middle one, found without sorting all."""
    middle = values.size // 2
    return np.partition(values, middle, axis=None)[middle].item()


def _times(size: tuple[int, ...]) -> str:
    return " x ".join(str(n) for n in size)
