"""Reading a folder with one DICOM series: classic slices or enhanced multi-frame, one or several echoes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.errors import InvalidDicomError

from .errors import InputError

UNEVEN_SHARE = 0.1  # slices may stray from even steps by this share of a step


@dataclass(frozen=True)
class DicomFile:
    """What is needed of one file's header."""

    path: Path
    series: str
    description: str
    echo_ms: float
    frames: int
    is_phase: bool
    position: tuple[float, ...] | None
    normal: tuple[float, ...] | None


def read_dicom_folder(folder: Path) -> tuple[sitk.Image, tuple[str, ...]]:
    """Read the series in a folder; of several echoes the longest, which shows susceptibility best.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    image : SimpleITK.Image
    notes : tuple of str
        What was chosen, worded for the user.

    Raises
    ------
    InputError
        No series, several series, only phase images, missing slices, or pixel data that cannot be
        decoded.
    """
    files = [f for path in sorted(folder.iterdir()) if path.is_file() and (f := _header(path))]
    if not files:
        raise InputError(
            f"{folder.name} holds no DICOM image that can be read.",
            "Give a folder with the files of one series, or a NIfTI, NRRD or MetaImage file.",
        )
    series = {f.series: f.description for f in files}
    if len(series) > 1:
        raise InputError(
            f"{folder.name} holds {len(series)} DICOM series ({', '.join(sorted(series.values()))}).",
            "Put the T2* or SWI series in a folder of its own.",
        )
    magnitude = [f for f in files if not f.is_phase]
    if not magnitude:
        raise InputError(f"{folder.name} holds phase images only.", "Give the magnitude or SWI series.")

    echoes = defaultdict(list)
    for file in magnitude:
        echoes[file.echo_ms].append(file)
    longest = max(echoes)
    notes: tuple[str, ...] = ()
    if len(echoes) > 1:
        others = ", ".join(f"{e:g}" for e in sorted(echoes) if e != longest)
        notes = (f"Of {len(echoes)} echoes the longest was taken (TE {longest:g} ms; others: {others} ms).",)
    return _read_files(echoes[longest], folder), notes


def _header(path: Path) -> DicomFile | None:
    try:
        header = pydicom.dcmread(path, stop_before_pixels=True)
    except (InvalidDicomError, OSError, EOFError):
        return None
    if "Rows" not in header:
        return None  # a DICOMDIR, a report
    image_type = [str(v).upper() for v in header.get("ImageType", [])]
    part = str(header.get("ComplexImageComponent", "")).upper()
    position, orientation = header.get("ImagePositionPatient"), header.get("ImageOrientationPatient")
    normal = None
    if orientation is not None:
        normal = tuple(np.cross(np.array(orientation[:3], float), np.array(orientation[3:], float)))
    return DicomFile(
        path=path,
        series=str(header.get("SeriesInstanceUID", "")),
        description=str(header.get("SeriesDescription", "unnamed")).strip() or "unnamed",
        echo_ms=_echo_ms(header),
        frames=int(header.get("NumberOfFrames", 1) or 1),
        is_phase=part == "PHASE" or "P" in image_type or "PHASE" in image_type,
        position=None if position is None else tuple(float(v) for v in position),
        normal=normal,
    )


def _echo_ms(header: pydicom.Dataset) -> float:
    """Echo time of a classic object, or of an enhanced one (DICOM PS3.3, C.8.13.5.4)."""
    if header.get("EchoTime") is not None:
        return round(float(header.EchoTime), 3)
    for groups in (header.get("SharedFunctionalGroupsSequence"), header.get("PerFrameFunctionalGroupsSequence")):
        if groups and (echo := groups[0].get("MREchoSequence")):
            return round(float(echo[0].get("EffectiveEchoTime", 0.0)), 3)
    return 0.0


def _read_files(files: list[DicomFile], folder: Path) -> sitk.Image:
    try:
        if files[0].frames > 1:
            if len(files) > 1:
                raise InputError(
                    f"{folder.name} holds {len(files)} multi-frame images of the same echo.",
                    "Leave the one to be read in a folder of its own.",
                )
            return sitk.ReadImage(str(files[0].path))
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames([str(f.path) for f in _in_order(files, folder)])
        return reader.Execute()
    except RuntimeError as error:
        raise InputError(
            f"The pixels in {folder.name} cannot be decoded ({str(error).strip().splitlines()[-1].strip()}).",
            "Export the series uncompressed (Explicit VR Little Endian).",
        ) from error


def _in_order(files: list[DicomFile], folder: Path) -> list[DicomFile]:
    """Sort slices along their normal, and refuse gaps and doubles."""
    positions = [f.position for f in files if f.position is not None]
    if len(positions) < len(files) or files[0].normal is None:
        raise InputError(f"Slices in {folder.name} do not say where they lie.", "Export the original series.")
    normal = np.array(files[0].normal)
    along = [float(np.dot(normal, position)) for position in positions]
    order = np.argsort(along)
    steps = np.diff(np.array(along)[order])
    if steps.size and (steps.min() < 1e-3 or np.ptp(steps) > UNEVEN_SHARE * np.median(steps)):
        raise InputError(
            f"The slices in {folder.name} are {steps.min():.2f} to {steps.max():.2f} mm apart: "
            "some are missing or double.",
            "Export the whole series again.",
        )
    return [files[i] for i in order]
