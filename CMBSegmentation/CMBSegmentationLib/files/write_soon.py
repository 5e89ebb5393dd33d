"""Autosave timing: write soon after a change, but not at every keystroke. At most two seconds of work can be lost.

No threads: the user interface's own loop calls `WriteSoon.poll` from a timer.
"""

from __future__ import annotations

from collections.abc import Callable

from ..errors import CMBError

LATEST_S = 2.0  # by when an entry must be on the disk
WAIT_S = 1.0  # leaves a timer of up to half a second and a write of half a second their share of LATEST_S
TIMER_S = 0.5
TOOK_LONGER = 1.5  # by which a write may take longer than the one before


class WriteSoon:
    """Calls for a write some moments after the first change that is not on the disk.

    Parameters
    ----------
    write : callable
        Writes everything that is unsaved; raises a `CMBError` where it cannot, and is called again later.
    clock : callable
        Seconds that never go back.
    wait_s : float
        From the first unsaved change to the write, less where writing takes long; also between attempts that failed.

    Attributes
    ----------
    not_saved : CMBError or None
        Why the last attempt to write failed; None once what was to be written is on the disk.
    """

    def __init__(self, write: Callable[[], None], clock: Callable[[], float], wait_s: float = WAIT_S) -> None:
        self._write, self._clock, self._wait_s = write, clock, wait_s
        self.not_saved: CMBError | None = None
        self._due: float | None = None
        self._took_s = 0.0

    @property
    def dirty(self) -> bool:
        """Whether there is anything that is not on the disk yet."""
        return self._due is not None

    def changed(self) -> None:
        """Have it written by a later `poll`."""
        if self._due is None:
            left = LATEST_S - TIMER_S - TOOK_LONGER * self._took_s
            self._due = self._clock() + max(0.0, min(self._wait_s, left))

    def poll(self) -> bool:
        """Write if it is time to; call it twice a second or more often.

        Returns
        -------
        bool
            Whether anything was written.

        Raises
        ------
        CMBError
            As the write. What was not saved is tried again.
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
        """Write now what is unsaved; raises as the write, and `dirty` stays true then."""
        if self._due is None:
            return
        begun = self._clock()
        try:
            self._write()
        except CMBError as error:
            self.not_saved = error
            raise
        finally:
            self._took_s = self._clock() - begun
        self._due, self.not_saved = None, None


def not_saved_line(error: CMBError) -> str:
    """Word for the reader why something is not on the disk yet: to be shown for as long as that is so."""
    return f"Not saved. {error} It is tried again by itself."
