"""What the system calls the ways in which a disk does not take a file."""

from __future__ import annotations

import errno
from pathlib import Path

from ..errors import DISK_FULL, MachineError

FULL = DISK_FULL
REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)
NO_FOLDER = (errno.ENOENT, errno.ENOTDIR, errno.EEXIST)
OF_THE_DISK = (*FULL, errno.EIO)
"""Not the user's doing: another folder on the same disk is no better."""


def is_of(ways: tuple[int, ...], error: BaseException | None) -> bool:
    """Tell whether the disk stopped something in one of these ways, also where that was worded for the user since."""
    while error is not None and not (isinstance(error, OSError) and error.errno in ways):
        error = error.__cause__
    return error is not None


def results_not_written(out: Path, error: OSError) -> MachineError:
    """Word for the user that a disk did not take results."""
    what = "The disk is full" if error.errno in FULL else f"Writing failed ({error.strerror or error})"
    return MachineError(
        f"{what}: the results could not be written to {out}.",
        "Nothing was left half-written. Free some space, or use another disk.",
    )
