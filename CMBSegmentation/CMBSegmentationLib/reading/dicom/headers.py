"""What the headers of DICOM files say: series, and in them frames, whether each has a file of its own or not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import UID

from ...errors import InputError
from .first_bytes import is_dicom_file
from .values import ge_component, is_unreadable, items, number, numbers, raw, text, texts

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
GE_KINDS = {1: "phase", 2: "real", 3: "imaginary"}
MR_CLASSES = {  # MR Image, Enhanced MR Image, Legacy Converted Enhanced MR Image (DICOM PS3.4, table B.5-1)
    *("1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.4.1", "1.2.840.10008.5.1.4.1.1.4.4"),
}
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"  # how some archives give MR images back
NO_SCAN = (  # no scanner made these, though some have rows and columns:
    "1.2.840.10008.5.1.4.1.1.66",  # raw data, segmentations, registrations
    "1.2.840.10008.5.1.4.1.1.30",  # parametric maps
    "1.2.840.10008.5.1.4.1.1.11",  # presentation states
    "1.2.840.10008.5.1.4.1.1.481",  # radiotherapy
    "1.2.840.10008.5.1.4.1.1.67",  # real world values
    "1.2.840.10008.5.1.4.1.1.88",  # reports
    "1.2.840.10008.5.1.4.1.1.104",  # encapsulated documents
)
GEOMETRY = {"ImagePositionPatient": 3, "ImageOrientationPatient": 6, "PixelSpacing": 2}
DICOM_NAMES = (".dcm", ".ima", ".dicom")


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
    instance : int or None
        Instance Number.
    inverted : bool
        MONOCHROME1: the lowest value is white.
    unreadable : tuple of str
        Attributes of the geometry whose values are no numbers, each with its value.
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
    instance: int | None = None
    inverted: bool = False
    unreadable: tuple[str, ...] = ()


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
    study, study_date : str
        UID, and the date as the header has it (YYYYMMDD).
    images_expected : int
        Images in Acquisition; 0 where it is not recorded.
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
    study: str = ""
    study_date: str = ""
    images_expected: int = 0

    @property
    def name(self) -> str:
        """As a user finds it on a console: ``8 'gre_field_mapping'``."""
        return f"{'?' if self.number is None else self.number} {self.description!r}"


@dataclass(frozen=True)
class FolderContent:
    """What a folder of files holds.

    Attributes
    ----------
    series : list of Series
        By number.
    damaged : tuple of Path
        Files that should be DICOM and cannot be read: empty, cut off, links to nowhere.
    repeated : int
        Files that hold a slice which another file holds, too.
    shared_uids : int
        Files that bear the SOP Instance UID of another slice, against the standard.
    """

    series: list[Series]
    damaged: tuple[Path, ...] = ()
    repeated: int = 0
    shared_uids: int = 0


def read_series(paths: Iterable[Path]) -> FolderContent:
    """Read the headers of files and sort them into series; what is no picture is passed over.

    Parameters
    ----------
    paths : iterable of Path

    Returns
    -------
    FolderContent
        A slice that lies there twice counts once; two slices that share a UID are two slices.
    """
    headers: dict[str, list[tuple[Path, Dataset]]] = defaultdict(list)
    damaged, slices, uids = [], set(), set()
    repeated = shared = 0
    for path in paths:
        header = read_header(path)
        if header is None or not _is_picture(header):
            damaged += [path] if _is_damaged(path, header) else []
            continue
        uid = text(header, "SOPInstanceUID") or str(path)
        own = (uid, *(text(header, key) for key in ("ImagePositionPatient", "InstanceNumber", "EchoTime", "ImageType")))
        if own in slices:
            repeated += 1
            continue
        shared += uid in uids
        slices.add(own)
        uids.add(uid)
        headers[text(header, "SeriesInstanceUID")].append((path, header))
    series = [_series(uid, files) for uid, files in headers.items()]
    series.sort(key=lambda one: (one.number is None, one.number or 0, one.uid))
    return FolderContent(series, tuple(damaged), repeated, shared)


def read_header(path: Path) -> Dataset | None:
    """Read a file's header, also without the preamble and the meta header that DICOM files begin with.

    Parameters
    ----------
    path : Path

    Returns
    -------
    pydicom.Dataset or None
        None where it is no DICOM, or damaged.
    """
    return _read(path, stop_before_pixels=True)


def read_file(path: Path) -> Dataset:
    """Read a whole file that `read_header` could read; its Transfer Syntax UID is filled in if it is missing.

    References
    ----------
    DICOM PS3.5, 10 and A: implicit little endian is the default; the bytes show which was used.
    """
    dataset = _read(path, stop_before_pixels=False)
    if dataset is None:
        raise InputError(f"{path.name} is cut off or damaged.", "Copy the series again.")
    return dataset


def _completed(dataset: Dataset) -> Dataset:
    """Fill in the meta header that a bare data set lacks."""
    meta = getattr(dataset, "file_meta", None)
    if meta is None:
        meta = dataset.file_meta = pydicom.dataset.FileMetaDataset()
    if "TransferSyntaxUID" not in meta:
        implicit, little = dataset.original_encoding
        if implicit:
            meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
        else:
            meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian if little else pydicom.uid.ExplicitVRBigEndian
    return dataset


def _read(path: Path, *, stop_before_pixels: bool) -> Dataset | None:
    try:
        if not is_dicom_file(path):
            return None
        return _completed(pydicom.dcmread(path, stop_before_pixels=stop_before_pixels, force=True))
    except Exception:  # damage makes pydicom raise whatever the bytes lead to
        return None


def _is_damaged(path: Path, header: Dataset | None) -> bool:
    """Whether a file should be a slice, by its name or its class, and is not."""
    if header is not None and "Rows" in header:
        return False
    if header is not None and text(header, "SOPClassUID") not in ("", *MR_CLASSES):
        return False
    if path.name.upper() == "DICOMDIR" or path.name.startswith("."):
        return False
    return path.suffix.lower() in DICOM_NAMES or (path.is_file() and is_dicom_file(path))


def _is_picture(header: Dataset) -> bool:
    """Whether it may be a slice of a scan: else a DICOMDIR, a report, a segmentation, a screen shot in colour."""
    sop_class = text(header, "SOPClassUID")
    if any(sop_class == root or sop_class.startswith(f"{root}.") for root in NO_SCAN):
        return False
    rows, columns, samples = (number(header, key) for key in ("Rows", "Columns", "SamplesPerPixel"))
    photometric = text(header, "PhotometricInterpretation")
    return bool(rows and columns) and samples in (None, 1.0) and photometric != "PALETTE COLOR"


def _series(uid: str, files: Sequence[tuple[Path, Dataset]]) -> Series:
    first = files[0][1]
    series_number = number(first, "SeriesNumber")
    technique = set(texts(first, "ScanningSequence"))
    if text(first, "EchoPulseSequence") in ("GRADIENT", "BOTH"):
        technique.add("GR")  # the enhanced object's word for it (DICOM PS3.3, C.8.13.4)
    if text(first, "EchoPlanarPulseSequence") == "YES":
        technique.add("EP")
    return Series(
        uid=uid,
        number=None if series_number is None else int(series_number),
        description=str(raw(first, "SeriesDescription") or "unnamed").strip() or "unnamed",
        protocol=text(first, "ProtocolName"),
        sequence=text(first, "SequenceName") or text(first, "PulseSequenceName"),
        technique=frozenset(technique),
        contrast=text(first, "AcquisitionContrast"),
        patients=_patients(header for _, header in files),
        frames=tuple(frame for path, header in files for frame in _frames(path, header)),
        study=text(first, "StudyInstanceUID"),
        study_date=text(first, "StudyDate"),
        images_expected=int(number(first, "ImagesInAcquisition") or 0),
    )


def _patients(headers: Iterable[Dataset]) -> frozenset[tuple[str, ...]]:
    """Give the identities of files; one that only says less than another is the same (PS3.5, 6.2.1.1 on names)."""
    found = {
        (text(header, "PatientID"), _plain_name(text(header, "PatientName")), text(header, "PatientBirthDate"))
        for header in headers
    }
    return frozenset(one for one in found if not any(other != one and says_no_more(one, other) for other in found))


def says_no_more(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether an identity agrees with another in all that it says, and says something."""
    return any(one) and all(not a or a == b for a, b in zip(one, other, strict=True))


