"""Saving a review while one reads: at most two seconds of work can be lost, whatever happens to the program."""

from __future__ import annotations

import glob
import time
from collections.abc import Callable
from pathlib import Path

from ..detecting.candidates.grid import Grid
from ..errors import CMBError, InputError
from ..files.atomic_file import (
    DamagedFileError,
    folder_lock,
    free_name,
    keep_copy,
    put_in_place,
    replacing,
    set_aside,
    write_error,
)
from ..files.write_soon import WAIT_S, WriteSoon
from ..signal import Signal
from .kept_in import former_files
from .review_file import ENDING, SavedReview, from_text, on_grid, to_text


class ReviewAutosave:
    """Keeps one review in one file.

    Parameters
    ----------
    path : Path
    wait_s, clock
        As `WriteSoon`.

    Attributes
    ----------
    noted : Signal
        Called with a note for the reader: a file was set aside, or was found under an earlier name.
    """

    def __init__(self, path: Path, *, wait_s: float = WAIT_S, clock: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        self.noted = Signal()
        self._soon = WriteSoon(self._write, clock, wait_s)
        self._wanted: SavedReview | None = None
        self._known: str | None = None  # what the file holds as far as is known

    @property
    def dirty(self) -> bool:
        """Whether there is anything that is not on the disk yet."""
        return self._soon.dirty

    @property
    def not_saved(self) -> CMBError | None:
        """Why it could not be written; None once it is."""
        return self._soon.not_saved

    def load(self, grid: Grid, scan: str = "") -> SavedReview | None:
        """Read what is on the disk; what cannot be read, or is of another grid, is set aside and that is noted.

        Parameters
        ----------
        grid : Grid
            The scan's.
        scan : str
            The scan's name: a review of this scan that lies there under an earlier name is given the present one.

        Returns
        -------
        SavedReview or None
            None if there is nothing to go on with.

        Raises
        ------
        InputError
            It may not be read, or not be renamed.
        """
        self._rename_former(grid, scan)
        text = self._on_disk()
        if text is None:
            return None
        word = "damaged"
        try:
            saved = on_grid(from_text(text, self.path.name), grid)
            if saved is None:
                word = "other"
                raise DamagedFileError(f"{self.path.name} belongs to a scan of another size or place.")
        except DamagedFileError as damage:
            self.noted(set_aside(self.path, damage, word))
            return None
        self._known = text
        return saved

    def keep_beside(self, text: str) -> Path:
        """Keep a state (`to_text`) that is not gone on with beside the file, once; raises as `flush`."""
        stem, suffix = self.path.name.removesuffix(self.path.suffix), self.path.suffix
        for other in self.path.parent.glob(f"{glob.escape(stem)}.other-*{suffix}"):
            if _read(other) == text:
                return other
        copy = free_name(self.path, "other")
        with replacing(copy) as draft:
            draft.write_text(text, encoding="utf-8")
        return copy

    def keep_found_beside(self) -> Path:
        """Keep what `load` found beside the file, as `keep_beside`."""
        assert self._known is not None
        return self.keep_beside(self._known)

    def forget_found(self) -> None:
        """Have the first write keep what `load` found, which could not be kept until now."""
        self._known = None

    def changed(self, saved: SavedReview) -> None:
        """Take a new state, to be written by a later `poll`."""
        self._wanted = saved
        self._soon.changed()

    def poll(self) -> bool:
        """Write if it is time to, as `WriteSoon.poll`; raises as `flush`."""
        return self._soon.poll()

    def flush(self) -> None:
        """Write now what is unsaved.

        Raises
        ------
        InputError
            The folder is missing or may not be written.
        MachineError
            The disk is full or failed. In either case the former file is intact and `dirty` stays true.
        """
        self._soon.flush()

    def _write(self) -> None:
        assert self._wanted is not None
        text = to_text(self._wanted)
        if not self.path.parent.is_dir():
            raise InputError(
                f"There is no folder {self.path.parent} any more.", "Choose another folder for the review."
            )
        with folder_lock(self.path.parent):
            there = self._on_disk()
            if there is not None and there not in (self._known, text):
                self._keep_other(there)
            with replacing(self.path) as draft:
                draft.write_text(text, encoding="utf-8")
        self._known = text

    def _on_disk(self) -> str | None:
        try:
            return self.path.read_text(encoding="utf-8", errors="replace") if self.path.exists() else None
        except OSError as error:
            raise InputError(
                f"{self.path.name} cannot be read ({error.strerror}).", "Ask for permission to read it."
            ) from error

    def _rename_former(self, grid: Grid, scan: str) -> None:
        """Give the latest review of this scan under an earlier name the present one, unless that one is later."""
        former = [(file, saved) for file in former_files(self.path, ENDING) if (saved := _peek(file, grid))]
        former = [(file, saved) for file, saved in former if saved.scan == scan]
        if not former:
            return
        file, latest = max(former, key=lambda one: one[1].changed_at)
        own = _peek(self.path, grid)
        if self.path.exists() and (own is None or own.changed_at >= latest.changed_at):
            return
        with folder_lock(self.path.parent):
            kept = f" What had this name is kept as {keep_copy(self.path, 'other').name}." if own else ""
            try:
                put_in_place(file, self.path)
            except OSError as error:
                raise write_error(self.path, error) from error
        self.noted(f"The review of this scan was found as {file.name} and is named {self.path.name} now.{kept}")

    def _keep_other(self, there: str) -> None:
        """Two windows on one scan, or a file that nobody opened: what it says is kept beside."""
        copy = keep_copy(self.path, "other")
        self.noted(f"{self.path.name} was changed elsewhere meanwhile; that state is kept as {copy.name}.")


def review_at(path: Path, grid: Grid, scan: str) -> tuple[Path, SavedReview] | None:
    """Look for the review of a scan in a file, or in one under an earlier name, and leave the files as they are.

    Parameters
    ----------
    path : Path
    grid, scan
        As of `ReviewAutosave.load`.

    Returns
    -------
    tuple of Path and SavedReview, or None
        None where `load` would find nothing to go on with.
    """
    for file in (path, *former_files(path, ENDING)):
        saved = _peek(file, grid)
        if saved is not None and not saved.review.is_empty and (file == path or saved.scan == scan):
            return file, saved
    return None


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def _peek(path: Path, grid: Grid) -> SavedReview | None:
    """Read a review of a grid if that can be done; the file stays as it is."""
    text = _read(path)
    try:
        return None if text is None else on_grid(from_text(text, path.name), grid)
    except DamagedFileError:
        return None
