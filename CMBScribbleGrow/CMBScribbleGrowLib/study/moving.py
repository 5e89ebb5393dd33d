"""Saving an annotation in another folder, where one of the same scan may lie already: neither is lost."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from CMBSegmentationLib.errors import CMBError
from CMBSegmentationLib.files.atomic_file import folder_lock, put_in_place, write_error

from ..annotation.edits import with_annotation
from ..annotation.file import StudyFiles, make_folder, write_study
from ..annotation.kept_beside import keep_beside, said_kept
from ..annotation.records import Annotation, Study
from ..annotation.segments_file import Segment, read_segments, write_segments
from .on_disk import FoundOnDisk, find_on_disk, newest_entry


@dataclass(frozen=True, eq=False)
class AtHand:
    """What is to be saved in another folder.

    Attributes
    ----------
    files : StudyFiles or None
        Where it was saved until now.
    study : Study
        With all readers.
    annotation : Annotation
        Of the reader who annotates.
    segments : sequence of Segment
        All that this reader painted and grew.
    """

    files: StudyFiles | None
    study: Study
    annotation: Annotation
    segments: Sequence[Segment]


@dataclass(frozen=True, eq=False)
class Moved:
    """What is saved in the folder now.

    Attributes
    ----------
    study : Study
        As it is on the disk.
    taken : FoundOnDisk or None
        What lay there, where that is gone on with.
    notes : tuple of str
        What the reader should know.
    """

    study: Study
    taken: FoundOnDisk | None = None
    notes: tuple[str, ...] = ()


def move(files: StudyFiles, at_hand: AtHand, scan_name: str, image: sitk.Image) -> Moved:
    """Save an annotation in another folder, whole or not at all.

    What the same reader left there is gone on with where it says all that the one at hand does, and more; else it is
    kept beside with its masks, unless the one at hand says all of it. Other readers' records and masks stay as they
    are there; those of readers of whom nothing is there go along.

    Parameters
    ----------
    files : StudyFiles
        Where to.
    at_hand : AtHand
    scan_name : str
        For a study that begins.
    image : SimpleITK.Image
        The scan, for its grid.

    Returns
    -------
    Moved

    Raises
    ------
    CMBError
        As `find_on_disk` and `Autosave.flush`: what lies in the folder is intact then. It is raised of a folder that
        is not writable also where there is nothing to write yet.
    """
    make_folder(files)
    reader = at_hand.annotation.reader
    with folder_lock(files.folder):
        found = find_on_disk(files, scan_name, reader, image)
        there = read_segments(files.segments, image)
        own = [one for one in there if one.reader == reader]
        left = found.study.of(reader)
        shape = image.GetSize()[::-1]
        all_at_hand = _says_all(at_hand.annotation, at_hand.segments, left, own, shape)
        is_taken = not all_at_hand and _says_all(left, own, at_hand.annotation, at_hand.segments, shape)
        study, brought = _with_others(found.study, at_hand, image)
        segments = [one for one in there if one.reader != reader]
        segments += [one for one in brought if one.name not in {here.name for here in there}]
        if is_taken:
            segments = [*own, *segments]
        else:
            segments = [*segments, *at_hand.segments]
            if not at_hand.annotation.is_empty or reader in study.readers:
                study = with_annotation(study, at_hand.annotation)
        is_changed = study.annotations != found.study.annotations or (bool(at_hand.segments) and not is_taken)
        is_kept = not all_at_hand and not is_taken
        kept = _write(files, study if is_changed else None, segments, image, is_kept=is_kept)
    if is_taken:
        said: tuple[str, ...] = (f"The annotation that was there is shown, {_last_change(left)}.",)
    elif kept is not None:
        which = f"Another annotation of this scan by {reader} was there, {_last_change(left)}"
        said = (f"{which}; it is {said_kept(kept)}.",)
    else:
        said = ()
    return Moved(study, found if is_taken else None, (*found.notes, *said, *_otherwise_there(found.study, at_hand)))


def _otherwise_there(found: Study, at_hand: AtHand) -> tuple[str, ...]:
    """Say which other readers are shown as the folder has them, where that was otherwise until now."""
    before = [one for one in at_hand.study.annotations if one.reader != at_hand.annotation.reader and not one.is_empty]
    names = [one.reader for one in before if one.reader in found.readers and found.of(one.reader) != one]
    if not names or at_hand.files is None:
        return ()
    who = " and ".join(names)
    return (f"Of {who} the folder has another annotation; what was shown here stays in {at_hand.files.folder}.",)


def same_place(one: StudyFiles | None, other: StudyFiles) -> bool:
    """Tell whether two names are of the same files."""
    return one is not None and one.stem == other.stem and one.folder.resolve() == other.folder.resolve()


def _says_all(
    one: Annotation,
    segments: Sequence[Segment],
    other: Annotation,
    others_segments: Sequence[Segment],
    shape: tuple[int, ...],
) -> bool:
    """Tell whether an annotation says all that another of the same reader does: nothing is lost without the other."""
    entries = list(one.entries())
    if not all(entry in entries for entry in other.entries()) or other.assessment not in (None, one.assessment):
        return False
    voxels = {segment.name: _flat(segment, shape) for segment in segments}
    grown = {record.grown_segment for annotation in (one, other) for record in annotation.microbleeds}
    painted = {place for name, places in voxels.items() if name not in grown for place in places}
    for segment in (one for one in others_segments if len(one.voxels)):
        wanted = _flat(segment, shape)
        if voxels.get(segment.name) != wanted and (segment.name in grown or not wanted <= painted):
            return False
    return True


def _flat(segment: Segment, shape: tuple[int, ...]) -> set[int]:
    return set(np.ravel_multi_index(tuple(segment.voxels.T), shape).tolist())


def _with_others(found: Study, at_hand: AtHand, image: sitk.Image) -> tuple[Study, list[Segment]]:
    """Add what other readers said at hand of whom nothing lies in the folder; give it, and their masks."""
    study = at_hand.study
    new = [one for one in study.annotations if not one.is_empty and one.reader not in found.readers]
    names = {one.reader for one in new} - {at_hand.annotation.reader}
    masks: list[Segment] = []
    if names and at_hand.files is not None:
        with suppress(CMBError, OSError):  # the former folder is gone: its records are known, its masks are not
            masks = [one for one in read_segments(at_hand.files.segments, image) if one.reader in names]
    result = replace(found, report=study.report or found.report, priority=study.priority or found.priority)
    for one in new:
        if one.reader in names:
            result = with_annotation(result, one)
    return result, masks


def _write(
    files: StudyFiles, study: Study | None, segments: list[Segment], image: sitk.Image, *, is_kept: bool
) -> Path | None:
    """Write records and masks once both are whole, after what is there was kept beside; give where that is kept.

    Without a study nothing is written, only tried.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=".draft-", dir=files.folder, ignore_cleanup_errors=True) as name:
            draft = StudyFiles(Path(name), files.stem)
            if study is None:
                return None
            write_segments(draft.segments, segments, image)
            write_study(draft.annotation, study)
            kept = keep_beside(files) if is_kept else None
            if draft.segments.exists():
                put_in_place(draft.segments, files.segments)
            else:
                files.segments.unlink(missing_ok=True)
            put_in_place(draft.annotation, files.annotation)  # last: it names the masks
            return kept
    except OSError as error:
        raise write_error(files.annotation, error) from error


def _last_change(annotation: Annotation) -> str:
    when = newest_entry(annotation)
    return f"last changed {when[:16].replace('T', ' ')} UTC" if when else "changed at an unknown time"
