"""Reading NIfTI: voxels and geometry as nibabel, FSL and SPM understand them, and the header for the results."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..errors import InputError
from .image_size import check_nifti_claim, check_nifti_size
from .right_angles import WRONG_SIZE

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Header

SUFFIXES = (".nii", ".nii.gz")
GZIP = b"\x1f\x8b"
HEADER_BYTES = 540  # of NIfTI-2, the longer one
LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
SAME_PLACE_VOXELS = 0.1  # NIfTI's quaternion is rounded to float32; a scan that was moved is further off
SAME_SIZE = 0.01  # relative
ROUNDING = 1e-5  # relative, of float32 in sums


@dataclass(frozen=True)
class NiftiVolume:
    """A NIfTI file's content.

    Attributes
    ----------
    image : SimpleITK.Image
        Integers where they are stored unscaled, else float32 or float64, NaN included; the axes may be sheared.
    header : nibabel.nifti1.Nifti1Header
        As it stands in the file.
    notes : tuple of str
        How contradictions in the header were resolved, worded for the user.
    """

    image: sitk.Image
    header: Nifti1Header
    notes: tuple[str, ...]


def is_nifti_name(path: Path) -> bool:
    """Tell by its name whether a file is NIfTI."""
    return path.name.lower().endswith(SUFFIXES)


def read_nifti(path: Path) -> NiftiVolume:
    """Read a NIfTI-1 or NIfTI-2 file.

    Where sform and qform contradict each other the sform counts, as in nibabel, FSL and SPM; ITK's own reader
    takes either, and others than they do.

    Parameters
    ----------
    path : Path
        ``.nii`` or ``.nii.gz``.

    Returns
    -------
    NiftiVolume

    Raises
    ------
    InputError
        It is not NIfTI, not gzip, cut off, or its header makes no sense; the message says which.

    References
    ----------
    nifti.nimh.nih.gov, nifti1.h, "3D image (volume) orientation and location in space".
    """
    import nibabel  # not in Slicer until the user has it installed; the scene does without
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError, HeaderTypeError
    from nibabel.wrapstruct import WrapStructError

    try:
        _check_compression(path)
        check_nifti_claim(path)
        _check_voxel_size(path)
        stored: Any = nibabel.load(path)  # typed as a base class without voxels
        if not isinstance(stored, nibabel.Nifti1Pair):  # CIFTI-2 and the like have the same ending
            raise InputError(
                f"{path.name} holds no volume ({type(stored).__name__}).", "Give the T2* or SWI volume itself."
            )
        values = _voxels(stored, path.name)
        check_nifti_size(path)  # after it was read: the end of a file that is cut off says nothing
        affine, notes = _place(stored, path.name)
    except gzip.BadGzipFile as error:
        raise _not_gzip(path) from error
    except (EOFError, zlib.error, OSError) as error:
        raise InputError(
            f"{path.name} is cut off or damaged (its data ends early).", "Copy or download it again."
        ) from error
    except ImageFileError as error:
        raise InputError(f"{path.name} is not a NIfTI file, despite its name.", "Export the scan again.") from error
    except (HeaderDataError, HeaderTypeError, WrapStructError, ValueError, TypeError, OverflowError) as error:
        raise InputError(
            f"The NIfTI header of {path.name} makes no sense ({_reason(error)}).", "Export or convert the scan again."
        ) from error
    image = sitk.GetImageFromArray(values.T, isVector=False)
    if values.ndim == 3:
        _set_place(image, affine, np.array(stored.header["pixdim"][1:4], np.float64), path.name)
    return NiftiVolume(image, stored.header, notes)


def _voxels(stored: Any, name: str) -> NDArray[Any]:
    """Give the voxels (i, j, k[, time]), scaled as the header says; the only time point of a 4D file by itself."""
    values = np.asanyarray(stored.dataobj)
    if values.ndim < 2 or not values.size:
        shape = " x ".join(str(n) for n in stored.shape) or "none"
        raise InputError(f"{name} has too few voxels to be a scan ({shape}).", "Export the scan again.")
    if values.dtype.fields or (values.ndim > 4 and max(values.shape[4:]) > 1):
        count = len(values.dtype.fields or ()) or max(values.shape[4:])
        raise InputError(
            f"{name} has {count} values a voxel (a colour or vector image).",
            "Give the magnitude or SWI image itself, with one value a voxel.",
        )
    while values.ndim > 3 and values.shape[-1] == 1:
        values = values[..., 0]
    kind = values.dtype.newbyteorder("=")
    if kind.kind == "f":
        kind = np.dtype(np.float32 if kind.itemsize <= 4 or _was_scaled(stored) else np.float64)
    if kind.kind == "c":
        kind = np.dtype(np.complex64 if kind.itemsize <= 8 else np.complex128)
    with np.errstate(over="ignore"):  # what does not fit becomes infinite, and that is dealt with
        return np.ascontiguousarray(values.T, kind).T


def _was_scaled(stored: Any) -> bool:
    return (stored.dataobj.slope, stored.dataobj.inter) != (1.0, 0.0)


def _place(stored: Any, name: str) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Give the matrix (4, 4) from indices to RAS mm, and how contradictions were resolved."""
    header, notes = stored.header, []
    affine = np.array(stored.affine, np.float64)
    sform, qform = int(header["sform_code"]) > 0, int(header["qform_code"]) > 0
    if not np.isfinite(affine).all():
        raise InputError(
            f"{name} does not say where it lies: its {'sform' if sform else 'qform'} has values that are not numbers.",
            "Correct the header or export the scan again.",
        )
    shape, sizes = stored.shape[:3], np.linalg.norm(affine[:3, :3], axis=0)
    if len(shape) < 3:
        return affine, ()
    if not sform and not qform:
        notes.append(
            "The header does not say how the head lies (no sform, no qform): left and right were taken as nibabel and "
            "FSL take them, and may be wrong."
        )
    if sform:
        other = _qform(header) if qform else None
        apart = 0.0 if other is None else _furthest_mm(affine, other, shape)
        if other is None and qform:
            notes.append("The header's qform is not valid; its sform was used.")
        elif apart > SAME_PLACE_VOXELS * sizes.min():
            notes.append(
                f"The header's two positions, sform and qform, are {apart:.3g} mm apart: the sform was used, as "
                "nibabel, FSL and SPM do."
            )
        said = np.abs(np.array(header["pixdim"][1:4], np.float64))
        if (np.abs(said - sizes) > SAME_SIZE * sizes).any():
            notes.append(
                f"The header gives two voxel sizes, {_sizes(said)} mm (pixdim) and {_sizes(sizes)} mm (sform): the "
                "sform was used."
            )
    return affine, tuple(notes)


