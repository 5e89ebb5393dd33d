"""The module file: what scripts can call works without windows, and the package that CMake builds is whole."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest
import slicer
import slicer.util
from PIL import Image

from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.scene import find_results, load_results

MODULE_FOLDER = Path(__file__).resolve().parents[1]


@pytest.fixture
def the_module(monkeypatch):
    """CMBSegmentation.py, imported with names in place of Slicer's Qt side."""

    class Base:
        def __init__(self, parent=None):
            self.parent = parent

    bases = types.ModuleType("slicer.ScriptedLoadableModule")
    for name in ("", "Logic", "Test", "Widget"):
        setattr(bases, f"ScriptedLoadableModule{name}", type(f"ScriptedLoadableModule{name}", (Base,), {}))
    words = types.ModuleType("slicer.i18n")
    words.tr = lambda text: text
    words.translate = lambda context, text: text
    stand_ins = {"qt": types.ModuleType("qt"), "ctk": types.ModuleType("ctk")}
    for name, module in {**stand_ins, bases.__name__: bases, words.__name__: words}.items():
        monkeypatch.setitem(sys.modules, name, module)
    spec = importlib.util.spec_from_file_location("CMBSegmentation", MODULE_FOLDER / "CMBSegmentation.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
    assert a_logic.thresholdOf(results) == 0.5


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
    a_logic.session.set_parameters(scan_node_id=a_scan.GetID())
    a_logic.jumpToLesion(1)
    centre = [slice_node.GetSliceToRAS().GetElement(axis, 3) for axis in range(3)]
    assert centre == pytest.approx(nodes.points.GetNthControlPointPosition(1))


def test_a_scan_that_was_not_searched_has_no_results(a_logic, a_scan):
    assert a_logic.resultNodes(a_scan) is None


def test_slicer_starts_without_loading_the_detector():
    """Slicer imports every module's file at start-up."""
    source = (MODULE_FOLDER / "CMBSegmentation.py").read_text(encoding="utf-8")
    at_the_top = [line for line in source.splitlines() if re.match(r"(from|import) ", line)]
    assert not [line for line in at_the_top if "CMBSegmentationLib" in line]


def test_the_core_needs_no_slicer():
    script = (
        "import sys, CMBSegmentationLib.run, CMBSegmentationLib.worker, CMBSegmentationLib.worker_process\n"
        "sys.exit(str({'slicer', 'vtk', 'qt', 'tensorflow'} & set(sys.modules)) if "
        "{'slicer', 'vtk', 'qt', 'tensorflow'} & set(sys.modules) else 0)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=MODULE_FOLDER)


def test_cmake_packs_every_file_of_the_package():
    text = (MODULE_FOLDER / "CMakeLists.txt").read_text(encoding="utf-8").replace("${MODULE_NAME}", "CMBSegmentation")
    listed = set(re.findall(r"^  ((?:CMBSegmentation|Resources)\S*\.\w+)$", text, re.MULTILINE))
    folders = (MODULE_FOLDER / "CMBSegmentationLib", MODULE_FOLDER / "Resources")
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert listed == {"CMBSegmentation.py", *(path.relative_to(MODULE_FOLDER).as_posix() for path in files)}


def test_the_icon_has_the_size_that_slicer_shows():
    with Image.open(MODULE_FOLDER / "Resources" / "Icons" / "CMBSegmentation.png") as icon:
        assert icon.size == (128, 128)
        assert icon.mode == "RGBA"


def load_volume(path):
    """Read a file as Slicer does; `slicer.util.loadVolume` needs the whole application."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", path.name.split(".")[0])
    storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
    storage.SetFileName(str(path))
    assert storage.ReadData(node)
    return node
