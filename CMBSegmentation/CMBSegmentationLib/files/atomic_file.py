"""Replacing a file whole or not at all, and telling what stopped it."""

from __future__ import annotations

import errno
import glob
import hashlib
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path

from ..errors import CMBError, InputError, MachineError
from . import lock
from .disk_errors import FULL, NO_FOLDER, REFUSED

LONGEST_DRAFT_BYTES = 200
FOLDER_LOCK = ".cmb-lock"  # on Windows, which opens no folders
ASK, CREATE = "Ask for permission to write there, or choose another folder.", "Create it, or choose another."
LOCK_WAIT_S = 5.0  # a write takes a second or two: who holds a folder longer hangs, and must not take us along


class DamagedFileError(InputError):
    """A file that cannot be read as what it says it is."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the path of a draft; when the block ends well, the draft takes the file's place.

    Parameters
    ----------
    path : Path
        Old or new; stays as it is if anything fails.

    Yields
    ------
    Path
        In the same folder, with the same extension.

    Raises
    ------
    InputError
        The folder is missing or may not be written.
    MachineError
        The disk is full or failed.
    """
    draft = path.with_name(f".draft-{os.getpid()}-{_short(path.name)}")
    try:
        with _held(draft):
            yield draft
            put_in_place(draft, path)
        _remove_forgotten_drafts(path)
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Keep other processes that ask for the same lock out of a folder while the block runs.

    The system lets go of it when a process dies. Where it cannot lock (some network disks), and where another
    process does not let go of it, the block runs without.
    """
    handle = None
    try:
        with suppress(OSError):
            if lock.WINDOWS:
                handle = os.open(folder / FOLDER_LOCK, os.O_RDWR | os.O_CREAT, 0o666)
            else:
                handle = os.open(folder, os.O_RDONLY)
            lock.locked_within(handle, LOCK_WAIT_S)
        yield
    finally:
        if handle is not None:
            os.close(handle)


def free_name(path: Path, word: str) -> Path:
    """Give a name beside a file that nothing has: ``study.json`` becomes ``study.<word>-<UTC time>.json``."""
    moment = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    name, suffix = path.name.removesuffix(path.suffix), path.suffix
    for number in range(1, 1000):
        candidate = path.with_name(f"{name}.{word}-{moment}{f'-{number}' * (number > 1)}{suffix}")
        if not candidate.exists():
            return candidate
    raise MachineError(f"There are too many files like {candidate.name}.", "Clear up the folder.")


def set_aside(path: Path, damage: DamagedFileError, word: str = "damaged") -> str:
    """Rename a damaged file, so that nothing is written over it; say so in words for its reader."""
    aside = free_name(path, word)
    try:
        os.rename(path, aside)
        sync_folder(aside.parent)
    except OSError as error:
        raise write_error(aside, error) from error
    return f"{damage.message} It was set aside as {aside.name}; nothing in it was changed. A new file is begun."


def write_error(path: Path, error: OSError) -> CMBError:
    """Word for the user why a file could not be written."""
    kept = "What is on the disk was left as it was."
    if error.errno in FULL:
        return MachineError(
            f"The disk is full: {path.name} could not be saved in {path.parent}.", f"{kept} Free some space."
        )
    if error.errno in REFUSED:
        return InputError(
            f"{path.name} could not be saved: {path.parent} is not writable.",
            f"{kept} {ASK}",
        )
    if error.errno == errno.ENAMETOOLONG:
        return InputError(
            f"{path.name} could not be saved: the name is longer than {path.parent} takes.",
            f"{kept} Give the scan a shorter name.",
        )
    if error.errno in NO_FOLDER:
        return InputError(f"{path.name} could not be saved: there is no folder {path.parent}.", CREATE)
    return MachineError(f"{path.name} could not be saved ({error.strerror or error}).", f"{kept} Check the disk.")


def put_in_place(draft: Path, path: Path) -> None:
    """Give a file or a folder that is complete its name, so that a power cut leaves it whole or not there.

    Parameters
    ----------
    draft : Path
        On the same disk as `path`.
    path : Path
        A file that is there is replaced; a folder may not be there.

    Raises
    ------
    OSError
        The disk is full or failed.
    """
    for file in (file for file in draft.rglob("*") if file.is_file()) if draft.is_dir() else (draft,):
        sync_file(file)
    os.replace(draft, path)
    sync_folder(path.parent)


def keep_copy(path: Path, word: str) -> Path:
    """Copy a file beside itself, as `free_name` names it, before something else takes its place; give the copy."""
    copy = free_name(path, word)
    try:
        shutil.copy2(path, copy)
        sync_file(copy)
        sync_folder(copy.parent)
    except OSError as error:
        raise write_error(copy, error) from error
    return copy


def sync_file(path: Path) -> None:
    """Have a file's bytes on the disk before its name is; `OSError` if they cannot be."""
    with path.open("rb+" if sys.platform == "win32" else "rb") as stream:  # Windows syncs only what it may write
        os.fsync(stream.fileno())


def sync_folder(folder: Path) -> None:
    """Make a replaced name last through a power cut; Windows opens no folders and needs no such call."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _short(name: str) -> str:
    """Give a name that fits behind a draft's prefix; its end, which readers and writers go by, stays."""
    if len(os.fsencode(name)) <= LONGEST_DRAFT_BYTES:
        return name
    return hashlib.sha256(os.fsencode(name)).hexdigest()[:16] + "".join(Path(name).suffixes[-2:])[-16:]


@contextmanager
def _held(draft: Path) -> Iterator[None]:
    """Make a draft and hold a lock on it while the block runs, by which others know that somebody writes it.

    No clock is asked: one that jumps would have a draft deleted under its writer. Windows renames no open file: there
    drafts are not held, and nobody removes them.
    """
    if lock.WINDOWS:
        yield
        return
    while True:
        handle = os.open(draft, os.O_RDWR | os.O_CREAT, 0o666)
        with suppress(OSError):  # a network disk that cannot lock: there nobody removes drafts either
            lock.locked_within(handle, LOCK_WAIT_S)
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), os.stat(draft)):
                break
        os.close(handle)  # it was removed before it was locked
    try:
        yield
    finally:
        os.close(handle)


def _remove_forgotten_drafts(path: Path) -> None:
    """Remove drafts of a file whose processes were killed: those that nobody holds."""
    if lock.WINDOWS:
        return
    for draft in path.parent.glob(f".draft-*-{glob.escape(_short(path.name))}"):
        with suppress(OSError):  # gone meanwhile, or somebody writes it
            handle = os.open(draft, os.O_RDWR)
            try:
                if lock.locked(handle):
                    draft.unlink()
            finally:
                os.close(handle)
