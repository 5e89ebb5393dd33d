"""What the system calls the ways in which a disk does not take a file."""

from __future__ import annotations

import errno

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)
NO_FOLDER = (errno.ENOENT, errno.ENOTDIR, errno.EEXIST)
OF_THE_DISK = (*FULL, errno.EIO)
"""Not the user's doing: another folder on the same disk is no better."""
