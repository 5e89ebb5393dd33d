"""Deflated DICOM files: unpacked piece by piece and thrown away, to see that they are no larger than is read.

pydicom unpacks such a file whole, even where only its header is asked for: four megabytes may become four gigabytes.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from pathlib import Path

from .errors import InputError
from .limits import MOST_VOXELS, how_to_raise, limit

DEFLATED = b"1.2.840.10008.1.2.1.99"  # PS3.5, A.5
META_BYTES = 1 << 14  # the transfer syntax stands within them
PIECE_BYTES = 1 << 20
LARGEST_VOXEL_BYTES = 4
HEADER_BYTES = 1 << 24


def check_deflated(paths: Iterable[Path]) -> None:
    """Refuse a deflated DICOM file that unpacks to more than the voxels that are read take.

    Parameters
    ----------
    paths : iterable of Path
        Files of any kind; others are passed over.

    Raises
    ------
    InputError
        The message says the limit and how to raise it.
    """
    for path in paths:
        try:
            with path.open("rb") as stream:
                start = stream.read(META_BYTES)
        except OSError:
            continue  # told when it is read
        if start[128:132] == b"DICM" and DEFLATED in start:
            _check_length(path, _dataset_at(start))


def _dataset_at(start: bytes) -> int:
    """Where the data set begins: after the meta group, whose length is its first element (PS3.10, 7.1)."""
    is_given = start[132:140] == b"\x02\x00\x00\x00UL\x04\x00"
    return 144 + int.from_bytes(start[140:144], "little") if is_given else -1


def _check_length(path: Path, begin: int) -> None:
    if begin < 0:
        raise InputError(f"{path.name} is DICOM of an odd form (no length of its meta header).", "Export it again.")
    most = limit(MOST_VOXELS) * LARGEST_VOXEL_BYTES + HEADER_BYTES
    inflating, length = zlib.decompressobj(-zlib.MAX_WBITS), 0
    try:
        with path.open("rb") as stream:
            stream.seek(begin)
            packed = stream.read(PIECE_BYTES)
            while packed and not inflating.eof:
                length += len(inflating.decompress(packed, PIECE_BYTES))
                if length > most:
                    raise InputError(
                        f"{path.name} unpacks to more than {most >> 20} MB.",
                        how_to_raise(MOST_VOXELS, 2 * limit(MOST_VOXELS)),
                    )
                packed = inflating.unconsumed_tail or stream.read(PIECE_BYTES)
    except (OSError, zlib.error):
        return  # damaged: told when it is read
