"""Scenes (.mrb) in and out of the page: a review opens where it was left, in Slicer's format."""

from __future__ import annotations

from pathlib import Path

import slicer
from trame_slicer.core import SlicerApp

from CMBScribbleGrowLib.scene.grow_nodes import remove_nodes
from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.reading.apart import apart
from CMBSegmentationLib.reading.doubts import doubts
from CMBSegmentationLib.scene import find_results, image_from_volume, remove_results
from CMBSegmentationLib.scene.names import RESULT_ATTRIBUTE
from CMBSegmentationLib.scene.origin import origin_of

from ..files.kept_results import scan_key
from ..files.scene_archive import check_scene_and_images
from .scans import OpenedScan


def clear(scene: slicer.vtkMRMLScene, scan: slicer.vtkMRMLScalarVolumeNode) -> None:
    """Take a scan out of a scene, with all that was found in it and annotated on it."""
    remove_nodes(scan)
    remove_results(scan)
    display, storage = scan.GetDisplayNode(), scan.GetStorageNode()
    scene.RemoveNode(scan)
    for node in (display, storage):
        if node is not None:
            scene.RemoveNode(node)


def check_apart(path: Path, name: str) -> None:
    """Refuse (`InputError`) what is no scene, or points elsewhere; touches no scene, so it may run in a thread."""
    apart(check_scene_and_images, path, name, name=name)


def open_scene(app: SlicerApp, path: Path, name: str) -> OpenedScan:
    """Open a saved scene that `check_apart` took, and find its scan: one that was searched, else the first.

    Raises
    ------
    InputError
        It is no scene, or holds no scan.
    """
    if not app.io_manager.load_scene(path):
        raise InputError(f"{name} cannot be opened as a scene.", "Give a .mrb that was saved here or in 3D Slicer.")
    scene = app.scene
    count = scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode")
    nodes = [scene.GetNthNodeByClass(number, "vtkMRMLScalarVolumeNode") for number in range(count)]
    scans = [
        node
        for node in nodes
        if node.GetClassName() == "vtkMRMLScalarVolumeNode" and not node.GetAttribute(RESULT_ATTRIBUTE)
    ]
    if not scans:
        raise InputError(f"{name} holds no scan.", "Save the scene with its scan, or open the scan itself.")
    node = next((node for node in scans if find_results(node) is not None), scans[0])
    image = image_from_volume(node)[0]
    found = doubts(image)
    identity = origin_of(node).identity
    return OpenedScan(image, path, name, found, found, scan_key(image), node, identity=identity)
