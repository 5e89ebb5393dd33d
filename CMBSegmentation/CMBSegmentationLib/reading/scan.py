"""Reading a scan: NIfTI, NRRD, MetaImage, a DICOM folder or a multi-frame DICOM file; checked and cleaned."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK as sitk

from ..errors import InputError, MachineError
from ..files.present import check_present
from .dicom.first_bytes import is_dicom_file
from .doubts import doubts
from .grid import is_same_grid
from .image_file import reader_of
from .nifti import is_nifti_name, read_nifti
from .not_finite import without_gaps
from .right_angles import WRONG_SIZE, check_place, with_right_angles

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Header

    from .dicom.headers import Frame

FILE_SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
SUPPORTED = ", ".join(FILE_SUFFIXES)
SCENE_SUFFIX = ".mrb"
ARCHIVES = (b"PK\x03\x04", b"PK\x05\x06", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00")
TAR_MARK, TAR_MARK_AT = b"ustar", 257
SMALLEST_SIDE_MM, LARGEST_SIDE_MM = 20.0, 600.0
SMALLEST_VOXEL_MM = 0.05  # heads post mortem are scanned at 0.1
FEWEST_SLICES = 3


class FormatError(InputError):
    """A file is of no format that is read; where more is read than scans, the front end says so."""


@dataclass(frozen=True)
class Scan:
    """A scan that passed all checks.

    Attributes
    ----------
    image : SimpleITK.Image
        3D, scalar, finite.
    source : Path
    notes : tuple of str
        What was chosen and repaired, worded for the user.
    frames : tuple of Frame
        Where it came as DICOM, the source of each slice; empty otherwise.
    header : nibabel.nifti1.Nifti1Header or None
        Where it came as NIfTI and lies on its own grid: results carry its sform and qform.
    mark : str
        What tells a DICOM series that the user has chosen from others of its folder; empty otherwise.
    """

    image: sitk.Image
    source: Path
    notes: tuple[str, ...] = ()
    frames: tuple[Frame, ...] = ()
    header: Nifti1Header | None = None
    mark: str = ""

    @property
    def stem(self) -> str:
        """The name without its extension, from which result files are named; a chosen series adds its own."""
        return marked(scan_stem(self.source), self.mark)


def scan_stem(path: Path) -> str:
    """Strip the image extension from a scan's name (a DICOM folder keeps its own; a link counts by its own name)."""
    name = path.absolute().name if path.name not in ("", "..") else path.resolve().name
    for suffix in sorted((*FILE_SUFFIXES, ".dcm"), key=len, reverse=True):
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)]
    return name


def marked(stem: str, mark: str) -> str:
    """Give the name of a scan with what tells it from others of its folder (`Scan.mark`)."""
    return f"{stem}_{mark}" if mark else stem


def read_scan(path: Path, series: str | None = None) -> Scan:
    """Read a scan from a file or a DICOM folder.

    Parameters
    ----------
    path : Path
    series : str, optional
        Number or UID of the DICOM series to take; else the most suitable one is chosen.

    Returns
    -------
    Scan

    Raises
    ------
    InputError
        The file is missing, unreadable, of another kind, not 3D, empty or without contrast; the
        message says which.
    MachineError
        There is not enough memory for it.
    """
    check_present(path)
    is_dicom = path.is_dir() or is_dicom_file(path)
    if series is not None and not is_dicom:
        raise InputError(f"{path.name} is not DICOM: it has no series to choose from.", "Remove --series.")
    try:
        if is_dicom:
            from .dicom.study import read_dicom  # other scans need no pydicom

            volume = read_dicom(path, series)
            return _with(checked_scan(volume.image, path), volume.notes, frames=volume.frames, mark=volume.mark)
        if is_nifti_name(path):
            nifti = read_nifti(path)
            scan = checked_scan(nifti.image, path)
            return _with(scan, nifti.notes, header=nifti.header if _is_own_grid(scan.image, nifti.image) else None)
        return checked_scan(_read_file(path), path)
    except MemoryError as error:
        raise MachineError(f"There is not enough memory to read {path.name}.", "Close other programs.") from error


def read_label_image(path: Path) -> sitk.Image:
    """Read a mask or a label image.

    Parameters
    ----------
    path : Path
        NIfTI, NRRD or MetaImage; it may be the same everywhere, and as small as one slice.

    Returns
    -------
    SimpleITK.Image
        3D, scalar; its axes may be sheared, as its voxels are never resampled.

    Raises
    ------
    InputError
        As `read_scan` for a file that cannot be read or understood.
    """
    check_present(path)
    if path.is_dir():
        raise InputError(f"{path.name} is a folder.", f"Give a file: {', '.join(FILE_SUFFIXES)}.")
    image = _without_single_time(read_nifti(path).image if is_nifti_name(path) else _read_file(path))
    _check_kind(image, path.name)
    check_place(image, path.name)
    return image


def _with(scan: Scan, notes: tuple[str, ...], **sources: Any) -> Scan:
    return replace(scan, notes=(*notes, *scan.notes), **sources)


