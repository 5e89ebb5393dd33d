"""A folder for results: checked before any work is done, filled by all files or none."""

from __future__ import annotations

import errno
import glob
import gzip
import os
import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import SimpleITK as sitk

from ..errors import InputError, MachineError
from ..files import lock
from ..files.atomic_file import sync_file, sync_folder
from ..files.disk_errors import FULL, OF_THE_DISK
from ..files.paths import check_names, check_utf_8

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Header

LOCK = ".cmb-draft"  # in a draft's folder, locked by the process that writes it
PLACE_FIELDS = (  # of NIfTI's header
    *("qform_code", "quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z"),
    *("sform_code", "srow_x", "srow_y", "srow_z", "xyzt_units"),
)
LONGEST_PREFIX_BYTES = 100


def check_output_folder(out: Path, names: Collection[str], overwrite: bool) -> None:
    """Refuse, before any work is done, a folder that cannot take the results.

    Parameters
    ----------
    out : Path
        Made if it does not exist.
    names : collection of str
        The files that will be written.
    overwrite : bool
        Whether earlier results of the same scan may be replaced.

    Raises
    ------
    InputError
        It is a file, cannot be written, holds results already, or its file system does not take the names.
    """
    check_utf_8(out)
    check_names(out, names)
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file, not a folder.", "Give another folder with -o.")
    taken = [name for name in names if (out / name).exists()]
    if taken and not overwrite:
        raise InputError(
            f"{out} already holds results of this scan ({taken[0]}).",
            "Nothing was changed. Give --overwrite to replace them, or another folder.",
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        if error.errno in OF_THE_DISK:
            raise _disk_error(out, error) from error
        raise InputError(
            f"{out} cannot be written ({error.strerror}).", "Give a folder that you may write to with -o."
        ) from error


@contextmanager
def drafts(out: Path) -> Iterator[Path]:
    """Give a temporary folder on the disk of `out`; errors of that disk are told as such.

    It goes when the block ends, and what a process left there that was killed goes when the next one begins.
    """
    try:
        remove_forgotten_drafts(out)
        beside = out.resolve().parent if _may_write_beside(out) else out
        folder = Path(tempfile.mkdtemp(prefix=_prefix(out), dir=beside))
        try:
            (folder / "files").mkdir()
            with _held(folder / LOCK):
                yield folder / "files"
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise _disk_error(out, error) from error


def remove_forgotten_drafts(out: Path) -> None:
    """Remove the drafts of `out` whose processes were killed.

    One that is being written is locked, on this machine or another, and stays; so does one on a disk that
    cannot lock files.
    """
    for place in (out.resolve().parent, out):
        for folder in place.glob(f"{glob.escape(_prefix(out))}*"):
            with suppress(OSError):  # no draft, or somebody writes it
                handle = os.open(folder / LOCK, os.O_RDWR)
                try:
                    is_forgotten = lock.locked(handle)
                    if is_forgotten and not lock.WINDOWS:  # which removes no open file
                        shutil.rmtree(folder)
                finally:
                    os.close(handle)
                if is_forgotten:
                    shutil.rmtree(folder, ignore_errors=True)


def _prefix(out: Path) -> str:
    """Begin the names of a folder's drafts; a long name is cut, for what follows must fit, too."""
    return f".{os.fsencode(out.name)[:LONGEST_PREFIX_BYTES].decode('utf-8', errors='ignore')}-"


@contextmanager
def _held(path: Path) -> Iterator[None]:
    """Hold a lock that the system lets go of when this process dies; without, where it cannot lock."""
    new = path if lock.WINDOWS else path.with_suffix(".new")  # Windows renames no open file
    handle = os.open(new, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        with suppress(OSError):
            if lock.locked(handle) and new != path:
                os.rename(new, path)  # from here on it is known for a draft, and is locked already
        yield
    finally:
        os.close(handle)


def _may_write_beside(out: Path) -> bool:
    beside = out.resolve().parent
    return os.access(beside, os.W_OK) and beside.stat().st_dev == out.stat().st_dev


def move_in(draft: Path, out: Path, names: Iterable[str]) -> None:
    """Move files of a draft to their places, in order, so that a power cut leaves each whole or not there.

    Parameters
    ----------
    draft, out : Path
        On the same disk; `drafts` gives such.
    names : iterable of str
        Files in `draft`; those of the same name in `out` are replaced.

    Raises
    ------
    OSError
        The disk is full or failed.
    """
    every = list(names)
    for name in every:
        sync_file(draft / name)
    for name in every:
        os.replace(draft / name, out / name)
    sync_folder(out)


def write_image(image: sitk.Image, path: Path, header: Nifti1Header | None = None) -> None:
    """Write a compressed .nii.gz and make sure that all of it is there.

    Parameters
    ----------
    image : SimpleITK.Image
    path : Path
    header : nibabel.nifti1.Nifti1Header, optional
        Of the scan, if `image` lies on its grid: its sform and qform, codes included, are written in place of the
        image's own geometry, so that every viewer lays the two over each other.

    Raises
    ------
    OSError
        The disk is full or failed.
    """
    try:
        if header is None:
            sitk.WriteImage(image, str(path), True)
        else:
            _write_as(image, path, header)
    except RuntimeError as error:
        raise OSError(errno.EIO, _last_line(error)) from error
    try:  # the writer does not notice a disk that fills up as the file is closed
        with gzip.open(path) as stream:
            while stream.read(1 << 24):
                pass
    except (EOFError, gzip.BadGzipFile) as error:
        raise OSError(errno.ENOSPC, "the file was cut off") from error


def _write_as(image: sitk.Image, path: Path, header: Nifti1Header) -> None:
    import nibabel  # is there: it read the header

    values = sitk.GetArrayViewFromImage(image).T
    own = nibabel.Nifti1Image(values, None)
    for field in PLACE_FIELDS:
        own.header[field] = header[field]
    own.header["pixdim"][:4] = header["pixdim"][:4]
    nibabel.save(own, path)


def _disk_error(out: Path, error: OSError) -> MachineError:
    full = error.errno in FULL
    what = "The disk is full" if full else f"Writing failed ({error.strerror or error})"
    return MachineError(
        f"{what}: the results could not be written to {out}.",
        "Nothing was left half-written. Free some space or give a folder on another disk with -o.",
    )


def _last_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1][:200] if str(error).strip() else type(error).__name__
