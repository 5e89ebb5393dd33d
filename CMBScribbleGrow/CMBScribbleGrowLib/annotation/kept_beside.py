"""Keeping a study's annotation beside its files, records and masks under one name, before another takes its place."""

from __future__ import annotations

import filecmp
import glob
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from CMBSegmentationLib.errors import CMBError
from CMBSegmentationLib.files.atomic_file import free_name, replacing

from .file import ANNOTATION_ENDING, StudyFiles


def kept_beside(files: StudyFiles) -> Iterator[Path]:
    """Go through the records that are kept beside a study's own."""
    return files.folder.glob(f"{glob.escape(files.stem)}{Path(ANNOTATION_ENDING).stem}.other-*.json")


def masks_beside(records: Path) -> Path:
    """Name the masks that go with records that are kept beside."""
    return records.with_name(records.name.removesuffix(records.suffix) + ".seg.nrrd")


def said_kept(copy: Path) -> str:
    """Say what is kept, as `keep_beside` gave it."""
    has_masks = copy.suffix == ".json" and masks_beside(copy).exists()
    return f"kept{' with its masks' * has_masks} as {copy.name}"


def keep_beside(files: StudyFiles) -> Path:
    """Copy a study's files beside themselves, once.

    Parameters
    ----------
    files : StudyFiles

    Returns
    -------
    Path
        The records, ``…_annotation.other-<time>.json``; their masks are ``….other-<time>.seg.nrrd``. The masks where
        there are no records.

    Raises
    ------
    CMBError
        As `CMBSegmentationLib.files.atomic_file.replacing`; no part of a copy is left then.
    """
    for other in kept_beside(files):
        if _same(files.annotation, other) and _same(files.segments, masks_beside(other)):
            return other
    records = free_name(files.annotation, "other")
    masks = masks_beside(records)
    try:
        for path, copy in ((files.segments, masks), (files.annotation, records)):
            if path.exists():
                with replacing(copy) as draft:
                    shutil.copy2(path, draft)
    except CMBError:
        with suppress(OSError):
            masks.unlink(missing_ok=True)
        raise
    return records if records.exists() else masks


def _same(one: Path, other: Path) -> bool:
    """Tell whether two files hold the same, or neither is there."""
    try:
        return (
            filecmp.cmp(one, other, shallow=False)
            if one.exists() and other.exists()
            else one.exists() == other.exists()
        )
    except OSError:
        return False
