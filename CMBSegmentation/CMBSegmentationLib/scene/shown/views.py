"""What the slice views show: where they look, how much of it, through how thick a slab."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import slicer
import slicer.util

if TYPE_CHECKING:
    from ..results import ResultNodes

WHOLE_HEAD_MM = 300.0


def slice_nodes(scene: slicer.vtkMRMLScene) -> Iterator[slicer.vtkMRMLSliceNode]:
    """Give the scene's slice views."""
    for number in range(scene.GetNumberOfNodesByClass("vtkMRMLSliceNode")):
        yield scene.GetNthNodeByClass(number, "vtkMRMLSliceNode")


def slice_contents(scene: slicer.vtkMRMLScene) -> Iterator[slicer.vtkMRMLSliceCompositeNode]:
    """Give, for each slice view, which volumes it shows."""
    for number in range(scene.GetNumberOfNodesByClass("vtkMRMLSliceCompositeNode")):
        yield scene.GetNthNodeByClass(number, "vtkMRMLSliceCompositeNode")


def jump_to(
    scene: slicer.vtkMRMLScene, position_ras_mm: Sequence[float], field_of_view_mm: float | None = None
) -> None:
    """Centre all slice views on a position.

    Parameters
    ----------
    scene : vtkMRMLScene
    position_ras_mm : sequence of 3 float
        World RAS.
    field_of_view_mm : float, optional
        What the shorter side of each view shows; None leaves it as it is.
    """
    slice_node = slicer.vtkMRMLSliceNode
    slice_node.JumpAllSlices(scene, *position_ras_mm, slice_node.CenteredJumpSlice)
    if field_of_view_mm is None:
        return
    for node in slice_nodes(scene):
        width, height = node.GetDimensions()[:2]
        if width > 0 and height > 0:
            shorter = min(width, height)
            node.SetFieldOfView(
                field_of_view_mm * width / shorter, field_of_view_mm * height / shorter, node.GetFieldOfView()[2]
            )


def middle_of_views(scene: slicer.vtkMRMLScene) -> tuple[float, float, float] | None:
    """Give the point (world RAS mm) where the slices cross, oblique ones too; None without views.

    Where no view shows the slices of a direction, that coordinate is of the first view's middle.
    """
    planes = [slicer.util.arrayFromVTKMatrix(node.GetSliceToRAS()) for node in slice_nodes(scene)]
    if not planes:
        return None
    normals, offsets = np.eye(3), planes[0][:3, 3].copy()  # of the plane across each axis
    for to_ras in planes:
        normal = to_ras[:3, 2]
        axis = int(np.argmax(np.abs(normal)))
        normals[axis], offsets[axis] = normal, normal @ to_ras[:3, 3]
    r, a, s = np.linalg.lstsq(normals, offsets, rcond=None)[0]
    return float(r), float(a), float(s)


def show_overview(results: ResultNodes, shown: bool) -> None:
    """Show the probability, projected through the whole head, in every slice view; or the scan again."""
    scene = results.scan.GetScene()
    volume = results.probability if shown and results.probability is not None else results.scan
    for view in slice_contents(scene):
        view.SetBackgroundVolumeID(volume.GetID())
    set_slab(scene, WHOLE_HEAD_MM if volume is results.probability else None, "Max")


def set_slab(scene: slicer.vtkMRMLScene, thickness_mm: float | None, kind: str = "Min") -> None:
    """Show the darkest of a slab in every slice view; None shows single slices again.

    A vessel becomes a line in it, a microbleed stays a dot.

    Parameters
    ----------
    scene : vtkMRMLScene
    thickness_mm : float or None
    kind : {"Min", "Max"}
        The darkest, or the brightest.
    """
    for node in slice_nodes(scene):
        if thickness_mm is None:
            node.SetSlabReconstructionEnabled(False)
            continue
        node.SetSlabReconstructionType(node.GetSlabReconstructionTypeFromString(kind))
        node.SetSlabReconstructionThickness(thickness_mm)
        node.SetSlabReconstructionEnabled(True)
