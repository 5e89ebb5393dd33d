"""What an image's header may point to: its own voxels, or a file beside it, and nothing else on the disk.

A MetaImage or NRRD header names the file that holds the voxels. Readers open any path there, and MetaImage's reader
takes the name for a format string: whoever can have a scan opened could have any file read. So headers are looked at
before a reader sees them.
"""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import InputError
from .image_size import check_meta_size, check_nifti_size, check_nrrd_size

LARGEST_HEADER_BYTES = 1 << 20
META_SUFFIXES, NRRD_SUFFIXES = (".mha", ".mhd"), (".nrrd", ".nhdr")
DETACHED_SUFFIXES = (".mhd", ".nhdr")  # the only ones whose voxels lie in another file
META_DATA = re.compile(rb"^[ \t]*ElementDataFile[ \t]*=[ \t]*(.*?)[ \t\r]*$", re.MULTILINE | re.IGNORECASE)
NRRD_DATA = re.compile(rb"^data ?file:[ \t]*(.*?)[ \t\r]*$", re.MULTILINE | re.IGNORECASE)


def check_header(path: Path) -> None:
    """Refuse an image file whose header points elsewhere, or claims more than is read.

    Parameters
    ----------
    path : Path
        Of any kind; others than MetaImage, NRRD and NIfTI are left to their readers.

    Raises
    ------
    InputError
        It names another file although its kind holds the voxels itself, a path, a pattern, or a file that is not there;
        or it says that it has more voxels than `files.limits.MOST_VOXELS`, or packs more than it says.

    References
    ----------
    itk.org/Wiki/MetaIO/Documentation, ElementDataFile; teem.sourceforge.net/nrrd/format.html, section 5.
    """
    with path.open("rb") as stream:
        head = stream.read(LARGEST_HEADER_BYTES)
    suffix = path.suffix.lower()
    if head.startswith(b"NRRD") or suffix in NRRD_SUFFIXES:
        end = re.search(rb"\r?\n\r?\n", head)
        head = head[: end.start()] if end else head
        named = NRRD_DATA.findall(head)
        check_nrrd_size(head, path)
    elif suffix in META_SUFFIXES:
        named = [name for name in META_DATA.findall(head)[:1] if name.upper() != b"LOCAL"]
        if not META_DATA.search(head):
            raise InputError(f"{path.name} has no ElementDataFile: it is damaged.", "Export or copy the scan again.")
    elif path.name.lower().endswith((".nii", ".nii.gz")):
        check_nifti_size(path)
        return
    else:
        return
    for name in named:
        _check_name(path, name, suffix)
    if suffix in META_SUFFIXES:
        check_meta_size(head[: end.end()] if (end := META_DATA.search(head)) else head, path)


def _check_name(path: Path, name: bytes, suffix: str) -> None:
    hint = "Save the scan as one file: .nii.gz, .nrrd or .mha."
    if suffix not in DETACHED_SUFFIXES:
        raise InputError(f"{path.name} says that its voxels lie in another file.", hint)
    text = name.decode("utf-8", errors="replace")
    plain = (
        re.fullmatch(r"[^/\\:%\x00-\x1f]+", text) and text not in (".", "..") and not text.upper().startswith("LIST")
    )
    if not plain:
        raise InputError(f"{path.name} does not name one file beside it that holds its voxels.", hint)
    beside = path.with_name(text)
    if beside.is_symlink() or not beside.is_file():
        raise InputError(f"{text}, which holds the voxels of {path.name}, is not there.", "Copy both files.")
