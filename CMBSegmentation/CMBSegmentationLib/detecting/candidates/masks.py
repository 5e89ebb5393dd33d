"""The masks of candidates on the scan's grid: cut at a share of each one's own peak, whatever the threshold of use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
import SimpleITK as sitk
from numpy.typing import NDArray

from ..lesions import CANDIDATE_PROBABILITY
from ..model_grid import PreparedScan
from .grid import Flat, Grid, grid_of
from .hills import MASK_SHARE, Hill

TIE_BREAK = np.array([1.0, 2**0.5, 3**0.5])  # parts equal voxels the same in any order of the scan's axes


@dataclass(frozen=True, eq=False)
class Mask:
    """Where one candidate is.

    Attributes
    ----------
    peak : int
        Flat index of its most probable voxel.
    voxels : int64 array
        Flat indices, ascending; `peak` is one of them.
    """

    peak: int
    voxels: Flat


def masks_on_scan(
    prepared: PreparedScan, probability: sitk.Image, shape: tuple[int, ...], hills: Sequence[Hill]
) -> list[Mask | None]:
    """Bring hills of the model's grid onto the scan's, as masks.

    Each hill is divided by its own peak, so that a faint one and a strong one are cut alike. Only voxels are looked at
    in which the probability leaves room for one.

    Parameters
    ----------
    prepared : PreparedScan
    probability : SimpleITK.Image
        `PreparedScan.to_scan_grid` of the probability.
    shape : tuple of int
        Of the model's grid (i, j, k).
    hills : sequence of Hill
        Of the model's grid.

    Returns
    -------
    list of Mask or None
        In the order of the hills. A hill between two voxels of a coarse scan has the nearest one; None where that
        belongs to another.
    """
    if not hills:
        return []
    grid, values = grid_of(probability), sitk.GetArrayViewFromImage(probability).ravel()
    flat: Flat = np.flatnonzero(values >= np.float32(MASK_SHARE * CANDIDATE_PROBABILITY))
    relative, index = _relative(prepared, shape, hills, grid.ras_mm(grid.zyx(flat)))
    inside = relative >= MASK_SHARE
    flat, relative, index = flat[inside], relative[inside], index[inside]
    masks = _split(flat, relative, _nearest(index, prepared.spec.spacing_mm, hills), len(hills), grid)
    taken = set(flat.tolist())
    for number, hill in enumerate(hills):
        if masks[number] is None:
            voxel = _voxel_at(prepared, grid, hill)
            if voxel not in taken:
                taken.add(voxel)
                masks[number] = Mask(voxel, np.array([voxel], np.int64))
    return masks


def masks_in(probability: sitk.Image, hills: Sequence[Hill]) -> list[Mask]:
    """Cut the masks of hills that were found in the array (z, y, x) of an image on the scan's grid."""
    grid = grid_of(probability)
    found = []
    for hill in hills:
        inside = hill.values >= np.float32(MASK_SHARE * hill.peak)
        flat = np.ravel_multi_index(tuple(axis[inside] for axis in hill.voxels), grid.shape).astype(np.int64)
        order = np.argsort(flat)
        found.append(_mask(flat[order], hill.values[inside][order], grid))
    return found


def _relative(
    prepared: PreparedScan, shape: tuple[int, ...], hills: Sequence[Hill], ras_mm: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Give the share of the peak that scan voxels (n, 3; RAS mm) reach, and where in them (index of the model's grid).

    As `PreparedScan.to_scan_grid`, the highest of a voxel's parts counts.
    """
    shares = np.zeros(shape, np.float32)
    for hill in hills:
        shares[hill.voxels] = hill.values / np.float32(hill.peak)
    to_index = prepared.ras_to_index()
    centres = ras_mm @ to_index[:3, :3].T + to_index[:3, 3]
    best, where = np.full(len(centres), -1, np.float32), centres
    for part in prepared.parts_of_a_voxel():
        index = centres + part
        found = scipy.ndimage.map_coordinates(shares, index.T, order=1, mode="nearest")
        higher = found > best
        best = np.where(higher, found, best)
        where = np.where(higher[:, None], index, where)
    return best, where


def _nearest(index: NDArray[np.float64], spacing_mm: Sequence[float], hills: Sequence[Hill]) -> NDArray[np.intp]:
    """Say which hill's upper part lies nearest to each place of the model's grid."""
    tops, numbers = [], []
    for number, hill in enumerate(hills):
        top = np.column_stack(hill.voxels)[hill.values >= np.float32(MASK_SHARE * hill.peak)]
        tops.append(top)
        numbers.append(np.full(len(top), number))
    _, place = scipy.spatial.cKDTree(np.concatenate(tops) * spacing_mm).query(index * spacing_mm)
    return np.concatenate(numbers)[place]


def _split(
    flat: Flat, values: NDArray[np.float32], owner: NDArray[np.intp], count: int, grid: Grid
) -> list[Mask | None]:
    masks: list[Mask | None] = [None] * count
    if len(flat):
        order = np.argsort(owner, kind="stable")
        for own in np.split(order, np.flatnonzero(np.diff(owner[order])) + 1):
            masks[int(owner[own[0]])] = _mask(flat[own], values[own], grid)
    return masks


def _mask(flat: Flat, values: NDArray[np.float32], grid: Grid) -> Mask:
    highest = flat[values == values.max()]
    place = grid.ras_mm(grid.zyx(highest)) @ TIE_BREAK
    return Mask(int(highest[place.argmax()]), flat)


def _voxel_at(prepared: PreparedScan, grid: Grid, hill: Hill) -> int:
    """Give the scan's voxel at a hill's summit."""
    to_ras = np.linalg.inv(prepared.ras_to_index())
    ras = to_ras[:3, :3] @ np.array(hill.summit, np.float64) + to_ras[:3, 3]
    exact = (ras - grid.zyx_to_ras[:, 3]) @ np.linalg.inv(grid.zyx_to_ras[:, :3]).T
    zyx = np.clip(np.rint(exact).astype(np.int64), 0, np.array(grid.shape) - 1)
    return int(np.ravel_multi_index(tuple(zyx), grid.shape))
