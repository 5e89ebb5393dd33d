"""Saving a review while one reads: at most two seconds of work can be lost, whatever happens to the program.

No threads: the user interface's own loop calls `ReviewAutosave.poll` from a timer.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from ..errors import CMBError, InputError
from ..files.atomic_file import DamagedFileError, folder_lock, keep_copy, replacing, set_aside
from ..signal import Signal
from .grid import Grid
from .review_file import SavedReview, from_text, on_grid, to_text

WAIT_S = 1.0  # leaves a timer of half a second and a slow disk their share of the two seconds


class ReviewAutosave:
    """Keeps one review in one file.

    Parameters
    ----------
    path : Path
    wait_s : float
        From the first unsaved change to the write; also between attempts that failed.
    clock : callable
        Seconds that never go back.

    Attributes
    ----------
    noted : Signal
        Called with a note for the reader: a file was set aside.
    """

    def __init__(self, path: Path, *, wait_s: float = WAIT_S, clock: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        self.noted = Signal()
        self._wait_s, self._clock = wait_s, clock
        self._wanted: SavedReview | None = None
        self._due: float | None = None
        self._known: str | None = None  # what the file holds as far as is known

    @property
    def dirty(self) -> bool:
        """Whether there is anything that is not on the disk yet."""
        return self._due is not None

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
        if self._due is None:
            self._due = self._clock() + self._wait_s

    def poll(self) -> bool:
        """Write if it is time to; call it twice a second or more often.

        Returns
        -------
        bool
            Whether anything was written.

        Raises
        ------
        CMBError
            As `flush`. What was not saved is tried again.
        """
        if self._due is None or self._clock() < self._due:
            return False
        try:
            self.flush()
        except CMBError:
            self._due = self._clock() + self._wait_s
            raise
        return True

    def flush(self) -> None:
        """Write now what is unsaved.

        Raises
        ------
        InputError
            The folder is missing or may not be written.
        MachineError
            The disk is full or failed. In either case the former file is intact and `dirty` stays true.
        """
        if self._due is None or self._wanted is None:
            return
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
        self._due = None

    def _on_disk(self) -> str | None:
        try:
            return self.path.read_text(encoding="utf-8", errors="replace") if self.path.exists() else None
        except OSError as error:
            raise InputError(f"{self.path.name} cannot be read ({error.strerror}).", "Ask for the right to.") from error

    def _keep_other(self, there: str) -> None:
        """Two windows on one scan, or a file that nobody opened: what it says is kept beside."""
        copy = keep_copy(self.path, "other")
        self.noted(f"{self.path.name} was changed elsewhere meanwhile; that state is kept as {copy.name}.")
