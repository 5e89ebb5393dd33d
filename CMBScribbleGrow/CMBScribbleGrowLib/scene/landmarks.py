"""Mimics and other findings as points: records go in, and what a reader placed, moved or deleted comes out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import slicer
import slicer.util
import vtk

from .names import IDS_ATTRIBUTE


@dataclass(frozen=True)
class Landmark:
    """One point.

    Attributes
    ----------
    id : int or None
        Of its record; None if the reader has just placed it.
    ras_mm : tuple of 3 float
        World RAS.
    label : str
        Shown beside it.
    text : str
        Its type or what was found.
    point : str
        Control point id in its node; empty if it is in none yet.
    """

    id: int | None
    ras_mm: tuple[float, float, float]
    label: str = ""
    text: str = ""
    point: str = ""


def show_landmarks(points_node: slicer.vtkMRMLMarkupsFiducialNode, landmarks: Sequence[Landmark], scan_id: str) -> None:
    """Have a node hold just these points; those that are there already keep their looks.

    Parameters
    ----------
    points_node : vtkMRMLMarkupsFiducialNode
    landmarks : sequence of Landmark
        All with an id.
    scan_id : str
        Node ID of the scan on which they lie.
    """
    with slicer.util.NodeModify(points_node):
        known: dict[str, int | None] = dict(_ids(points_node))
        wanted = {landmark.id for landmark in landmarks}
        for last in reversed(range(points_node.GetNumberOfControlPoints())):
            if known.get(points_node.GetNthControlPointID(last)) not in wanted:
                points_node.RemoveNthControlPoint(last)
        place = {known[points_node.GetNthControlPointID(n)]: n for n in range(points_node.GetNumberOfControlPoints())}
        for landmark in landmarks:
            number = place.get(landmark.id)
            if number is None:
                number = points_node.AddControlPointWorld(vtk.vtkVector3d(*landmark.ras_mm))
            elif not _near(points_node.GetNthControlPointPositionWorld(number), landmark.ras_mm):
                points_node.SetNthControlPointPositionWorld(number, *landmark.ras_mm)
            points_node.SetNthControlPointLabel(number, landmark.label)
            points_node.SetNthControlPointDescription(number, landmark.text)
            points_node.SetNthControlPointAssociatedNodeID(number, scan_id)
            known[points_node.GetNthControlPointID(number)] = landmark.id
        _keep_ids(points_node, known)


def read_landmarks(points_node: slicer.vtkMRMLMarkupsFiducialNode) -> list[Landmark]:
    """Read the points that are placed; one that is only hovering under the mouse is not.

    Parameters
    ----------
    points_node : vtkMRMLMarkupsFiducialNode

    Returns
    -------
    list of Landmark
        In the node's order.
    """
    known = _ids(points_node)
    found = []
    for number in range(points_node.GetNumberOfControlPoints()):
        if points_node.GetNthControlPointPositionStatus(number) != points_node.PositionDefined:
            continue
        r_mm, a_mm, s_mm = points_node.GetNthControlPointPositionWorld(number)
        found.append(
            Landmark(
                known.get(points_node.GetNthControlPointID(number)),
                (r_mm, a_mm, s_mm),
                points_node.GetNthControlPointLabel(number),
                points_node.GetNthControlPointDescription(number),
                points_node.GetNthControlPointID(number),
            )
        )
    return found


def name_landmark(points_node: slicer.vtkMRMLMarkupsFiducialNode, landmark: Landmark, landmark_id: int) -> None:
    """Give a point that a reader has just placed the id of its new record."""
    _keep_ids(points_node, {**_ids(points_node), landmark.point: landmark_id})


def _ids(points_node: slicer.vtkMRMLMarkupsFiducialNode) -> dict[str, int]:
    """Record ids by control point id."""
    known = json.loads(points_node.GetAttribute(IDS_ATTRIBUTE) or "{}")
    return {str(point): int(record) for point, record in known.items()}


def _keep_ids(points_node: slicer.vtkMRMLMarkupsFiducialNode, known: Mapping[str, int | None]) -> None:
    there = {points_node.GetNthControlPointID(n) for n in range(points_node.GetNumberOfControlPoints())}
    points_node.SetAttribute(IDS_ATTRIBUTE, json.dumps({point: known[point] for point in known if point in there}))


def _near(one: Sequence[float], other: Sequence[float]) -> bool:
    return max(abs(a - b) for a, b in zip(one, other, strict=True)) < 1e-3
