"""Saving a review while one reads: at most two seconds of work can be lost, whatever happens to the program."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from ..detecting.candidates.grid import Grid
from ..errors import InputError
from ..files.atomic_file import DamagedFileError, folder_lock, keep_copy, replacing, set_aside
from ..files.write_soon import WAIT_S, WriteSoon
from ..signal import Signal
from .review_file import SavedReview, from_text, on_grid, to_text


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
        Called with a note for the reader: a file was set aside.
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

    def load(self, grid: Grid) -> SavedReview | None:
        """Read what is on the disk; what cannot be read, or is of another grid, is set aside and that is noted.

        Parameters
        ----------
        grid : Grid
            The scan's.

        Returns
        -------
        SavedReview or None
            None if there is nothing to go on with.

        Raises
        ------
        InputError
            It may not be read, or not be renamed.
        """
        text = self._on_disk()
        if text is None:
            return None
        try:
            saved = on_grid(from_text(text, self.path.name), grid)
            if saved is None:
                raise DamagedFileError(f"{self.path.name} belongs to a scan of another size or place.")
        except DamagedFileError as damage:
            self.noted(set_aside(self.path, damage))
            return None
        self._known = text
        return saved

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

    def _keep_other(self, there: str) -> None:
        """Two windows on one scan, or a file that nobody opened: what it says is kept beside."""
        copy = keep_copy(self.path, "other")
        self.noted(f"{self.path.name} was changed elsewhere meanwhile; that state is kept as {copy.name}.")
