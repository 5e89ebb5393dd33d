"""The results of a detection in the scene: loaded, found again, made ready for any threshold, removed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import slicer
import slicer.util
from numpy.typing import NDArray

from ..detecting.candidates.grid import grid_of
from ..detecting.lesions import CANDIDATE_PROBABILITY
from ..detecting.regions import placing
from ..errors import InputError
from ..files.fields import Fields, read_json
from ..reading.grid import SAME_GRID_VOXELS
from ..reading.scan import checked_scan
from ..results.earlier_versions import candidates_of_earlier
from ..results.names import SCHEMA_VERSION
from ..results.read_back import read_result_folder
from ..results.stored_list import FIRST_WITH_FIELDS, StoredList, from_json, to_json
from ..review.candidates import CandidateField
from ..review.kept_in import kept_in
from ..vocabulary.looks import REVIEW_COLOURS
from ..vocabulary.verdicts import UNDECIDED, certainty_of
from . import names
from .lesion_nodes import (
    fill_points,
    fill_segmentation,
    fill_table,
    lesion_rows,
    style_points,
    style_segmentation,
)
from .output_segmentation import let_go, readers_segments, remove_lesions, replace_output
from .phase_nodes import style_field
from .volumes import file_of, fill_volume, geometry_of, image_from_volume, set_geometry, world_ijk_to_ras

NODE_KINDS = {  # kind: node class, and what follows the scan's name in the node's
    names.SEGMENTATION: ("vtkMRMLSegmentationNode", "CMB"),
    names.TABLE: ("vtkMRMLTableNode", "CMB lesions"),
    names.POINTS: ("vtkMRMLMarkupsFiducialNode", "CMB points"),
    names.PROBABILITY: ("vtkMRMLScalarVolumeNode", "CMB probability"),
    names.BRAIN: ("vtkMRMLLabelMapVolumeNode", "brain mask"),
    names.FIELD: ("vtkMRMLScalarVolumeNode", "local phase"),
}


@dataclass(frozen=True)
class ResultNodes:
    """The nodes of one detection; all reference the node of the scan.

    Attributes
    ----------
    scan : vtkMRMLScalarVolumeNode
    segmentation : vtkMRMLSegmentationNode
        One segment a listed lesion, "CMB 3" for id 3.
    table : vtkMRMLTableNode
        All lesions, kept and dropped, in the columns `detecting.lesions.columns_of` them.
    points : vtkMRMLMarkupsFiducialNode
        One locked point a listed lesion, world RAS.
    probability : vtkMRMLScalarVolumeNode or None
    brain : vtkMRMLLabelMapVolumeNode or None
        Where the detector looked. None, like `probability`, if it was not stored.
    field : vtkMRMLScalarVolumeNode or None
        The local phase (`detecting.phase.local_field`); None where the scan has no phase.
    """

    scan: slicer.vtkMRMLScalarVolumeNode
    segmentation: slicer.vtkMRMLSegmentationNode
    table: slicer.vtkMRMLTableNode
    points: slicer.vtkMRMLMarkupsFiducialNode
    probability: slicer.vtkMRMLScalarVolumeNode | None = None
    brain: slicer.vtkMRMLLabelMapVolumeNode | None = None
    field: slicer.vtkMRMLScalarVolumeNode | None = None


def load_results(folder: Path, scan_node: slicer.vtkMRMLScalarVolumeNode, output: str | None = None) -> ResultNodes:
    """Bring a detection's result folder into the scan's scene.

    Results that the scan has already are replaced, in the same nodes.

    Parameters
    ----------
    folder : Path
        As `running.write.write_results` left it; of several results, those that are named as the scan are meant.
    scan_node : vtkMRMLScalarVolumeNode
        The scan that was searched.
    output : str or None
        ID of the segmentation that is to show the lesions, whose segments are replaced, or `OWN_NEW`; None takes the
        scan's own, or makes one.

    Returns
    -------
    ResultNodes

    Raises
    ------
    InputError
        A file is missing, damaged or of another version, or the scan was moved or resampled since it
        was searched; the scene is as it was.
    """
    found = read_result_folder(folder, kept_in(file_of(scan_node), scan_node.GetName() or "", None)[1])
    ijk_to_ras = world_ijk_to_ras(scan_node)
    for image in (found.labels, found.probability, found.brain, found.field):
        if image is not None:
            _check_grid(image, scan_node, ijk_to_ras)
    if output is not None:
        chosen = scan_node.GetScene().GetNodeByID(output)
        replace_output(scan_node, node_of(scan_node, names.SEGMENTATION), chosen)
    volumes = {names.PROBABILITY: found.probability, names.BRAIN: found.brain, names.FIELD: found.field}
    for kind in NODE_KINDS:
        node, image = node_of(scan_node, kind), volumes.get(kind)
        if kind in volumes and image is None:
            _remove(node)  # of an earlier detection
            continue
        node = node or _add_node(scan_node, kind)
        if image is not None:
            fill_volume(node, sitk.GetArrayViewFromImage(image), ijk_to_ras)
    return _filled(scan_node, found.stored, sitk.GetArrayViewFromImage(found.labels), ijk_to_ras)


def find_results(scan_node: slicer.vtkMRMLScalarVolumeNode | None) -> ResultNodes | None:
    """Find the results of a scan, also after its scene was saved and opened again.

    Parameters
    ----------
    scan_node : vtkMRMLScalarVolumeNode or None

    Returns
    -------
    ResultNodes or None
        None if the scan was not searched, or if the list, the segments or the points were deleted.
    """
    if scan_node is None or scan_node.GetScene() is None:
        return None
    nodes = {kind: node_of(scan_node, kind) for kind in NODE_KINDS}
    if not nodes[names.TABLE] or not nodes[names.POINTS]:
        return None
    if not nodes[names.SEGMENTATION]:
        rows = lesion_rows(nodes[names.TABLE])
        if any(certainty_of(row["status"], row.get("decision") or UNDECIDED) for row in rows):
            return None
        empty = _add_node(scan_node, names.SEGMENTATION)  # such ones are not saved
        empty.SetSaveWithScene(False)
        nodes[names.SEGMENTATION] = empty
    return ResultNodes(scan=scan_node, **nodes)


def candidates_of(nodes: ResultNodes) -> CandidateField:
    """Make the candidates of stored results ready, to be listed at any threshold.

    Parameters
    ----------
    nodes : ResultNodes
        As `load_results` left them, or as read from a saved scene.

    Returns
    -------
    CandidateField
        On the scan's own grid.

    Raises
    ------
    InputError
        No probability is stored, or the scan was moved or resampled since it was searched.
    """
    if nodes.probability is None:
        raise InputError(
            f"{nodes.scan.GetName()} has no stored probability.", "Run the detection again to review its lesions."
        )
    scan = _checked_scan(nodes.scan)
    probability = _result_image(nodes.probability)
    brain = None if nodes.brain is None else _result_image(nodes.brain)
    for image in filter(None, (probability, brain)):
        _check_grid(image, nodes.scan, world_ijk_to_ras(nodes.scan))
    stored = list_of(nodes)
    place = placing(stored.search.midplane, brain)
    if stored.candidates is None:
        candidates = candidates_of_earlier(stored.lesions, probability, scan, brain, place)
    else:
        on_scan = stored.candidates.on_grid(grid_of(scan))
        if on_scan is None:
            raise _moved(nodes.scan)
        candidates = on_scan
    return CandidateField(candidates, scan, probability, brain, stored.rules, place)


def check_place(scan_node: slicer.vtkMRMLScalarVolumeNode, probability: sitk.Image) -> None:
    """Check that a scan lies where it was searched; `InputError` says what to do if not.

    Parameters
    ----------
    scan_node : vtkMRMLScalarVolumeNode
    probability : SimpleITK.Image
        On the grid of the search.
    """
    _check_grid(probability, scan_node, world_ijk_to_ras(scan_node))


def list_of(nodes: ResultNodes) -> StoredList:
    """Give the list as it was loaded: rules, how the scan was searched, all candidates; `InputError` if damaged."""
    source = nodes.table.GetName()
    try:
        content = _list_content(nodes.table)
        return from_json(content, content.whole("schema_version"), source)
    except ValueError as error:
        raise InputError(f"{source} is damaged ({error}).", "Run the detection again.") from error


def _list_content(table: slicer.vtkMRMLTableNode) -> Fields:
    text = table.GetAttribute(names.LIST_ATTRIBUTE)
    if text:
        return Fields(read_json(text))
    provenance = Fields(read_json(table.GetAttribute(names.PROVENANCE_ATTRIBUTE) or "{}"), "provenance")
    return Fields(
        {
            "schema_version": FIRST_WITH_FIELDS - 1,
            "provenance": provenance.plain,
            "lesions": read_json(table.GetAttribute(names.DETECTED_ATTRIBUTE) or "[]"),
            "notes": provenance.texts("notes", default=()),
        }
    )


def remove_results(scan_node: slicer.vtkMRMLScalarVolumeNode) -> None:
    """Take a scan's results out of its scene; the scan stays, and segments that a reader has made."""
    segmentation = node_of(scan_node, names.SEGMENTATION)
    if segmentation is not None and readers_segments(segmentation):
        remove_lesions(segmentation)
        let_go(segmentation)
    for kind in NODE_KINDS:
        _remove(node_of(scan_node, kind))
    _remove(node_of(scan_node, names.BRAIN_SURFACE, "vtkMRMLModelNode"))
    for kind in (*REVIEW_COLOURS, names.CHOSEN):
        _remove(node_of(scan_node, names.MARKERS + kind, "vtkMRMLMarkupsFiducialNode"))


