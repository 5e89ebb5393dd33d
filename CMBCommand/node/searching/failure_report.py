"""A structured report that says why a study was not searched, so that nobody takes silence for an empty list."""

from __future__ import annotations

from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import generate_uid

from CMBSegmentationLib import __version__
from CMBSegmentationLib.dicom_out.clean_headers import cleaned
from CMBSegmentationLib.dicom_out.source import NEEDED
from CMBSegmentationLib.errors import CMBError
from CMBSegmentationLib.files.atomic_file import replacing
from CMBSegmentationLib.reading.dicom.headers import read_header
from CMBSegmentationLib.vocabulary.notice import NOTICE

from ..logs import LOG

FAILURE = "dicom_failure"
ENGLISH = Code("en-US", "RFC5646", "English (United States)")
SERIES_NUMBER = 9004  # after the segmentation's, the structured report's and the PDF's
PATIENT = ("PatientID", "PatientName", "PatientBirthDate")


def write_failure_report(images: Path, out: Path, why: CMBError) -> dict[str, str]:
    """Write the report.

    Parameters
    ----------
    images : Path
        The study's folder.
    out : Path
        Made if it does not exist.
    why : CMBError

    Returns
    -------
    dict of str to str
        Its path by kind; empty where no image can be read, or they are of several patients: then nobody knows whose
        report it would be.
    """
    headers = _headers(images)
    patients = {tuple(str(header.get(keyword, "")) for keyword in PATIENT) for header in headers}
    if len(patients) != 1:
        return {}
    try:
        out.mkdir(parents=True, exist_ok=True)
        path = out / f"{images.name}_desc-cmb_failure.dcm"
        with replacing(path) as draft:
            _report(headers, why).save_as(draft, enforce_file_format=True)
    except Exception as error:  # highdicom's and pydicom's, of any kind: the note in the job says the same
        LOG.warning("%s: the failure cannot be told in a report (%s)", images.name, type(error).__name__)
        return {}
    return {FAILURE: str(path)}


def _headers(images: Path) -> list[Dataset]:
    headers = []
    for path in sorted(images.glob("*.dcm")):
        header = read_header(path)
        if header is not None:
            header, _ = cleaned(header)
            for keyword in NEEDED:
                if keyword not in header:
                    setattr(header, keyword, "")
            headers.append(header)
    return headers


def _report(headers: list[Dataset], why: CMBError) -> Dataset:
    """Make an Enhanced SR (DICOM PS3.3, A.35.2) after TID 2000: who made it, on what, and a finding in words."""
    import highdicom as hd

    device = hd.sr.DeviceObserverIdentifyingAttributes(
        uid=hd.UID(), name="slicer-cmb", manufacturer_name="slicer-cmb", model_name="slicer-cmb"
    )
    observer = hd.sr.ObserverContext(codes.DCM.Device, device)
    contains = hd.sr.RelationshipTypeValues.CONTAINS
    findings = hd.sr.ContainerContentItem(codes.DCM.Findings, relationship_type=contains)
    text = f"Not searched for cerebral microbleeds. {why.message} {why.hint} {NOTICE}"
    finding = hd.sr.TextContentItem(codes.DCM.Finding, value=text.strip(), relationship_type=contains)
    findings.ContentSequence = hd.sr.ContentSequence([finding])
    root = hd.sr.ContainerContentItem(codes.LN.MRIHeadReport, template_id="2000")
    language = hd.sr.LanguageOfContentItemAndDescendants(hd.sr.CodedConcept.from_code(ENGLISH))
    context = hd.sr.ObservationContext(observer_device_context=observer)
    root.ContentSequence = hd.sr.ContentSequence([*language, *context, findings])
    report = hd.sr.EnhancedSR(
        evidence=headers,
        content=root,
        series_instance_uid=generate_uid(),
        series_number=SERIES_NUMBER,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="slicer-cmb",
        series_description="Cerebral microbleeds, not searched (research)",
    )
    report.SoftwareVersions = __version__
    return report
