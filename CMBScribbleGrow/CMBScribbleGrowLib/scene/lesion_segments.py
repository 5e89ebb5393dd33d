"""Lesions in the scene: a segment for the scribble, one for the mask, and the tags that link them.

What tags hold is enough to change a mask's tolerance or mode after the scene was saved and opened again.
"""

from __future__ import annotations

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray

from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.scene.lesion_nodes import lesion_name
from CMBSegmentationLib.scene.segment_voxels import add_segment, segment_ids, set_voxels
from CMBSegmentationLib.vocabulary.looks import LESION_COLOUR, TERMINOLOGY, TERMINOLOGY_TAG

from ..annotation.segments_file import PENDING_COLOUR, READER_TAG
from ..growing.settings import GrowSettings
from ..study.linked_lesion import LinkedLesion
from .grow_nodes import GrowNodes, keep_if_filled
from .names import TAG
from .scan_grid import ScanGrid, segment_on_scan

PAINT_SEGMENT = "scribble"  # id of the segment that is there to be painted in
SCRIBBLE_COLOUR = (1.0, 0.69, 0.0)


def mask_id(lesion_id: int) -> str:
    """Give the segment id of a lesion's mask."""
    return f"CMB_{lesion_id}"


def scribble_id(lesion_id: int) -> str:
    """Give the segment id of a lesion's scribble."""
    return f"CMB_{lesion_id}_scribble"


def lesion_of_segment(lesions: tuple[LinkedLesion, ...], segment_id: str) -> LinkedLesion | None:
    """Find the lesion whose scribble or mask a segment is."""
    return next((one for one in lesions if segment_id in (scribble_id(one.id), mask_id(one.id))), None)


def show_lesion(nodes: GrowNodes, lesion: LinkedLesion, grid: ScanGrid, reader: str, *, scribble: bool = True) -> None:
    """Write a lesion into the scene; its segments are made if they are not there.

    Parameters
    ----------
    nodes : GrowNodes
    lesion : LinkedLesion
    grid : ScanGrid
    reader : str
    scribble : bool
        Whether the scribble is written too; while only the tolerance moves it stays.
    """
    masks, mask = nodes.masks.GetSegmentation(), mask_id(lesion.id)
    if masks.GetSegment(mask) is None:
        add_segment(nodes.masks, mask, lesion_name(lesion.id), PENDING_COLOUR)
    set_voxels(nodes.masks, mask, lesion.mask, grid.ijk_to_ras)
    segment = masks.GetSegment(mask)
    segment.SetColor(*(LESION_COLOUR if lesion.accepted else PENDING_COLOUR))
    segment.SetTag(TERMINOLOGY_TAG, TERMINOLOGY)
    for name, text in _tags(lesion).items():
        segment.SetTag(TAG + name, text)
    segment.SetTag(READER_TAG, reader)
    keep_if_filled(nodes.masks)
    painted = scribble_id(lesion.id)
    if nodes.scribbles.GetSegmentation().GetSegment(painted) is None:
        add_segment(nodes.scribbles, painted, f"{lesion_name(lesion.id)} scribble", SCRIBBLE_COLOUR)
        scribble = True
    if scribble:
        set_voxels(nodes.scribbles, painted, lesion.scribble, grid.ijk_to_ras)


def remove_lesion(nodes: GrowNodes, lesion_id: int) -> None:
    """Take a lesion's segments out of the scene."""
    nodes.masks.GetSegmentation().RemoveSegment(mask_id(lesion_id))
    nodes.scribbles.GetSegmentation().RemoveSegment(scribble_id(lesion_id))
    keep_if_filled(nodes.masks)


def read_lesions(nodes: GrowNodes, grid: ScanGrid) -> tuple[LinkedLesion, ...]:
    """Read the lesions of a scene back, by the tags of their masks; other segments are left alone.

    Parameters
    ----------
    nodes : GrowNodes
    grid : ScanGrid

    Returns
    -------
    tuple of LinkedLesion
        By id, without growth.

    Raises
    ------
    InputError
        A mask or scribble lies outside the scan.
    """
    lesions = []
    for segment in segment_ids(nodes.masks):
        tags = _read_tags(nodes.masks.GetSegmentation().GetSegment(segment))
        mask = segment_on_scan(nodes.masks, segment, grid).voxels
        if tags is None or not len(mask):
            continue
        painted = nodes.scribbles.GetSegmentation().GetSegment(tags["Scribble"])
        scribble = segment_on_scan(nodes.scribbles, tags["Scribble"], grid).voxels if painted else mask
        lesion = _linked(tags, scribble, mask)
        lesions += [lesion] if lesion is not None else []
    return tuple(sorted(lesions, key=lambda lesion: lesion.id))


