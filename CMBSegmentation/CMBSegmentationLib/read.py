"""Reading a scan: NIfTI, NRRD, MetaImage, a DICOM folder or a multi-frame DICOM file; checked and cleaned."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

from .errors import InputError, MachineError
from .image_header import check_header
from .paths import check_source
from .read_nifti import read_nifti

if TYPE_CHECKING:
    from .dicom_headers import Frame

FILE_SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
SMALLEST_SIDE_MM, LARGEST_SIDE_MM = 20.0, 600.0
FEWEST_SLICES = 3


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
    """

    image: sitk.Image
    source: Path
    notes: tuple[str, ...] = ()
    frames: tuple[Frame, ...] = ()

    @property
    def stem(self) -> str:
        """The name without its extension, from which result files are named."""
        return scan_stem(self.source)


def scan_stem(path: Path) -> str:
    """Strip the image extension from a scan's name (a DICOM folder keeps its own; a link counts by its own name)."""
    name = path.absolute().name if path.name not in ("", "..") else path.resolve().name
    for suffix in sorted((*FILE_SUFFIXES, ".dcm"), key=len, reverse=True):
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)]
    return name


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
    from .read_dicom import is_dicom_file, read_dicom  # a panel that only shows what was found needs no pydicom

    check_source(path)
    is_dicom = path.is_dir() or is_dicom_file(path)
    if series is not None and not is_dicom:
        raise InputError(f"{path.name} is not DICOM: it has no series to choose from.", "Leave --series away.")
    try:
        if is_dicom:
            volume = read_dicom(path, series)
            image, notes, frames = volume.image, volume.notes, volume.frames
        else:
            image, notes, frames = _read_file(path), (), ()
    except MemoryError as error:
        raise MachineError(f"There is not enough memory to read {path.name}.", "Close other programs.") from error
    scan = checked_scan(image, path)
    return replace(scan, notes=notes + scan.notes, frames=frames)


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
    image, notes = _finite(image, source.name)
    view = sitk.GetArrayViewFromImage(image)
    if view.min() == view.max():
        raise InputError(
            f"{source.name} is the same everywhere (value {view.flat[0]:g}).", "It holds no picture; export it again."
        )
    return Scan(image, source, notes)


def _read_file(path: Path) -> sitk.Image:
    if path.stat().st_size == 0:
        raise InputError(f"{path.name} is an empty file.", "Export or copy the scan again.")
    check_header(path)
    try:
        return read_nifti(path) if path.name.lower().endswith((".nii", ".nii.gz")) else sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: RuntimeError) -> InputError:
    known = path.name.lower().endswith(FILE_SUFFIXES)
    reason = str(error).strip().splitlines()[-1].strip() if str(error).strip() else "no reason given"
    if not known:
        return InputError(
            f"{path.name} is not a scan of a known kind.", f"Known are {', '.join(FILE_SUFFIXES)} and DICOM."
        )
    return InputError(
        f"{path.name} cannot be read as an image ({reason}).", "It may be damaged or of another kind; export it again."
    )


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
        raise InputError(f"{name} has voxels of {spacing} mm.", "Voxel sizes must be above zero: correct the header.")
    if min(size) < FEWEST_SLICES:
        raise InputError(
            f"{name} has {size[0]} x {size[1]} x {size[2]} voxels: too few slices to be a volume.",
            "Give a 3D volume, not a single slice or localiser.",
        )
    extent = [n * s for n, s in zip(size, spacing, strict=True)]
    if max(extent) > LARGEST_SIDE_MM or max(extent) < SMALLEST_SIDE_MM:
        raise InputError(
            f"{name} is {extent[0]:.0f} x {extent[1]:.0f} x {extent[2]:.0f} mm: not the size of a head.",
            "Check the voxel size in its header; it must be in millimetres.",
        )


def _finite(image: sitk.Image, name: str) -> tuple[sitk.Image, tuple[str, ...]]:
    """Replace NaN and infinite voxels by the background's median (paper-spec.md, section 3)."""
    values = sitk.GetArrayViewFromImage(image)
    if not np.issubdtype(values.dtype, np.floating):
        return image, ()
    bad = ~np.isfinite(values)
    count = int(np.count_nonzero(bad))
    if count == 0:
        return image, ()
    if count == bad.size:
        raise InputError(f"{name} holds no number at all: every voxel is NaN or infinite.", "Export it again.")
    cleaned = np.array(values)
    good = cleaned[~bad]
    background = good[good <= good.mean()]
    cleaned[bad] = np.median(background) if background.size else 0
    result = sitk.GetImageFromArray(cleaned)
    result.CopyInformation(image)
    note = f"{count} of {bad.size} voxels were NaN or infinite and were set to the background's median."
    return result, (note,)
