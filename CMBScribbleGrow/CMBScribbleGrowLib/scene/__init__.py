"""Slicer's scene (MRML) and an annotation: scribbles in, masks, landmarks and growth curve out. No Qt, no trame.

Runs inside 3D Slicer and on slicer-core alike, on the scene that the scan's node belongs to.
"""

from CMBSegmentationLib.scene.segment_voxels import give_own_boxes, segment_ids, set_voxels

from .grow_nodes import GrowNodes, ensure_nodes, find_nodes, remove_nodes
from .growth_curve import clear_curve, show_curve
from .landmarks import Landmark, name_landmark, read_landmarks, show_landmarks
from .lesion_segments import (
    PAINT_SEGMENT,
    add_to_scribble,
    ensure_paint_segment,
    free_scribbles,
    lesion_of_segment,
    mask_id,
    read_lesions,
    remove_lesion,
    scribble_id,
    show_lesion,
    take_from_scribble,
)
from .scan_grid import OnScan, ScanGrid, grid_of, segment_on_scan

__all__ = [
    "PAINT_SEGMENT",
    "GrowNodes",
    "Landmark",
    "OnScan",
    "ScanGrid",
    "add_to_scribble",
    "clear_curve",
    "ensure_nodes",
    "ensure_paint_segment",
    "find_nodes",
    "free_scribbles",
    "give_own_boxes",
    "grid_of",
    "lesion_of_segment",
    "mask_id",
    "name_landmark",
    "read_landmarks",
    "read_lesions",
    "remove_lesion",
    "remove_nodes",
    "scribble_id",
    "segment_ids",
    "segment_on_scan",
    "set_voxels",
    "show_curve",
    "show_landmarks",
    "show_lesion",
    "take_from_scribble",
]
