"""The source images' headers, from which the objects take patient, study and frame of reference."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from pydicom.datadict import dictionary_description
from pydicom.dataset import Dataset
from pydicom.valuerep import format_number_as_ds

from ..errors import InputError
from ..reading.dicom.headers import Frame, read_header
from ..results.deidentify import Pseudonyms, patient_identity
from .clean_headers import cleaned, together

NEEDED = (  # of type 2 in DICOM: there, but possibly empty; some exporters leave them out
    "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "AccessionNumber",
    "StudyID", "ReferringPhysicianName", "PositionReferenceIndicator",
)  # fmt: skip
KEPT = {  # when the patient is taken out: what places a voxel, and what makes the object one of its class
    "SOPClassUID", "Modality", "ImageType", "SeriesNumber", "InstanceNumber", "NumberOfFrames", "Rows", "Columns",
    "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation",
    "PixelSpacing", "SliceThickness", "SpacingBetweenSlices", "ImagePositionPatient", "ImageOrientationPatient",
    "PatientPosition", "EchoTime", "RepetitionTime", "FlipAngle", "MagneticFieldStrength", "ScanningSequence",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "SpecificCharacterSet",
}  # fmt: skip
KEPT_MACROS = {"PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence"}
REFERRED_TO = ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")
REPLACED_UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID")


def source_headers(frames: Sequence[Frame], *, pseudonyms: Pseudonyms | None = None) -> tuple[list[Dataset], list[str]]:
    """Read the headers of the files that hold the frames, in the frames' order.

    Parameters
    ----------
    frames : sequence of Frame
    pseudonyms : Pseudonyms, optional
        Keep nothing but geometry and technique, under UIDs that are salted hashes of the old ones: the same image has
        the same new UID in every export with this salt, and nobody can go back without it and the original (DICOM
        PS3.15, annex E, Basic Profile).

    Returns
    -------
    headers : list of Dataset
        Without pixels, cleaned; of a multi-frame file with the given frames only, in the given order.
    notes : list of str
        What was not valid in them, as `clean_headers.cleaned` says it.

    Raises
    ------
    InputError
        A UID is missing that an object has to refer to.
    """
    headers, notes = [], []
    for path in dict.fromkeys(frame.path for frame in frames):
        header, found = cleaned(read_header(path) or Dataset())
        notes += found + _identified(header, path)
        for keyword in NEEDED:
            if keyword not in header:
                setattr(header, keyword, "")
        _reduce(header, [frame.index for frame in frames if frame.path == path])
        headers.append(_without_patient(header, pseudonyms) if pseudonyms else header)
    return headers, together(notes)


def _identified(header: Dataset, path: Path) -> list[str]:
    """Refuse a header that cannot be referred to; make up a frame of reference, which nothing else has to know."""
    if not header.get("SOPClassUID"):
        header.SOPClassUID = getattr(header.file_meta, "MediaStorageSOPClassUID", "")
    for keyword in REFERRED_TO:
        if not header.get(keyword):
            raise InputError(
                f"{path.name} has no valid {dictionary_description(keyword)}: DICOM results cannot refer to it.",
                "Export the series from the archive again, or leave the DICOM results out.",
            )
    if header.get("FrameOfReferenceUID"):
        return []
    digest = hashlib.sha256(f"frame of reference of {header.SeriesInstanceUID}".encode()).hexdigest()
    header.FrameOfReferenceUID = f"2.25.{int(digest[:32], 16)}"  # of 128 bits, in the form of a UUID's (PS3.5, B.2)
    return ["The scan has no Frame of Reference UID: the DICOM results have a new one."]


def _reduce(header: Dataset, frames: Sequence[int]) -> None:
    """Leave of a multi-frame header the frames that were read, in their order.

    highdicom looks for what they share in one place only, and would take a phase frame of the same
    position for their source.
    """
    shared, groups = (header.get(f"{who}FunctionalGroupsSequence") for who in ("Shared", "PerFrame"))
    if not shared or not groups:
        return
    kept = [groups[index] for index in frames]
    for macro in ("PixelMeasuresSequence", "PlaneOrientationSequence"):
        if macro not in shared[0] and macro in kept[0]:
            shared[0][macro] = kept[0][macro]
        _shorten(shared[0].get(macro))
    for group in kept:
        _shorten(group.get("PlanePositionSequence"))
    header.PerFrameFunctionalGroupsSequence = kept
    header.NumberOfFrames = len(kept)


def _shorten(macro: Sequence[Dataset] | None) -> None:
    for element in macro[0] if macro else ():
        if element.VR == "DS" and element.VM:
            values = decimals([float(v) for v in (element.value if element.VM > 1 else [element.value])])
            element.value = values if element.VM > 1 else values[0]


def decimals(values: Sequence[float]) -> list[float]:
    """Shorten numbers to the 16 characters of a DICOM decimal string; some sources have longer ones."""
    return [float(format_number_as_ds(value)) for value in values]


def mark_deidentified(dataset: Dataset) -> None:
    """Say in an object that the patient was taken out, and how (PS3.15, E.1.1)."""
    method = Dataset()
    method.CodeValue, method.CodingSchemeDesignator = "113100", "DCM"
    method.CodeMeaning = "Basic Application Confidentiality Profile"
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethodCodeSequence = [method]


def _without_patient(header: Dataset, pseudonyms: Pseudonyms) -> Dataset:
    kept = Dataset()
    kept.file_meta = header.file_meta
    for keyword in KEPT:
        if keyword in header:
            kept[keyword] = header[keyword]
    for keyword in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        for item in kept.get(keyword, []):
            for element in list(item):
                if element.keyword not in KEPT_MACROS:
                    del item[element.tag]
    for keyword in NEEDED:
        setattr(kept, keyword, "")
    for keyword in REPLACED_UIDS:
        if keyword in header:
            setattr(kept, keyword, pseudonyms.uid(str(header.get(keyword))))
    pseudonym = pseudonyms.patient(patient_identity(header.get("PatientID"), header.StudyInstanceUID))
    kept.PatientID, kept.PatientName = pseudonym, f"Anonymous^{pseudonym}"
    return kept
