"""A study that is in work: its nodes in the scene, its records, what was done to it, and where it is saved.

The scene shows the present `Snapshot`. What a reader paints, moves or deletes there with Slicer's own tools
is taken in by `take_in`; nothing waits for it, so the mouse is never slowed down.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import slicer
from numpy.typing import NDArray

from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.review.history import History
from CMBSegmentationLib.scene import image_from_volume
from CMBSegmentationLib.scene.lesion_numbers import write_annotated
from CMBSegmentationLib.scene.segment_voxels import segment_ids

from ..annotation.edits import next_id, utc_now, with_entry, without_entry
from ..annotation.file import StudyFiles, study_from_json, study_to_json
from ..annotation.records import Annotation, Finding, Mimic, Study
from ..annotation.segments_file import Segment
from ..scene import (
    PAINT_SEGMENT,
    GrowNodes,
    Landmark,
    add_to_scribble,
    ensure_nodes,
    ensure_paint_segment,
    find_nodes,
    free_scribbles,
    give_own_boxes,
    grid_of,
    mask_id,
    name_landmark,
    read_landmarks,
    read_lesions,
    remove_lesion,
    scribble_id,
    segment_on_scan,
    show_landmarks,
    show_lesion,
    take_from_scribble,
)
from ..scene.grow_nodes import keep_if_filled
from ..scene.names import FILES_ATTRIBUTE, STUDY_ATTRIBUTE
from ..scene.scan_grid import ScanGrid
from ..study.linked_lesion import LinkedLesion, record_of
from ..study.on_disk import FoundOnDisk, StudyOnDisk, all_segments, files_of_scan, find_on_disk, newest_entry
from ..study.state import GrowStep, Snapshot

LANDMARKS: tuple[tuple[str, str, type[Mimic] | type[Finding]], ...] = (
    ("mimics", "Mimic", Mimic),
    ("findings", "Finding", Finding),
)


class OpenStudy:
    """One reader's annotation of one scan of a scene.

    Parameters
    ----------
    scan_node : vtkMRMLScalarVolumeNode
        In a scene.
    reader : str
    folder : str or None
        Where it is saved; None takes the scan's own folder.
    report, priority : str
        What a worklist says of the study.
    clock : callable
        Seconds that never go back.

    Attributes
    ----------
    nodes : GrowNodes
    grid : ScanGrid
    image : SimpleITK.Image
        The scan as it was when it was opened.
    notes : tuple of str
        What the reader should know of how it was opened.
    snapshot : Snapshot
    history : History
    disk : StudyOnDisk
    touched : bool
        Whether the reader did anything in the scene that is still to be taken in.

    Raises
    ------
    InputError
        The node is no scan; what is on the disk is of a newer version or of another scan; or the scene
        holds another reader's annotation that is saved nowhere.
    """

    def __init__(
        self,
        scan_node: slicer.vtkMRMLScalarVolumeNode,
        reader: str,
        folder: str | None = None,
        *,
        report: str = "",
        priority: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.reader = Annotation(reader=reader).reader  # checks the name
        self.image, self.notes = image_from_volume(scan_node)
        self.grid: ScanGrid = grid_of(scan_node)
        self.history: History[GrowStep] = History()
        self.touched, self._writing = False, False
        kept = _kept_in_scene(scan_node)
        files = files_of_scan(_file_of(scan_node), scan_node.GetName(), folder or kept.get("folder"))
        on_disk = FoundOnDisk(Study(scan=_scan_name(scan_node)), Snapshot(Annotation(reader=reader)))
        if files is not None:
            on_disk = find_on_disk(files, _scan_name(scan_node), reader, self.image)
            self.notes += on_disk.notes
        in_scene: Study | None = kept.get("study")
        self._check_other_reader(kept.get("reader"), in_scene, files is not None)
        self.nodes: GrowNodes = ensure_nodes(scan_node)
        study, use_scene = on_disk.study, False
        if in_scene is not None and kept.get("reader") == reader and _is_newer(in_scene.of(reader), on_disk):
            study, use_scene = in_scene, True
        study = replace(study, report=report or study.report, priority=priority or study.priority)
        self.disk = StudyOnDisk(files, study, reader, self.image, clock)
        if use_scene:
            self._part_layers()
            self.snapshot = Snapshot(study.of(reader), read_lesions(self.nodes, self.grid))
        else:
            self.snapshot = on_disk.snapshot
            self._show_all(on_disk)
        ensure_paint_segment(self.nodes)
        self._observed = self._observe()
        self._keep_in_scene()
        if use_scene and study.of(reader) != on_disk.study.of(reader):
            self.keep(segments=True)

    @property
    def annotation(self) -> Annotation:
        """The reader's records."""
        return self.snapshot.annotation

    @property
    def is_there(self) -> bool:
        """Whether the scan is still in a scene."""
        return self.nodes.scan.GetScene() is not None

    def check_scan(self) -> None:
        """Refuse to go on with a scan that was closed, moved or changed; `InputError` says which."""
        name = self.nodes.scan.GetName()
        if not self.is_there:
            raise InputError(f"{name} was closed.", "What was annotated is saved; load the scan to go on.")
        if not self.grid.same(grid_of(self.nodes.scan)):
            raise InputError(
                f"{name} was moved or changed since it was chosen.", "Undo that, or choose the scan again to go on."
            )

    def do(
        self,
        after: Snapshot,
        what: str,
        *,
        segment: str = "",
        painted: NDArray[np.intp] | None = None,
        key: Hashable = None,
        before: Snapshot | None = None,
    ) -> None:
        """Take a step: show it, save it, remember it for undo.

        Parameters
        ----------
        after : Snapshot
        what : str
            Worded for the reader.
        segment, painted, key
            As in `GrowStep`.
        before : Snapshot, optional
            Where undo leads; the present one if not given.
        """
        step = GrowStep(before or self.snapshot, after, what, key, segment, painted)
        self.show(after)
        if painted is not None:
            with self.quietly():
                take_from_scribble(self.nodes, segment, painted, self.grid)
        self.history.add(step)
        self.keep(segments=step.before.lesions != after.lesions)

    def undo(self) -> GrowStep | None:
        """Go back by one step."""
        step = self.history.undo()
        if step is not None:
            self.show(step.before)
            if step.painted is not None:
                with self.quietly():
                    add_to_scribble(self.nodes, step.segment, step.painted, self.grid)
            self.keep(segments=True)
        return step

    def redo(self) -> GrowStep | None:
        """Go forward by one step that was undone."""
        step = self.history.redo()
        if step is not None:
            self.show(step.after)
            if step.painted is not None:
                with self.quietly():
                    take_from_scribble(self.nodes, step.segment, step.painted, self.grid)
            self.keep(segments=True)
        return step

    def show(self, snapshot: Snapshot) -> None:
        """Have the scene show a snapshot; only what is other than now is written."""
        former, self.snapshot = self.snapshot, snapshot
        with self.quietly():
            for lesion in former.lesions:
                if snapshot.lesion(lesion.id) is None:
                    remove_lesion(self.nodes, lesion.id)
            for lesion in snapshot.lesions:
                known = former.lesion(lesion.id)
                if known is not lesion:
                    same = known is not None and known.scribble is lesion.scribble
                    show_lesion(self.nodes, lesion, self.grid, self.reader, scribble=not same)
            if snapshot.annotation is not former.annotation:
                self._show_landmarks()

    def recorded(self, snapshot: Snapshot, *lesions: LinkedLesion) -> Snapshot:
        """Give a snapshot with lesions set and written into their records."""
        for lesion in lesions:
            former = next((one for one in snapshot.annotation.microbleeds if one.id == lesion.id), None)
            record = record_of(self.image, lesion, self.reader, former)
            snapshot = replace(snapshot.with_lesion(lesion), annotation=with_entry(snapshot.annotation, record))
        return snapshot

    def keep(self, *, segments: bool) -> None:
        """Have the present state saved soon; segments only if they changed, for they take longer."""
        self.disk.keep(self.annotation, self._segments() if segments else None)
        self._keep_in_scene()

    def take_in(self) -> bool:
        """Take in what was painted, moved or deleted in the scene; tell whether there was anything."""
        if not self.touched:
            return False
        self.touched = False
        keep_if_filled(self.nodes.masks)
        if not self.nodes.complete:
            self._show_again()
            return True
        self._part_layers()
        self._take_in_segments()
        self._take_in_landmarks()
        self.keep(segments=True)  # free scribbles are in no snapshot
        return True

    def close(self) -> None:
        """Stop listening to the scene; `disk.flush` first."""
        for caller, tag in self._observed:
            caller.RemoveObserver(tag)
        self._observed = []

    @contextmanager
    def quietly(self) -> Iterator[None]:
        """Write into the scene without taking that for the reader's doing."""
        before, self._writing = self._writing, True
        try:
            yield
        finally:
            self._writing = before

    def _part_layers(self) -> None:
        with self.quietly():
            give_own_boxes(self.nodes.scribbles)
            give_own_boxes(self.nodes.masks)

    def _take_in_segments(self) -> None:
        for lesion in self.snapshot.lesions:
            there = segment_ids(self.nodes.masks)
            if mask_id(lesion.id) not in there:
                record = next(one for one in self.annotation.microbleeds if one.id == lesion.id)
                after = self.snapshot.without_lesion(lesion.id)
                after = replace(after, annotation=without_entry(after.annotation, record))
                self.do(after, f"CMB {lesion.id} removed")
                continue
            changed = self._as_edited(lesion)
            before = self.snapshot
            if changed.mask is not lesion.mask:
                self.snapshot = self.recorded(before, changed)  # the scene shows it already
                self.do(self.snapshot, f"CMB {lesion.id} edited", key=("edited", lesion.id), before=before)
            elif changed is not lesion:
                self.snapshot = before.with_lesion(changed)
                what = f"scribble of CMB {lesion.id} painted"
                self.do(self.snapshot, what, key=("painted", lesion.id), before=before)

    def _as_edited(self, lesion: LinkedLesion) -> LinkedLesion:
        """The lesion with the voxels that its segments have in the scene; emptied ones are as they were."""
        mask = self._voxels(self.nodes.masks, mask_id(lesion.id))
        if len(mask) and not _same_voxels(mask, lesion.mask):
            lesion = replace(lesion, mask=mask)
        scribble = self._voxels(self.nodes.scribbles, scribble_id(lesion.id))
        if len(scribble) and not _same_voxels(scribble, lesion.scribble):
            lesion = replace(lesion, scribble=scribble)
        return lesion

    def _voxels(self, segmentation_node: slicer.vtkMRMLSegmentationNode, segment_id: str) -> NDArray[np.intp]:
        """Voxels of the scan in a segment; none if it is missing or all outside, which growing will tell of."""
        try:
            return segment_on_scan(segmentation_node, segment_id, self.grid).voxels
        except InputError:
            return np.empty((0, 3), np.intp)

    def _take_in_landmarks(self) -> None:
        for name, word, kind in LANDMARKS:
            node = getattr(self.nodes, name)
            records = {record.id: record for record in getattr(self.annotation, name)}
            annotation, moved = self.annotation, []
            for landmark in (points := read_landmarks(node)):
                r_mm, a_mm, s_mm = (round(x, 3) for x in landmark.ras_mm)
                place: dict[str, Any] = {"r_mm": r_mm, "a_mm": a_mm, "s_mm": s_mm}
                known = records.get(landmark.id) if landmark.id is not None else None
                if known is None:
                    new = next_id(getattr(annotation, name))
                    annotation = with_entry(annotation, kind(id=new, reader=self.reader, time=utc_now(), **place))
                    with self.quietly():
                        name_landmark(node, landmark, new)
                    moved.append(new)
                elif any(abs(getattr(known, axis) - x) > 2e-3 for axis, x in place.items()):
                    annotation = with_entry(annotation, replace(known, time=utc_now(), **place))
                    moved.append(known.id)
            gone = set(records) - {landmark.id for landmark in points}
            for landmark_id in gone:
                annotation = without_entry(annotation, records[landmark_id])
            if annotation is not self.annotation:
                self.do(replace(self.snapshot, annotation=annotation), f"{word} placed", key=(name, *moved, *gone))

    def _segments(self) -> list[Segment]:
        """All that is painted and grown, as it is saved."""
        free: dict[str, NDArray[np.intp]] = {}
        for segment in free_scribbles(self.nodes, self.snapshot.lesions):
            voxels = self._voxels(self.nodes.scribbles, segment)
            if len(voxels):
                name = self.nodes.scribbles.GetSegmentation().GetSegment(segment).GetName().replace("|", " ")
                free[name if name not in free else f"{name} {segment}"] = voxels
        return all_segments(self.snapshot.lesions, free, self.reader)

    def _show_all(self, on_disk: FoundOnDisk) -> None:
        """Have the scene show what was on the disk in place of what it shows."""
        with self.quietly():
            for node in (self.nodes.scribbles, self.nodes.masks):
                node.SetAndObserveTransformNodeID(None)  # positions are world RAS
                node.GetSegmentation().RemoveAllSegments()
            for lesion in self.snapshot.lesions:
                show_lesion(self.nodes, lesion, self.grid, self.reader)
            for segment in on_disk.scribbles:
                add_to_scribble(self.nodes, PAINT_SEGMENT, segment.voxels, self.grid)
            self._show_landmarks()

    def _show_again(self) -> None:
        """Make nodes anew that were removed from the scene, and show all that they held."""
        self.close()
        with self.quietly():
            self.nodes = ensure_nodes(self.nodes.scan)
            for lesion in self.snapshot.lesions:
                show_lesion(self.nodes, lesion, self.grid, self.reader)
            ensure_paint_segment(self.nodes)
            self._show_landmarks()
        self._observed = self._observe()
        self._keep_in_scene()

    def _show_landmarks(self) -> None:
        for name, word, _ in LANDMARKS:
            shown = [
                Landmark(
                    record.id,
                    (record.r_mm, record.a_mm, record.s_mm),
                    f"{word} {record.id}",
                    record.type if isinstance(record, Mimic) else record.text,
                )
                for record in getattr(self.annotation, name)
            ]
            show_landmarks(getattr(self.nodes, name), shown, self.nodes.scan.GetID())

    def _observe(self) -> list[tuple[Any, int]]:
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
        return [*observed, (scene, scene.AddObserver(scene.NodeRemovedEvent, self._on_scene))]

    def _on_scene(self, caller: object, event: str) -> None:
        if not self._writing:
            self.touched = True

    def _keep_in_scene(self) -> None:
        """Write the records into the scene too: a saved scene is whole without the files beside the scan."""
        places = {one.id: (one.r_mm, one.a_mm, one.s_mm) for one in self.annotation.microbleeds}
        write_annotated(self.nodes.scan, places)
        files = self.disk.files
        where = {"reader": self.reader, "folder": str(files.folder) if files else None}
        self.nodes.scribbles.SetAttribute(STUDY_ATTRIBUTE, json.dumps(study_to_json(self.disk.study)))
        self.nodes.scribbles.SetAttribute(FILES_ATTRIBUTE, json.dumps(where))

    def _check_other_reader(self, other: str | None, study: Study | None, has_files: bool) -> None:
        if other and other != self.reader and study is not None and not has_files:
            raise InputError(
                f"The scene holds {other}'s annotation, which is saved in no folder.",
                "Choose a folder for it first, or another scan.",
            )