def _check_grid(image: sitk.Image, scan_node: slicer.vtkMRMLScalarVolumeNode, ijk_to_ras: NDArray[np.float64]) -> None:
    size = scan_node.GetImageData().GetDimensions()
    difference = (geometry_of(image) - ijk_to_ras) * [*size, 1]
    furthest_mm = float(np.linalg.norm(difference, axis=0).sum())  # no voxel is further off than this
    if image.GetSize() != size or furthest_mm > SAME_GRID_VOXELS * min(image.GetSpacing()):
        raise _moved(scan_node)


def _moved(scan_node: slicer.vtkMRMLScalarVolumeNode) -> InputError:
    parent = scan_node.GetParentTransformNode()
    now = f" (it is under the transform {parent.GetName()} now)" if parent is not None else ""
    return InputError(
        f"{scan_node.GetName()} was moved or resampled since it was searched: its list belongs to the former place.",
        f"Put it back there{now}, or run the detection again.",
    )


def _filled(
    scan_node: slicer.vtkMRMLScalarVolumeNode,
    stored: StoredList,
    labels: NDArray[np.generic],
    ijk_to_ras: NDArray[np.float64],
) -> ResultNodes:
    nodes = find_results(scan_node)
    assert nodes is not None  # the callers made or found them
    fill_segmentation(nodes.segmentation, scan_node, stored.lesions, labels, ijk_to_ras)
    fill_table(nodes.table, stored.lesions)
    fill_points(nodes.points, stored.lesions, scan_node.GetID())
    for former in (names.PROVENANCE_ATTRIBUTE, names.DETECTED_ATTRIBUTE):
        nodes.table.RemoveAttribute(former)
    nodes.table.SetAttribute(names.LIST_ATTRIBUTE, json.dumps({"schema_version": SCHEMA_VERSION, **to_json(stored)}))
    return nodes


