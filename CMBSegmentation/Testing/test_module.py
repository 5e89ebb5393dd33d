"""The module file: what scripts can call works without windows."""

from __future__ import annotations

import subprocess
import sys
import types
from pathlib import Path

import pytest
import slicer
import slicer.util
from module_file import import_module_file

from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.scene import find_results, load_results

MODULE_FOLDER = Path(__file__).resolve().parents[1]


@pytest.fixture
def the_module(monkeypatch):
    return import_module_file("CMBSegmentation", monkeypatch)


@pytest.fixture
def a_logic(the_module, a_scene):
    logic = the_module.CMBSegmentationLogic()
    yield logic
    logic.session.close()


def test_the_module_introduces_itself(the_module):
    description = types.SimpleNamespace()  # what Slicer hands to a module to fill in
    the_module.CMBSegmentation(description)
    assert description.title == "CMB Segmentation"
    assert description.categories == ["Segmentation"]
    assert "Research use only" in description.helpText


def test_a_script_gets_results_from_the_real_worker(a_logic, scan_file, dark_model):
    scan = load_volume(scan_file)
    results = a_logic.process(scan, model=str(dark_model), device="cpu")
    assert results == find_results(scan)
    assert results.points.GetNumberOfControlPoints() == 2
    assert a_logic.session.listing.threshold == 0.5


def test_a_script_gets_an_error_that_says_what_to_do(a_logic, a_scene):
    labels = a_scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
    with pytest.raises(InputError, match="label map") as caught:
        a_logic.process(labels)
    assert caught.value.hint


def test_the_slice_views_jump_to_the_lesion_of_a_row(a_logic, a_scene, a_scan, a_result_folder):
    slice_node = slicer.vtkMRMLSliceNode()
    slice_node.SetLayoutName("Red")
    a_scene.AddNode(slice_node)
    nodes = load_results(a_result_folder, a_scan)
    a_logic.session.detection.set_parameters(scan_node_id=a_scan.GetID())
    a_logic.jumpToLesion(2)
    centre = [slice_node.GetSliceToRAS().GetElement(axis, 3) for axis in range(3)]
    assert centre == pytest.approx(nodes.points.GetNthControlPointPosition(1))


def test_a_scan_that_was_not_searched_has_no_results(a_logic, a_scan):
    assert a_logic.resultNodes(a_scan) is None


def test_the_core_needs_no_slicer():
    script = (
        "import sys, CMBSegmentationLib.running.run\n"
        "import CMBSegmentationLib.worker.__main__, CMBSegmentationLib.worker.process\n"
        "sys.exit(str({'slicer', 'vtk', 'qt', 'tensorflow'} & set(sys.modules)) if "
        "{'slicer', 'vtk', 'qt', 'tensorflow'} & set(sys.modules) else 0)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=MODULE_FOLDER)


def load_volume(path):
    """Read a file as Slicer does; `slicer.util.loadVolume` needs the whole application."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", path.name.split(".")[0])
    storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
    storage.SetFileName(str(path))
    assert storage.ReadData(node)
    return node
