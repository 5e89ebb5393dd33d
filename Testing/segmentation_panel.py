"""CMB Segmentation's panel on a scan that was searched, and a head to search."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import slicer
import slicer.util
from module_file import ROOT

sys.path.append(str(ROOT / "CMBSegmentation" / "Testing"))  # the scans that the module's own tests use
from oblique_scan import SCAN_NAME, oblique_ijk_to_ras, scan_voxels, write_detection

from CMBSegmentationLib.scene import export_scan, load_results

PICTURES = os.environ.get("CMB_PICTURES")  # folder for the guide's pictures


def picture(panel, name):
    if PICTURES:
        panel.picture(Path(PICTURES) / f"panel-{name}.png")


@pytest.fixture
def a_searched_scan(a_scene, tmp_path):
    scan = slicer.util.addVolumeFromArray(scan_voxels(), ijkToRAS=oblique_ijk_to_ras(), name=SCAN_NAME)
    load_results(write_detection(export_scan(scan, tmp_path).path, tmp_path / "results"), scan)
    return scan


@pytest.fixture
def a_panel(open_panel, a_searched_scan):
    panel = open_panel("CMBSegmentation")
    panel.type(panel.ui.readerEdit, "SI")
    return panel


def cells(panel, column):
    table = panel.ui.lesionTable
    return [table.item(row, column).text() for row in range(table.rowCount)]


def verdicts(panel):
    return [text.split()[-1] for text in cells(panel, 1)]  # "reviewed" ends "not reviewed"