def _is_own_grid(image: sitk.Image, stored: sitk.Image) -> bool:
    return is_same_grid(image, _without_single_time(stored))  # else it was resampled


def checked_scan(image: sitk.Image, source: Path) -> Scan:
    """Check an image that is in memory, and clean it.

    Parameters
    ----------
    image : SimpleITK.Image
    source : Path
        Names the scan in messages.

    Returns
    -------
    Scan

    Raises
    ------
    InputError
        As `read_scan`.
    """
    image = _without_single_time(image)
    _check_kind(image, source.name)
    _check_geometry(image, source.name)
    image, gaps = without_gaps(image, source.name)
    image, shear = with_right_angles(image, source.name)
    view = sitk.GetArrayViewFromImage(image)
    if view.min() == view.max():
        raise InputError(
            f"{source.name} is the same everywhere (value {view.flat[0]:g}).", "It holds no image; export it again."
        )
    return Scan(image, source, (*gaps, *shear, *doubts(image)))


def _read_file(path: Path) -> sitk.Image:
    known = path.name.lower().endswith(FILE_SUFFIXES)
    if not known:
        raise _not_supported(path)
    reader = reader_of(path)
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise InputError(
            f"{path.name} cannot be read as an image ({_reason(error)}).",
            "It may be damaged or of another kind; export it again.",
        ) from error
    try:
        return reader.Execute()
    except RuntimeError as error:
        if not all(0 < size < float("inf") for size in reader.GetSpacing()):
            raise InputError(f"{path.name} has voxels of {reader.GetSpacing()} mm.", WRONG_SIZE) from error
        raise InputError(
            f"{path.name} is cut off or damaged: its header is whole, its voxels are not.", "Copy or export it again."
        ) from error


def _not_supported(path: Path) -> InputError:
    if path.name.lower().endswith(SCENE_SUFFIX):
        return InputError(
            f"{path.name} is a scene, not a scan.", "Open it in 3D Slicer, or drop it on the page of cmb web."
        )
    if _is_archive(path):
        return InputError(
            f"{path.name} is an archive of files, not a scan.", "Unpack it, and give the scan or DICOM folder in it."
        )
    return FormatError(f"{path.name} is not a scan in a supported format.", f"Supported are {SUPPORTED} and DICOM.")


def _is_archive(path: Path) -> bool:
    """Tell whether a file is an archive, by its first bytes: uploads have no name of their own."""
    try:
        with path.open("rb") as stream:
            start = stream.read(TAR_MARK_AT + len(TAR_MARK))
    except OSError:
        return False
    return start.startswith(ARCHIVES) or start[TAR_MARK_AT:] == TAR_MARK


def _reason(error: RuntimeError) -> str:
    return str(error).strip().splitlines()[-1].strip() if str(error).strip() else "no reason given"


def _without_single_time(image: sitk.Image) -> sitk.Image:
    """Take the only volume of a 4D image with one time point."""
    if image.GetDimension() == 4 and image.GetSize()[3] == 1:
        return sitk.Extract(image, [*image.GetSize()[:3], 0], [0, 0, 0, 0])
    return image


def _check_kind(image: sitk.Image, name: str) -> None:
    if image.GetNumberOfComponentsPerPixel() > 1:
        raise InputError(
            f"{name} has {image.GetNumberOfComponentsPerPixel()} values a voxel (a colour or vector image).",
            "Give the magnitude or SWI image itself, with one value a voxel.",
        )
    if image.GetPixelID() in (sitk.sitkComplexFloat32, sitk.sitkComplexFloat64):
        raise InputError(f"{name} holds complex values.", "Give the magnitude or SWI image.")
    if image.GetDimension() == 4:
        raise InputError(f"{name} holds {image.GetSize()[3]} volumes (4D).", "Split it and give one T2* or SWI volume.")
    if image.GetDimension() != 3:
        raise InputError(f"{name} is {image.GetDimension()}D.", "Give a 3D volume, not a single slice.")


def _check_geometry(image: sitk.Image, name: str) -> None:
    size, spacing = image.GetSize(), image.GetSpacing()
    if min(size) == 0:
        raise InputError(f"{name} has no voxels ({size}).", "Export the scan again.")
    if not all(np.isfinite(spacing)) or min(spacing) <= 0:
        raise InputError(f"{name} has voxels of {spacing} mm.", WRONG_SIZE)
    if min(size) < FEWEST_SLICES:
        raise InputError(
            f"{name} has {size[0]} x {size[1]} x {size[2]} voxels: too few slices to be a volume.",
            "Give a 3D volume, not a single slice or localiser.",
        )
    extent = [n * s for n, s in zip(size, spacing, strict=True)]
    if max(extent) > LARGEST_SIDE_MM or max(extent) < SMALLEST_SIDE_MM or min(spacing) < SMALLEST_VOXEL_MM:
        raise InputError(
            f"{name} is {extent[0]:.0f} x {extent[1]:.0f} x {extent[2]:.0f} mm: not the size of a head.",
            "Check the voxel size in its header; it must be in millimetres.",
        )
