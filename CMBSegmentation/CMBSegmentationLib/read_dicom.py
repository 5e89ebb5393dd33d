"""Reading DICOM: a folder with one or many series, or one multi-frame file."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import SimpleITK as sitk
from numpy.typing import NDArray
from pydicom.errors import InvalidDicomError
from pydicom.uid import RLELossless

from .dicom_choice import choose
from .dicom_headers import Frame, read_series
from .errors import InputError
from .paths import check_utf_8

UNEVEN_SHARE = 0.1  # slices may stray from even steps, and from a straight stack, by this share of a step
SAME_DIRECTION = 1e-3  # per cosine; scanners write four to six digits


@dataclass(frozen=True)
class DicomVolume:
    """A volume read from DICOM.

    Attributes
    ----------
    image : SimpleITK.Image
        Slice k of it is frame k of `frames`, rows and columns as they are stored.
    frames : tuple of Frame
    notes : tuple of str
        What was chosen and why, worded for the user.
    """

    image: sitk.Image
    frames: tuple[Frame, ...]
    notes: tuple[str, ...]


def is_dicom_file(path: Path) -> bool:
    """Tell whether a file begins as DICOM does (PS3.10, 7.1)."""
    with path.open("rb") as stream:
        return stream.read(132)[128:] == b"DICM"


def read_dicom(path: Path, series: str | None = None) -> DicomVolume:
    """Read the volume that shows microbleeds best.

    Parameters
    ----------
    path : Path
        One file, or a folder: its files and those of the folders in it.
    series : str, optional
        Number or UID of the series to take, in place of the one that is chosen.

    Returns
    -------
    DicomVolume

    Raises
    ------
    InputError
        No series or none that is suitable, two that are equally so, several patients, only phase
        images, missing slices, slices of different directions, or pixel data that cannot be decoded.
    """
    paths = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    found = read_series(paths)
    if not found:
        raise InputError(
            f"{path.name} holds no DICOM image that can be read{_what_else(paths)}.",
            "Give a folder with a DICOM series, or a NIfTI, NRRD or MetaImage file.",
        )
    offer, notes = choose(found, path.name, series)
    name = f"Series {offer.series.name} in {path.name}"
    frames = _in_order(offer.frames, name)
    image = sitk.GetImageFromArray(_values(frames, name))
    _place(image, frames)
    return DicomVolume(image, frames, notes)


def _what_else(paths: Sequence[Path]) -> str:
    """Name the kinds of DICOM object in a folder without pictures: reports, or a vendor's private ones."""
    kinds: Counter[str] = Counter()
    for path in paths:
        try:
            header = pydicom.dcmread(path, specific_tags=["SOPClassUID"])
        except (InvalidDicomError, OSError, EOFError):
            continue
        uid = header.get("SOPClassUID")
        kinds["without a class" if uid is None else f"of the private class {uid}" if uid.is_private else uid.name] += 1
    return f" (it has {', '.join(f'{n} {kind}' for kind, n in kinds.items())})" if kinds else ""


