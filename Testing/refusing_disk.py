"""A disk that takes no file: full, or not to be written on."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest


@contextmanager
def disk_refuses(why: int = errno.ENOSPC) -> Iterator[None]:
    """Have every file that is to get its name be refused meanwhile: the disk is full, or what `why` says."""

    def refuse(*_: Any) -> None:
        raise OSError(why, os.strerror(why))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("CMBSegmentationLib.files.atomic_file.os.replace", refuse)
        yield
