"""Slicer's scene (MRML) and the detector: scans out, lesions in. No Qt, no trame.

Runs inside 3D Slicer and on slicer-core alike, on the scene that the scan's node belongs to.
"""

from .lesion_nodes import lesion_rows
from .output_segmentation import OWN_NEW, check_output, readers_segments
from .phase_nodes import check_has_field, export_phase, phase_of, show_field
from .results import ResultNodes, candidates_of, find_results, list_of, load_results, remove_results
from .review_nodes import ShownReview, read_review, read_view, write_review, write_view
from .shown.views import jump_to, middle_of_views, set_slab, show_overview
from .volumes import ExportedScan, export_mask, export_scan, image_from_volume

__all__ = [
    "OWN_NEW",
    "ExportedScan",
    "ResultNodes",
    "ShownReview",
    "candidates_of",
    "check_has_field",
    "check_output",
    "export_mask",
    "export_phase",
    "export_scan",
    "find_results",
    "image_from_volume",
    "jump_to",
    "lesion_rows",
    "list_of",
    "load_results",
    "middle_of_views",
    "phase_of",
    "read_review",
    "read_view",
    "readers_segments",
    "remove_results",
    "set_slab",
    "show_field",
    "show_overview",
    "write_review",
    "write_view",
]
