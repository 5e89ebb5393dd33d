"""What the slice views show."""

from __future__ import annotations

from collections.abc import Sequence

import slicer


def jump_to(scene: slicer.vtkMRMLScene, position_ras_mm: Sequence[float]) -> None:
    """Centre all slice views on a position.

    Parameters
    ----------
    scene : vtkMRMLScene
    position_ras_mm : sequence of 3 float
        World RAS.
    """
    slice_node = slicer.vtkMRMLSliceNode
    slice_node.JumpAllSlices(scene, *position_ras_mm, slice_node.CenteredJumpSlice)
