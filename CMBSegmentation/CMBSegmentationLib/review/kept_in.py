"""Where the work on a scan is kept: in a chosen folder, or beside the scan."""

from __future__ import annotations

import re
from pathlib import Path

from ..reading.scan import scan_stem

LONGEST_STEM = 80


def kept_in(scan_file: str, name: str, folder: str | None) -> tuple[Path | None, str]:
    """Tell where the work on a scan belongs.

    Parameters
    ----------
    scan_file : str
        The scan's own file; empty if it has none, as one from a DICOM database.
    name : str
        The scan's name, for a scan without a file.
    folder : str or None
        Chosen by the reader; None takes the scan's own.

    Returns
    -------
    folder : Path or None
        None if there is none: the reader has to choose one.
    stem : str
        What the files' names begin with.
    """
    own = Path(scan_file) if scan_file else None
    stem = scan_stem(own) if own else re.sub(r"[^\w.-]+", "_", name).strip("._-")[:LONGEST_STEM] or "scan"
    if folder:
        return Path(folder), stem
    return (own.parent if own and own.parent.is_dir() else None), stem
