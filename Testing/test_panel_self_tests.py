"""The self tests that Slicer's own test runner calls, here on the scene without Slicer's windows."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import SimpleITK as sitk
import slicer
import slicer.util
from module_file import MODULES
from panels import open_panel
from part_of_sample import BOX
from slicer_scene import a_scene, new_scene

__all__ = ["a_scene", "new_scene", "open_panel"]

pytestmark = pytest.mark.xdist_group("qt")


def load_volume(path, box=(slice(None),) * 3):
    """Slicer's reader of volumes belongs to its Qt application; a box of the scan does where networks search it."""
    from CMBSegmentationLib.scene.volumes import fill_volume, geometry_of

    image = sitk.ReadImage(path)[box]
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", Path(path).name.split(".")[0])
    fill_volume(node, sitk.GetArrayViewFromImage(image), geometry_of(image))
    node.AddDefaultStorageNode()
    node.GetStorageNode().SetFileName(path)
    return node


@pytest.mark.parametrize("module", MODULES)
def test_the_self_test_passes(open_panel, monkeypatch, module):
    opened = open_panel(module)
    load = partial(load_volume, box=BOX) if module == "CMBSegmentation" else load_volume
    monkeypatch.setattr(slicer.util, "loadVolume", load)
    test = getattr(opened.module, f"{module}Test")()
    said: list[str] = []
    test.delayDisplay = said.append
    test.runTest()
    assert said[-1] == "Test passed"
