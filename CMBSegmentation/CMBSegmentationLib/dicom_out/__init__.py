"""DICOM objects of a detection: a segmentation and a structured report that refer to the source images."""

from .export import DicomExport, check_can_export, dicom_objects

__all__ = ["DicomExport", "check_can_export", "dicom_objects"]
