"""Reading NIfTI: what ITK's reader repairs without a word is looked up in the file itself."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from .errors import InputError
from .image_file import read_image


def read_nifti(path: Path) -> sitk.Image:
    """Read a NIfTI file with its geometry, and with NaN where it has NaN (ITK's reader gives 0).

    Parameters
    ----------
    path : Path
        ``.nii`` or ``.nii.gz``.

    Returns
    -------
    SimpleITK.Image

    Raises
    ------
    InputError
        It is not NIfTI, not gzip, cut off, or says that its voxels have no size.
    RuntimeError
        ITK cannot read it.
    """
    import nibabel  # not in Slicer until the user has it installed; the scene does without
    from nibabel.filebasedimages import ImageFileError

    try:
        _check_voxel_size(path)
        stored: Any = nibabel.load(path)  # typed as a base class without voxels
        raw = np.asanyarray(stored.dataobj.get_unscaled())
    except gzip.BadGzipFile as error:
        raise _not_gzip(path) from error
    except (EOFError, zlib.error, OSError) as error:
        raise _cut_off(path) from error
    except (ImageFileError, ValueError) as error:
        if path.name.lower().endswith(".gz") and not path.read_bytes()[:2] == b"\x1f\x8b":
            raise _not_gzip(path) from error
        raise InputError(
            f"{path.name} is not a NIfTI file, whatever its name says.", "Export the scan again."
        ) from error

    image = read_image(path)
    if raw.dtype.kind == "f" and raw.ndim == 3:
        finite = np.isfinite(raw).T
        if not finite.all():
            values = np.where(finite, sitk.GetArrayViewFromImage(image), np.nan)
            marked = sitk.GetImageFromArray(values.astype(np.float32))
            marked.CopyInformation(image)
            return marked
    return image


def _check_voxel_size(path: Path) -> None:
    """Look at the header as it is: both readers take 1 mm for 0, and a size for its negative."""
    import nibabel
    from nibabel.openers import Opener

    with Opener(str(path)) as stream:
        start = stream.read(nibabel.Nifti2Header.template_dtype.itemsize)
    for kind in (nibabel.Nifti1Header, nibabel.Nifti2Header):
        if kind.may_contain_header(start):
            sizes = kind(start[: kind.template_dtype.itemsize], check=False)["pixdim"][1:4]
            if not (sizes > 0).all():
                raise InputError(
                    f"{path.name} says its voxels are {' x '.join(f'{size:g}' for size in sizes)} mm wide.",
                    "Voxel sizes must be above zero: correct the header or export the scan again.",
                )


def _not_gzip(path: Path) -> InputError:
    return InputError(
        f"{path.name} is not a gzip file, whatever its name says.",
        "If it is not compressed, rename it to end in .nii; else export it again.",
    )


def _cut_off(path: Path) -> InputError:
    return InputError(f"{path.name} is cut off or damaged (its data ends early).", "Copy or download it again.")
