"""Receiving scans: in pieces, of limited size and kind, under names of our own."""

from __future__ import annotations

import re
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
from CMBSegmentationLib.reading.dicom.first_bytes import is_dicom_file
from CMBSegmentationLib.reading.phase.files import is_image_name
from CMBSegmentationLib.reading.phase.several_files import RESOURCE_FORK, images_among, scans_among
from CMBSegmentationLib.reading.scan import FILE_SUFFIXES, scan_stem
from CMBSegmentationLib.results.names import ENDINGS_READ, scan_of

from ..server.names import plain_name
from .limits import LARGEST_MB, MOST_FILES, MOST_IMAGES, check_room, session_full, too_large
from .session_folder import remove

PIECE_BYTES = 1 << 18
FRAMING_BYTES = 1 << 22  # of a multipart request beside its files
SCENE_SUFFIX, ZIP_SUFFIX, SIDECAR_SUFFIX = ".mrb", ".zip", ".json"
LONGEST_NAME_BYTES = 200
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
    """Store the files of a multipart request: a scan, images that lie together, or a scene.

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
        scan = _scan_of_results([one for one in stored if one not in zips], stem)
        return Earlier(scan, results, target)


def _scan_of_results(stored: Sequence[Received], stem: str) -> Received:
    """Give the earlier scan: of several images the one that has the results' name, or the only one that may be it."""
    sent = _one_scan(stored, stem)
    if not sent.path.is_dir() or not (images := images_among(list(sent.path.iterdir()))):
        return sent
    named = [one for one in images if scan_stem(one) == stem] or scans_among(images)
    if len(named) != 1:
        raise InputError(
            f"{len(images)} images were chosen, and none has the name of the results ({stem}).",
            "Choose one scan at a time, with its results.",
        )
    return Received(named[0], named[0].name)


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
    """Give what was sent as one: a file, a DICOM folder, or a folder with images that lie together."""
    if len(stored) == 1:
        return stored[0]
    folder = stored[0].path.parent
    images = [one for one in stored if is_image_name(one.name) and not one.name.startswith(RESOURCE_FORK)]
    if not images:
        return Received(folder, name[:80] or "DICOM folder")
    if len(images) > MOST_IMAGES:
        raise InputError(f"These are {len(images)} images.", f"Choose {MOST_IMAGES} at most: those of one session.")
    for one in stored:
        if one not in images and not is_sidecar(one.name):
            if one.name.lower().endswith(SCENE_SUFFIX) or is_dicom_file(one.path):
                raise InputError(
                    f"{len(stored)} files were chosen, among them {images[0].name} and {one.name}.",
                    "Choose one kind: images (NIfTI, NRRD, MetaImage), or DICOM files, or a scene.",
                )
            one.path.unlink()  # a README
    for one in stored:
        if one not in images and one.path.exists():
            _by_its_own_name(one)
    named = [_by_its_own_name(one) for one in images]
    return named[0] if len(named) == 1 else Received(folder, name[:80] or f"{len(named)} images")


def _by_its_own_name(one: Received) -> Received:
    """Rename what was stored: its phase and its sidecar are known by their names, so these are kept where they can be.

    Nothing of a name is left that could lead out of the folder; a second file of one name keeps ours.
    """
    name = re.sub(r"[^\w.+ -]", "_", one.name).lstrip(". ")
    target = one.path.with_name(name)
    taken = {path.name.casefold() for path in one.path.parent.iterdir()}
    if len(name.encode()) > LONGEST_NAME_BYTES or _kind(name) != _kind(one.name) or name.casefold() in taken:
        return one
    return Received(one.path.rename(target), one.name)


def is_sidecar(name: str) -> bool:
    """Whether a file of this name may say what an image shows."""
    return name.lower().endswith(SIDECAR_SUFFIX)


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
