"""A folder for results: checked before any work is done; and the images that go into it."""

from __future__ import annotations

import errno
import gzip
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import SimpleITK as sitk

from ..errors import InputError
from ..files.disk_errors import OF_THE_DISK, results_not_written
from ..files.paths import check_names, check_utf_8

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Header

PLACE_FIELDS = (  # of NIfTI's header
    *("qform_code", "quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z"),
    *("sform_code", "srow_x", "srow_y", "srow_z", "xyzt_units"),
)


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
        raise InputError(f"{out} is a file, not a folder.", "Give another folder.")
    taken = [name for name in names if (out / name).exists()]
    if taken and not overwrite:
        raise InputError(
            f"{out} already holds results of this scan ({taken[0]}).",
            "Nothing was changed. Give another folder, or replace them (in the shell: --overwrite).",
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        if error.errno in OF_THE_DISK:
            raise results_not_written(out, error) from error
        raise InputError(
            f"{out} cannot be written ({error.strerror}).", "Give a folder that you may write to."
        ) from error


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


def _last_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1][:200] if str(error).strip() else type(error).__name__
