"""Saving while one annotates: at most two seconds of work can be lost, whatever happens to the program."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import SimpleITK as sitk

from CMBSegmentationLib.errors import CMBError
from CMBSegmentationLib.files.atomic_file import DamagedFileError, folder_lock, set_aside
from CMBSegmentationLib.files.write_soon import WAIT_S, WriteSoon
from CMBSegmentationLib.signal import Signal

from ..annotation.edits import with_annotation
from ..annotation.file import StudyFiles, make_folder, read_study, write_study
from ..annotation.kept_beside import keep_beside, said_kept
from ..annotation.records import Annotation, Study
from ..annotation.segments_file import Segment, read_segments, write_segments

Stamp = tuple[int, int, int]
"""What changes with every write of a file: each makes a new one."""


def _stamp(path: Path) -> Stamp | None:
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_ino, about.st_mtime_ns, about.st_size


class Autosave:
    """Writes one reader's annotation of one study some moments after it changed.

    Each write reads the file again and changes this reader's part only, so several readers may work on
    one study at the same time.

    Parameters
    ----------
    files : StudyFiles
    study : Study
        As `open_study` gave it.
    reader : str
        Whose annotation is written.
    scan : SimpleITK.Image
        Gives the masks' grid.
    wait_s, clock
        As `WriteSoon`.

    Attributes
    ----------
    noted : Signal
        Called with a note for the reader: a file was set aside.
    """

    def __init__(
        self,
        files: StudyFiles,
        study: Study,
        reader: str,
        scan: sitk.Image,
        *,
        wait_s: float = WAIT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.noted = Signal()
        self._files, self._study, self._scan = files, study, scan
        self._annotation = self._on_disk = study.of(reader)
        self._segments: tuple[Segment, ...] | None = None  # not written yet
        self._own_segments: tuple[Segment, ...] | None = None  # as they are now, where that is known
        self._soon = WriteSoon(self._write, clock, wait_s)
        self._others: tuple[Stamp | None, list[Segment]] | None = None

    @property
    def dirty(self) -> bool:
        """Whether there is anything that is not on the disk yet."""
        return self._soon.dirty

    @property
    def not_saved(self) -> CMBError | None:
        """Why it could not be written; None once it is."""
        return self._soon.not_saved

    @property
    def study(self) -> Study:
        """The study with this reader's annotation as it is now, and the others' as last read."""
        return with_annotation(self._study, self._annotation)

    def changed(self, annotation: Annotation, segments: Sequence[Segment] | None = None) -> None:
        """Take a new state, to be written by a later `poll`.

        Parameters
        ----------
        annotation : Annotation
            Of this reader.
        segments : sequence of Segment, optional
            All of this reader's masks; None where they are as before.
        """
        if annotation.reader != self._annotation.reader:
            raise ValueError(f"This saves {self._annotation.reader!r}, not {annotation.reader!r}")
        self._annotation = annotation
        if segments is not None:
            self._segments = self._own_segments = tuple(segments)
        self._soon.changed()

    def poll(self) -> bool:
        """Write if it is time to, as `WriteSoon.poll`; raises as `flush`."""
        return self._soon.poll()

    def flush(self) -> None:
        """Write now what is unsaved: as a study is closed, or the program.

        Raises
        ------
        InputError
            The folder may not be written, the file there is of a newer schema, or the masks there are of
            another grid.
        MachineError
            The disk is full or failed. In either case the former files are intact and `dirty` stays true;
            where only the masks could not be written, the records were.
        """
        self._soon.flush()

    def _write(self) -> None:
        make_folder(self._files)
        with folder_lock(self._files.folder):
            study = self._merged()
            problem = self._problem_with_segments()
            write_study(self._files.annotation, study)  # last: it names the masks
            self._study, self._on_disk = study, self._annotation
        if problem:
            raise problem

    def _problem_with_segments(self) -> CMBError | None:
        """Write the masks if they changed; what stopped it must not keep the records from being saved."""
        if self._segments is None:
            return None
        try:
            try:
                others = self._others_segments()
            except DamagedFileError as damage:
                self.noted(set_aside(self._files.segments, damage))
                others = []
            write_segments(self._files.segments, [*others, *self._segments], self._scan)
        except CMBError as error:
            return error
        self._others = (_stamp(self._files.segments), others)
        self._segments = None
        return None

    def _others_segments(self) -> list[Segment]:
        """Give other readers' masks; the file is read only if it is not the one that was written last."""
        path = self._files.segments
        if self._others is None or self._others[0] != _stamp(path):
            found = read_segments(path, self._scan)
            self._others = (_stamp(path), [one for one in found if one.reader != self._annotation.reader])
        return self._others[1]

    def _merged(self) -> Study:
        """The file's present content with this reader's annotation in it."""
        path = self._files.annotation
        if not path.exists():
            return self.study
        try:
            found = read_study(path)
        except DamagedFileError as damage:
            self.noted(set_aside(path, damage))
            return self.study
        reader = self._annotation.reader
        if found.of(reader) not in (self._on_disk, self._annotation):
            self._keep_other_state(reader)
            self._on_disk = found.of(reader)
        report, priority = self._study.report or found.report, self._study.priority or found.priority
        return with_annotation(replace(found, report=report, priority=priority), self._annotation)

    def _keep_other_state(self, reader: str) -> None:
        """Two windows under one name: what the other wrote is kept beside, with its masks."""
        copy = keep_beside(self._files)
        self._segments = self._own_segments
        self.noted(f"{reader}'s annotation was changed elsewhere meanwhile; that state is {said_kept(copy)}.")
