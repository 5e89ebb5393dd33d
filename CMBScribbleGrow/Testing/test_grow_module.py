"""The module file: what scripts can call works without windows."""

from __future__ import annotations

import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import slicer
import slicer.util
from module_file import import_module_file
from painted_scan import SPOTS, add_head, oblique_ijk_to_ras, paint, ras_of

from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.scene.segment_voxels import add_segment, set_voxels

MODULE_FOLDER = Path(__file__).resolve().parents[1]


@pytest.fixture
def the_module(monkeypatch):
    return import_module_file("CMBScribbleGrow", monkeypatch)


@pytest.fixture
def a_logic(the_module, a_scene):
    logic = the_module.CMBScribbleGrowLogic()
    yield logic
    logic.session.close()


def test_the_module_introduces_itself(the_module):
    description = types.SimpleNamespace()  # what Slicer hands to a module to fill in
    the_module.CMBScribbleGrow(description)
    assert description.title == "CMB Scribble Grow"
    assert description.categories == ["Segmentation"]
    assert "Research use only" in description.helpText


def test_a_script_grows_the_segments_of_a_segmentation(a_logic, a_scene, tmp_path):
    scribbles = a_scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "by hand")
    for name in "AB":
        add_segment(scribbles, name, name, (1, 1, 0))
        set_voxels(scribbles, name, np.array([SPOTS[name]]), oblique_ijk_to_ras())
    lesions = a_logic.process(add_head(), scribbles, folder=str(tmp_path), mode="parent")
    assert [lesion.mode for lesion in lesions] == ["parent", "parent"]
    assert list(tmp_path.glob("*_annotation*")) == []  # saved by the timer, or when it is closed
    a_logic.session.opening.close_study()
    assert len(list(tmp_path.glob("*_annotation*"))) == 2


def test_a_script_gets_an_error_that_says_what_to_do(a_logic, tmp_path):
    with pytest.raises(InputError, match="Nothing is painted") as caught:
        a_logic.process(add_head(), folder=str(tmp_path))
    assert caught.value.hint
    with pytest.raises(InputError, match="No scan"):
        a_logic.process(None)


def test_records_are_described_in_a_line(a_logic, tmp_path):
    scan = add_head()
    a_logic.session.opening.open(scan, reader="SI", folder=str(tmp_path))
    paint(scan, "A")
    a_logic.grow()
    answering, (grown,) = a_logic.session.answering, a_logic.session.annotation.microbleeds
    record = answering.answer(grown, location="thalamus", side="left")
    assert a_logic.describe(record) == f"CMB 1 · {record.diameter_mm:.1f} mm · thalamus · left · not accepted"
    a_logic.session.growing.accept()
    (record,) = a_logic.session.annotation.microbleeds
    assert a_logic.describe(record) == f"CMB 1 · {record.diameter_mm:.1f} mm · thalamus · left"
    mimic = answering.add_mimic((1, 2, 3), type="vessel")
    finding = answering.add_finding((1, 2, 3), text="lacune")
    assert (a_logic.describe(mimic), a_logic.describe(finding)) == ("Mimic 1 · vessel", "Finding 1 · lacune")


def test_the_slice_views_jump_to_a_record(a_logic, a_scene, tmp_path):
    slice_node = slicer.vtkMRMLSliceNode()
    slice_node.SetLayoutName("Red")
    a_scene.AddNode(slice_node)
    a_logic.session.opening.open(add_head(), reader="SI", folder=str(tmp_path))
    mimic = a_logic.session.answering.add_mimic(ras_of(SPOTS["A"]))
    a_logic.jumpTo(mimic)
    centre = [slice_node.GetSliceToRAS().GetElement(axis, 3) for axis in range(3)]
    assert centre == pytest.approx(ras_of(SPOTS["A"]), abs=1e-3)


def test_what_was_not_said_of_study_and_series_is_blank(a_logic, tmp_path):
    assert a_logic.series() is None
    assert a_logic.assessment() is None
    a_logic.rateSeries(flags=("metal",))  # nothing is open: nobody is meant
    a_logic.session.opening.open(add_head(), reader="SI", folder=str(tmp_path))
    assert a_logic.series().flags == ()
    assert a_logic.assessment().included is None
    a_logic.rateSeries(flags=("metal",))
    assert a_logic.series().flags == ("metal",)


def test_growing_and_records_need_no_slicer():
    modules = ["growing.lesion", "annotation.answers", "worklist.cases", "redbrick.bring_in", "scribbles.run"]
    modules += [f"study.{name}" for name in ("linked_lesion", "state", "on_disk", "autosave")]
    imports = ", ".join(f"CMBScribbleGrowLib.{name}" for name in modules)
    script = f"import sys, {imports}\nsys.exit(str({{'slicer', 'vtk', 'qt'}} & set(sys.modules) or '') or 0)"
    subprocess.run([sys.executable, "-c", script], check=True, cwd=MODULE_FOLDER)


def test_session_and_scene_need_no_qt_and_no_trame():
    script = (
        "import sys, CMBScribbleGrowLib.session, CMBScribbleGrowLib.scene\n"
        "sys.exit(str({'qt', 'ctk', 'trame'} & set(sys.modules) or '') or 0)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=MODULE_FOLDER)
