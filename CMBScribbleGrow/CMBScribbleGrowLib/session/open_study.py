"""A study that is in work: its records, what was done to it, how the scene shows it, and where it is saved.

The scene shows the present `Snapshot`. What a reader paints, moves or deletes there with Slicer's own tools
is taken in by `take_in`; nothing waits for it, so the mouse is never slowed down.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import slicer
from numpy.typing import NDArray

from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.review import ReviewedLesion
from CMBSegmentationLib.review.history import History
from CMBSegmentationLib.scene import image_from_volume
from CMBSegmentationLib.scene.volumes import file_of
from CMBSegmentationLib.vocabulary.places import REGIONS_OF
from CMBSegmentationLib.vocabulary.verdicts import ACCEPTED, UNCERTAIN

from ..annotation.edits import next_id, utc_now, with_entry, without_entry
from ..annotation.file import StudyFiles
from ..annotation.records import Annotation, Microbleed, Mimic, Study
from ..annotation.segments_file import Segment
from ..annotation.words import SINGLE
from ..scene import GrowNodes, ensure_paint_segment, grid_of, name_landmark, read_lesions
from ..scene.kept_study import KeptStudy, read_kept, write_kept
from ..scene.listed_lesions import ListedLesions, list_in_scene
from ..scene.scan_grid import ScanGrid
from ..scene.shown_study import LANDMARKS, ShownStudy
from ..study.linked_lesion import LinkedLesion, record_of, strokes_of
from ..study.moving import AtHand, move, same_place
from ..study.on_disk import (
    FoundOnDisk,
    StudyOnDisk,
    all_segments,
    files_of_scan,
    find_on_disk,
    keep_scene_beside,
    newest_entry,
)
from ..study.state import NO_VOXELS, GrowStep, Snapshot, as_tagged


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
    shown : ShownStudy
        The scene's side of it.
    grid : ScanGrid
    image : SimpleITK.Image
        The scan as it was when it was opened.
    notes : tuple of str
        What the reader should know of how it was opened.
    snapshot : Snapshot
    history : History
    disk : StudyOnDisk

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
        kept = read_kept(scan_node)
        self._stem = kept.stem
        files = files_of_scan(file_of(scan_node), scan_node.GetName(), folder or kept.folder, kept.stem)
        on_disk = FoundOnDisk(Study(scan=_scan_name(scan_node)), Snapshot(Annotation(reader=reader)))
        if files is not None:
            on_disk = find_on_disk(files, _scan_name(scan_node), reader, self.image)
            self.notes += on_disk.notes
        _check_other_reader(kept, reader, files is not None)
        self.shown = ShownStudy(scan_node, self.grid, reader)
        study = _scene_if_newer(kept, reader, on_disk)
        use_scene = study is not None
        study = study or on_disk.study
        study = replace(study, report=report or study.report, priority=priority or study.priority)
        self.disk = StudyOnDisk(files, study, reader, self.image, clock)
        if use_scene:
            self.shown.part_layers()
            self.snapshot = as_tagged(Snapshot(study.of(reader), read_lesions(self.nodes, self.grid)))
        else:
            self._keep_scene(kept, files, on_disk)
            self.snapshot = on_disk.snapshot
            self.shown.show_all(self.snapshot, on_disk.scribbles)
        ensure_paint_segment(self.nodes)
        self._strokes = self._strokes_in_scene()
        self._list = list_in_scene(scan_node)
        self.shown.listen()
        self._keep_in_scene()
        if use_scene and self.annotation != on_disk.study.of(reader):
            self.keep(segments=True)

    @property
    def nodes(self) -> GrowNodes:
        """The scene's nodes of it."""
        return self.shown.nodes

    @property
    def annotation(self) -> Annotation:
        """The reader's records."""
        return self.snapshot.annotation

    @property
    def is_there(self) -> bool:
        """Whether the scan is still in a scene."""
        return self.nodes.scan.GetScene() is not None

    @property
    def waiting(self) -> int:
        """How many strokes are painted and not grown yet."""
        return sum(len(strokes_of(self._voxels(flat))) for flat in self._strokes.values() if len(flat))

    def check_scan(self) -> None:
        """Refuse to go on with a scan that was closed, moved or resampled; `InputError` says which."""
        name = self.nodes.scan.GetName()
        if not self.is_there:
            raise InputError(f"{name} was closed.", "What was annotated is saved; load the scan to go on.")
        if not self.grid.same(grid_of(self.nodes.scan)):
            raise InputError(
                f"{name} was moved or resampled since it was chosen.", "Undo that, or choose the scan again to go on."
            )

    # steps

    def do(
        self,
        after: Snapshot,
        what: str,
        *,
        segment: str = "",
        taken: NDArray[np.intp] = NO_VOXELS,
        key: Hashable = None,
        before: Snapshot | None = None,
    ) -> None:
        """Take a step: show it, save it, remember it for undo.

        Parameters
        ----------
        after : Snapshot
        what : str
            Worded for the reader.
        segment, taken, key
            As in `GrowStep`.
        before : Snapshot, optional
            Where undo leads; the present one if not given.
        """
        step = GrowStep(before or self.snapshot, after, what, key, segment, taken=taken)
        self.show(after)
        self._repaint(segment, NO_VOXELS, taken)
        self.history.add(step)
        self.keep(segments=step.before.lesions != after.lesions)

    def undo(self) -> GrowStep | None:
        """Go back by one step."""
        step = self.history.undo()
        if step is not None:
            self.show(step.before)
            self._repaint(step.segment, step.taken, step.painted)
            self.keep(segments=True)
        return step

    def redo(self) -> GrowStep | None:
        """Go forward by one step that was undone."""
        step = self.history.redo()
        if step is not None:
            self.show(step.after)
            self._repaint(step.segment, step.painted, step.taken)
            self.keep(segments=True)
        return step

    def show(self, snapshot: Snapshot) -> None:
        """Have the scene show a snapshot; only what is other than now is written."""
        former, self.snapshot = self.snapshot, snapshot
        self.shown.show(former, snapshot)

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

    def files_in(self, folder: str | None) -> StudyFiles | None:
        """Tell where it would be saved if this folder were chosen; None if there is none."""
        scan = self.nodes.scan
        return files_of_scan(file_of(scan), scan.GetName(), folder, self._stem)

    def move_to(self, files: StudyFiles) -> tuple[str, ...]:
        """Save in another folder from now on, everything at once; give what the reader should know.

        What this reader left there is gone on with, or is kept beside, as `moving.move` decides. Where it is gone on
        with, undo begins anew: it would take away from the disk what nobody did here. Raises as `moving.move`; all is
        as before then.
        """
        if same_place(self.disk.files, files):
            self.disk.flush()
            return ()
        at_hand = AtHand(self.disk.files, self.disk.study, self.annotation, self._segments())
        moved = move(files, at_hand, _scan_name(self.nodes.scan), self.image)
        self.disk.saved_in(files, moved.study)
        if moved.taken is not None:
            self.history = History()
            self.snapshot = moved.taken.snapshot
            self.shown.show_all(self.snapshot, moved.taken.scribbles)
            ensure_paint_segment(self.nodes)
            self._strokes = self._strokes_in_scene()
        self._keep_in_scene()
        return moved.notes

    def listed_mimic(self, ras_mm: Sequence[float]) -> dict[str, Any]:
        """Give what the list of the scan says of a point (world RAS mm), as `ListedLesions.mimic_at`."""
        return ListedLesions(self.nodes.scan, self.grid).mimic_at(ras_mm, self.annotation.reader)

    def contradicted(self) -> dict[int, str]:
        """Give what the list of the scan decided on single lesions where it is not what is said here, by number.

        What is accepted there is certain, what is uncertain there is not, and what is rejected there is no microbleed.
        """
        said = ((one.id, listed.state, UNCERTAIN if one.uncertain else ACCEPTED) for one, listed in self._on_both())
        return {number: there for number, there, here in said if there != here}

    def differences(self) -> list[tuple[int, str, str]]:
        """Give where place and cause of single lesions differ in the list of the scan and here.

        Returns
        -------
        list of (int, str, str)
            Number, what the list says, what is said here. What only one of the two says differs from nothing.
        """
        found = []
        for one, listed in self._on_both():
            there = listed.lesion
            if there.region and one.location and there.region not in REGIONS_OF[one.location]:
                found.append((one.id, there.region, one.location))
            cause = listed.verdict.cause if listed.verdict is not None else ""
            pairs = ((there.side, one.side), (cause, one.cause))
            found += [(one.id, *pair) for pair in pairs if all(pair) and pair[0] != pair[1]]
        return found

    def not_on_list(self) -> dict[int, str]:
        """Give which single lesions are accepted here and have no verdict in a list of the scan that is read.

        Returns
        -------
        dict
            By number: "not reviewed", "another lesion" or "not" there.
        """
        listed = ListedLesions(self.nodes.scan, self.grid)
        if not listed.decided or not listed.numbers:
            return {}
        both = {one.id for one, _ in self._on_both()}
        left = [one.id for one in self.annotation.microbleeds if one.grouping == SINGLE and one.counts]
        words = {n: "another lesion" if n in listed.decided else "not reviewed" for n in listed.numbers}
        return {number: words.get(number, "not") for number in left if number not in both}

    def listed_verdicts(self) -> dict[int, str]:
        """Give what readers decided on single lesions in the list of the scan, by number: "rejected (vessel)", say."""
        verdicts = {one.id: (listed.state, listed.verdict) for one, listed in self._on_both()}
        return {n: f"{state} ({said.mimic})" if said and said.mimic else state for n, (state, said) in verdicts.items()}

    def list_changed(self) -> bool:
        """Tell whether the list of the scan is another than when this was last asked."""
        before, self._list = self._list, list_in_scene(self.nodes.scan)
        return self._list != before

    def _on_both(self) -> list[tuple[Microbleed, ReviewedLesion]]:
        """Pair single lesions with those of the list that a reader decided on, and that lie there."""
        decided = ListedLesions(self.nodes.scan, self.grid).decided
        single = (one for one in self.annotation.microbleeds if one.grouping == SINGLE)
        pairs = [(one, decided[one.id]) for one in single if one.id in decided]
        return [(one, listed) for one, listed in pairs if self._lies_on(one, listed)]

    def _lies_on(self, one: Microbleed, listed: ReviewedLesion) -> bool:
        lesion = self.snapshot.lesion(one.id)
        if lesion is None or not len(lesion.mask):
            return True  # nothing is known that says otherwise
        return bool(np.isin(np.ravel_multi_index(tuple(lesion.mask.T), self.grid.shape), listed.voxels).any())

    def close(self) -> None:
        """Stop listening to the scene; `disk.flush` first."""
        self.shown.close()

    # what the reader did in the scene

    @property
    def touched(self) -> bool:
        """Whether the reader did anything in the scene that is still to be taken in."""
        return self.shown.touched

    def take_in(self) -> bool:
        """Take in what was painted, moved or deleted in the scene; tell whether there was anything."""
        if not self.shown.touched:
            return False
        self.shown.touched = False
        if not self.shown.is_complete():
            self.shown.show_again(self.snapshot)
            self._strokes = self._strokes_in_scene()
            self._keep_in_scene()
            return True
        self.shown.part_layers()
        self._take_in_strokes()
        for lesion in self.snapshot.lesions:
            self._take_in_lesion(lesion)
        for name, word, kind in LANDMARKS:
            self._take_in_landmarks(name, word, kind)
        self.keep(segments=True)  # free scribbles are in no snapshot
        return True

    def _take_in_strokes(self) -> None:
        """Make a step of what was painted or erased in scribbles that are not grown yet."""
        former, self._strokes = self._strokes, self._strokes_in_scene()
        none = np.empty(0, np.intp)
        for segment in sorted({*former, *self._strokes}):
            before, now = former.get(segment, none), self._strokes.get(segment, none)
            painted, taken = self._voxels(np.setdiff1d(now, before)), self._voxels(np.setdiff1d(before, now))
            if len(painted) or len(taken):
                what = "strokes changed" if len(painted) and len(taken) else "stroke painted"
                what = what if len(painted) else "stroke erased"
                same = self.snapshot
                self.history.add(GrowStep(same, same, what, segment=segment, painted=painted, taken=taken))

    def _strokes_in_scene(self) -> dict[str, NDArray[np.intp]]:
        """Give what is painted and not grown yet, by segment: flat indices, sorted."""
        free = self.shown.free_voxels(self.snapshot.lesions)
        return {segment: self._flat(voxels) for segment, voxels in free.items()}

    def _repaint(self, segment: str, painted: NDArray[np.intp], taken: NDArray[np.intp]) -> None:
        """Change a scribble that is not grown yet, without taking that for the reader's doing."""
        if segment and (len(painted) or len(taken)):
            self.shown.repaint(segment, painted, taken)
            there = np.setdiff1d(self._strokes.get(segment, np.empty(0, np.intp)), self._flat(taken))
            self._strokes[segment] = np.union1d(there, self._flat(painted))

    def _flat(self, voxels: NDArray[np.intp]) -> NDArray[np.intp]:
        return np.unique(np.ravel_multi_index(tuple(voxels.T), self.grid.shape)).astype(np.intp)

    def _voxels(self, flat: NDArray[np.intp]) -> NDArray[np.intp]:
        return np.column_stack(np.unravel_index(flat, self.grid.shape)).astype(np.intp)

    def _take_in_lesion(self, lesion: LinkedLesion) -> None:
        if not self.shown.has_mask(lesion):
            record = next(one for one in self.annotation.microbleeds if one.id == lesion.id)
            after = self.snapshot.without_lesion(lesion.id)
            after = replace(after, annotation=without_entry(after.annotation, record))
            self.do(after, f"CMB {lesion.id} removed")
            return
        changed = self.shown.edited(lesion)
        before = self.snapshot
        if changed.mask is not lesion.mask:
            self.snapshot = self.recorded(before, changed)  # the scene shows it already
            self.do(self.snapshot, f"CMB {lesion.id} edited", before=before)
        elif changed is not lesion:
            self.snapshot = before.with_lesion(changed)
            what = f"scribble of CMB {lesion.id} painted"
            self.do(self.snapshot, what, before=before)

    def _take_in_landmarks(self, name: str, word: str, kind: Any) -> None:
        records = {record.id: record for record in getattr(self.annotation, name)}
        annotation, moved = self.annotation, []
        points = self.shown.landmarks(name)
        for landmark in points:
            r_mm, a_mm, s_mm = (round(x, 3) for x in landmark.ras_mm)
            place: dict[str, Any] = {"r_mm": r_mm, "a_mm": a_mm, "s_mm": s_mm}
            known = records.get(landmark.id) if landmark.id is not None else None
            if known is None:
                new = next_id(getattr(annotation, name))
                said = self.listed_mimic(landmark.ras_mm) if kind is Mimic else {}
                annotation = with_entry(annotation, kind(id=new, reader=self.reader, time=utc_now(), **place, **said))
                with self.shown.quietly():
                    name_landmark(getattr(self.nodes, name), landmark, new)
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
        return all_segments(self.snapshot.lesions, self.shown.not_grown(self.snapshot.lesions), self.reader)

    def _keep_scene(self, kept: KeptStudy, files: StudyFiles | None, on_disk: FoundOnDisk) -> None:
        """Write what only the scene says beside the later state on the disk, which is gone on with."""
        if files is None or kept.study is None or kept.reader != self.reader:
            return
        in_scene, there = kept.study.of(self.reader), on_disk.snapshot.annotation
        if all(entry in list(there.entries()) for entry in in_scene.entries()):
            return
        self.shown.part_layers()
        lesions = read_lesions(self.nodes, self.grid)
        name = keep_scene_beside(files, kept.study, lesions, self.reader, self.image)
        self.notes += (f"The annotation on the disk is later and is shown; that of the scene is kept as {name}.",)

    def _keep_in_scene(self) -> None:
        files = self.disk.files
        if files is not None:
            self._stem = files.stem
        write_kept(self.nodes, self.disk.study, self.snapshot, files.folder if files else None, self.grid, self._stem)


def _scene_if_newer(kept: KeptStudy, reader: str, on_disk: FoundOnDisk) -> Study | None:
    """Give the scene's study if it is to be gone on with: it says the same as the disk, or was changed later."""
    if kept.study is None or kept.reader != reader:
        return None
    in_scene, there = kept.study.of(reader), on_disk.snapshot.annotation
    return kept.study if in_scene == there or newest_entry(in_scene) > newest_entry(there) else None


def _check_other_reader(kept: KeptStudy, reader: str, has_files: bool) -> None:
    if kept.reader and kept.reader != reader and kept.study is not None and not has_files:
        raise InputError(
            f"The scene holds {kept.reader}'s annotation, which is saved in no folder.",
            "Choose a folder for it first, or another scan.",
        )


def _scan_name(scan_node: slicer.vtkMRMLScalarVolumeNode) -> str:
    file = file_of(scan_node)
    return file.replace("\\", "/").rsplit("/", 1)[-1] if file else scan_node.GetName() or "scan"
