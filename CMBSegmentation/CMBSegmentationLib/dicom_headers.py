"""What the headers of DICOM files say: series, and in them frames, whether each has a file of its own or not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom.errors import InvalidDicomError

MAGNITUDE = "magnitude"
KINDS = {  # what a value of Image Type or Complex Image Component makes of an image that is no plain magnitude
    "phase": {"P", "PHASE", "PHASE MAP", "PHASE_MAP"},
    "real": {"R", "REAL"},
    "imaginary": {"I", "IMAGINARY"},
    "projection": {"MNIP", "MINIP", "MIN_IP", "MINIMUM", "MIP", "MAX_IP", "PROJECTION IMAGE", "CSA MIP"},
    "localiser": {"LOCALIZER"},
    "mosaic": {"MOSAIC"},
    "diffusion": {"DIFFUSION", "ADC", "TRACEW"},
    "map": {"FIELD_MAP", "B0 MAP", "T1 MAP", "T2 MAP", "T2_STAR MAP", "R2 MAP", "R2_STAR MAP", "QSM"},
}


@dataclass(frozen=True)
class Frame:
    """One slice.

    Attributes
    ----------
    path : Path
    index : int
        Frame in the file, from 0.
    image_type : tuple of str
    kind : str
        ``magnitude`` or a key of `KINDS`.
    echo_ms : float
        0 where it is not recorded.
    size : (int, int)
        Rows and columns.
    position : tuple of float or None
        Image Position (Patient), LPS mm.
    orientation : tuple of float or None
        Image Orientation (Patient): the direction of rows, then of columns.
    spacing : (float, float) or None
        Between rows and between columns, mm.
    thickness_mm : float
        0 where it is not recorded.
    slope, intercept : float
        From stored values to values.
    """

    path: Path
    index: int
    image_type: tuple[str, ...]
    kind: str
    echo_ms: float
    size: tuple[int, int]
    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    spacing: tuple[float, float] | None
    thickness_mm: float
    slope: float
    intercept: float


@dataclass(frozen=True)
class Series:
    """One series of a folder.

    Attributes
    ----------
    uid : str
    number : int or None
    description, protocol, sequence : str
        In capitals but for `description`.
    technique : frozenset of str
        Scanning Sequence: GR, SE, IR, EP, RM.
    contrast : str
        Acquisition Contrast of an enhanced object.
    patients : frozenset of tuple of str
        Identities found in its files: to be compared, never to be shown.
    frames : tuple of Frame
    """

    uid: str
    number: int | None
    description: str
    protocol: str
    sequence: str
    technique: frozenset[str]
    contrast: str
    patients: frozenset[tuple[str, ...]]
    frames: tuple[Frame, ...]

    @property
    def name(self) -> str:
        """As a user finds it on a console: ``8 'gre_field_mapping'``."""
        return f"{'?' if self.number is None else self.number} {self.description!r}"


def read_series(paths: Iterable[Path]) -> list[Series]:
    """Read the headers of files and sort them into series; what is no picture is passed over.

    Parameters
    ----------
    paths : iterable of Path

    Returns
    -------
    list of Series
        By number. A file that lies there twice counts once.
    """
    headers: dict[str, list[tuple[Path, pydicom.Dataset]]] = defaultdict(list)
    seen = set()
    for path in paths:
        header = _header(path)
        if header is None or (instance := str(header.get("SOPInstanceUID", path))) in seen:
            continue
        seen.add(instance)
        headers[str(header.get("SeriesInstanceUID", ""))].append((path, header))
    series = [_series(uid, files) for uid, files in headers.items()]
    return sorted(series, key=lambda one: (one.number is None, one.number or 0, one.uid))


def _header(path: Path) -> pydicom.Dataset | None:
    try:
        header = pydicom.dcmread(path, stop_before_pixels=True)
    except (InvalidDicomError, OSError, EOFError):
        return None
    is_picture = "Rows" in header and "Columns" in header and int(header.get("SamplesPerPixel", 1)) == 1
    return header if is_picture else None  # else a DICOMDIR, a report, a screen shot in colour


def _series(uid: str, files: Sequence[tuple[Path, pydicom.Dataset]]) -> Series:
    first = files[0][1]
    number = first.get("SeriesNumber")
    technique = set(_values(first.get("ScanningSequence")))
    if _text(first.get("EchoPulseSequence")) in ("GRADIENT", "BOTH"):
        technique.add("GR")  # the enhanced object's word for it (DICOM PS3.3, C.8.13.4)
    if _text(first.get("EchoPlanarPulseSequence")) == "YES":
        technique.add("EP")
    return Series(
        uid=uid,
        number=None if number in (None, "") else int(number),
        description=str(first.get("SeriesDescription", "unnamed")).strip() or "unnamed",
        protocol=_text(first.get("ProtocolName")),
        sequence=_text(first.get("SequenceName")) or _text(first.get("PulseSequenceName")),
        technique=frozenset(technique),
        contrast=_text(first.get("AcquisitionContrast")),
        patients=frozenset(
            tuple(_text(header.get(key)) for key in ("PatientID", "PatientName", "PatientBirthDate"))
            for _, header in files
        ),
        frames=tuple(frame for path, header in files for frame in _frames(path, header)),
    )


def _frames(path: Path, header: pydicom.Dataset) -> list[Frame]:
    """Describe every frame; an attribute is looked up per frame, then shared, then in the file (PS3.3, C.7.6.16)."""
    shared = header.get("SharedFunctionalGroupsSequence")
    groups = header.get("PerFrameFunctionalGroupsSequence") or [None]
    places = [[g for g in (own, shared[0] if shared else None) if g is not None] for own in groups]

    def find(index: int, macro: str, key: str) -> Any:
        for place in places[index]:
            if (items := place.get(macro)) and items[0].get(key) is not None:
                return items[0].get(key)
        return header.get(key)

    frames = []
    for index in range(len(groups)):
        image_type = _values(find(index, "MRImageFrameTypeSequence", "FrameType")) or _values(header.get("ImageType"))
        component = find(index, "MRImageFrameTypeSequence", "ComplexImageComponent")
        echo = find(index, "MREchoSequence", "EffectiveEchoTime")
        spacing = _numbers(find(index, "PixelMeasuresSequence", "PixelSpacing"))
        frames.append(
            Frame(
                path=path,
                index=index,
                image_type=image_type,
                kind=_kind(image_type, _text(component)),
                echo_ms=round(float(header.get("EchoTime") or 0.0 if echo is None else echo), 3),
                size=(int(header.Rows), int(header.Columns)),
                position=_numbers(find(index, "PlanePositionSequence", "ImagePositionPatient")),
                orientation=_numbers(find(index, "PlaneOrientationSequence", "ImageOrientationPatient")),
                spacing=None if spacing is None else (spacing[0], spacing[1]),
                thickness_mm=float(find(index, "PixelMeasuresSequence", "SliceThickness") or 0.0),
                slope=float(_or(find(index, "PixelValueTransformationSequence", "RescaleSlope"), 1.0)),
                intercept=float(_or(find(index, "PixelValueTransformationSequence", "RescaleIntercept"), 0.0)),
            )
        )
    return frames


def _kind(image_type: Sequence[str], component: str) -> str:
    values = {component, *image_type[2:]}
    return next((kind for kind, words in KINDS.items() if values & words), MAGNITUDE)


def _or(value: Any, default: float) -> Any:
    return default if value is None or value == "" else value


def _numbers(value: Any) -> tuple[float, ...] | None:
    return None if value is None or value == "" else tuple(float(v) for v in value)


def _values(value: Any) -> tuple[str, ...]:
    if value is None or value == "":
        return ()
    return (_text(value),) if isinstance(value, str) else tuple(_text(v) for v in value)


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip().upper()
