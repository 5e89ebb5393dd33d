"""The self tests that Slicer's own test runner calls, here on the scene without Slicer's windows."""

from __future__ import annotations

from pathlib import Path

import pytest
import SimpleITK as sitk
import slicer
import slicer.util
from module_file import MODULES
from panels import open_panel
from slicer_scene import a_scene, new_scene

__all__ = ["a_scene", "new_scene", "open_panel"]


def load_volume(path):
    """Slicer's reader of volumes belongs to its Qt application."""
    from CMBSegmentationLib.scene.volumes import fill_volume, geometry_of

    image = sitk.ReadImage(path)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", Path(path).name.split(".")[0])
    fill_volume(node, sitk.GetArrayViewFromImage(image), geometry_of(image))
    node.AddDefaultStorageNode()
    node.GetStorageNode().SetFileName(path)
    return node


@pytest.mark.parametrize("module", MODULES)
def test_the_self_test_passes(open_panel, monkeypatch, module):
    opened = open_panel(module)
    monkeypatch.setattr(slicer.util, "loadVolume", load_volume)
    test = getattr(opened.module, f"{module}Test")()
    said: list[str] = []
    test.delayDisplay = said.append
    test.runTest()
    assert said[-1] == "Test passed"
