"""Pointing at a missed lesion: with the next click in a slice view, or where the mouse is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import slicer
from slicer.i18n import tr as _

Placed = Callable[[Sequence[float]], object]


class Placing:
    """Has the mouse give a position (world RAS mm)."""

    def __init__(self) -> None:
        self._node: Any = None

    def start(self, placed: Placed) -> None:
        """Call `placed` with the position of the next click in a slice view."""
        self.stop()
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", _("Missed microbleed"))
        node.SetSaveWithScene(False)
        node.CreateDefaultDisplayNodes()

        def on_defined(caller: Any, event: Any) -> None:
            position = [0.0, 0.0, 0.0]
            node.GetNthControlPointPositionWorld(0, position)
            self.stop()
            placed(position)

        self._node = node
        node.AddObserver(node.PointPositionDefinedEvent, on_defined)
        selection = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSelectionNode")
        interaction = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLInteractionNode")
        if selection is not None and interaction is not None:
            selection.SetReferenceActivePlaceNodeClassName("vtkMRMLMarkupsFiducialNode")
            selection.SetActivePlaceNodeID(node.GetID())
            interaction.SetPlaceModePersistence(0)
            interaction.SetCurrentInteractionMode(interaction.Place)

    def stop(self) -> None:
        """Take the mouse back from placing."""
        node, self._node = self._node, None
        interaction = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLInteractionNode")
        if node is not None and node.GetScene() is not None:
            slicer.mrmlScene.RemoveNode(node)
        if node is not None and interaction is not None:
            interaction.SetCurrentInteractionMode(interaction.ViewTransform)


def position_under_mouse() -> list[float] | None:
    """Give where the mouse is in a slice view (world RAS mm); None if it is in none."""
    crosshair = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
    position = [0.0, 0.0, 0.0]
    return position if crosshair is not None and crosshair.GetCursorPositionRAS(position) else None
