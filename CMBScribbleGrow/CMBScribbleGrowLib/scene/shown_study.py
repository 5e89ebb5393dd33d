"""A study as its scene shows it: snapshots go in, and what a reader did there with Slicer's own tools comes out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import slicer
from numpy.typing import NDArray

from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.scene.segment_voxels import give_own_boxes, segment_ids

from ..annotation.records import Annotation, Finding, Mimic
from ..annotation.segments_file import Segment
from ..study.linked_lesion import LinkedLesion
from ..study.state import Snapshot
from .grow_nodes import GrowNodes, ensure_nodes, keep_if_filled
from .landmarks import Landmark, read_landmarks, show_landmarks
from .lesion_segments import (
    PAINT_SEGMENT,
    add_to_scribble,
    ensure_paint_segment,
    free_scribbles,
    mask_id,
    remove_lesion,
    scribble_id,
    show_lesion,
    take_from_scribble,
)
from .scan_grid import ScanGrid, segment_on_scan

LANDMARKS: tuple[tuple[str, str, type[Mimic] | type[Finding]], ...] = (
    ("mimics", "Mimic", Mimic),
    ("findings", "Finding", Finding),
)
"""Of each list of points: its name in nodes and records, its word for the reader, its records' class."""


class ShownStudy:
    """The nodes of one study, and whether a reader has touched them.

    Parameters
    ----------
    scan_node : vtkMRMLScalarVolumeNode
        In a scene.
    grid : ScanGrid
    reader : str

    Attributes
    ----------
    nodes : GrowNodes
    touched : bool
        Whether the reader did anything that is still to be taken in.
    """

    def __init__(self, scan_node: slicer.vtkMRMLScalarVolumeNode, grid: ScanGrid, reader: str) -> None:
        self.nodes: GrowNodes = ensure_nodes(scan_node)
        self.touched = False
        self._grid, self._reader, self._writing = grid, reader, False
        self._observed: list[tuple[Any, int]] = []

    # into the scene

    @contextmanager
    def quietly(self) -> Iterator[None]:
        """Write into the scene without taking that for the reader's doing."""
        before, self._writing = self._writing, True
        try:
            yield
        finally:
            self._writing = before

    def show(self, former: Snapshot, snapshot: Snapshot) -> None:
        """Show a snapshot; only what is other than in the former is written."""
        with self.quietly():
            for lesion in former.lesions:
                if snapshot.lesion(lesion.id) is None:
                    remove_lesion(self.nodes, lesion.id)
            for lesion in snapshot.lesions:
                known = former.lesion(lesion.id)
                if known is not lesion:
                    same = known is not None and known.scribble is lesion.scribble
                    show_lesion(self.nodes, lesion, self._grid, self._reader, scribble=not same)
            if snapshot.annotation is not former.annotation:
                self._show_landmarks(snapshot.annotation)

    def show_all(self, snapshot: Snapshot, scribbles: tuple[Segment, ...]) -> None:
        """Show a snapshot, and scribbles that are not grown yet, in place of what the scene shows."""
        with self.quietly():
            for node in (self.nodes.scribbles, self.nodes.masks):
                node.SetAndObserveTransformNodeID(None)  # positions are world RAS
                node.GetSegmentation().RemoveAllSegments()
            for lesion in snapshot.lesions:
                show_lesion(self.nodes, lesion, self._grid, self._reader)
            for segment in scribbles:
                add_to_scribble(self.nodes, PAINT_SEGMENT, segment.voxels, self._grid)
            self._show_landmarks(snapshot.annotation)

    def show_again(self, snapshot: Snapshot) -> None:
        """Make nodes anew that were removed from the scene, and show all that they held."""
        self.close()
        with self.quietly():
            self.nodes = ensure_nodes(self.nodes.scan)
            for lesion in snapshot.lesions:
                show_lesion(self.nodes, lesion, self._grid, self._reader)
            ensure_paint_segment(self.nodes)
            self._show_landmarks(snapshot.annotation)
        self.listen()

    def repaint(self, segment: str, painted: NDArray[np.intp], taken: NDArray[np.intp]) -> None:
        """Paint voxels (z, y, x) in a scribble, and take others out of it."""
        with self.quietly():
            if len(taken):
                take_from_scribble(self.nodes, segment, taken, self._grid)
            if len(painted):
                add_to_scribble(self.nodes, segment, painted, self._grid)

    # out of the scene

    def part_layers(self) -> None:
        """Give each segment a box of its own: Slicer's tools put several into one."""
        with self.quietly():
            give_own_boxes(self.nodes.scribbles)
            give_own_boxes(self.nodes.masks)

    def is_complete(self) -> bool:
        """Whether none of the nodes was removed from the scene; masks are kept there if there are any."""
        keep_if_filled(self.nodes.masks)
        return self.nodes.complete

    def has_mask(self, lesion: LinkedLesion) -> bool:
        """Whether a lesion's mask is still there."""
        return mask_id(lesion.id) in segment_ids(self.nodes.masks)

    def edited(self, lesion: LinkedLesion) -> LinkedLesion:
        """Give the lesion with the voxels that its segments have in the scene; emptied ones are as they were."""
        mask = self._voxels(self.nodes.masks, mask_id(lesion.id))
        if len(mask) and not _same_voxels(mask, lesion.mask):
            lesion = replace(lesion, mask=mask)
        scribble = self._voxels(self.nodes.scribbles, scribble_id(lesion.id))
        if len(scribble) and not _same_voxels(scribble, lesion.scribble):
            lesion = replace(lesion, scribble=scribble)
        return lesion

    def landmarks(self, name: str) -> list[Landmark]:
        """Give the points of one of `LANDMARKS`."""
        return read_landmarks(getattr(self.nodes, name))

    def not_grown(self, lesions: tuple[LinkedLesion, ...]) -> dict[str, NDArray[np.intp]]:
        """Give what is painted and belongs to no lesion: voxels (z, y, x) by name."""
        named: dict[str, NDArray[np.intp]] = {}
        for segment, voxels in self.free_voxels(lesions).items():
            name = self.nodes.scribbles.GetSegmentation().GetSegment(segment).GetName().replace("|", " ")
            named[name if name not in named else f"{name} {segment}"] = voxels
        return named

    def free_voxels(self, lesions: tuple[LinkedLesion, ...]) -> dict[str, NDArray[np.intp]]:
        """Give what `not_grown` does, by segment."""
        scribbles = self.nodes.scribbles
        found = {segment: self._voxels(scribbles, segment) for segment in free_scribbles(self.nodes, lesions)}
        return {segment: voxels for segment, voxels in found.items() if len(voxels)}

    def listen(self) -> None:
        """Hear of what is done in the scene with Slicer's own tools."""
        segmentations = [node.GetSegmentation() for node in (self.nodes.scribbles, self.nodes.masks)]
        points = (self.nodes.mimics, self.nodes.findings)
        told = slicer.vtkSegmentation
        counted = (told.SegmentAdded, told.SegmentRemoved)
        placed = slicer.vtkMRMLMarkupsNode
        events = [(s, e) for s in segmentations for e in (told.SourceRepresentationModified, *counted)]
        events += [
            (p, e)
            for p in points
            for e in (placed.PointModifiedEvent, placed.PointPositionDefinedEvent, placed.PointRemovedEvent)
        ]
        observed = [(caller, caller.AddObserver(event, self._on_scene)) for caller, event in events]
        scene = self.nodes.scan.GetScene()
        self._observed = [*observed, (scene, scene.AddObserver(scene.NodeRemovedEvent, self._on_scene))]

    def close(self) -> None:
        """Stop listening to the scene."""
        for caller, tag in self._observed:
            caller.RemoveObserver(tag)
        self._observed = []

    def _on_scene(self, caller: object, event: str) -> None:
        if not self._writing:
            self.touched = True

    def _voxels(self, segmentation_node: slicer.vtkMRMLSegmentationNode, segment_id: str) -> NDArray[np.intp]:
        """Voxels of the scan in a segment; none if it is missing or all outside, which growing will tell of."""
        try:
            return segment_on_scan(segmentation_node, segment_id, self._grid).voxels
        except InputError:
            return np.empty((0, 3), np.intp)

    def _show_landmarks(self, annotation: Annotation) -> None:
        for name, word, _ in LANDMARKS:
            shown = [
                Landmark(
                    record.id,
                    (record.r_mm, record.a_mm, record.s_mm),
                    f"{word} {record.id}",
                    record.type if isinstance(record, Mimic) else record.text,
                )
                for record in getattr(annotation, name)
            ]
            show_landmarks(getattr(self.nodes, name), shown, self.nodes.scan.GetID())


def _same_voxels(one: NDArray[np.intp], other: NDArray[np.intp]) -> bool:
    if len(one) != len(other):
        return False
    return np.array_equal(one, other) or np.array_equal(np.unique(one, axis=0), np.unique(other, axis=0))
