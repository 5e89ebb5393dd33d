"""Pointing at a missed lesion: with the next click in a slice view, or where the mouse is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import slicer
from slicer.i18n import tr as _

Placed = Callable[[Sequence[float]], object]


class Placing:
    """Has the mouse give a position (world RAS mm).

    Parameters
    ----------
    given_up : callable
        Called where Slicer takes the mouse back before anything was clicked.
    """

    def __init__(self, given_up: Callable[[], object]) -> None:
        self._node: Any = None
        self._given_up = given_up
        self._observed: tuple[Any, int] | None = None

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
        place_next(node)
        interaction = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLInteractionNode")
        if interaction is not None:
            event = interaction.InteractionModeChangedEvent
            self._observed = interaction, interaction.AddObserver(event, self._on_mode)

    def stop(self) -> bool:
        """Take the mouse back from placing; tell whether a click was waited for."""
        (node, self._node), (observed, self._observed) = (self._node, None), (self._observed, None)
        if observed is not None:
            interaction, tag = observed
            interaction.RemoveObserver(tag)
            interaction.SetCurrentInteractionMode(interaction.ViewTransform)
        if node is not None and node.GetScene() is not None:
            slicer.mrmlScene.RemoveNode(node)
        return node is not None

    def _on_mode(self, interaction: Any, event: Any) -> None:
        is_placed = self._node is not None and self._node.GetNumberOfDefinedControlPoints() > 0
        if interaction.GetCurrentInteractionMode() != interaction.Place and not is_placed:
            self.stop()
            self._given_up()


def place_next(node: Any) -> None:
    """Have the next click in a view set a point of a markups node."""
    selection = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSelectionNode")
    interaction = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLInteractionNode")
    if selection is not None and interaction is not None:
        selection.SetReferenceActivePlaceNodeClassName(node.GetClassName())
        selection.SetActivePlaceNodeID(node.GetID())
        interaction.SetPlaceModePersistence(0)
        interaction.SetCurrentInteractionMode(interaction.Place)


def position_under_mouse() -> list[float] | None:
    """Give where the mouse is in a slice view (world RAS mm); None if it is in none."""
    crosshair = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
    position = [0.0, 0.0, 0.0]
    return position if crosshair is not None and crosshair.GetCursorPositionRAS(position) else None
