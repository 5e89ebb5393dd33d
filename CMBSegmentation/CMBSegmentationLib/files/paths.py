"""What a path must be before a reader or a writer sees it: a file or folder, under a name that each of them takes."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path

from ..errors import InputError

LONGEST_NAME_BYTES = 255  # of most file systems, where this one does not say


def printable(text: str | Path) -> str:
    """Write a name so that it can be printed and stored: bytes that are no UTF-8 become �."""
    return os.fsencode(text).decode("utf-8", errors="replace")


def is_there(path: Path) -> bool:
    """Tell whether a path leads to anything; one that the system does not take leads to nothing."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def check_source(path: Path) -> None:
    """Refuse a scan's path that no reader could take.

    Parameters
    ----------
    path : Path

    Raises
    ------
    InputError
        It is not there, is neither file nor folder (a pipe would be waited for without end), or is not UTF-8: ITK
        ends the whole process over such a name.
    """
    check_utf_8(path)
    try:
        is_there, is_readable = path.exists(), path.is_file() or path.is_dir()
    except OSError as error:
        raise InputError(f"{path} cannot be accessed ({error.strerror}).", "Check the path.") from error
    if not is_there:
        raise InputError(f"{path} does not exist.", "Check the path and its spelling.")
    if not is_readable:
        raise InputError(f"{path.name} is neither a file nor a folder, but a pipe or device.", "Give a scan's file.")


def check_utf_8(path: Path) -> None:
    """Refuse a name that is not UTF-8, as out of an old archive or from a Windows share; `InputError`."""
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(
            f"The name of {printable(path)} is not UTF-8.", "Rename it, with letters that your system shows."
        ) from error


def check_names(folder: Path, names: Iterable[str]) -> None:
    """Refuse names that the file system will not take, before there is anything to lose.

    Parameters
    ----------
    folder : Path
        Where the files will be; it need not be there.
    names : iterable of str

    Raises
    ------
    InputError
        One is longer than the file system takes.
    """
    longest = max((os.fsencode(name) for name in names), key=len, default=b"")
    limit = _longest_name(folder)
    too_long = len(longest) - limit
    if too_long > 0:
        raise InputError(
            f"The results' names would be up to {len(longest)} bytes long, and {folder} takes {limit}.",
            f"Give the scan a name that is {too_long} bytes shorter.",
        )


def _longest_name(folder: Path) -> int:
    if not hasattr(os, "pathconf"):  # Windows
        return LONGEST_NAME_BYTES
    try:
        place = next(one for one in (folder.absolute(), *folder.absolute().parents) if one.is_dir())
        return os.pathconf(place, "PC_NAME_MAX")
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise InputError(f"The path {folder} is too long.", "Give a folder with a shorter path.") from error
        return LONGEST_NAME_BYTES
