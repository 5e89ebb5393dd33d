"""DICOM objects of a detection: a segmentation and a structured report that refer to the source images."""

from .export import DicomExport, ExportSource, dicom_objects, prepare_export, write_objects

__all__ = ["DicomExport", "ExportSource", "dicom_objects", "prepare_export", "write_objects"]
