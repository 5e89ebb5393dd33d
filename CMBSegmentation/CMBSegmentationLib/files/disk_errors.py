"""What the system calls the ways in which a disk does not take a file."""

from __future__ import annotations

import errno
from pathlib import Path

from ..errors import MachineError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)
NO_FOLDER = (errno.ENOENT, errno.ENOTDIR, errno.EEXIST)
OF_THE_DISK = (*FULL, errno.EIO)
"""Not the user's doing: another folder on the same disk is no better."""


def results_not_written(out: Path, error: OSError) -> MachineError:
    """Word for the user that a disk did not take results."""
    what = "The disk is full" if error.errno in FULL else f"Writing failed ({error.strerror or error})"
    return MachineError(
        f"{what}: the results could not be written to {out}.",
        "Nothing was left half-written. Free some space, or use another disk.",
    )