def _qform(header: Nifti1Header) -> NDArray[np.float64] | None:
    from nibabel.spatialimages import HeaderDataError

    try:
        matrix = np.array(header.get_qform(), np.float64)
    except (HeaderDataError, ValueError):  # quaternion longer than 1
        return None
    return matrix if np.isfinite(matrix).all() else None


def _furthest_mm(one: NDArray[np.float64], other: NDArray[np.float64], shape: tuple[int, ...]) -> float:
    corners = np.array([[*corner, 1] for corner in product(*[(0, n - 1) for n in shape])])
    return float(np.linalg.norm((corners @ (one - other).T)[:, :3], axis=1).max())


def _set_place(image: sitk.Image, affine: NDArray[np.float64], said: NDArray[np.float64], name: str) -> None:
    to_lps = LPS_FROM_RAS @ affine
    lengths = np.linalg.norm(to_lps[:3, :3], axis=0)
    if not (np.isfinite(lengths).all() and lengths.min() > 0):
        raise InputError(f"{name} says its voxels are {_sizes(lengths)} mm wide.", WRONG_SIZE)
    direction = to_lps[:3, :3] / lengths
    if abs(np.linalg.det(direction)) < 1e-3:
        raise InputError(
            f"The axes of {name} lie in one plane.", "Correct its sform or qform, or export the scan again."
        )
    is_rounded = np.abs(said - lengths) < ROUNDING * lengths  # then pixdim has the size itself
    image.SetSpacing(np.where(is_rounded, said, lengths).tolist())
    image.SetOrigin(to_lps[:3, 3].tolist())
    image.SetDirection(direction.ravel().tolist())


def _check_compression(path: Path) -> None:
    """Tell a compressed file by its first bytes: nibabel and ITK go by the name."""
    with path.open("rb") as stream:
        compressed = stream.read(2) == GZIP
    named = path.name.lower().endswith(".gz")
    if compressed and not named:
        raise InputError(f"{path.name} is compressed, despite its name.", f"Rename it to {path.name}.gz.")
    if named and not compressed:
        raise _not_gzip(path)


def _check_voxel_size(path: Path) -> None:
    """Look at the header as it is: readers take 1 mm for 0, and a size for its negative."""
    import nibabel
    from nibabel.openers import Opener

    with Opener(str(path)) as stream:
        start = stream.read(HEADER_BYTES)
    for kind in (nibabel.Nifti1Header, nibabel.Nifti2Header):
        if kind.may_contain_header(start):
            sizes = kind(start[: kind.template_dtype.itemsize], check=False)["pixdim"][1:4]
            if not (np.isfinite(sizes).all() and (sizes > 0).all()):
                raise InputError(f"{path.name} says its voxels are {_sizes(sizes)} mm wide.", WRONG_SIZE)


def _sizes(values: Any) -> str:
    return " x ".join(f"{float(size):.4g}" for size in values)


def _reason(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _not_gzip(path: Path) -> InputError:
    return InputError(
        f"{path.name} is not a gzip file, despite its name.",
        "If it is not compressed, rename it to end in .nii; else export it again.",
    )
