"""From what was painted, on whatever grid, to voxels of the scan."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import slicer
import slicer.util
import vtk
from numpy.typing import NDArray

from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.reading.grid import SAME_GRID_VOXELS, are_same_places
from CMBSegmentationLib.scene.segment_voxels import labelmap_matrix, segment_index
from CMBSegmentationLib.scene.volumes import world_ijk_to_ras
from CMBSegmentationLib.vocabulary.numbers import counted

from ..study.linked_lesion import strokes_of


@dataclass(frozen=True, eq=False)
class ScanGrid:
    """Where a scan's voxels lie.

    Attributes
    ----------
    shape : tuple of int
        Of the voxel array: k, j, i.
    ijk_to_ras : float64 array (4, 4)
        Index (i, j, k, 1), from 0, to world RAS mm.
    """

    shape: tuple[int, int, int]
    ijk_to_ras: NDArray[np.float64]

    def same(self, other: ScanGrid) -> bool:
        """Whether every voxel lies where the other's does, to a tenth of a voxel."""
        return self.shape == other.shape and are_same_places(self.shape[::-1], self.ijk_to_ras, other.ijk_to_ras)


@dataclass(frozen=True, eq=False)
class OnScan:
    """What was painted in a segment, on the scan.

    Attributes
    ----------
    voxels : integer array (n, 3)
        Indices k, j, i of the scan's voxel array.
    notes : tuple of str
        What was done to bring it there, worded for the reader.
    """

    voxels: NDArray[np.intp]
    notes: tuple[str, ...] = ()


def grid_of(scan_node: slicer.vtkMRMLScalarVolumeNode) -> ScanGrid:
    """Give a scan's grid, parent transforms included; `InputError` as `volumes.world_ijk_to_ras`."""
    ijk_to_ras = world_ijk_to_ras(scan_node)
    return ScanGrid(tuple(scan_node.GetImageData().GetDimensions()[::-1]), ijk_to_ras)


def segment_on_scan(segmentation_node: slicer.vtkMRMLSegmentationNode, segment_id: str, grid: ScanGrid) -> OnScan:
    """Read what is painted in a segment, brought onto the scan's grid where it lies on another.

    On another grid each stroke takes the scan's voxels whose centres lie in it, and at least those
    that hold its own voxels' centres: a stroke finer than the scan's voxels is not lost.

    Parameters
    ----------
    segmentation_node : vtkMRMLSegmentationNode
    segment_id : str
    grid : ScanGrid

    Returns
    -------
    OnScan
        Of no voxels if nothing is painted.

    Raises
    ------
    InputError
        All of it lies outside the scan, or the segmentation lies under a warp.
    """
    index = segment_index(segmentation_node, segment_id)
    if not len(index):
        return OnScan(np.empty((0, 3), np.intp))
    to_scan = np.linalg.solve(
        grid.ijk_to_ras, _to_world(segmentation_node) @ labelmap_matrix(segmentation_node, segment_id)
    )
    name = segmentation_node.GetSegmentation().GetSegment(segment_id).GetName()
    on_scan = _same_lattice(index, to_scan)
    notes = []
    if on_scan is None:
        on_scan = np.unique(np.concatenate([_resampled(stroke, to_scan) for stroke in strokes_of(index)]), axis=0)
        notes.append(f"{name} was painted on another grid than the scan's: it was resampled.")
    inside = ((on_scan >= 0) & (on_scan < grid.shape)).all(axis=1)
    if not inside.any():
        raise InputError(f"{name} lies outside the scan.", "Paint on the scan that is chosen.")
    if not inside.all():
        notes.append(f"Left out: {counted(int(np.count_nonzero(~inside)), 'voxel')} of {name} outside the scan.")
    return OnScan(on_scan[inside], tuple(notes))


def _same_lattice(index: NDArray[np.intp], to_scan: NDArray[np.floating]) -> NDArray[np.intp] | None:
    """Give the scan's indices, where each voxel is one of the scan's; axes may be swapped and flipped."""
    exact = index[:, ::-1] @ to_scan[:3, :3].T + to_scan[:3, 3]
    if abs(round(np.linalg.det(np.rint(to_scan[:3, :3])))) != 1:
        return None
    nearest = np.rint(exact)
    if np.abs(exact - nearest).max() > SAME_GRID_VOXELS:
        return None
    return nearest.astype(np.intp)[:, ::-1]


def _resampled(stroke: NDArray[np.intp], to_scan: NDArray[np.floating]) -> NDArray[np.intp]:
    """Give the voxels (k, j, i) of the scan that a stroke of another grid covers, off the scan included."""
    low, high = stroke.min(axis=0), stroke.max(axis=0)
    painted = np.zeros(high - low + 1, bool)
    painted[tuple((stroke - low).T)] = True
    box = np.array([[*corner] for corner in product(*zip((low - 0.5)[::-1], (high + 0.5)[::-1], strict=True))])
    corners = box @ to_scan[:3, :3].T + to_scan[:3, 3]
    first, last = np.floor(corners.min(axis=0)).astype(int), np.ceil(corners.max(axis=0)).astype(int)
    around = np.stack(np.meshgrid(*[np.arange(a, b + 1) for a, b in zip(first, last, strict=True)]), -1).reshape(-1, 3)
    back = np.linalg.inv(to_scan)
    source = np.rint(around @ back[:3, :3].T + back[:3, 3]).astype(int)[:, ::-1] - low
    within = ((source >= 0) & (source < painted.shape)).all(axis=1)
    covered = around[within][painted[tuple(source[within].T)]]
    if not len(covered):
        covered = np.unique(np.rint(stroke[:, ::-1] @ to_scan[:3, :3].T + to_scan[:3, 3]).astype(int), axis=0)
    return covered[:, ::-1]


def _to_world(segmentation_node: slicer.vtkMRMLSegmentationNode) -> NDArray[np.float64]:
    parent = segmentation_node.GetParentTransformNode()
    if parent is None:
        return np.eye(4)
    if not parent.IsTransformToWorldLinear():
        raise InputError(
            f"{segmentation_node.GetName()} lies under the warp {parent.GetName()}.",
            "Harden the transform (Transforms module), or take the scribbles out of it.",
        )
    matrix = vtk.vtkMatrix4x4()
    parent.GetMatrixTransformToWorld(matrix)
    return np.array(slicer.util.arrayFromVTKMatrix(matrix))
