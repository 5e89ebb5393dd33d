"""The outline of the chosen lesion where it has no segment: dropped or rejected, it does not count."""

from __future__ import annotations

import numpy as np
import slicer

from CMBSegmentationLib.review import ReviewedLesion
from CMBSegmentationLib.scene.segment_voxels import add_segment, set_voxels
from CMBSegmentationLib.scene.volumes import world_ijk_to_ras

COLOUR = (0.62, 0.74, 0.90)  # no verdict's: it says where, not what
SEGMENT = "pointed"


class PointedOutline:
    """Outlines one lesion in the slice views; its nodes are in the scene while they are shown, and never saved."""

    def __init__(self, scene: slicer.vtkMRMLScene) -> None:
        self._scene = scene
        self._node: slicer.vtkMRMLSegmentationNode | None = None
        self._shown: ReviewedLesion | None = None

    def show(self, lesion: ReviewedLesion | None, scan: slicer.vtkMRMLScalarVolumeNode | None) -> None:
        """Outline a lesion that does not count, in place of the one before.

        Parameters
        ----------
        lesion : ReviewedLesion or None
        scan : vtkMRMLScalarVolumeNode or None
            On whose grid its voxels are.
        """
        wanted = lesion if lesion is not None and scan is not None and not lesion.counts else None
        if wanted is self._shown:
            return
        self._hide()
        if wanted is None or scan is None:
            return
        node = self._scene.AddNewNodeByClass("vtkMRMLSegmentationNode", SEGMENT)
        node.SetHideFromEditors(True)
        add_segment(node, SEGMENT, f"CMB {wanted.id}", COLOUR)
        shape = scan.GetImageData().GetDimensions()[::-1]
        set_voxels(node, SEGMENT, np.column_stack(np.unravel_index(wanted.voxels, shape)), world_ijk_to_ras(scan))
        node.CreateDefaultDisplayNodes()  # last: views draw what is there when it comes
        display = node.GetDisplayNode()
        for one in (node, display):
            one.SetSaveWithScene(False)
        display.SetVisibility3D(False)
        display.SetOpacity2DFill(0.0)
        self._node, self._shown = node, wanted

    def set_visible(self, visible: bool) -> None:
        """Show or hide it with the other outlines."""
        if self._node is not None:
            self._node.GetDisplayNode().SetVisibility2D(visible)

    def _hide(self) -> None:
        node, self._node, self._shown = self._node, None, None
        if node is not None and node.GetScene() is not None:
            display = node.GetDisplayNode()
            self._scene.RemoveNode(node)
            if display is not None:
                self._scene.RemoveNode(display)
