"""Receiving scans: in pieces, of limited size and kind, under names of our own."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from aiohttp import BodyPartReader, web

from CMBSegmentationLib.errors import InputError, MachineError
from CMBSegmentationLib.read import FILE_SUFFIXES

from .limits import LARGEST_MB, MOST_FILES, too_large

PIECE_BYTES = 1 << 18
SCENE_SUFFIX = ".mrb"
TWO_FILES = (".nhdr", ".mhd")  # headers whose voxels lie in a second file that a browser does not send along


@dataclass(frozen=True)
class Received:
    """What was uploaded.

    Attributes
    ----------
    path : Path
        A file, or a folder of DICOM files; its name is not the sender's.
    name : str
        What the sender called it: to be shown, never used as a path.
    """

    path: Path
    name: str


async def receive(request: web.Request, folder: Path) -> Received:
    """Store the files of a multipart request.

    Parameters
    ----------
    request : aiohttp.web.Request
    folder : Path
        Private; a new folder is made in it.

    Returns
    -------
    Received

    Raises
    ------
    InputError
        Nothing was sent, too much, or of a kind that is not read.
    MachineError
        It cannot be stored.
    """
    if (request.content_length or 0) > LARGEST_MB << 20:
        raise too_large()
    target = folder / secrets.token_hex(8)
    target.mkdir(mode=0o700)
    names: list[str] = []
    left = LARGEST_MB << 20
    try:
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader) or not part.filename:
                continue
            if len(names) >= MOST_FILES:
                raise InputError(f"These are more than {MOST_FILES} files.", "Choose the folder of one series.")
            name = PurePosixPath(part.filename.replace("\\", "/")).name
            left = await _store(part, target / f"{len(names):05d}{_kind(name)}", left)
            names.append(name)
    except OSError as error:
        raise MachineError(f"The scan could not be stored ({error.strerror}).", "Free some disk space.") from error
    except ValueError as error:
        raise InputError("The upload arrived incomplete.", "Choose the scan again.") from error
    if not names:
        raise InputError("Nothing was sent.", "Choose a scan's file or a DICOM folder.")
    if len(names) == 1:
        return Received(next(target.iterdir()), names[0])
    scans = [name for name in names if name.lower().endswith(FILE_SUFFIXES)]
    if scans:
        raise InputError(f"{len(names)} files were chosen, among them {scans[0]}.", "Choose one scan at a time.")
    return Received(target, request.query.get("name", "")[:80] or "DICOM folder")


async def _store(part: BodyPartReader, path: Path, left: int) -> int:
    with path.open("xb") as file:
        while piece := await part.read_chunk(PIECE_BYTES):
            left -= len(piece)
            if left < 0:
                raise too_large()
            file.write(piece)
    return left


def _kind(name: str) -> str:
    """Give the suffix to store a file under: one that is read by it, or none (DICOM is known by its content)."""
    lower = name.lower()
    for suffix in sorted((*FILE_SUFFIXES, SCENE_SUFFIX), key=len, reverse=True):
        if lower.endswith(suffix):
            if suffix in TWO_FILES:
                raise InputError(
                    f"{name} is a header without its voxels.", "Choose a scan in one file: .nii.gz, .nrrd or .mha."
                )
            return suffix
    return ""
