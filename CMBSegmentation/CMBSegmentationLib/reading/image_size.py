"""How large an image says it is: asked of its header, before a reader takes memory for its voxels."""

from __future__ import annotations

import gzip
import math
import os
import re
import struct
import zlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..files.limits import MOST_VOXELS, how_to_raise, limit

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from .dicom.headers import Frame

NIFTI_BYTES = 540  # of the longer of both headers
NIFTI_FIELDS = {  # by the header's length: where and what are dim, bits a voxel, where the voxels begin
    348: ((40, "8h"), (72, "h"), (108, "f")),
    540: ((16, "8q"), (14, "h"), (168, "q")),
}
MOST_AXES = 10  # that its reader has room for
MOST_BEFORE_VOXELS = 1 << 26  # header extensions, bytes
MOST_AFTER_VOXELS = 1 << 20  # what programs pad with, bytes
META_FIELD = re.compile(rb"^[ \t]*(\w+)[ \t]*=[ \t]*(.*?)[ \t\r]*$", re.MULTILINE)
GZIP = b"\x1f\x8b"
COMPRESSED = (b"gzip", b"gz", b"bzip2", b"bz2")


def check_voxels(sizes: Sequence[int], name: str) -> None:
    """Refuse an image of more voxels than are read.

    Parameters
    ----------
    sizes : sequence of int
        Along each axis, times and values a voxel included.
    name : str
        Of the file, for the message.

    Raises
    ------
    InputError
        The message says the limit and how to raise it.
    """
    voxels, most = math.prod(sizes), limit(MOST_VOXELS)
    if all(size > 0 for size in sizes) and voxels > most:
        raise InputError(
            f"{name} claims {' x '.join(str(size) for size in sizes)} voxels: more than {most} are not read.",
            how_to_raise(MOST_VOXELS, voxels),
        )


def check_nifti_claim(path: Path) -> int:
    """Refuse a NIfTI file whose header claims more than is read; what is damaged is left to its reader.

    Parameters
    ----------
    path : Path
        ``.nii`` or ``.nii.gz``.

    Returns
    -------
    int
        Bytes that the file has by its header, unpacked; 0 where there is no header.

    Raises
    ------
    InputError

    References
    ----------
    nifti.nimh.nih.gov, nifti1.h and nifti2.h.
    """
    try:
        with gzip.open(path) if _is_gzip(path) else path.open("rb") as stream:
            head = stream.read(NIFTI_BYTES)
    except (OSError, EOFError, zlib.error):
        return 0
    read = _nifti_fields(head)
    if read is None:
        return 0
    sizes, bits, begin = read
    check_voxels(sizes, path.name)
    if not 0 <= begin <= MOST_BEFORE_VOXELS:
        raise InputError(f"{path.name} says that its voxels begin after {begin:.0f} bytes.", "Export the scan again.")
    return int(begin) + math.prod(sizes) * max(bits, 8) // 8 if min(sizes) > 0 else 0


def check_nifti_size(path: Path) -> None:
    """Refuse a NIfTI file that claims, or unpacks to, more than is read: others unpack all of it.

    Parameters and errors as `check_nifti_claim`.

    References
    ----------
    RFC 1952, section 2.3.1: a gzip member ends with its length.
    """
    expected = check_nifti_claim(path)
    if _is_gzip(path) and 0 < expected < 1 << 32 and _gzip_length(path) > expected + MOST_AFTER_VOXELS:
        raise InputError(
            f"{path.name} unpacks to {_gzip_length(path) >> 20} MB, but its header says {expected >> 20} MB.",
            "It is damaged or no plain NIfTI file: export the scan again.",
        )


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(2) == GZIP


def _nifti_fields(head: bytes) -> tuple[list[int], int, float] | None:
    for order in "<>":
        length = struct.unpack_from(f"{order}i", head)[0] if len(head) >= 4 else 0
        if length not in NIFTI_FIELDS or len(head) < length:
            continue
        dim, bits, begin = (struct.unpack_from(order + kind, head, at) for at, kind in NIFTI_FIELDS[length])
        return [int(one) for one in dim[1 : 1 + max(1, min(int(dim[0]), 7))]], int(bits[0]), _finite(begin[0])
    return None


def _finite(number: float) -> float:
    return float(number) if math.isfinite(number) else -1.0


def _gzip_length(path: Path) -> int:
    """What the last member of a gzip file unpacks to, modulo 4 GB."""
    with path.open("rb") as stream:
        stream.seek(-4, os.SEEK_END)
        return int(struct.unpack("<I", stream.read(4))[0])


def check_nrrd_size(head: bytes, path: Path) -> None:
    """Refuse a NRRD header that claims too much, or has its reader skip through packed voxels.

    Parameters
    ----------
    head : bytes
        The header.
    path : Path

    Raises
    ------
    InputError
    """
    fields = {
        key.strip().lower().replace(b" ", b""): value.strip()
        for key, colon, value in (line.partition(b":") for line in head.splitlines())
        if colon
    }
    check_voxels(_numbers(fields.get(b"sizes", b"")), path.name)
    skips = [_numbers(fields.get(key, b"")) for key in (b"byteskip", b"lineskip")]
    if fields.get(b"encoding", b"").lower() in COMPRESSED and any(any(skip) for skip in skips):
        raise InputError(f"{path.name} skips parts of its packed voxels.", "Save the scan again as .nii.gz or .nrrd.")


def check_meta_size(head: bytes, path: Path) -> None:
    """Refuse a MetaImage header that claims too much; parameters and errors as `check_nrrd_size`."""
    fields: dict[bytes, list[bytes]] = defaultdict(list)
    for key, value in META_FIELD.findall(head):
        fields[key.lower()].append(value)
    axes = [n for text in fields[b"ndims"] for n in _numbers(text)]
    if not axes or not all(1 <= n <= MOST_AXES for n in axes):
        raise InputError(f"{path.name} does not say how many axes it has.", "Export or copy the scan again.")
    channels = max((n for text in fields[b"elementnumberofchannels"] for n in _numbers(text)), default=1)
    for sizes in fields[b"dimsize"]:  # whichever of several its reader takes
        check_voxels([*_numbers(sizes), channels], path.name)
    packed = max((n for text in fields[b"compresseddatasize"] for n in _numbers(text)), default=0)
    beside = (fields[b"elementdatafile"] or [b"LOCAL"])[0]
    data = path if beside.upper() == b"LOCAL" else path.with_name(beside.decode("utf-8", errors="replace"))
    if data.is_file() and packed > data.stat().st_size:
        raise InputError(f"{path.name} is cut off or damaged (its data ends early).", "Copy or download it again.")


def _numbers(text: bytes) -> list[int]:
    return [int(word) for word in text.split() if re.fullmatch(rb"-?\d{1,18}", word)]


def check_dicom_size(frames: Sequence[Frame], name: str) -> None:
    """Refuse a DICOM volume of more voxels than are read; parameters and errors as `check_voxels`."""
    if frames:
        check_voxels([*frames[0].size, len(frames)], name)


def check_dicom_file_size(dataset: Dataset, name: str) -> None:
    """Refuse a DICOM file of more voxels than are read, before its pixels are unpacked.

    Parameters
    ----------
    dataset : Dataset
    name : str
        For the message.

    Raises
    ------
    InputError
    """
    from .dicom.values import number  # without pydicom, files of other kinds are read

    keywords = ("Rows", "Columns", "NumberOfFrames", "SamplesPerPixel")
    check_voxels([int(number(dataset, keyword) or 1) for keyword in keywords], name)
