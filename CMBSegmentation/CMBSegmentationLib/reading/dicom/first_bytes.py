"""Whether a file is DICOM, by its first bytes: who reads other scans needs no pydicom."""

from __future__ import annotations

import struct
from pathlib import Path


def is_dicom_file(path: Path) -> bool:
    """Tell whether a file begins as DICOM does (PS3.10, 7.1), or as a bare data set."""
    try:
        with path.open("rb") as stream:
            start = stream.read(132)
    except OSError:
        return False
    return start[128:] == b"DICM" or _is_bare(start)


def _is_bare(start: bytes) -> bool:
    """A data set begins with group 0002 or 0008, in little endian, and an element of a short value."""
    if len(start) < 8:
        return False
    group, element = struct.unpack("<HH", start[:4])
    explicit = start[4:6].isalpha() and start[4:6].isupper()
    length = struct.unpack("<H", start[6:8])[0] if explicit else struct.unpack("<I", start[4:8])[0]
    return group in (2, 8) and element <= 0x70 and length < 1024
