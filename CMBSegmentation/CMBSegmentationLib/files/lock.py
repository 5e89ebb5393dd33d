"""A lock on an open file, of which the system lets go when its process dies: on Windows as elsewhere."""

from __future__ import annotations

import os
import sys
import time

WINDOWS = sys.platform == "win32"
STEP_S = 0.02


def locked(handle: int) -> bool:
    """Take the lock of an open file without waiting; tell whether it was free.

    Parameters
    ----------
    handle : int
        As `os.open` gives it, open for writing on Windows. Closing it lets go of the lock.

    Raises
    ------
    OSError
        The disk cannot lock, as some network disks.
    """
    try:
        if WINDOWS:
            import msvcrt

            os.lseek(handle, 0, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # the latter is Windows' word for it
        return False
    return True


def locked_within(handle: int, seconds: float) -> bool:
    """Take the lock of an open file, waiting for it; tell whether it became free in time. Raises as `locked`."""
    until = time.monotonic() + seconds
    while not locked(handle):
        if time.monotonic() > until:
            return False
        time.sleep(STEP_S)
    return True
