"""Whether an uploaded scene (.mrb) keeps to itself: nothing in it may point to another place on this machine."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from urllib.parse import unquote
from xml.etree import ElementTree

from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.files.disk_errors import FULL, is_of
from CMBSegmentationLib.reading.image_file import READERS, read_image
from CMBSegmentationLib.reading.image_header import DETACHED_SUFFIXES, META_SUFFIXES, NRRD_SUFFIXES, check_header

from .limits import LARGEST_MB, MOST_FILES, too_large

LONGEST_FIRST = sorted(READERS, key=len, reverse=True)
FILE_ATTRIBUTES = re.compile(r"file|uri|path|url|directory", re.IGNORECASE)
NO_PLACE = re.compile(r"^[/\\~]|^[A-Za-z]:|://|(^|[/\\])\.\.([/\\]|$)")
HINT = "Give a .mrb that was saved here or in 3D Slicer."


def check_scene(path: Path, name: str) -> None:
    """Refuse a scene that would have other files read or written, or that unpacks to more than may be uploaded.

    Parameters
    ----------
    path : Path
    name : str
        Under which it was uploaded.

    Raises
    ------
    InputError
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > MOST_FILES or sum(one.file_size for one in members) > LARGEST_MB << 20:
                raise too_large()
            for member in members:
                _check_member(archive, member, name)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        if is_of(FULL, error):  # of the folder in which it is unpacked
            raise
        raise InputError(f"{name} cannot be opened as a scene.", HINT) from error


def check_scene_and_images(path: Path, name: str) -> None:
    """Check a scene, and read its images as a trial: to be called apart, so that a reader's crash is an error only.

    Parameters and errors are those of `check_scene`; what is merely damaged is left to who opens the scene.
    """
    check_scene(path, name)
    with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory() as folder:
        for member in archive.infolist():
            suffix = next((one for one in LONGEST_FIRST if member.filename.lower().endswith(one)), "")
            if not suffix:
                continue
            image = Path(folder) / f"image{suffix}"
            with archive.open(member) as source, image.open("wb") as target:
                shutil.copyfileobj(source, target)
            with contextlib.suppress(RuntimeError):
                read_image(image)


def _check_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> None:
    inside = PurePosixPath(member.filename)
    is_link = (member.external_attr >> 16) & 0o170000 == 0o120000
    if NO_PLACE.search(member.filename) or is_link:
        raise InputError(f"{name} holds a file that would lie outside it ({inside.name}).", HINT)
    suffix = inside.suffix.lower()
    if suffix == ".mrml":
        _check_nodes(archive.read(member), name)
    elif suffix in (*META_SUFFIXES, *NRRD_SUFFIXES):
        if suffix in DETACHED_SUFFIXES:
            raise InputError(f"{name} holds an image in two files ({inside.name}).", HINT)
        with tempfile.TemporaryDirectory() as folder:
            head = Path(folder) / f"image{suffix}"
            with archive.open(member) as stream:
                head.write_bytes(stream.read(1 << 20))
            os.truncate(head, member.file_size)  # its length is compared with what it claims
            check_header(head)


def _check_nodes(text: bytes, name: str) -> None:
    try:
        nodes = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as error:
        raise InputError(f"The scene in {name} is damaged.", HINT) from error
    for node in nodes.iter():
        for attribute, value in node.attrib.items():
            if FILE_ATTRIBUTES.search(attribute) and any(NO_PLACE.search(one) for one in (value, unquote(value))):
                raise InputError(f"{name} points to files outside it ({node.tag}).", HINT)
