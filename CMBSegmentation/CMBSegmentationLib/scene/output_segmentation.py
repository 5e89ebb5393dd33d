"""The segmentation that a scan's results go to, and the segments in it that a reader has made."""

from __future__ import annotations

import slicer

from ..errors import InputError
from . import names
from .segment_voxels import segment_ids

OWN_NEW = "new"
"""In place of a node's ID: results go to a new segmentation, and the scan's former one stays as it is."""


def is_lesion(segment_id: str) -> bool:
    """Whether a segment is a lesion of a list, and not one that a reader has made."""
    return segment_id.startswith(names.LESION_SEGMENT) and segment_id.removeprefix(names.LESION_SEGMENT).isdecimal()


def readers_segments(node: slicer.vtkMRMLSegmentationNode) -> list[str]:
    """Name the segments that a reader has made; all of them where the node shows no list."""
    is_result = node.GetAttribute(names.RESULT_ATTRIBUTE) == names.SEGMENTATION
    segmentation = node.GetSegmentation()
    ids = [one for one in segment_ids(node) if not (is_result and is_lesion(one))]
    return [segmentation.GetSegment(one).GetName() for one in ids]


def remove_lesions(node: slicer.vtkMRMLSegmentationNode) -> None:
    """Take the lesions out of a segmentation; what a reader has made stays."""
    for one in filter(is_lesion, segment_ids(node)):
        node.GetSegmentation().RemoveSegment(one)


def check_output(node: slicer.vtkMRMLSegmentationNode, scan: slicer.vtkMRMLScalarVolumeNode) -> None:
    """Raise `InputError` where a segmentation shows the lesions of another scan."""
    other = node.GetNodeReference(names.SCAN_ROLE)
    if other is not None and other is not scan:
        raise InputError(
            f"{node.GetName()} shows the microbleeds of {other.GetName()}.",
            "Choose another segmentation, or have a new one created.",
        )


def replace_output(
    scan: slicer.vtkMRMLScalarVolumeNode,
    former: slicer.vtkMRMLSegmentationNode | None,
    chosen: slicer.vtkMRMLSegmentationNode | None,
) -> None:
    """Have a scan's results go to another segmentation.

    Parameters
    ----------
    scan : vtkMRMLScalarVolumeNode
    former : vtkMRMLSegmentationNode or None
        It stays as it is, and follows the list no longer.
    chosen : vtkMRMLSegmentationNode or None
        It is emptied first. None: the next results make a new one.
    """
    if former is not None and former is not chosen:
        let_go(former)
    if chosen is not None:
        chosen.GetSegmentation().RemoveAllSegments()
        chosen.SetAttribute(names.RESULT_ATTRIBUTE, names.SEGMENTATION)
        chosen.SetNodeReferenceID(names.SCAN_ROLE, scan.GetID())
        chosen.CreateDefaultDisplayNodes()


def let_go(node: slicer.vtkMRMLSegmentationNode) -> None:
    """Make a segmentation the reader's own again."""
    node.RemoveAttribute(names.RESULT_ATTRIBUTE)
    node.RemoveNodeReferenceIDs(names.SCAN_ROLE)