def _is_newer(in_scene: Annotation, on_disk: FoundOnDisk) -> bool:
    """Whether to go on with the scene: it says the same as the disk, or was changed later."""
    there = on_disk.snapshot.annotation
    return in_scene == there or newest_entry(in_scene) > newest_entry(there)


def _kept_in_scene(scan_node: slicer.vtkMRMLScalarVolumeNode) -> dict[str, Any]:
    """What `_keep_in_scene` wrote: reader, folder (if it is still there) and study; empty if nothing usable."""
    nodes = find_nodes(scan_node)
    try:
        kept = json.loads((nodes and nodes.scribbles.GetAttribute(FILES_ATTRIBUTE)) or "{}")
        text = nodes and nodes.scribbles.GetAttribute(STUDY_ATTRIBUTE)
        study = study_from_json(_without_head(json.loads(text))) if text else None
    except (ValueError, InputError):
        return {}
    if study is None:
        return {}
    folder = kept.get("folder")
    return {**kept, "folder": folder if folder and Path(folder).is_dir() else None, "study": study}


def _without_head(data: dict[str, Any]) -> dict[str, Any]:
    return {key: data[key] for key in ("scan", "report", "priority", "annotations") if key in data}


def _file_of(scan_node: slicer.vtkMRMLScalarVolumeNode) -> str:
    storage = scan_node.GetStorageNode()
    return (storage.GetFullNameFromFileName() or "") if storage and storage.GetFileName() else ""


def _scan_name(scan_node: slicer.vtkMRMLScalarVolumeNode) -> str:
    file = _file_of(scan_node)
    return file.replace("\\", "/").rsplit("/", 1)[-1] if file else scan_node.GetName() or "scan"


def _same_voxels(one: NDArray[np.intp], other: NDArray[np.intp]) -> bool:
    if len(one) != len(other):
        return False
    return np.array_equal(one, other) or np.array_equal(np.unique(one, axis=0), np.unique(other, axis=0))


def files_of_study(study: OpenStudy, folder: str | None) -> StudyFiles | None:
    """Tell where an open study would be saved if this folder were chosen; None if there is none."""
    scan = study.nodes.scan
    return files_of_scan(_file_of(scan), scan.GetName(), folder)
