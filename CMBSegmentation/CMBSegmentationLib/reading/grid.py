"""Whether two images have the same voxels, in whatever order of axes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..errors import InputError

SAME_GRID_VOXELS = 0.1  # farthest that a voxel may lie from one of the scan's, rounding of headers included


def steps_onto(scan: sitk.Image, image: sitk.Image, name: str) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Find how indices of an image become indices of the scan, both x, y, z.

    Returns
    -------
    turn : integer array (3, 3)
        Swaps and flips of axes.
    offset : integer array (3,)
        ``index @ turn.T + offset`` is the scan's index.

    Raises
    ------
    InputError
        The image's voxels are not the scan's.
    """
    matrix = np.linalg.solve(index_to_lps(scan), index_to_lps(image))
    turn, offset = np.rint(matrix[:3, :3]), np.rint(matrix[:3, 3])
    corners = np.array([[*c, 1] for c in product(*[(0, n - 1) for n in image.GetSize()])])
    apart = corners @ matrix[:3].T - (corners[:, :3] @ turn.T + offset)
    if abs(round(np.linalg.det(turn))) != 1 or np.abs(apart).max() > SAME_GRID_VOXELS:
        voxels = [" x ".join(f"{s:.3g}" for s in one.GetSpacing()) for one in (image, scan)]
        raise InputError(
            f"{name} lies on another grid than the scan (voxels {voxels[0]} mm, the scan's {voxels[1]} mm).",
            "Give the scan that it was drawn on; masks are never resampled.",
        )
    return turn.astype(np.intp), offset.astype(np.intp)


def onto_grid(scan: sitk.Image, image: sitk.Image, index: NDArray[np.intp], name: str) -> NDArray[np.intp]:
    """Turn array indices k, j, i of an image into the scan's.

    Raises
    ------
    InputError
        The image lies on another grid, or a voxel outside the scan.
    """
    turn, offset = steps_onto(scan, image, name)
    found = (index[:, ::-1] @ turn.T + offset)[:, ::-1]
    if len(found) and ((found < 0).any() or (found >= scan.GetSize()[::-1]).any()):
        raise InputError(f"{name} reaches outside the scan.", "Give the scan that it was drawn on.")
    return found


def labels_on_grid(scan: sitk.Image, labels: sitk.Image, name: str) -> sitk.Image:
    """Bring a label image whose voxels are the scan's into the scan's order of axes.

    Parameters
    ----------
    scan : SimpleITK.Image
        Gives the grid.
    labels : SimpleITK.Image
        May have its axes in another order or direction, and may cover a part of the scan.
    name : str
        For messages.

    Returns
    -------
    SimpleITK.Image
        On the grid of `scan`, 0 where `labels` does not reach.

    Raises
    ------
    InputError
        It lies on another grid, or reaches outside the scan.
    """
    values = sitk.GetArrayViewFromImage(labels)
    place = np.argwhere(values)
    onto = np.zeros(scan.GetSize()[::-1], values.dtype)
    onto[tuple(onto_grid(scan, labels, place, name).T)] = values[tuple(place.T)]
    image = sitk.GetImageFromArray(onto)
    image.CopyInformation(scan)
    return image


def is_same_grid(one: sitk.Image, other: sitk.Image) -> bool:
    """Whether two images have as many voxels, in the same order and at the same places."""
    if one.GetSize() != other.GetSize():
        return False
    return are_same_places(one.GetSize(), index_to_lps(one), index_to_lps(other))


def are_same_places(size: Sequence[int], one: NDArray[np.floating], other: NDArray[np.floating]) -> bool:
    """Whether the voxels of two grids lie at the same places, to a tenth of the smallest side of a voxel.

    Parameters
    ----------
    size : sequence of 3 int
        Of both, x, y, z.
    one, other : float array (4, 4)
        From an index (x, y, z, 1), from 0, to mm, both in the same frame.
    """
    corners = np.array([[*c, 1] for c in product(*[(0, n - 1) for n in size])])
    apart = (corners @ (one - other).T)[:, :3]
    smallest = np.linalg.norm(one[:3, :3], axis=0).min()
    return bool(np.linalg.norm(apart, axis=1).max() <= SAME_GRID_VOXELS * smallest)


def index_to_lps(image: sitk.Image) -> NDArray[np.float64]:
    """Give the matrix (4, 4) from an image's voxel indices (x, y, z, 1) to LPS mm."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    matrix[:3, 3] = image.GetOrigin()
    return matrix