def ensure_paint_segment(nodes: GrowNodes) -> None:
    """Have a segment to paint the next scribble in."""
    if nodes.scribbles.GetSegmentation().GetSegment(PAINT_SEGMENT) is None:
        add_segment(nodes.scribbles, PAINT_SEGMENT, "Scribble", SCRIBBLE_COLOUR)


def free_scribbles(nodes: GrowNodes, lesions: tuple[LinkedLesion, ...]) -> list[str]:
    """List the segments that hold scribbles of no lesion yet."""
    taken = {scribble_id(lesion.id) for lesion in lesions}
    return [segment for segment in segment_ids(nodes.scribbles) if segment not in taken]


def add_to_scribble(nodes: GrowNodes, segment_id: str, voxels: NDArray[np.intp], grid: ScanGrid) -> None:
    """Paint voxels of the scan into a scribble's segment, beside what is there; it is made if it is not there."""
    if nodes.scribbles.GetSegmentation().GetSegment(segment_id) is None:
        add_segment(nodes.scribbles, segment_id, "Scribble", SCRIBBLE_COLOUR)
    there = _voxels_in_scan(nodes, segment_id, grid)
    set_voxels(nodes.scribbles, segment_id, np.unique(np.concatenate([there, voxels]), axis=0), grid.ijk_to_ras)


def take_from_scribble(nodes: GrowNodes, segment_id: str, voxels: NDArray[np.intp], grid: ScanGrid) -> None:
    """Erase voxels of the scan from a scribble's segment; whatever else is painted in it stays."""
    if nodes.scribbles.GetSegmentation().GetSegment(segment_id) is None:
        return
    there = _voxels_in_scan(nodes, segment_id, grid)
    erased = {tuple(voxel) for voxel in voxels.tolist()}
    kept = [voxel for voxel in there.tolist() if tuple(voxel) not in erased]
    set_voxels(nodes.scribbles, segment_id, np.array(kept, np.intp).reshape(-1, 3), grid.ijk_to_ras)


def _voxels_in_scan(nodes: GrowNodes, segment_id: str, grid: ScanGrid) -> NDArray[np.intp]:
    try:
        return segment_on_scan(nodes.scribbles, segment_id, grid).voxels
    except InputError:  # all of it outside the scan: nothing that could be kept on the scan's grid
        return np.empty((0, 3), np.intp)


def _tags(lesion: LinkedLesion) -> dict[str, str]:
    asked = lesion.settings
    return {
        "Id": str(lesion.id),
        "Scribble": scribble_id(lesion.id),
        "AskedMode": asked.mode,
        "Mode": lesion.mode,
        "TolerancePercent": "" if lesion.tolerance_percent is None else f"{lesion.tolerance_percent:g}",
        "Automatic": str(int(lesion.automatic)),
        "Connectivity": str(asked.connectivity),
        "LargestDiameterMm": f"{asked.largest_diameter_mm:g}",
        "Grouped": str(int(lesion.grouped)),
        "Accepted": str(int(lesion.accepted)),
        "WasAccepted": str(int(lesion.was_accepted)),
    }


def _read_tags(segment: slicer.vtkSegment) -> dict[str, str] | None:
    tags = {}
    for name in ("Id", "Scribble", "AskedMode", "Mode", "TolerancePercent", "Automatic", "Connectivity"):
        text = vtk.reference("")
        if not segment.GetTag(TAG + name, text) and name != "TolerancePercent":  # empty tags are not saved
            return None
        tags[name] = str(text)
    for name, default in (("LargestDiameterMm", "10"), ("Grouped", "0"), ("Accepted", "1")):
        text = vtk.reference("")
        tags[name] = str(text) if segment.GetTag(TAG + name, text) else default
    text = vtk.reference("")
    tags["WasAccepted"] = str(text) if segment.GetTag(TAG + "WasAccepted", text) else tags["Accepted"]
    return tags


def _linked(tags: dict[str, str], scribble: NDArray[np.intp], mask: NDArray[np.intp]) -> LinkedLesion | None:
    try:
        tolerance = float(tags["TolerancePercent"]) if tags["TolerancePercent"] else None
        settings = GrowSettings(
            mode=tags["AskedMode"],
            tolerance_percent=None if tags["Automatic"] == "1" else tolerance,
            largest_diameter_mm=float(tags["LargestDiameterMm"]),
            connectivity=int(tags["Connectivity"]),
        )
        grouped, accepted, was_accepted = (tags[name] == "1" for name in ("Grouped", "Accepted", "WasAccepted"))
        lesion_id, mode = int(tags["Id"]), tags["Mode"]
        return LinkedLesion(
            lesion_id, scribble, mask, settings, mode, tolerance, grouped, accepted, was_accepted=was_accepted
        )
    except (ValueError, InputError):  # tags that somebody changed by hand: a segment like any other
        return None
