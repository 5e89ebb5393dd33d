"""The nodes of one scan's annotation: made, found again, removed."""

from __future__ import annotations

from dataclasses import dataclass, fields

import slicer

from CMBSegmentationLib.scene.lesion_nodes import style_segmentation
from CMBSegmentationLib.scene.names import SCAN_ROLE

from . import names

NODE_KINDS = {  # kind: node class, and what follows the scan's name in the node's
    names.SCRIBBLES: ("vtkMRMLSegmentationNode", "CMB scribbles"),
    names.MASKS: ("vtkMRMLSegmentationNode", "CMB grown"),
    names.MIMICS: ("vtkMRMLMarkupsFiducialNode", "CMB mimics"),
    names.FINDINGS: ("vtkMRMLMarkupsFiducialNode", "other findings"),
    names.CURVE: ("vtkMRMLTableNode", "growth curve"),
    names.CHOSEN: ("vtkMRMLTableNode", "chosen tolerance"),
    names.CURVE_SERIES: ("vtkMRMLPlotSeriesNode", "region"),
    names.CHOSEN_SERIES: ("vtkMRMLPlotSeriesNode", "chosen"),
    names.CHART: ("vtkMRMLPlotChartNode", "growth"),
}
POINT_COLOURS = {names.MIMICS: (0.35, 0.75, 1.0), names.FINDINGS: (0.6, 0.9, 0.4)}
SCRIBBLE_OPACITY = 0.6  # filled: a scribble is to be seen over its mask, which is an outline


@dataclass(frozen=True)
class GrowNodes:
    """The nodes of one annotation; all reference the node of the scan.

    Attributes
    ----------
    scan : vtkMRMLScalarVolumeNode
    scribbles : vtkMRMLSegmentationNode
        What the reader paints; each lesion's scribble is a segment, and so is what is not grown yet.
    masks : vtkMRMLSegmentationNode
        One segment a lesion, linked to its scribble by tags.
    mimics, findings : vtkMRMLMarkupsFiducialNode
        World RAS.
    curve, chosen : vtkMRMLTableNode
        Columns tolerance_percent and voxels: the current lesion's growth curve, and its tolerance.
    curve_series, chosen_series : vtkMRMLPlotSeriesNode
    chart : vtkMRMLPlotChartNode
    """

    scan: slicer.vtkMRMLScalarVolumeNode
    scribbles: slicer.vtkMRMLSegmentationNode
    masks: slicer.vtkMRMLSegmentationNode
    mimics: slicer.vtkMRMLMarkupsFiducialNode
    findings: slicer.vtkMRMLMarkupsFiducialNode
    curve: slicer.vtkMRMLTableNode
    chosen: slicer.vtkMRMLTableNode
    curve_series: slicer.vtkMRMLPlotSeriesNode
    chosen_series: slicer.vtkMRMLPlotSeriesNode
    chart: slicer.vtkMRMLPlotChartNode

    @property
    def complete(self) -> bool:
        """Whether none of them was removed from its scene."""
        return all(getattr(self, field.name).GetScene() is not None for field in fields(self))


def ensure_nodes(scan_node: slicer.vtkMRMLScalarVolumeNode) -> GrowNodes:
    """Find the nodes of a scan's annotation; those that are missing are made.

    Parameters
    ----------
    scan_node : vtkMRMLScalarVolumeNode
        In a scene.

    Returns
    -------
    GrowNodes
    """
    found = _nodes_of(scan_node)
    nodes = {kind: found.get(kind) or _add_node(scan_node, kind) for kind in NODE_KINDS}
    for kind in (names.SCRIBBLES, names.MASKS):
        nodes[kind].SetReferenceImageGeometryParameterFromVolumeNode(scan_node)
    _connect_plot(nodes)
    keep_if_filled(nodes[names.MASKS])
    return _as_nodes(scan_node, nodes)


def find_nodes(scan_node: slicer.vtkMRMLScalarVolumeNode | None) -> GrowNodes | None:
    """Find the nodes of a scan's annotation, also after its scene was saved and opened again.

    Parameters
    ----------
    scan_node : vtkMRMLScalarVolumeNode or None

    Returns
    -------
    GrowNodes or None
        None if the scan has no scribbles' node; others that are missing are made.
    """
    if scan_node is None or scan_node.GetScene() is None or names.SCRIBBLES not in _nodes_of(scan_node):
        return None
    return ensure_nodes(scan_node)


