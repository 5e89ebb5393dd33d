"""Whether a file's content is here at all: links and pointers of Git LFS, git-annex and DataLad stand for content."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError
from .paths import check_source, check_utf_8, is_there

LFS = b"version https://git-lfs"
ANNEX = b"/annex/objects/"
LONGEST_POINTER = 1024  # bytes; git-lfs.com/spec
FETCH = "Get the content first: git lfs pull, git annex get or datalad get."


def check_present(path: Path) -> None:
    """Refuse a file that is missing, empty, or only stands for its content.

    Parameters
    ----------
    path : Path
        Of a file or folder.

    Raises
    ------
    InputError
        Says which, and how to get the content; or the path is none that a reader takes (`files.paths.check_source`).
    """
    check_utf_8(path)
    if _is_link(path) and not is_there(path):
        target = path.readlink()
        if "annex" in target.parts:
            raise InputError(f"The content of {path.name} is not on this machine (a link of git-annex).", FETCH)
        raise InputError(f"{path.name} is a link to {target}, which is not there.", "Copy what it points to.")
    check_source(path)
    if path.is_dir():
        return
    if path.stat().st_size == 0:
        raise InputError(f"{path.name} is an empty file.", "Export or copy the scan again.")
    try:
        path.open("rb").close()
    except OSError as error:
        raise InputError(f"{path.name} cannot be read ({error.strerror}).", "Ask for permission to read it.") from error
    if is_pointer(path):
        raise InputError(
            f"The content of {path.name} is not on this machine (a pointer of Git LFS or git-annex).", FETCH
        )


def _is_link(path: Path) -> bool:
    try:
        return path.is_symlink()
    except OSError:  # a name that the system does not take: told below
        return False


def is_pointer(path: Path) -> bool:
    """Tell a file whose text stands for content elsewhere."""
    if path.stat().st_size > LONGEST_POINTER:
        return False
    start = path.read_bytes()
    return start.startswith(LFS) or ANNEX in start.split(b"\n")[0]
