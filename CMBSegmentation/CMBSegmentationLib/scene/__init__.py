"""Slicer's scene (MRML) and the detector: scans out, lesions in. No Qt, no trame.

Runs inside 3D Slicer and on slicer-core alike, on the scene that the scan's node belongs to.
"""

from .lesion_nodes import lesion_rows
from .results import ResultNodes, find_results, load_results, provenance_of, remove_results, rethreshold
from .views import jump_to
from .volumes import ExportedScan, export_scan, image_from_volume

__all__ = [
    "ExportedScan",
    "ResultNodes",
    "export_scan",
    "find_results",
    "image_from_volume",
    "jump_to",
    "lesion_rows",
    "load_results",
    "provenance_of",
    "remove_results",
    "rethreshold",
]
