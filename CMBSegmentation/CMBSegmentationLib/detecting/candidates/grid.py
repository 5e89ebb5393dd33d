"""Where the voxels of masks lie, so that they are found again in a scan that was saved in another order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ...reading.grid import SAME_GRID_VOXELS

Flat = NDArray[np.int64]
"""Places of voxels in the flattened array (z, y, x), ascending."""


@dataclass(frozen=True, eq=False)
class Grid:
    """A scan's grid.

    Attributes
    ----------
    shape : tuple of int
        Of the array: z, y, x.
    zyx_to_ras : float64 array (3, 4)
        From an index to RAS mm.
    """

    shape: tuple[int, ...]
    zyx_to_ras: NDArray[np.float64]

    def ras_mm(self, zyx: NDArray[np.number]) -> NDArray[np.float64]:
        """Give positions (n, 3) of indices (n, 3)."""
        return np.asarray(zyx @ self.zyx_to_ras[:, :3].T + self.zyx_to_ras[:, 3], np.float64)

    def zyx(self, flat: Flat) -> NDArray[np.int64]:
        """Give indices (n, 3) of flat ones."""
        return np.column_stack(np.unravel_index(flat, self.shape)).astype(np.int64)

    def moved_onto(self, other: Grid, flat: Flat) -> Flat | None:
        """Find the same voxels in another grid.

        Parameters
        ----------
        other : Grid
            May have its axes in another order or direction: files are not always read as they were written.
        flat : int64 array

        Returns
        -------
        int64 array or None
            In the order of `flat`; None if its voxels do not lie where these do.
        """
        exact = (self.ras_mm(self.zyx(flat)) - other.zyx_to_ras[:, 3]) @ np.linalg.inv(other.zyx_to_ras[:, :3]).T
        zyx = np.rint(exact).astype(np.int64)
        if len(flat) and (
            np.abs(exact - zyx).max() > SAME_GRID_VOXELS or (zyx < 0).any() or (zyx >= other.shape).any()
        ):
            return None
        return np.ravel_multi_index(tuple(zyx.T), other.shape).astype(np.int64)

    def is_like(self, other: Grid) -> bool:
        """Whether it has the same voxels, in whatever order."""
        corners = np.ravel_multi_index(
            np.indices((2, 2, 2)).reshape(3, -1) * (np.array(self.shape) - 1)[:, None], self.shape
        )
        return sorted(self.shape) == sorted(other.shape) and self.moved_onto(other, corners) is not None


def grid_of(image: sitk.Image) -> Grid:
    """Give an image's grid."""
    direction = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    to_lps = np.column_stack([direction[:, ::-1], image.GetOrigin()])
    return Grid(image.GetSize()[::-1], np.diag([-1.0, -1.0, 1.0]) @ to_lps)


def runs_of(flat: Flat) -> list[list[int]]:
    """Write ascending indices as [start, length] pairs: a lesion is a few short rows of voxels."""
    starts = np.flatnonzero(np.diff(flat, prepend=flat[0] - 2) != 1)
    lengths = np.diff(np.append(starts, len(flat)))
    return [[int(flat[start]), int(length)] for start, length in zip(starts, lengths, strict=True)]


def flat_of(runs: Iterable[Sequence[int]], voxels: int) -> Flat:
    """Give the indices of runs as `runs_of` wrote them; `ValueError` if there are none, or one leaves the scan."""
    pairs = [(int(start), int(length)) for start, length in runs]
    if not pairs or any(start < 0 or length < 1 or start + length > voxels for start, length in pairs):
        raise ValueError("a lesion lies outside the scan")
    return np.concatenate([np.arange(start, start + length, dtype=np.int64) for start, length in pairs])
