"""The scan of the command line, read in a thread while the page's process still loads its packages."""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING

from CMBSegmentationLib.reading.apart import read_scan_apart

from ..server.page_process import SCAN_VARIABLE

if TYPE_CHECKING:
    from CMBSegmentationLib.reading.scan import Scan

_ahead: tuple[Path, float, Future[Scan]] | None = None


def begin() -> None:
    """Begin to read the scan that `SCAN_VARIABLE` names, if it does."""
    global _ahead
    if name := os.environ.pop(SCAN_VARIABLE, ""):
        path = Path(name)
        future: Future[Scan] = Future()
        _ahead = path, _changed_at(path), future
        threading.Thread(target=_read, args=(path, future), daemon=True).start()


def read_scan_once(path: Path, series: str | None) -> Scan:
    """Read a scan as `read_scan_apart`; one that was read ahead is waited for, and given once.

    Raises
    ------
    CMBError
        As `read_scan_apart`.
    """
    global _ahead
    ahead, _ahead = _ahead, None
    if ahead is not None and series is None and ahead[:2] == (path, _changed_at(path)):
        return ahead[2].result()
    return read_scan_apart(path, series)


def _read(path: Path, future: Future[Scan]) -> None:
    try:
        future.set_result(read_scan_apart(path))
    except BaseException as error:  # whoever waits for it is told
        future.set_exception(error)


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