def _in_order(frames: Sequence[Frame], name: str) -> tuple[Frame, ...]:
    """Sort slices along their normal; refuse what is not one straight stack of like slices."""
    if any(f.position is None or f.orientation is None or f.spacing is None for f in frames):
        raise InputError(f"{name} has slices that do not say where they lie.", "Export the original series.")
    if len({f.size for f in frames}) > 1 or _range([f.spacing for f in frames]) > SAME_DIRECTION:
        raise InputError(f"{name} has slices of different sizes.", "Export each acquisition as a series of its own.")
    if _range([f.orientation for f in frames]) > SAME_DIRECTION:
        raise InputError(
            f"{name} has slices of different directions, as a localiser has.", "Give the series of one orientation."
        )
    normal = _directions(frames[0])[2]
    positions = np.array([f.position for f in frames])
    along = positions @ normal
    order = np.argsort(along, kind="stable")
    steps = np.diff(along[order])
    if not steps.size:
        return tuple(frames)
    repeats = set(Counter(along.round(2)).values())
    if len(repeats) == 1 and (number := repeats.pop()) > 1:
        raise InputError(
            f"{name} has {number} images at every position: repeats or coils.", "Export one of them as a series."
        )
    if steps.min() < 1e-3 or np.ptp(steps) > UNEVEN_SHARE * np.median(steps):
        raise InputError(
            f"{name} has slices {steps.min():.2f} to {steps.max():.2f} mm apart: some are missing or double.",
            "Export the whole series again.",
        )
    aside = positions - np.outer(along, normal)
    if np.ptp(aside, axis=0).max() > UNEVEN_SHARE * np.median(steps):
        raise InputError(f"{name} is a slanted stack: its slices are shifted against each other.", "Reformat it.")
    return tuple(frames[i] for i in order)


def _range(vectors: Sequence[Any]) -> float:
    """Largest difference in any component."""
    return float(np.ptp(np.array(vectors, np.float64), axis=0).max())


def _directions(frame: Frame) -> NDArray[np.float64]:
    """Unit vectors along a row, along a column and along the normal, LPS (PS3.3, C.7.6.2.1.1)."""
    cosines = np.array(frame.orientation, np.float64).reshape(2, 3)
    return np.vstack([cosines, np.cross(*cosines)])


def _place(image: sitk.Image, frames: Sequence[Frame]) -> None:
    first, last = frames[0], frames[-1]
    between_rows, between_columns = first.spacing or (1.0, 1.0)
    length = float(np.linalg.norm(np.subtract(last.position or 0, first.position or 0)))
    step = length / (len(frames) - 1) if len(frames) > 1 else first.thickness_mm or 1.0
    image.SetSpacing((between_columns, between_rows, step))
    image.SetDirection(_directions(first).T.ravel().tolist())
    image.SetOrigin(first.position or (0.0, 0.0, 0.0))


def _values(frames: Sequence[Frame], name: str) -> NDArray:
    """Decode the slices; stored values stay as they are where no rescaling is asked for."""
    wanted = defaultdict(list)
    for place, frame in enumerate(frames):
        wanted[frame.path].append((place, frame))
    slices: dict[int, NDArray] = {}
    for path, rows in wanted.items():
        decoded, is_rescaled = _decoded(path, name)
        stack = decoded.reshape(-1, *rows[0][1].size)
        for place, frame in rows:
            plain = is_rescaled or (frame.slope == 1.0 and frame.intercept == 0.0)
            values = stack[frame.index]
            slices[place] = values if plain else (values * frame.slope + frame.intercept).astype(np.float32)
    return np.stack([slices[place] for place in range(len(frames))])


def _decoded(path: Path, name: str) -> tuple[NDArray, bool]:
    """Pixels of a file, and whether they are rescaled already: GDCM inside SimpleITK does, pydicom does not."""
    dataset = pydicom.dcmread(path)
    if "PixelData" not in dataset:
        creators = sorted({str(e.value) for e in dataset if e.tag.is_private_creator})
        where = f" but private elements ({', '.join(creators)})" if creators else ""
        raise InputError(f"{name} has no pixel data{where}.", "Export it as a standard MR image object.")
    syntax = dataset.file_meta.TransferSyntaxUID
    try:
        if syntax.is_compressed and syntax != RLELossless:
            check_utf_8(path)
            return sitk.GetArrayFromImage(sitk.ReadImage(str(path))), True
        return dataset.pixel_array, False
    except InputError:
        raise
    except Exception as error:  # RuntimeError, NotImplementedError, AttributeError, ValueError: as the damage is
        raise InputError(
            f"{name} has pixels that cannot be decoded (transfer syntax {syntax.name}).",
            "Export the series uncompressed (Explicit VR Little Endian).",
        ) from error
