"""A marker on each lesion in the 3D views: its colour is the verdict's, and that of the chosen lesion is larger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import slicer
import slicer.util
import vtk

from ..review import ReviewedLesion
from ..vocabulary.looks import REVIEW_COLOURS
from ..vocabulary.verdicts import BELOW
from . import names
from .lesion_nodes import TEXT_SCALE, lesion_name
from .results import node_of

GLYPH_PERCENT, CHOSEN_GLYPH_PERCENT = 1.6, 3.2  # of the view's height
CHOSEN_TEXT_SCALE = 1.5 * TEXT_SCALE

Colour = tuple[float, float, float]
Point = tuple[int, float, float, float]


class Markers:
    """One fiducial node a verdict, since a node has one colour; in no list of nodes, and never saved.

    Parameters
    ----------
    scan_node : vtkMRMLScalarVolumeNode
    """

    def __init__(self, scan_node: slicer.vtkMRMLScalarVolumeNode) -> None:
        self._scan = scan_node
        self._shown: dict[str, tuple[Colour | None, tuple[Point, ...]]] = {}

    def show(self, lesions: Sequence[ReviewedLesion], chosen: int | None) -> None:
        """Mark lesions; only the nodes that change are written.

        Parameters
        ----------
        lesions : sequence of ReviewedLesion
        chosen : int or None
            Number of the one that the reader looks at.
        """
        marked: dict[str, list[Point]] = {kind: [] for kind in (*REVIEW_COLOURS, names.CHOSEN)}
        colours: dict[str, Colour] = dict(REVIEW_COLOURS)
        for one in lesions:
            kind = names.CHOSEN if one.id == chosen else one.state
            colours[kind] = REVIEW_COLOURS[one.state]
            marked[kind].append((one.id, one.lesion.r_mm, one.lesion.a_mm, one.lesion.s_mm))
        for kind, points in marked.items():
            look = colours.get(kind), tuple(points)
            if self._shown.get(kind) != look:
                self._fill(kind, *look)
                self._shown[kind] = look

    def _fill(self, kind: str, colour: Colour | None, points: tuple[Point, ...]) -> None:
        node = node_of(self._scan, names.MARKERS + kind, "vtkMRMLMarkupsFiducialNode")
        if node is None and not points:
            return
        node = node or self._add(kind)
        if colour is not None:
            node.GetDisplayNode().SetSelectedColor(*colour)
        with slicer.util.NodeModify(node):
            node.SetLocked(False)
            node.RemoveAllControlPoints()
            for number, *place in points:
                node.AddControlPoint(vtk.vtkVector3d(*place), lesion_name(number))
            node.SetLocked(True)

    def _add(self, kind: str) -> Any:
        scene = self._scan.GetScene()
        node = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", f"{self._scan.GetName()} CMB {kind}")
        node.SetAttribute(names.RESULT_ATTRIBUTE, names.MARKERS + kind)
        node.SetNodeReferenceID(names.SCAN_ROLE, self._scan.GetID())
        node.SetHideFromEditors(True)
        node.CreateDefaultDisplayNodes()
        display = node.GetDisplayNode()
        for one in (node, display):
            one.SetSaveWithScene(False)
        display.SetVisibility2D(False)  # a dot would cover the lesion that is to be judged
        display.SetUseGlyphScale(True)
        display.SetGlyphScale(CHOSEN_GLYPH_PERCENT if kind == names.CHOSEN else GLYPH_PERCENT)
        display.SetTextScale(CHOSEN_TEXT_SCALE if kind == names.CHOSEN else TEXT_SCALE)
        display.SetPointLabelsVisibility(kind != BELOW)  # there are dozens: their labels would cover one another
        display.SetOccludedVisibility(True)  # else the label of what lies behind the brain's surface is left out
        display.SetOccludedOpacity(1.0)
        return node
