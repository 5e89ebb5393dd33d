"""Receiving scans: in pieces, of limited size and kind, under names of our own."""

from __future__ import annotations

import secrets
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from aiohttp import BodyPartReader, web

from CMBSegmentationLib.errors import InputError, MachineError
from CMBSegmentationLib.reading.scan import FILE_SUFFIXES
from CMBSegmentationLib.results.names import ENDINGS_READ, scan_of

from ..server.names import plain_name
from .limits import LARGEST_MB, MOST_FILES, check_room, session_full, too_large
from .session_folder import remove

PIECE_BYTES = 1 << 18
FRAMING_BYTES = 1 << 22  # of a multipart request beside its files
SCENE_SUFFIX, ZIP_SUFFIX = ".mrb", ".zip"
EARLIER = "earlier"
SCAN, UNPACKED = "earlier-scan", "earlier-results"  # no words of a message: their names are replaced in it
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


@dataclass(frozen=True)
class Earlier:
    """An earlier scan with what was found in it.

    Attributes
    ----------
    scan : Received
    results : Path
        Folder with the files of a detection or an export, under a name of our own.
    folder : Path
        Holds both, to be removed.
    """

    scan: Received
    results: Path
    folder: Path


async def receive(request: web.Request, folder: Path) -> Received:
    """Store the files of a multipart request: one scan, or a scene.

    Parameters
    ----------
    request : aiohttp.web.Request
    folder : Path
        Private; a new folder is made in it, and removed where the request is refused.

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
    room = check_room(folder)
    with _new_folder(folder) as target:
        return _one_scan(await _store_all(request, target, room), plain_name(request.query.get("name", "")))


async def receive_earlier(request: web.Request, folder: Path) -> Earlier:
    """Store an earlier scan and the zip of its results, sent together.

    Parameters and errors are those of `receive`.

    Returns
    -------
    Earlier
    """
    room = check_room(folder)
    with _new_folder(folder) as target:
        (target / SCAN).mkdir()
        stored = await _store_all(request, target / SCAN, room)
        zips = [one for one in stored if one.name.lower().endswith(ZIP_SUFFIX)]
        if len(zips) != 1 or len(stored) == 1:
            raise InputError(
                "The earlier scan and its results are needed, both.",
                "Choose them together: the scan's file (or all its DICOM files), and the .zip from Export, Results.",
            )
        results = target / UNPACKED
        stem = _unpack(zips[0], results)
        zips[0].path.unlink()
        scan = _one_scan([one for one in stored if one not in zips], stem)
        return Earlier(scan, results, target)


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """Make a folder for what is sent; nothing of it stays where it is refused or ends too early."""
    target = folder / secrets.token_hex(8)
    target.mkdir(mode=0o700)
    try:
        yield target
    except BaseException:
        remove(target)
        raise


async def _store_all(request: web.Request, target: Path, room: int) -> list[Received]:
    """Store what is sent, at most `LARGEST_MB`, and of that what there is room for in bytes."""
    refused = too_large() if room >= LARGEST_MB << 20 else session_full()
    left = min(room, LARGEST_MB << 20)
    if (request.content_length or 0) > left + FRAMING_BYTES:
        raise refused
    stored: list[Received] = []
    try:
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader) or not part.filename:
                continue
            if len(stored) >= MOST_FILES:
                raise InputError(f"These are more than {MOST_FILES} files.", "Choose the folder of one series.")
            name = plain_name(PurePosixPath(part.filename.replace("\\", "/")).name)
            path = target / f"{len(stored):05d}{_kind(name)}"
            left -= await _store(part, path, left, refused)
            stored.append(Received(path, name))
    except OSError as error:
        raise MachineError(f"The scan could not be stored ({error.strerror}).", "Free some disk space.") from error
    except ValueError as error:
        raise InputError("The upload arrived incomplete.", "Choose the scan again.") from error
    if not stored:
        raise InputError("Nothing was sent.", "Choose a scan's file or a DICOM folder.")
    return stored


def _one_scan(stored: Sequence[Received], name: str) -> Received:
    if len(stored) == 1:
        return stored[0]
    scans = [one.name for one in stored if one.name.lower().endswith(FILE_SUFFIXES)]
    if scans:
        raise InputError(f"{len(stored)} files were chosen, among them {scans[0]}.", "Choose one scan at a time.")
    return Received(stored[0].path.parent, name[:80] or "DICOM folder")


def _unpack(archive: Received, into: Path) -> str:
    """Take the files of a detection out of a zip, under names of our own; give what they were called."""
    into.mkdir(mode=0o700)
    left, stem = LARGEST_MB << 20, ""
    try:
        with zipfile.ZipFile(archive.path) as opened:
            for member in opened.infolist():
                name = PurePosixPath(member.filename).name
                ending = next((one for one in ENDINGS_READ if name.endswith(one)), None)
                if ending is None:
                    continue
                left -= member.file_size  # no more than that is read, whatever the archive holds
                if left < 0:
                    raise too_large()
                with opened.open(member) as source, (into / f"{EARLIER}{ending}").open("xb") as target:
                    shutil.copyfileobj(source, target)
                stem = scan_of(name.removesuffix(ending))
    except FileExistsError as error:
        raise InputError(f"{archive.name} holds the results of several scans.", "Give those of one scan.") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:  # the last: with a password
        raise InputError(f"{archive.name} cannot be unpacked.", "Give the .zip from Export, Results.") from error
    if not stem:
        raise InputError(f"{archive.name} holds no results.", "Give the .zip from Export, Results.")
    return stem


async def _store(part: BodyPartReader, path: Path, left: int, refused: InputError) -> int:
    """Store a file of at most `left` bytes; give its length."""
    length = 0
    with path.open("xb") as file:
        while piece := await part.read_chunk(PIECE_BYTES):
            length += len(piece)
            if length > left:
                raise refused
            file.write(piece)
    return length


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
