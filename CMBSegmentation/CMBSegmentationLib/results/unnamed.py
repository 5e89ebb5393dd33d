"""A detection without names: nothing of its scan, of its readers, or of the days of search and review."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..detecting.search import Search
from ..reading.scan_identity import ScanName

if TYPE_CHECKING:
    from ..detecting.detect import Detection


def unnamed(detection: Detection, name: str) -> Detection:
    """Leave out what may name the patient or the reader, and when it was read.

    Parameters
    ----------
    detection : Detection
    name : str
        In place of the scan's (`deidentify.Pseudonyms.stem`).

    Returns
    -------
    Detection
        With the same lesions, verdicts and images.
    """
    lesions = [replace(one, reader="", decided_at="") for one in detection.lesions]
    return replace(detection, lesions=lesions, search=unnamed_search(detection.search, name))


def unnamed_search(search: Search, name: str) -> Search:
    """Leave out of how a scan was searched whose it is, which files went with it, who read it, and when."""
    given = search.parcellation
    return replace(
        search,
        scan=ScanName(name),
        parcellation=None if given is None else replace(given, file=""),
        phase=(),  # names files and series
        readers=(),
        date="",
        reviewed_at="",
    )
