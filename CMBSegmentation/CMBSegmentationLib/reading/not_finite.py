"""Voxels that hold no number: outside the head they become background, inside it what lies next to them."""

from __future__ import annotations

import numpy as np
import scipy
import SimpleITK as sitk

from ..errors import InputError


def without_gaps(image: sitk.Image, name: str) -> tuple[sitk.Image, tuple[str, ...]]:
    """Replace NaN and infinite voxels.

    Programs that strip the skull or divide by a mask leave NaN all around the brain: what is connected to the
    volume's border becomes 0, or the lowest value of an image with negative ones. A gap inside takes the value of
    the nearest voxel, so that it looks neither like a microbleed nor like air.

    Parameters
    ----------
    image : SimpleITK.Image
        3D, scalar.
    name : str
        For messages.

    Returns
    -------
    image : SimpleITK.Image
    notes : tuple of str
        How many were replaced and by what, worded for the user.

    Raises
    ------
    InputError
        Every voxel is NaN or infinite.
    """
    values = sitk.GetArrayViewFromImage(image)
    if not np.issubdtype(values.dtype, np.floating):
        return image, ()
    bad = ~np.isfinite(values)
    count = int(np.count_nonzero(bad))
    if count == 0:
        return image, ()
    if count == bad.size:
        raise InputError(f"{name} has no valid voxel: every one is NaN or infinite.", "Export it again.")
    cleaned = np.array(values)
    outside = _connected_to_border(bad)
    inside = bad & ~outside
    lowest = min(0.0, float(cleaned[~bad].min()))
    cleaned[outside] = lowest
    if inside.any():
        nearest = scipy.ndimage.distance_transform_edt(
            bad, sampling=image.GetSpacing()[::-1], return_distances=False, return_indices=True
        )
        cleaned[inside] = values[tuple(axis[inside] for axis in nearest)]
    result = sitk.GetImageFromArray(cleaned)
    result.CopyInformation(image)
    parts = [
        f"{number} {where} were set to {what}"
        for number, where, what in (
            (int(outside.sum()), "around the head", f"background ({lowest:g})"),
            (int(inside.sum()), "inside it", "the value of the nearest voxel"),
        )
        if number
    ]
    return result, (f"{count} of {bad.size} voxels were NaN or infinite: {', '.join(parts)}.",)


def _connected_to_border(bad: np.ndarray) -> np.ndarray:
    parts, count = scipy.ndimage.label(bad)
    at_border = np.zeros(count + 1, bool)
    for axis in range(3):
        for side in (0, -1):
            at_border[np.unique(np.take(parts, side, axis))] = True
    at_border[0] = False
    return at_border[parts]
