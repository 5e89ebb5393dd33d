"""A segment's voxels: read from its own box and written to its own box, never the whole volume."""

from __future__ import annotations

import numpy as np
import slicer
import slicer.util
import vtk
from numpy.typing import NDArray
from vtk.util import numpy_support

BINARY = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()


def segment_ids(segmentation_node: slicer.vtkMRMLSegmentationNode) -> list[str]:
    """List the segments of a node, in order."""
    segmentation = segmentation_node.GetSegmentation()
    return [segmentation.GetNthSegmentID(number) for number in range(segmentation.GetNumberOfSegments())]


def segment_index(segmentation_node: slicer.vtkMRMLSegmentationNode, segment_id: str) -> NDArray[np.intp]:
    """Give a segment's voxels (n, 3) as indices k, j, i of its own labelmap's grid."""
    segment = segmentation_node.GetSegmentation().GetSegment(segment_id)
    labelmap = segment.GetRepresentation(BINARY) if segment else None
    if labelmap is None or labelmap.IsEmpty() or labelmap.GetPointData().GetScalars() is None:
        return np.empty((0, 3), np.intp)
    return np.argwhere(_array(labelmap) == segment.GetLabelValue()) + labelmap.GetExtent()[::2][::-1]


def labelmap_matrix(segmentation_node: slicer.vtkMRMLSegmentationNode, segment_id: str) -> NDArray[np.float64]:
    """Give the matrix (4, 4) from indices i, j, k, 1 of a segment's labelmap to the node's RAS mm."""
    matrix = vtk.vtkMatrix4x4()
    segmentation_node.GetSegmentation().GetSegment(segment_id).GetRepresentation(BINARY).GetImageToWorldMatrix(matrix)
    return np.array(slicer.util.arrayFromVTKMatrix(matrix))


def add_segment(
    segmentation_node: slicer.vtkMRMLSegmentationNode, segment_id: str, name: str, colour: tuple[float, float, float]
) -> None:
    """Add an empty segment."""
    segment = slicer.vtkSegment()
    segment.SetName(name)
    segment.SetColor(*colour)
    segment.SetLabelValue(1)
    segment.AddRepresentation(BINARY, _labelmap(np.empty((0, 3), np.intp), np.eye(4), 1))
    segmentation_node.GetSegmentation().AddSegment(segment, segment_id)


def set_voxels(
    segmentation_node: slicer.vtkMRMLSegmentationNode,
    segment_id: str,
    voxels: NDArray[np.integer],
    ijk_to_ras: NDArray[np.float64],
) -> None:
    """Replace a segment's voxels; no other segment is touched.

    Parameters
    ----------
    segmentation_node : vtkMRMLSegmentationNode
        Not under a transform.
    segment_id : str
    voxels : integer array (n, 3)
        Indices k, j, i.
    ijk_to_ras : float64 array (4, 4)
        From index (i, j, k, 1) to world RAS mm.
    """
    segmentation = segmentation_node.GetSegmentation()
    sharing: list[str] = []
    segmentation.GetSegmentIDsSharingBinaryLabelmapRepresentation(segment_id, sharing, False)
    if sharing:  # as after saving, and as Segment Editor paints
        segmentation.SeparateSegmentLabelmap(segment_id)
    segment = segmentation.GetSegment(segment_id)
    labelmap = _labelmap(voxels, ijk_to_ras, segment.GetLabelValue())
    own = segment.GetRepresentation(BINARY)
    if own is None:
        segment.AddRepresentation(BINARY, labelmap)
        return
    own.DeepCopy(labelmap)
    # as Slicer's Segment Editor does: a segmentation does not hear of each labelmap by itself
    segmentation.InvokeEvent(slicer.vtkSegmentation.SourceRepresentationModified, segment_id)


def give_own_boxes(segmentation_node: slicer.vtkMRMLSegmentationNode) -> None:
    """Part segments that share a labelmap, as saving leaves them: each then costs its own small box only.

    Parameters
    ----------
    segmentation_node : vtkMRMLSegmentationNode
        Its segments keep their voxels.
    """
    segmentation = segmentation_node.GetSegmentation()
    for first in segment_ids(segmentation_node):
        sharing: list[str] = []
        segmentation.GetSegmentIDsSharingBinaryLabelmapRepresentation(first, sharing, True)
        shared = segmentation.GetSegment(first).GetRepresentation(BINARY)
        if len(sharing) < 2 or shared.IsEmpty():
            continue
        matrix = labelmap_matrix(segmentation_node, first)
        array = _array(shared)
        painted = np.argwhere(array)  # one pass over what may be as large as the brain
        values, low = array[tuple(painted.T)], shared.GetExtent()[::2][::-1]
        for segment_id in sharing:
            segment = segmentation.GetSegment(segment_id)
            own = painted[values == segment.GetLabelValue()] + low
            segment.SetLabelValue(1)
            segment.AddRepresentation(BINARY, _labelmap(own, matrix, 1))


def _array(labelmap: slicer.vtkOrientedImageData) -> NDArray[np.generic]:
    """View a labelmap's voxels (k, j, i), from its extent's first on."""
    return numpy_support.vtk_to_numpy(labelmap.GetPointData().GetScalars()).reshape(labelmap.GetDimensions()[::-1])


def _labelmap(voxels: NDArray[np.integer], ijk_to_ras: NDArray[np.float64], value: int) -> slicer.vtkOrientedImageData:
    labelmap = slicer.vtkOrientedImageData()
    labelmap.SetImageToWorldMatrix(slicer.util.vtkMatrixFromArray(ijk_to_ras))
    kind = np.uint8 if value <= np.iinfo(np.uint8).max else np.uint16
    if not len(voxels):
        labelmap.SetExtent(0, -1, 0, -1, 0, -1)
        labelmap.AllocateScalars(vtk.VTK_UNSIGNED_CHAR if kind is np.uint8 else vtk.VTK_UNSIGNED_SHORT, 1)
        return labelmap
    low, high = voxels.min(axis=0), voxels.max(axis=0)
    box = np.zeros(high - low + 1, kind)
    box[tuple((voxels - low).T)] = value
    labelmap.SetExtent(*(int(edge) for pair in zip(low[::-1], high[::-1], strict=True) for edge in pair))
    labelmap.GetPointData().SetScalars(numpy_support.numpy_to_vtk(box.ravel(), deep=True))
    return labelmap
