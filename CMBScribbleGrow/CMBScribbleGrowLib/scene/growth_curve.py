"""The current lesion's growth curve as a plot: voxels against tolerance, the chosen one marked."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import slicer
import slicer.util
import vtk
from numpy.typing import NDArray
from vtk.util import numpy_support

from ..study.linked_lesion import LinkedLesion, growth_curve, voxels_at
from .grow_nodes import GrowNodes


def show_curve(nodes: GrowNodes, lesion: LinkedLesion, *, whole: bool = True) -> None:
    """Plot a lesion's growth; nothing is plotted for a mode without tolerance.

    Parameters
    ----------
    nodes : GrowNodes
    lesion : LinkedLesion
        With its growth.
    whole : bool
        Whether the curve is new; while only the tolerance moves, the mark on it does.
    """
    if whole:
        _fill(nodes.curve, *growth_curve(lesion))
        nodes.chart.SetTitle(f"CMB {lesion.id}: {lesion.mode}")
    if lesion.tolerance_percent is None:
        _fill(nodes.chosen, [], [])
    else:
        percent = np.array([lesion.tolerance_percent])
        _fill(nodes.chosen, percent, voxels_at(lesion, percent))


def clear_curve(nodes: GrowNodes) -> None:
    """Plot nothing: no lesion is current."""
    _fill(nodes.curve, [], [])
    _fill(nodes.chosen, [], [])
    nodes.chart.SetTitle("Growth curve")


def _fill(table_node: slicer.vtkMRMLTableNode, percent: Iterable[float], voxels: Iterable[int]) -> None:
    columns: tuple[tuple[str, NDArray[np.generic], int], ...] = (
        ("tolerance_percent", np.asarray(percent, np.float64), vtk.VTK_DOUBLE),
        ("voxels", np.asarray(voxels, np.int32), vtk.VTK_INT),
    )
    with slicer.util.NodeModify(table_node):
        table_node.RemoveAllColumns()
        for name, values, kind in columns:
            column = numpy_support.numpy_to_vtk(values, deep=True, array_type=kind)
            column.SetName(name)
            table_node.AddColumn(column)
        table_node.SetUseColumnTitleAsColumnHeader(True)