def _checked_scan(scan_node: slicer.vtkMRMLScalarVolumeNode) -> sitk.Image:
    """Copy the scan, cleaned as the detector cleaned it when it read it."""
    return checked_scan(image_from_volume(scan_node)[0], Path(scan_node.GetName())).image


def _result_image(node: slicer.vtkMRMLScalarVolumeNode) -> sitk.Image:
    """Copy a result's volume, which unlike a scan's is never under a warp nor of another kind."""
    image = sitk.GetImageFromArray(slicer.util.arrayFromVolume(node))
    set_geometry(image, world_ijk_to_ras(node))
    return image


def field_of(nodes: ResultNodes) -> sitk.Image | None:
    """Copy the local phase of stored results; None where the scan has no phase."""
    return None if nodes.field is None else _result_image(nodes.field)


def node_of(
    scan_node: slicer.vtkMRMLScalarVolumeNode, kind: str, node_class: str | None = None
) -> slicer.vtkMRMLNode | None:
    """Find a scan's result of a kind; its class is that of `NODE_KINDS` if not given."""
    scene, node_class = scan_node.GetScene(), node_class or NODE_KINDS[kind][0]
    for number in range(scene.GetNumberOfNodesByClass(node_class)):
        node = scene.GetNthNodeByClass(number, node_class)
        is_kind = node.GetAttribute(names.RESULT_ATTRIBUTE) == kind
        if is_kind and node.GetNodeReferenceID(names.SCAN_ROLE) == scan_node.GetID():
            return node
    return None


def _add_node(scan_node: slicer.vtkMRMLScalarVolumeNode, kind: str) -> slicer.vtkMRMLNode:
    node_class, ending = NODE_KINDS[kind]
    node = scan_node.GetScene().AddNewNodeByClass(node_class, f"{scan_node.GetName()} {ending}")
    node.SetAttribute(names.RESULT_ATTRIBUTE, kind)
    node.SetNodeReferenceID(names.SCAN_ROLE, scan_node.GetID())
    if kind == names.SEGMENTATION:
        style_segmentation(node)
    elif kind == names.POINTS:
        style_points(node)
    elif kind != names.TABLE:
        node.CreateDefaultDisplayNodes()
    if kind == names.PROBABILITY:
        _style_probability(node.GetDisplayNode())
    if kind == names.FIELD:
        style_field(node.GetDisplayNode())
    return node


def _style_probability(display_node: slicer.vtkMRMLScalarVolumeDisplayNode) -> None:
    """Show it as an overlay: transparent where nothing is even a candidate."""
    display_node.SetAutoWindowLevel(False)
    display_node.SetWindowLevelMinMax(0.0, 1.0)
    display_node.SetThreshold(CANDIDATE_PROBABILITY, 1.0)
    display_node.SetApplyThreshold(True)
    display_node.SetAndObserveColorNodeID("vtkMRMLColorTableNodeIron")


def _remove(node: slicer.vtkMRMLNode | None) -> None:
    """Take a node out of the scene, and what only it uses."""
    if node is None:
        return
    scene = node.GetScene()
    owned = [node.GetStorageNode()]
    if node.IsA("vtkMRMLDisplayableNode"):
        owned.append(node.GetDisplayNode())
    scene.RemoveNode(node)
    for other in owned:
        if other is not None:
            scene.RemoveNode(other)