def keep_if_filled(segmentation_node: slicer.vtkMRMLSegmentationNode) -> None:
    """Have a segmentation saved with its scene unless it is empty: MRML aborts on saving an empty one to .mrb."""
    segmentation_node.SetSaveWithScene(segmentation_node.GetSegmentation().GetNumberOfSegments() > 0)


def remove_nodes(scan_node: slicer.vtkMRMLScalarVolumeNode) -> None:
    """Take a scan's annotation out of its scene; the scan stays."""
    scene = scan_node.GetScene()
    for node in _nodes_of(scan_node).values():
        owned = [node.GetStorageNode()] if node.IsA("vtkMRMLStorableNode") else []
        if node.IsA("vtkMRMLDisplayableNode"):
            owned.append(node.GetDisplayNode())
        scene.RemoveNode(node)
        for other in owned:
            if other is not None:
                scene.RemoveNode(other)


def _nodes_of(scan_node: slicer.vtkMRMLScalarVolumeNode) -> dict[str, slicer.vtkMRMLNode]:
    scene = scan_node.GetScene()
    found: dict[str, slicer.vtkMRMLNode] = {}
    for node_class in {node_class for node_class, _ in NODE_KINDS.values()}:
        for number in range(scene.GetNumberOfNodesByClass(node_class)):
            node = scene.GetNthNodeByClass(number, node_class)
            kind = node.GetAttribute(names.NODE_ATTRIBUTE)
            if kind in NODE_KINDS and node.GetNodeReferenceID(SCAN_ROLE) == scan_node.GetID():
                found.setdefault(kind, node)
    return found


def _add_node(scan_node: slicer.vtkMRMLScalarVolumeNode, kind: str) -> slicer.vtkMRMLNode:
    node_class, ending = NODE_KINDS[kind]
    node = scan_node.GetScene().AddNewNodeByClass(node_class, f"{scan_node.GetName()} {ending}")
    node.SetAttribute(names.NODE_ATTRIBUTE, kind)
    node.SetNodeReferenceID(SCAN_ROLE, scan_node.GetID())
    if kind in (names.SCRIBBLES, names.MASKS):
        style_segmentation(node)
    if kind == names.SCRIBBLES:
        node.GetDisplayNode().SetOpacity2DFill(SCRIBBLE_OPACITY)
    if kind in POINT_COLOURS:
        node.CreateDefaultDisplayNodes()
        node.GetDisplayNode().SetSelectedColor(*POINT_COLOURS[kind])
    return node


def _connect_plot(nodes: dict[str, slicer.vtkMRMLNode]) -> None:
    """Have the chart show both tables: the curve as a line, the chosen tolerance as a point on it."""
    chart = nodes[names.CHART]
    chart.SetTitle("Growth curve")
    chart.SetXAxisTitle("tolerance (% of the brain's intensity range)")
    chart.SetYAxisTitle("voxels in the region")
    for series_kind, table_kind in ((names.CURVE_SERIES, names.CURVE), (names.CHOSEN_SERIES, names.CHOSEN)):
        series = nodes[series_kind]
        series.SetAndObserveTableNodeID(nodes[table_kind].GetID())
        series.SetXColumnName("tolerance_percent")
        series.SetYColumnName("voxels")
        series.SetPlotType(slicer.vtkMRMLPlotSeriesNode.PlotTypeScatter)
        if not chart.HasPlotSeriesNodeID(series.GetID()):
            chart.AddAndObservePlotSeriesNodeID(series.GetID())
    line, point = nodes[names.CURVE_SERIES], nodes[names.CHOSEN_SERIES]
    line.SetMarkerStyle(slicer.vtkMRMLPlotSeriesNode.MarkerStyleNone)
    line.SetColor(0.0, 0.63, 1.0)
    point.SetLineStyle(slicer.vtkMRMLPlotSeriesNode.LineStyleNone)
    point.SetMarkerStyle(slicer.vtkMRMLPlotSeriesNode.MarkerStyleCircle)
    point.SetMarkerSize(12)
    point.SetColor(1.0, 0.69, 0.0)


def _as_nodes(scan_node: slicer.vtkMRMLScalarVolumeNode, nodes: dict[str, slicer.vtkMRMLNode]) -> GrowNodes:
    return GrowNodes(scan=scan_node, **{kind.replace(" ", "_"): node for kind, node in nodes.items()})
