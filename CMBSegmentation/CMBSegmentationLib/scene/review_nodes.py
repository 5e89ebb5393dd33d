"""A review in the scene: what counts as segments coloured by decision, the list as table and points."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import slicer
import slicer.util
import vtk
from numpy.typing import NDArray

from ..files.fields import Fields, read_json
from ..review import ReviewedLesion
from ..review.kept_in import NOT_KEPT, Kept
from ..vocabulary.looks import REVIEW_COLOURS, TERMINOLOGY, TERMINOLOGY_TAG
from . import names
from .lesion_nodes import fill_table, lesion_name
from .markers import Markers
from .output_segmentation import is_lesion, remove_lesions
from .results import ResultNodes, node_of
from .segment_voxels import add_segment, segment_ids, set_voxels
from .volumes import world_ijk_to_ras


class ShownReview:
    """Keeps the nodes of one scan's results as the list says; only what has changed is written.

    Parameters
    ----------
    nodes : ResultNodes
        As `load_results` left them, or as read from a saved scene.
    """

    def __init__(self, nodes: ResultNodes) -> None:
        self.nodes = nodes
        self._ijk_to_ras = world_ijk_to_ras(nodes.scan)
        self._shape = tuple(nodes.scan.GetImageData().GetDimensions()[::-1])
        self._segments: dict[int, tuple[NDArray[np.int64], str]] = {}
        self._is_taken_over = False
        self._markers = Markers(nodes.scan)
        self._pointed: Sequence[ReviewedLesion] = ()

    @property
    def is_there(self) -> bool:
        """Whether all its nodes are still in the scene."""
        own = (self.nodes.scan, self.nodes.table, self.nodes.segmentation, self.nodes.points)
        return all(node.GetScene() is not None for node in own)

    def show(self, listed: Sequence[ReviewedLesion], pointed: Sequence[ReviewedLesion]) -> None:
        """Write the list.

        Parameters
        ----------
        listed : sequence of ReviewedLesion
            All rows of the table; of these, what counts has a segment.
        pointed : sequence of ReviewedLesion
            Those that have a point; grey where they do not count.
        """
        fill_table(self.nodes.table, [one.as_lesion() for one in listed])
        self._show_segments({one.id: one for one in listed if one.counts})
        self._show_points(pointed)
        self._pointed = pointed

    def choose(self, lesion_id: int | None) -> None:
        """Mark what has a point in the 3D views, and the lesion that the reader looks at apart from the others."""
        self._markers.show(self._pointed, lesion_id)

    def _show_segments(self, wanted: dict[int, ReviewedLesion]) -> None:
        node = self.nodes.segmentation
        segmentation = node.GetSegmentation()
        if not self._is_taken_over:  # the detector's own, in one layer
            remove_lesions(node)
            node.SetAndObserveTransformNodeID(None)  # voxels are placed in world RAS
            self._is_taken_over = True
        was_modifying = node.StartModify()
        for number in [number for number in self._segments if number not in wanted]:
            segmentation.RemoveSegment(segment_name(number))
            del self._segments[number]
        for number, lesion in wanted.items():
            voxels, state = self._segments.get(number, (None, ""))
            if voxels is None:
                add_segment(node, segment_name(number), lesion_name(number), REVIEW_COLOURS[lesion.state])
                segmentation.GetSegment(segment_name(number)).SetTag(TERMINOLOGY_TAG, TERMINOLOGY)
            if voxels is None or not np.array_equal(voxels, lesion.voxels):
                index = np.column_stack(np.unravel_index(lesion.voxels, self._shape))
                set_voxels(node, segment_name(number), index, self._ijk_to_ras)
            if voxels is not None and state != lesion.state:
                segmentation.GetSegment(segment_name(number)).SetColor(*REVIEW_COLOURS[lesion.state])
            self._segments[number] = (lesion.voxels, lesion.state)
        node.SetSaveWithScene(segmentation.GetNumberOfSegments() > 0)  # MRML aborts on saving an empty one to .mrb
        node.EndModify(was_modifying)

    def _show_points(self, pointed: Sequence[ReviewedLesion]) -> None:
        node = self.nodes.points
        if node.GetDisplayNode() is not None:
            node.GetDisplayNode().SetVisibility3D(False)  # `Markers` are there, in the verdicts' colours
        with slicer.util.NodeModify(node):
            node.SetLocked(False)
            node.RemoveAllControlPoints()
            for one in pointed:
                place = one.lesion
                number = node.AddControlPoint(vtk.vtkVector3d(place.r_mm, place.a_mm, place.s_mm), lesion_name(one.id))
                node.SetNthControlPointAssociatedNodeID(number, self.nodes.scan.GetID())
                node.SetNthControlPointSelected(number, one.counts)
            node.SetLocked(True)


def segment_name(lesion_id: int) -> str:
    """Give the ID of a lesion's segment."""
    return f"{names.LESION_SEGMENT}{lesion_id}"


def ids_of_segments(segmentation_node: slicer.vtkMRMLSegmentationNode) -> list[int]:
    """Give the ids of the lesions that have a segment."""
    return [int(one.removeprefix(names.LESION_SEGMENT)) for one in segment_ids(segmentation_node) if is_lesion(one)]


def write_review(nodes: ResultNodes, text: str) -> None:
    """Keep a review (`review.to_text`) in the scene, to be saved with it."""
    nodes.table.SetAttribute(names.REVIEW_ATTRIBUTE, text)


def read_review(nodes: ResultNodes) -> str | None:
    """Give the review that the scene keeps; None if there is none."""
    return nodes.table.GetAttribute(names.REVIEW_ATTRIBUTE) or None


def write_kept_in(nodes: ResultNodes, kept: Kept) -> None:
    """Have the scene remember where the review is saved."""
    nodes.table.SetAttribute(names.KEPT_ATTRIBUTE, json.dumps(asdict(kept)))


def read_kept_in(scan_node: slicer.vtkMRMLScalarVolumeNode) -> Kept:
    """Give where a scan's review was saved."""
    table = node_of(scan_node, names.TABLE)
    try:
        kept = Fields(read_json((table and table.GetAttribute(names.KEPT_ATTRIBUTE)) or "null"))
        return Kept(kept.text("stem"), kept.text("folder"), kept.plain.get("chosen") is True)
    except ValueError:  # none, or a scene that another program has changed
        return NOT_KEPT


def write_view(nodes: ResultNodes, view: dict[str, Any]) -> None:
    """Keep where the reader was."""
    nodes.table.SetAttribute(names.VIEW_ATTRIBUTE, json.dumps(view))


def read_view(nodes: ResultNodes) -> dict[str, Any]:
    """Give where the reader was; empty if that is not known."""
    try:
        view = json.loads(nodes.table.GetAttribute(names.VIEW_ATTRIBUTE) or "{}")
    except ValueError:
        return {}
    return view if isinstance(view, dict) else {}
