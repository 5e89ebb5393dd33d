"""Reading DICOM: a folder with one or many series, or one multi-frame file."""

from __future__ import annotations

import os
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import SimpleITK as sitk
from numpy.typing import NDArray
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, RLELossless

from ...errors import InputError
from ...vocabulary.numbers import counted
from ..image_file import read_dicom_image
from ..image_size import check_dicom_file_size, check_dicom_size
from .deflated import check_deflated
from .headers import FolderContent, Frame, read_file, read_header, read_series
from .losses import losses
from .series import choose, mark_of
from .values import items, number, raw, text

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
    mark : str
        What tells the series from others of its folder in the names of files, where the user has chosen it.
    """

    image: sitk.Image
    frames: tuple[Frame, ...]
    notes: tuple[str, ...]
    mark: str = ""


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
    paths = files_in(path) if path.is_dir() else [path]
    check_deflated(paths)
    found = read_series(paths)
    if not found.series:
        raise _nothing_found(path, paths, found)
    offer, notes = choose(found.series, path.name, series)
    is_chosen = series is not None and len(found.series) > 1
    name = f"Series {offer.series.name} in {path.name}"
    if not path.is_dir() and len(offer.frames) == 1:
        raise InputError(f"{path.name} is one slice of a series.", "Give the folder that holds all of them.")
    volume = read_frames(offer.frames, name)
    notes = (*notes, *losses(found, offer.series, volume.frames), *volume.notes)
    return replace(volume, notes=notes, mark=mark_of(offer.series, found.series) if is_chosen else "")


def read_frames(frames: Sequence[Frame], name: str) -> DicomVolume:
    """Read the frames of one volume, in whatever order they are given.

    Parameters
    ----------
    frames : sequence of Frame
    name : str
        For messages.

    Returns
    -------
    DicomVolume

    Raises
    ------
    InputError
        They are no straight stack of like slices, or their pixels cannot be decoded.
    """
    ordered = _in_order(frames, name)
    check_dicom_size(ordered, name)
    values, seen = _values(ordered, name)
    image = sitk.GetImageFromArray(values)
    _place(image, ordered)
    return DicomVolume(image, ordered, seen)


def files_in(folder: Path) -> list[Path]:
    """List a folder's files and those of the folders in it; each folder once, whatever links lead to it."""
    files, visited = [], set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        files += [Path(place, name) for name in names]
    return sorted(file for file in files if file.is_file() or (file.is_symlink() and not file.exists()))


def _nothing_found(path: Path, paths: Sequence[Path], found: FolderContent) -> InputError:
    if any(file.name.upper() == "DICOMDIR" for file in paths):
        return InputError(
            f"{path.name} is only a table of contents (DICOMDIR), without images.",
            "Give the folder that holds the images.",
        )
    what = _what_else(paths)
    if found.damaged:
        what += f"; {counted(len(found.damaged), 'file is', 'files are')} empty, damaged or missing"
    return InputError(
        f"{path.name} holds no DICOM image that can be read{what}.",
        "Give a folder with a DICOM series, or a NIfTI, NRRD or MetaImage file.",
    )


def _what_else(paths: Sequence[Path]) -> str:
    """Name the kinds of DICOM object in a folder without pictures: reports, or a vendor's private ones."""
    kinds: Counter[str] = Counter()
    for path in paths:
        header = read_header(path)
        if header is None:
            continue
        uid = UID(text(header, "SOPClassUID"))
        kinds["without a class" if not uid else f"of the private class {uid}" if uid.is_private else uid.name] += 1
    return f" (it has {', '.join(f'{n} {kind}' for kind, n in kinds.items())})" if kinds else ""


def _in_order(frames: Sequence[Frame], name: str) -> tuple[Frame, ...]:
    """Sort slices along their normal; refuse what is not one straight stack of like slices."""
    unreadable = Counter(problem for frame in frames for problem in frame.unreadable)
    if unreadable:
        problem, count = unreadable.most_common(1)[0]
        raise InputError(
            f"{name} has a header that cannot be understood: {problem} ({count} of {len(frames)} slices).",
            "Correct the attribute or export the original series.",
        )
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


