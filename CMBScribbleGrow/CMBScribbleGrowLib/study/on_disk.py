"""Where an open study is kept, what was there when it was opened, and saving it while one works."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from CMBSegmentationLib.errors import CMBError, InputError, told
from CMBSegmentationLib.files.atomic_file import (
    DamagedFileError,
    folder_lock,
    free_name,
    put_in_place,
    set_aside,
    write_error,
)
from CMBSegmentationLib.reading.scan import scan_stem
from CMBSegmentationLib.review.kept_in import Kept, former_files, kept_in, plain_name
from CMBSegmentationLib.signal import Signal

from ..annotation.edits import with_annotation, with_scan
from ..annotation.file import ANNOTATION_ENDING, StudyFiles, open_study, read_study, write_study
from ..annotation.kept_beside import kept_beside, masks_beside
from ..annotation.records import Annotation, Study
from ..annotation.segments_file import Segment, grown_name, read_segments, scribble_name, write_segments
from .autosave import Autosave
from .linked_lesion import LinkedLesion, lesion_from_record
from .state import Snapshot

SETTLED_S = 0.4  # a tolerance that has not moved for so long is kept; with WAIT_S and a timer, within LATEST_S


@dataclass(frozen=True, eq=False)
class FoundOnDisk:
    """What one reader had left of a study.

    Attributes
    ----------
    study : Study
        With all readers.
    snapshot : Snapshot
        Of this reader.
    scribbles : tuple of Segment
        Painted and not grown yet.
    notes : tuple of str
        What the reader should know: a file was set aside, a mask is missing.
    """

    study: Study
    snapshot: Snapshot
    scribbles: tuple[Segment, ...] = ()
    notes: tuple[str, ...] = ()


def files_of_scan(scan_file: str, name: str, folder: str | None, stem: str = "") -> StudyFiles | None:
    """Name the files of a scan's annotation, as `kept_in` says; None where there is no folder.

    Parameters
    ----------
    scan_file, name, folder
        As `kept_in`.
    stem : str
        What the names began with before; empty if that is not known.
    """
    where, stem = kept_in(scan_file, name, folder, Kept(stem))
    return None if where is None else StudyFiles(where, stem)


def find_on_disk(files: StudyFiles, scan_name: str, reader: str, image: sitk.Image) -> FoundOnDisk:
    """Read what a reader had left.

    Parameters
    ----------
    files : StudyFiles
    scan_name : str
        For a study that begins.
    reader : str
    image : SimpleITK.Image
        The scan, for its grid.

    Returns
    -------
    FoundOnDisk

    Raises
    ------
    InputError
        A file is of a newer schema, may not be read, or was made on another scan; it is left untouched.
    """
    renamed = _rename_former(files, scan_name, image)
    study, notes = open_study(files, scan_name)
    study, notes = _with_name_of_file(files, study, scan_name), (*renamed, *notes)
    try:
        segments = {segment.name: segment for segment in read_segments(files.segments, image)}
    except DamagedFileError as damage:
        segments, notes = {}, (*notes, set_aside(files.segments, damage))
    annotation = study.of(reader)
    own = {name: segment for name, segment in segments.items() if segment.reader == reader}
    lesions, used = [], set()
    for record in annotation.microbleeds:
        mask, scribble = own.get(record.grown_segment), own.get(record.scribble_segment)
        used |= {record.grown_segment, record.scribble_segment}
        if mask is not None and len(mask.voxels):
            painted = scribble if scribble is not None and len(scribble.voxels) else mask
            lesions.append(lesion_from_record(record, painted.voxels, mask.voxels))
        elif record.grown_segment:
            notes = (*notes, f"CMB {record.id} has no mask in {files.segments.name}; its record is kept.")
    free = tuple(segment for name, segment in own.items() if name not in used and len(segment.voxels))
    return FoundOnDisk(study, Snapshot(annotation, tuple(lesions)), free, notes)


def keep_scene_beside(
    files: StudyFiles, kept: Study, lesions: tuple[LinkedLesion, ...], reader: str, image: sitk.Image
) -> str:
    """Write what only a scene says of a study beside its files, where that is not gone on with; give the file's name.

    Raises
    ------
    CMBError
        It cannot be written.
    """
    for other in kept_beside(files):
        with suppress(InputError):
            if read_study(other) == kept:  # the same scene was opened before
                return other.name
    path = free_name(files.annotation, "other")
    write_segments(masks_beside(path), all_segments(lesions, {}, reader), image)
    write_study(path, kept)
    return path.name


def _rename_former(files: StudyFiles, scan_name: str, image: sitk.Image) -> tuple[str, ...]:
    """Give an annotation of the scan that lies there under an earlier name the present one; say so."""
    if files.annotation.exists() or files.segments.exists():
        return ()
    for path in former_files(files.annotation, ANNOTATION_ENDING):
        former = StudyFiles(files.folder, path.name.removesuffix(ANNOTATION_ENDING))
        if not _is_of(former, scan_name, image):
            continue
        try:
            if former.segments.exists():
                put_in_place(former.segments, files.segments)
            put_in_place(path, files.annotation)
        except OSError as error:
            raise write_error(files.annotation, error) from error
        return (f"The annotation of this scan was found as {path.name} and is named {files.annotation.name} now.",)
    return ()


def _with_name_of_file(files: StudyFiles, study: Study, scan_name: str) -> Study:
    """Have an annotation whose file has the scan's present name say that name, too, on the disk and as it is given.

    Where it cannot be written, it stays as it is.
    """
    stem = _plain(files.stem)
    if _plain(study.scan) == stem or _plain(scan_name) != stem:
        return study
    with suppress(CMBError), folder_lock(files.folder):
        renamed = with_scan(read_study(files.annotation), scan_name)
        write_study(files.annotation, renamed)
        return renamed
    return study


def _is_of(former: StudyFiles, scan_name: str, image: sitk.Image) -> bool:
    """Tell whether an annotation can be read and is of this scan."""
    try:
        study = read_study(former.annotation)
        read_segments(former.segments, image)
    except InputError:
        return False
    return _plain(study.scan) == _plain(scan_name)


def _plain(scan_name: str) -> str:
    return plain_name(scan_stem(Path(scan_name)))


def newest_entry(annotation: Annotation) -> str:
    """Give the time of the last change that an annotation tells of; empty if it is empty."""
    times = [entry.time for entry in annotation.entries()]
    return max([*times, annotation.assessment.time if annotation.assessment else ""], default="")


def all_segments(lesions: tuple[LinkedLesion, ...], free: dict[str, NDArray[np.intp]], reader: str) -> list[Segment]:
    """List what a reader painted and grew, as it is saved.

    Parameters
    ----------
    lesions : tuple of LinkedLesion
    free : dict
        Scribbles that belong to no lesion yet: name to voxels (n, 3).
    reader : str

    Returns
    -------
    list of Segment
    """
    segments = []
    for lesion in lesions:
        segments.append(Segment(scribble_name(lesion.id, reader), reader, lesion.scribble))
        segments.append(Segment(grown_name(lesion.id, reader), reader, lesion.mask, lesion.accepted))
    return segments + [Segment(f"{name} ({reader})", reader, voxels) for name, voxels in free.items()]


class StudyOnDisk:
    """Saves one reader's annotation of one study while it is in work.

    Parameters
    ----------
    files : StudyFiles or None
        None keeps it in memory until `saved_in` gives a folder.
    study : Study
        As it was found.
    reader : str
    image : SimpleITK.Image
        The scan, for its grid.
    clock : callable
        Seconds that never go back.

    Attributes
    ----------
    noted : Signal
        Called with a note for the reader: a file was set aside.
    """

    def __init__(
        self,
        files: StudyFiles | None,
        study: Study,
        reader: str,
        image: sitk.Image,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.noted = Signal()
        self.files: StudyFiles | None = None
        self._study, self._reader, self._image, self._clock = study, reader, image, clock
        self._annotation = study.of(reader)
        self._segments: tuple[Segment, ...] | None = None
        self._autosave: Autosave | None = None
        if files is not None:
            self._save_in(files)

    @property
    def study(self) -> Study:
        """The study with this reader's annotation as it is now."""
        return self._autosave.study if self._autosave else with_annotation(self._study, self._annotation)

    @property
    def unsaved(self) -> bool:
        """Whether there is anything that is not on the disk."""
        return self._autosave.dirty if self._autosave else self._segments is not None

    @property
    def not_saved(self) -> CMBError | None:
        """Why what is unsaved could not be written; None once it is."""
        return self._autosave.not_saved if self._autosave else None

    def keep(self, annotation: Annotation, segments: list[Segment] | None = None) -> None:
        """Take a new state, to be written soon; segments are None where they are as before."""
        self._annotation = annotation
        if segments is not None:
            self._segments = tuple(segments)
        if self._autosave is not None:
            self._autosave.changed(annotation, segments)

    def saved_in(self, files: StudyFiles, study: Study) -> None:
        """Save in another folder from now on, where all is written already (`moving.move`) as a study says."""
        self._study, self._annotation, self._segments = study, study.of(self._reader), None
        self._save_in(files)

    def poll(self) -> bool:
        """Write if it is time to; raises as `Autosave.poll`."""
        return self._autosave.poll() if self._autosave else False

    def flush(self) -> None:
        """Write now; `InputError` or `MachineError` if that fails, and nothing is lost."""
        if self._autosave is not None:
            self._autosave.flush()
        elif self.unsaved:
            raise InputError("The annotation has no folder to be saved in.", "Choose a folder.")

    def copy_to(self, folder: Path) -> None:
        """Write all as it is now to another folder, with what can be read of the other readers' masks.

        Where it is saved stays as it is: for what cannot be saved there. Raises where something is missing, and has
        written the rest then.
        """
        if self.files is None:
            raise InputError("The annotation has no folder to be saved in.", "Choose a folder.")
        copy, found = StudyFiles(folder, self.files.stem), list[Segment]()
        problem: CMBError | None = None
        try:
            found = list(read_segments(self.files.segments, self._image))
        except (CMBError, OSError) as error:
            problem = told(error)
        if self._segments is not None:
            found = [*(one for one in found if one.reader != self._reader), *self._segments]
        write_study(copy.annotation, self.study)  # first: it can be written where the masks cannot
        write_segments(copy.segments, found, self._image)
        if problem is not None:
            raise problem

    def _save_in(self, files: StudyFiles) -> None:
        self.files = files
        self._autosave = Autosave(files, self._study, self._reader, self._image, clock=self._clock)
        self._autosave.noted.connect(self.noted)
        if self._segments is not None:  # what was made before there was a folder, or in another one
            self._autosave.changed(self._annotation, self._segments)
