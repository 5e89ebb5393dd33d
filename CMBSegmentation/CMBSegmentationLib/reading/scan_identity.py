"""Which scan a result is of: by its voxels and, where it came as DICOM, by its UIDs; and whose it is."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

from .scan import Scan

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

SUBJECT = re.compile(r"(?:^|_)sub-([A-Za-z0-9]+)(?:_|$)")  # BIDS
HEADER = (
    "PatientID", "StudyDate", "StudyTime", "StudyInstanceUID", "SeriesInstanceUID", "SeriesNumber", "SeriesDescription",
)  # fmt: skip


@dataclass(frozen=True)
class ScanName:
    """What a result keeps of its scan, so that whoever has it finds it again; all empty in a de-identified export.

    Attributes
    ----------
    file : str
    voxels_sha256 : str
        As `voxels_sha256`.
    study_uid, series_uid : str
        Of DICOM.
    uri : str
        BIDS URI, of a scan in a data set: ``bids:raw:sub-01/anat/sub-01_T2starw.nii.gz``.
    series_number, series_description, study_date : str
        Of DICOM: which series of which day it is, for people.
    """

    file: str = ""
    voxels_sha256: str = ""
    study_uid: str = ""
    series_uid: str = ""
    uri: str = ""
    series_number: str = ""
    series_description: str = ""
    study_date: str = ""

    @property
    def series(self) -> str:
        """As `ScanIdentity.series`."""
        return _series_words(self.series_number, self.series_description, self.study_date)


NAMING = tuple(one.name for one in fields(ScanName))


@dataclass(frozen=True)
class ScanIdentity:
    """Whose scan it is, and when it was made, as far as its headers or its name say.

    Attributes
    ----------
    patient : str
        Patient ID of DICOM.
    subject : str
        Of a name as BIDS has it: ``sub-01``.
    date, time : str
        Of the study: ``2024-01-02`` and DICOM's ``101112``.
    study_uid, series_uid : str
    number, description : str
        Of the series.
    """

    patient: str = ""
    subject: str = ""
    date: str = ""
    time: str = ""
    study_uid: str = ""
    series_uid: str = ""
    number: str = ""
    description: str = ""

    @property
    def series(self) -> str:
        """Which DICOM series of which day it is, as a reader sees it; empty where it is no DICOM."""
        return _series_words(self.number, self.description, self.date)

    @property
    def words(self) -> str:
        """As a reader sees it."""
        return f"{self.patient or self.subject or 'patient not recorded'}, {self.date or 'date not recorded'}"


def identity_of(scan: Scan, stem: str | None = None) -> ScanIdentity:
    """Read whose scan it is; what is missing or cannot be read stays empty.

    Parameters
    ----------
    scan : Scan
    stem : str, optional
        Its name without extension, where its file has another.

    Returns
    -------
    ScanIdentity
    """
    stem = scan.stem if stem is None else stem
    return identity_in_file(scan.frames[0].path, stem) if scan.frames else identity_by_name(stem)


def identity_in_file(path: Path, stem: str) -> ScanIdentity:
    """Read whose scan it is from one of its DICOM files and its name, as `identity_of`."""
    from .dicom.headers import read_header  # a scan that is no DICOM needs no pydicom

    named, header = identity_by_name(stem), read_header(path)
    if header is None:
        return named
    patient, date, time, study, series, number, description = (_text(header, keyword) for keyword in HEADER)
    day = re.fullmatch(r"(\d{4})[.\-]?(\d{2})[.\-]?(\d{2})", date)
    date = "-".join(day.groups()) if day else ""
    return ScanIdentity(patient, named.subject, date, time.replace(":", ""), study, series, number, description)


def identity_by_name(stem: str) -> ScanIdentity:
    """Tell whose a scan is of which only the name is known."""
    found = SUBJECT.search(stem)
    return ScanIdentity(subject=f"sub-{found.group(1)}" if found else "")


def _series_words(number: str, description: str, date: str) -> str:
    named = f"series {number or '?'} {description!r}" if number or description else ""
    return ", ".join(filter(None, (named, date)))


def _text(header: Dataset, keyword: str) -> str:
    from .dicom.values import raw

    value = raw(header, keyword)
    return "" if value is None or isinstance(value, bytes) else str(value).strip()


def voxels_sha256(image: sitk.Image) -> str:
    """Hash a scan's size and values.

    Values count as 32-bit floats: the same whether a scan is stored as whole numbers or not. Where the voxels lie is
    compared by who reads a result back, with the tolerance that headers need.
    """
    digest = hashlib.sha256(" ".join(str(n) for n in image.GetSize()).encode())
    for plane in sitk.GetArrayViewFromImage(image):
        digest.update((np.ascontiguousarray(plane, np.float32) + np.float32(0)).tobytes())  # no minus before a zero
    return digest.hexdigest()


def scan_name_of(image: sitk.Image, identity: ScanIdentity | None, file: str) -> ScanName:
    """Name a scan by its file, its voxels and, if it is DICOM, its UIDs and its series."""
    if identity is None or not identity.series_uid:
        return ScanName(file, voxels_sha256(image))
    return replace(name_in(identity, file), voxels_sha256=voxels_sha256(image))


def name_in(identity: ScanIdentity, file: str) -> ScanName:
    """Give what results keep of whose scan it is: not the patient."""
    return ScanName(
        file,
        study_uid=identity.study_uid,
        series_uid=identity.series_uid,
        series_number=identity.number,
        series_description=identity.description,
        study_date=identity.date,
    )


def what_differs(given: ScanName, image: sitk.Image, identity: ScanIdentity) -> str:
    """Tell what of a scan is not that of a result; empty if it is the same, or the result does not say.

    Parameters
    ----------
    given : ScanName
        Of the result.
    image : SimpleITK.Image
    identity : ScanIdentity
        Of `image`.
    """
    if given.voxels_sha256:
        if given.voxels_sha256 == voxels_sha256(image):
            return ""  # also a copy under other UIDs
        return "its voxels are others"
    if given.series_uid and identity.series_uid and given.series_uid != identity.series_uid:
        return "it is another DICOM series"
    return ""


def doubts(first: ScanIdentity, second: ScanIdentity) -> tuple[str, ...]:
    """Say why two scans may not be an earlier and a later one of one patient; empty if nothing speaks against it."""
    said = []
    for one, other in ((first.patient, second.patient), (first.subject, second.subject)):
        if one and other and one.upper() != other.upper():  # an ID and a name are never compared with each other
            said.append(f"The scans are of different patients: the first of {one}, the second of {other}.")
    if first.date and second.date:
        moments = [(one.date, one.time if first.time and second.time else "") for one in (first, second)]
        if moments[1] < moments[0]:
            said.append(
                f"The second scan ({second.date}) is earlier than the first ({first.date}): new and gone are the "
                "wrong way round."
            )
    return tuple(said)
