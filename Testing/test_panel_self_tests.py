"""The self tests that Slicer's own test runner calls, here on the scene without Slicer's windows."""

from __future__ import annotations

import os

import pytest
import SimpleITK as sitk
import slicer
import slicer.util
from module_file import MODULES
from panels import open_panel
from slicer_scene import a_scene, new_scene

__all__ = ["a_scene", "new_scene", "open_panel"]


@pytest.fixture
def loadable(monkeypatch):
    """Slicer's reader of volumes belongs to its Qt application."""

    def load_volume(path):
        from CMBSegmentationLib.scene.volumes import fill_volume, geometry_of

        image = sitk.ReadImage(path)
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", os.path.basename(path).split(".")[0])
        fill_volume(node, sitk.GetArrayViewFromImage(image), geometry_of(image))
        node.AddDefaultStorageNode()
        node.GetStorageNode().SetFileName(path)
        return node

    monkeypatch.setattr(slicer.util, "loadVolume", load_volume)


@pytest.mark.parametrize("module", MODULES)
def test_the_self_test_passes(open_panel, loadable, module, capsys):
    opened = open_panel(module)
    test = getattr(opened.module, f"{module}Test")()
    test.runTest()
    assert "Test passed" in capsys.readouterr().out
