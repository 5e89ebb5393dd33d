"""Where the work on a scan is kept, and by which name: in a chosen folder, or beside the scan."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from ..reading.scan import scan_stem

LONGEST_STEM = 80
NO_FILE_NAME = re.compile(r'[\x00-\x1f<>:"/\\|?*]|^[. ]|[. ]$|^$')  # on one system or another


@dataclass(frozen=True)
class Kept:
    """Where the work on a scan was kept before, as its scene remembers it.

    Attributes
    ----------
    stem : str
        What the files' names began with; empty if that is not known.
    folder : str
        Empty if there was none.
    chosen : bool
        Whether a reader chose the folder: else it was the scan's own.
    """

    stem: str = ""
    folder: str = ""
    chosen: bool = False


NOT_KEPT = Kept()


def kept_in(scan_file: str, name: str, folder: str | None, before: Kept = NOT_KEPT) -> tuple[Path | None, str]:
    """Tell where the work on a scan belongs.

    Parameters
    ----------
    scan_file : str
        The scan's own file; empty if it has none, as one from a DICOM database.
    name : str
        The scan's name, for a scan without a file.
    folder : str or None
        Chosen by the reader; None takes the one that was chosen before, or the scan's own.
    before : Kept, optional
        What the scene remembers.

    Returns
    -------
    folder : Path or None
        None if there is none: the reader has to choose one.
    stem : str
        What the files' names begin with. A saved scene writes a scan that came without a file to one named after
        the node, with ``%3a`` for a colon: such a scan keeps the name that it had without.
    """
    own = Path(scan_file) if scan_file else None
    has_own_folder = own is not None and own.parent.is_dir()
    stem = _stem(own, has_own_folder, name, before.stem)
    if folder:
        return Path(folder), stem
    remembered = Path(before.folder) if before.folder and Path(before.folder).is_dir() else None
    if own is not None and has_own_folder and not (remembered and before.chosen):
        return own.parent, stem
    return remembered, stem


def former_files(path: Path, ending: str) -> list[Path]:
    """List files beside one that an earlier version may have written of the same scan, under another name.

    Parameters
    ----------
    path : Path
        Its name ends in `ending`.
    ending : str
    """
    wanted = plain_name(path.name.removesuffix(ending))
    beside = sorted(path.parent.glob(f"*{ending}"))
    return [one for one in beside if one != path and plain_name(one.name.removesuffix(ending)) == wanted]


def plain_name(name: str) -> str:
    """Make a name that every system takes as a file's; names that differ only in what a file cannot have give one."""
    return re.sub(r"[^\w.-]+", "_", unquote(name)).strip("._-")[:LONGEST_STEM] or "scan"


def _stem(own: Path | None, has_own_folder: bool, name: str, before: str) -> str:
    before = "" if NO_FILE_NAME.search(before) else before
    if own is None:
        return before or plain_name(name)
    stem = scan_stem(own)
    is_named_after_node = unquote(stem) == name
    if before and (is_named_after_node or not has_own_folder):
        return before
    return plain_name(name) if is_named_after_node and stem != name else stem
