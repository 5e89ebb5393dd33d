"""Deflated DICOM files: unpacked piece by piece and thrown away, to see that they are no larger than is read.

pydicom unpacks such a file whole, even where only its header is asked for: four megabytes may become four gigabytes.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from pydicom.filereader import _read_file_meta_info
from pydicom.uid import DeflatedExplicitVRLittleEndian

from ...errors import InputError
from ...files.limits import MOST_VOXELS, how_to_raise, limit

PIECE_BYTES = 1 << 20
LARGEST_VOXEL_BYTES = 2  # of MR
HEADER_BYTES = 1 << 24


def check_deflated(files: Iterable[Path | bytes]) -> None:
    """Refuse deflated DICOM files that together unpack to more than the voxels that are read take.

    Parameters
    ----------
    files : iterable of Path or bytes
        Files of any kind, or their content; others are passed over.

    Raises
    ------
    InputError
        The message says the limit and how to raise it.

    References
    ----------
    DICOM PS3.5, A.5.
    """
    length = 0
    for file in files:
        begin = _deflated_from(file)
        if begin is not None:
            length = _checked_length(file, begin, length)


def _opened(file: Path | bytes) -> BinaryIO:
    return BytesIO(file) if isinstance(file, bytes) else file.open("rb")


def _deflated_from(file: Path | bytes) -> int | None:
    """Where the deflated data set begins, as pydicom finds it: a file may say otherwise. None where there is none."""
    try:
        with _opened(file) as stream:
            if stream.read(132)[128:] != b"DICM":
                return None
            meta = _read_file_meta_info(stream)
            is_deflated = str(meta.get("TransferSyntaxUID", "")).strip("\0 ") == DeflatedExplicitVRLittleEndian
            return stream.tell() if is_deflated else None
    except Exception:  # as the damage is; told when the file is read
        return None


def _checked_length(file: Path | bytes, begin: int, length: int) -> int:
    """Add what a file unpacks to, to the length of those before it."""
    most = limit(MOST_VOXELS) * LARGEST_VOXEL_BYTES + HEADER_BYTES
    inflating = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        with _opened(file) as stream:
            stream.seek(begin)
            packed = stream.read(PIECE_BYTES)
            while packed and not inflating.eof:
                length += len(inflating.decompress(packed, PIECE_BYTES))
                if length > most:
                    name = file.name if isinstance(file, Path) else "A file"
                    raise InputError(
                        f"{name} unpacks to more than {most >> 20} MB, with the files before it.",
                        how_to_raise(MOST_VOXELS, 2 * limit(MOST_VOXELS)),
                    )
                packed = inflating.unconsumed_tail or stream.read(PIECE_BYTES)
    except (OSError, zlib.error):
        pass  # damaged: told when it is read
    return length
