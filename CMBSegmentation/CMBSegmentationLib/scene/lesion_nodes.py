"""The lesion list in the scene: one segment, one table row and one point a lesion."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import slicer
import slicer.util
import vtk
from numpy.typing import NDArray
from vtk.util import numpy_support

from ..detecting.lesions import Lesion, columns_of, listed
from ..results.earlier_versions import STATUS_OF_0_1_0
from ..vocabulary.columns import COLUMNS, REVIEW_COLUMNS
from ..vocabulary.looks import LESION_COLOUR, TERMINOLOGY, TERMINOLOGY_TAG
from . import names
from .output_segmentation import remove_lesions

INTEGER_COLUMNS = ("id",)
TEXT_COLUMNS = ("status", "decision", "phase", "region", "side", "dropped_because", *REVIEW_COLUMNS)
FILL_OPACITY_2D = 0.0  # outlines only: a filled segment would hide the few voxels it marks
TEXT_SCALE = 2.5


def lesion_name(lesion_id: int) -> str:
    """Name a lesion as its segment and its point are named."""
    return f"CMB {lesion_id}"


def fill_table(table_node: slicer.vtkMRMLTableNode, lesions: Sequence[Lesion]) -> None:
    """Write all lesions, kept and dropped, to a table.

    Parameters
    ----------
    table_node : vtkMRMLTableNode
        Its columns are replaced by `detecting.lesions.columns_of` the lesions: int (id), text, and double; what was
        not assessed is NaN.
    lesions : sequence of Lesion
    """
    with slicer.util.NodeModify(table_node):
        table_node.SetLocked(False)
        table_node.RemoveAllColumns()
        for name in columns_of(lesions):
            column = _new_column(name)
            column.SetName(name)
            for lesion in lesions:
                column.InsertNextValue(_cell(name, getattr(lesion, name)))
            table_node.AddColumn(column)
        table_node.SetUseColumnTitleAsColumnHeader(True)  # else a view shows the names as a first row
        table_node.SetLocked(True)


def lesion_rows(table_node: slicer.vtkMRMLTableNode) -> list[dict[str, Any]]:
    """Read the lesions back from a table.

    Parameters
    ----------
    table_node : vtkMRMLTableNode
        As `fill_table` left it, or as read from a saved scene.

    Returns
    -------
    list of dict
        Values by column name, in the table's order; None where not assessed. Words are this version's; columns are
        those that the table has.
    """
    table = table_node.GetTable()
    columns = {name: table.GetColumnByName(name) for name in (*COLUMNS, *REVIEW_COLUMNS)}
    return [
        {name: _value(name, column.GetValue(number)) for name, column in columns.items() if column is not None}
        for number in range(table.GetNumberOfRows())
    ]


def fill_points(points_node: slicer.vtkMRMLMarkupsFiducialNode, lesions: Sequence[Lesion], scan_id: str) -> None:
    """Set one locked point on each listed lesion.

    Parameters
    ----------
    points_node : vtkMRMLMarkupsFiducialNode
        Its points are replaced.
    lesions : sequence of Lesion
    scan_id : str
        Node ID of the scan on which the points lie.
    """
    with slicer.util.NodeModify(points_node):
        points_node.SetLocked(False)
        points_node.SetAndObserveTransformNodeID(None)  # positions are world RAS
        points_node.RemoveAllControlPoints()
        for lesion in listed(lesions):
            position = vtk.vtkVector3d(lesion.r_mm, lesion.a_mm, lesion.s_mm)
            number = points_node.AddControlPoint(position, lesion_name(lesion.id))
            points_node.SetNthControlPointAssociatedNodeID(number, scan_id)
        points_node.SetLocked(True)


def style_points(points_node: slicer.vtkMRMLMarkupsFiducialNode) -> None:
    """Give new points their looks; later changes by the user are left alone."""
    points_node.CreateDefaultDisplayNodes()
    display = points_node.GetDisplayNode()
    display.SetSelectedColor(*LESION_COLOUR)
    display.SetTextScale(TEXT_SCALE)


def fill_segmentation(
    segmentation_node: slicer.vtkMRMLSegmentationNode,
    scan_node: slicer.vtkMRMLScalarVolumeNode,
    lesions: Sequence[Lesion],
    labels: NDArray[np.generic],
    ijk_to_ras: NDArray[np.float64],
) -> None:
    """Make one segment of each listed lesion.

    Parameters
    ----------
    segmentation_node : vtkMRMLSegmentationNode
        Its lesions are replaced; segments that a reader has made stay.
    scan_node : vtkMRMLScalarVolumeNode
        Gives the reference geometry.
    lesions : sequence of Lesion
    labels : integer array (k, j, i)
        Value = lesion id, on the scan's grid.
    ijk_to_ras : float64 array (4, 4)
        From indices of `labels` to world RAS.
    """
    segmentation_node.SetAndObserveTransformNodeID(None)
    segmentation = segmentation_node.GetSegmentation()
    remove_lesions(segmentation_node)
    segmentation_node.SetReferenceImageGeometryParameterFromVolumeNode(scan_node)
    is_empty = not labels.any() and not segmentation.GetNumberOfSegments()
    segmentation_node.SetSaveWithScene(not is_empty)  # MRML aborts on saving an empty one to .mrb
    if not labels.any():
        return
    labelmap = _oriented_labels(labels, ijk_to_ras)
    binary = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
    for lesion in listed(lesions):
        segment = slicer.vtkSegment()
        segment.SetName(lesion_name(lesion.id))
        segment.SetColor(*LESION_COLOUR)
        segment.SetTag(TERMINOLOGY_TAG, TERMINOLOGY)
        segment.SetLabelValue(lesion.id)
        segment.AddRepresentation(binary, labelmap)  # one layer for all: lesions never overlap
        segmentation.AddSegment(segment, f"{names.LESION_SEGMENT}{lesion.id}")


def style_segmentation(segmentation_node: slicer.vtkMRMLSegmentationNode) -> None:
    """Give a new segmentation its looks; later changes by the user are left alone."""
    segmentation_node.CreateDefaultDisplayNodes()
    segmentation_node.GetDisplayNode().SetOpacity2DFill(FILL_OPACITY_2D)


def _oriented_labels(labels: NDArray[np.generic], ijk_to_ras: NDArray[np.float64]) -> slicer.vtkOrientedImageData:
    """Copy the box around the labels; outside it a labelmap only costs memory."""
    low = [int(index.min()) for index in np.nonzero(labels)]
    high = [int(index.max()) for index in np.nonzero(labels)]
    box = labels[tuple(slice(a, b + 1) for a, b in zip(low, high, strict=True))]
    labelmap = slicer.vtkOrientedImageData()
    labelmap.SetExtent(low[2], high[2], low[1], high[1], low[0], high[0])
    scalars = numpy_support.numpy_to_vtk(np.ascontiguousarray(box, np.uint16).ravel(), deep=True)
    labelmap.GetPointData().SetScalars(scalars)
    labelmap.SetImageToWorldMatrix(slicer.util.vtkMatrixFromArray(ijk_to_ras))
    return labelmap


def _new_column(name: str) -> vtk.vtkAbstractArray:
    if name in INTEGER_COLUMNS:
        return vtk.vtkIntArray()
    return vtk.vtkStringArray() if name in TEXT_COLUMNS else vtk.vtkDoubleArray()


def _cell(name: str, value: Any) -> Any:
    if name in INTEGER_COLUMNS:
        return int(value)
    if name in TEXT_COLUMNS:
        return str(value or "")
    return math.nan if value is None else float(value)


def _value(name: str, cell: Any) -> Any:
    if name == "status":
        return STATUS_OF_0_1_0.get(cell, cell)
    return None if isinstance(cell, float) and math.isnan(cell) else cell