def _values(frames: Sequence[Frame], name: str) -> tuple[NDArray, tuple[str, ...]]:
    """Decode the slices; stored values stay as they are where no rescaling is asked for."""
    wanted = defaultdict(list)
    for place, frame in enumerate(frames):
        wanted[frame.path].append((place, frame))
    slices: dict[int, NDArray] = {}
    for path, rows in wanted.items():
        decoded = _decoded(path, name)
        if decoded.size % (rows[0][1].size[0] * rows[0][1].size[1]):
            raise _cut_off(path, name)
        stack = decoded.reshape(-1, *rows[0][1].size)
        for place, frame in rows:
            if frame.index >= len(stack):
                raise _cut_off(path, name)
            values = stack[frame.index]
            plain = frame.slope == 1.0 and frame.intercept == 0.0
            slices[place] = values if plain else (values * frame.slope + frame.intercept).astype(np.float32)
    volume = np.stack([slices[place] for place in range(len(frames))])
    if all(frame.inverted for frame in frames):
        return volume.max() - (volume - volume.min()), ("White is dark in this series (MONOCHROME1): it was inverted.",)
    if any(frame.inverted for frame in frames):
        raise InputError(f"{name} mixes MONOCHROME1 and MONOCHROME2.", "Export the original series.")
    return volume, ()


def _cut_off(path: Path, name: str) -> InputError:
    return InputError(f"{name} is cut off: {path.name} has fewer pixels than its header says.", "Copy it again.")


def _decoded(path: Path, name: str) -> NDArray:
    """Give the stored pixels of a file, not rescaled."""
    dataset = read_file(path)
    if "PixelData" not in dataset:
        creators = sorted({str(raw(dataset, tag)) for tag in list(dataset.keys()) if tag.is_private_creator})
        where = f" but private elements ({', '.join(creators)})" if creators else ""
        raise InputError(f"{name} has no pixel data{where}.", "Export it as a standard MR image object.")
    check_dicom_file_size(dataset, name)
    syntax = dataset.file_meta.TransferSyntaxUID
    try:
        is_compressed = syntax.is_compressed
    except (ValueError, AttributeError) as error:  # not a UID of a transfer syntax, or two
        raise InputError(
            f"{name} has pixels of an unknown kind (transfer syntax {str(syntax)[:64]}).", "Export the series again."
        ) from error
    if not is_compressed and len(raw(dataset, "PixelData") or b"") < _expected_bytes(dataset):
        raise _cut_off(path, name)
    try:
        if is_compressed and syntax not in (RLELossless, DeflatedExplicitVRLittleEndian):
            return _decoded_by_gdcm(dataset)
        return dataset.pixel_array
    except Exception as error:  # RuntimeError, NotImplementedError, AttributeError, ValueError: as the damage is
        raise InputError(
            f"{name} has pixels that cannot be decoded (transfer syntax {syntax.name}).",
            "Export the series uncompressed (Explicit VR Little Endian).",
        ) from error


def _expected_bytes(dataset: pydicom.Dataset) -> int:
    values = [number(dataset, key) for key in ("Rows", "Columns", "BitsAllocated")]
    frames = number(dataset, "NumberOfFrames") or 1
    return int(np.prod([value or 0 for value in values]) * frames) // 8


def _decoded_by_gdcm(dataset: pydicom.Dataset) -> NDArray:
    """Decode with the GDCM inside SimpleITK, which rescales by itself, all frames alike: so rescaling is taken out."""
    for holder in (dataset, *_items_of_groups(dataset)):
        for keyword in ("RescaleSlope", "RescaleIntercept", "PixelValueTransformationSequence"):
            if keyword in holder:
                del holder[keyword]
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.dcm"
        dataset.save_as(plain, enforce_file_format=True)
        return sitk.GetArrayFromImage(read_dicom_image(plain))


def _items_of_groups(dataset: pydicom.Dataset) -> list[pydicom.Dataset]:
    keywords = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
    return [item for keyword in keywords for item in items(dataset, keyword)]
