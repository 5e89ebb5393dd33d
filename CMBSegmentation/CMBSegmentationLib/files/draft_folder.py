"""Files that come together or not at all: written into a folder of their own, then moved to their places."""

from __future__ import annotations

import glob
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from . import lock
from .atomic_file import sync_file, sync_folder
from .disk_errors import results_not_written

LOCK = ".cmb-draft"  # in a draft's folder, locked by the process that writes it
LONGEST_PREFIX_BYTES = 100


@contextmanager
def drafts(out: Path) -> Iterator[Path]:
    """Give a temporary folder on the disk of `out`; errors of that disk are told as such.

    It goes when the block ends, and what a process left there that was killed goes when the next one begins.
    """
    try:
        remove_forgotten_drafts(out)
        beside = out.resolve().parent if _may_write_beside(out) else out
        folder = Path(tempfile.mkdtemp(prefix=_prefix(out), dir=beside))
        try:
            (folder / "files").mkdir()
            with _held(folder / LOCK):
                yield folder / "files"
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise results_not_written(out, error) from error


def remove_forgotten_drafts(out: Path) -> None:
    """Remove the drafts of `out` whose processes were killed.

    One that is being written is locked, on this machine or another, and stays; so does one on a disk that
    cannot lock files.
    """
    for place in (out.resolve().parent, out):
        for folder in place.glob(f"{glob.escape(_prefix(out))}*"):
            with suppress(OSError):  # no draft, or somebody writes it
                handle = os.open(folder / LOCK, os.O_RDWR)
                try:
                    is_forgotten = lock.locked(handle)
                    if is_forgotten and not lock.WINDOWS:  # which removes no open file
                        shutil.rmtree(folder)
                finally:
                    os.close(handle)
                if is_forgotten:
                    shutil.rmtree(folder, ignore_errors=True)


def _prefix(out: Path) -> str:
    """Begin the names of a folder's drafts; a long name is cut, for what follows must fit, too."""
    return f".{os.fsencode(out.name)[:LONGEST_PREFIX_BYTES].decode('utf-8', errors='ignore')}-"


@contextmanager
def _held(path: Path) -> Iterator[None]:
    """Hold a lock that the system lets go of when this process dies; without, where it cannot lock."""
    new = path if lock.WINDOWS else path.with_suffix(".new")  # Windows renames no open file
    handle = os.open(new, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        with suppress(OSError):
            if lock.locked(handle) and new != path:
                os.rename(new, path)  # from here on it is known for a draft, and is locked already
        yield
    finally:
        os.close(handle)


def _may_write_beside(out: Path) -> bool:
    beside = out.resolve().parent
    return os.access(beside, os.W_OK) and beside.stat().st_dev == out.stat().st_dev


def move_in(draft: Path, out: Path, names: Iterable[str]) -> None:
    """Move files of a draft to their places, in order, so that a power cut leaves each whole or not there.

    Parameters
    ----------
    draft, out : Path
        On the same disk; `drafts` gives such.
    names : iterable of str
        Files in `draft`; those of the same name in `out` are replaced.

    Raises
    ------
    OSError
        The disk is full or failed.
    """
    every = list(names)
    for name in every:
        sync_file(draft / name)
    for name in every:
        os.replace(draft / name, out / name)
    sync_folder(out)