def _plain_name(name: str) -> str:
    """Give the alphabetic group of a person's name without what may be padded: ``A^B^^`` is ``A^B``."""
    parts = [" ".join(part.split()) for part in name.split("=")[0].split("^")]
    return "^".join(parts).rstrip("^")


def _frames(path: Path, header: Dataset) -> list[Frame]:
    """Describe every frame; an attribute is looked up per frame, then shared, then in the file (PS3.3, C.7.6.16)."""
    shared = items(header, "SharedFunctionalGroupsSequence")[:1]
    groups: list[Dataset | None] = [*items(header, "PerFrameFunctionalGroupsSequence")] or [None]
    stated = int(number(header, "NumberOfFrames") or 1)
    frames = [
        _frame(path, header, index, [g for g in (own, *shared) if g is not None]) for index, own in enumerate(groups)
    ]
    if stated != len(frames):
        described = 0 if groups == [None] else len(groups)
        wrong = f"Number of Frames is {stated}, but {described} are described"
        frames = [_with_problem(frame, wrong) for frame in frames]
    return frames


def _with_problem(frame: Frame, problem: str) -> Frame:
    return replace(frame, unreadable=(*frame.unreadable, problem))


def _frame(path: Path, header: Dataset, index: int, groups: Sequence[Dataset]) -> Frame:
    def place(macro: str, key: str) -> Dataset:
        """Give the data set that holds an attribute."""
        found = (item for group in groups for item in items(group, macro)[:1] if raw(item, key) is not None)
        return next(found, header)

    def find(macro: str, key: str, count: int) -> tuple[float, ...] | None:
        return numbers(place(macro, key), key, count)

    image_type = texts(place("MRImageFrameTypeSequence", "FrameType"), "FrameType") or texts(header, "ImageType")
    component = text(place("MRImageFrameTypeSequence", "ComplexImageComponent"), "ComplexImageComponent")
    echo = find("MREchoSequence", "EffectiveEchoTime", 1) or numbers(header, "EchoTime", 1) or (0.0,)
    macros = dict(
        zip(GEOMETRY, ("PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence"), strict=True)
    )
    spacing = find("PixelMeasuresSequence", "PixelSpacing", 2)
    transformation = "PixelValueTransformationSequence"
    return Frame(
        path=path,
        index=index,
        image_type=image_type,
        kind=_kind(header, image_type, component),
        echo_ms=round(echo[0], 3),
        size=(int(number(header, "Rows") or 0), int(number(header, "Columns") or 0)),
        position=find("PlanePositionSequence", "ImagePositionPatient", 3),
        orientation=find("PlaneOrientationSequence", "ImageOrientationPatient", 6),
        spacing=None if spacing is None else (spacing[0], spacing[1]),
        thickness_mm=(find("PixelMeasuresSequence", "SliceThickness", 1) or (0.0,))[0],
        slope=(find(transformation, "RescaleSlope", 1) or (1.0,))[0],
        intercept=(find(transformation, "RescaleIntercept", 1) or (0.0,))[0],
        instance=None if (instance := number(header, "InstanceNumber")) is None else int(instance),
        inverted=text(header, "PhotometricInterpretation") == "MONOCHROME1",
        unreadable=tuple(
            f"{pydicom.datadict.dictionary_description(key)} is {text(at, key)!r}"
            for key, count in GEOMETRY.items()
            if is_unreadable(at := place(macros[key], key), key, count)
        ),
    )


def kind_in_file(path: Path) -> str:
    """Tell what an image of a DICOM file shows, by its header as a whole: one of `KINDS`, say; empty if it is none."""
    header = read_header(path)
    if header is None:
        return ""
    return _kind(header, texts(header, "ImageType"), text(header, "ComplexImageComponent"))


def _kind(header: Dataset, image_type: Sequence[str], component: str) -> str:
    """Tell what an image shows: by the vendor's private tag, its class, its type; all of them count."""
    sop_class = text(header, "SOPClassUID")
    other = sop_class and sop_class not in MR_CLASSES and not sop_class.startswith(SECONDARY_CAPTURE)
    if other and UID(sop_class).name != sop_class:  # a class that the standard knows, and not of MR
        return UID(sop_class).name.removesuffix(" Storage")
    if (part := GE_KINDS.get(ge_component(header) or 0)) is not None:
        return part
    values = {component, *image_type[2:]}
    return next((kind for kind, words in KINDS.items() if values & words), MAGNITUDE)
