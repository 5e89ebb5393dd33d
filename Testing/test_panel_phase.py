"""CMB Segmentation's panel and phase: its selector is filled by itself, and a key shows the local phase."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
import slicer.util
from module_file import ROOT
from panels import open_panel
from slicer_scene import a_scene, new_scene

sys.path.append(str(ROOT / "CMBSegmentation" / "Testing"))  # the scans that the module's own tests use
from oblique_scan import SCAN_NAME, SCAN_SHAPE, oblique_ijk_to_ras, scan_voxels, write_detection

from CMBSegmentationLib.results.names import ENDINGS_PHASE
from CMBSegmentationLib.scene import export_scan, load_results

__all__ = ["a_scene", "new_scene", "open_panel"]

pytestmark = pytest.mark.xdist_group("qt")


def add(name):
    return slicer.util.addVolumeFromArray(scan_voxels(), ijkToRAS=oblique_ijk_to_ras(), name=name)


def test_the_phase_is_chosen_with_the_scan_and_one_key_shows_its_picture(open_panel, a_scene, tmp_path):
    phase, scan = add("sub-01 Pha_Images"), add(SCAN_NAME)  # whichever was loaded first
    results = write_detection(export_scan(scan, tmp_path).path, tmp_path / "results")
    (labels,) = results.glob("*-cmb_dseg.nii.gz")
    field = sitk.GetImageFromArray(np.full(SCAN_SHAPE, 250, np.int16))
    field.CopyInformation(sitk.ReadImage(str(labels)))
    sitk.WriteImage(field, str(labels).replace("_desc-cmb_dseg.nii.gz", ENDINGS_PHASE["field"]))
    nodes = load_results(results, scan)
    panel = open_panel("CMBSegmentation")
    session = panel.widget.logic.session
    assert panel.ui.inputSelector.currentNode() is scan
    assert panel.ui.phaseSelector.currentNode() is phase
    assert session.detection.parameters.phase == (phase.GetID(),)
    panel.ui.phaseSelector.setCurrentNode(None)  # what a reader takes out stays out
    panel.settle()
    assert session.detection.parameters.phase == ()
    composite = a_scene.AddNewNodeByClass("vtkMRMLSliceCompositeNode", "Red")
    for shown in (nodes.field, scan):
        panel.key("V")
        assert composite.GetBackgroundVolumeID() == shown.GetID()
        assert panel.ui.fieldCheck.checked == (shown is nodes.field)
    assert "V" in panel.ui.fieldCheck.toolTip


def test_a_scan_without_phase_is_searched_without(open_panel, a_scene):
    add(SCAN_NAME)
    panel = open_panel("CMBSegmentation")
    assert panel.ui.phaseSelector.currentNode() is None
    assert panel.widget.logic.session.detection.parameters.phase == ()
    assert not panel.ui.fieldCheck.enabled
    phase = add("sub-01 phase")  # loaded later
    panel.widget.onParameters()
    panel.settle()
    assert panel.ui.phaseSelector.currentNode() is phase
