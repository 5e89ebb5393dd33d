"""The report's PDF as a DICOM object (Encapsulated PDF, DICOM PS3.3, A.45.1)."""

from __future__ import annotations

from datetime import datetime

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import EncapsulatedPDFStorage, ExplicitVRLittleEndian, generate_uid

from . import codes
from .export import ExportSource
from .single_frames import name_own_classes
from .source import mark_deidentified

SERIES_NUMBER = 9003  # after the segmentation's and the structured report's
PATIENT_AND_STUDY = (
    "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyDate", "StudyTime",
    "StudyID", "AccessionNumber", "ReferringPhysicianName",
)  # fmt: skip


def pdf_object(pdf: bytes, source: ExportSource, software: str) -> Dataset:
    """Put a PDF into the study of the scan that it is about.

    Parameters
    ----------
    pdf : bytes
        Of a de-identified report, where the export is to be so.
    source : ExportSource
        Of the scan that was searched.
    software : str
        Version of the program that searched the scan.

    Returns
    -------
    Dataset
        Ready to be saved.
    """
    sources, export = source.headers, source.export
    one = Dataset()
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    one.file_meta.MediaStorageSOPClassUID = EncapsulatedPDFStorage
    one.SpecificCharacterSet = sources[0].get("SpecificCharacterSet") or "ISO_IR 192"
    for keyword in PATIENT_AND_STUDY:
        setattr(one, keyword, sources[0].get(keyword, ""))
    one.SOPClassUID = EncapsulatedPDFStorage
    one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    one.SeriesInstanceUID, one.SeriesNumber, one.InstanceNumber = generate_uid(), SERIES_NUMBER, 1
    one.Modality, one.ConversionType = "DOC", "WSD"
    one.SeriesDescription = "Cerebral microbleeds, report (research)"
    one.Manufacturer = "slicer-cmb"
    one.SoftwareVersions = software
    now = datetime.now()
    one.ContentDate, one.ContentTime = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    one.AcquisitionDateTime = ""
    one.BurnedInAnnotation = "NO" if export.deidentified else "YES"  # the scan's name may name the patient
    one.DocumentTitle = "Cerebral microbleeds"
    title = Dataset()
    title.CodeValue, title.CodingSchemeDesignator = codes.REPORT_TITLE.value, codes.REPORT_TITLE.scheme_designator
    title.CodeMeaning = codes.REPORT_TITLE.meaning
    one.ConceptNameCodeSequence = [title]
    one.SourceInstanceSequence = [_reference(header) for header in sources]
    name_own_classes([one], source.classes)
    one.MIMETypeOfEncapsulatedDocument = "application/pdf"
    one.EncapsulatedDocumentLength = len(pdf)
    one.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    if export.deidentified:
        mark_deidentified(one)
    return one


def _reference(header: Dataset) -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = header.SOPClassUID, header.SOPInstanceUID
    return reference
