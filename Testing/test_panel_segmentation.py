"""CMB Segmentation's panel, worked as a person would: click, type, keys, rows."""

from __future__ import annotations

import csv
import json
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import slicer
import slicer.util
from module_file import ROOT
from panels import open_panel
from slicer_scene import a_scene, new_scene, reopened

sys.path.append(str(ROOT / "CMBSegmentation" / "Testing"))  # the scans that the module's own tests use
from dark_spots import ball_brain, write_dark_voxel_model
from oblique_scan import LESION_PEAKS, SCAN_NAME, oblique_ijk_to_ras, scan_voxels, write_detection

from CMBSegmentationLib.scene import export_scan, load_results
from CMBSegmentationLib.scene.volumes import fill_volume, geometry_of
from CMBSegmentationLib.vocabulary.actions import QUESTION, READ
from CMBSegmentationLib.vocabulary.keys import in_words

__all__ = ["a_scene", "new_scene", "open_panel", "reopened"]

pytestmark = pytest.mark.xdist_group("qt")

NOTE = 4  # the column with the mimic, or why it was dropped
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
    return open_panel("CMBSegmentation")


def add_head(tmp_path, **spots):
    """A ball of a brain with two dark spots, loaded from a file as a reader would have it."""
    import SimpleITK as sitk

    image = ball_brain(**spots)[0]
    path = tmp_path / "study" / "head_T2starw.nrrd"
    path.parent.mkdir(exist_ok=True)
    sitk.WriteImage(image, str(path))
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "head_T2starw")
    fill_volume(node, sitk.GetArrayFromImage(image), geometry_of(image))
    node.AddDefaultStorageNode()
    node.GetStorageNode().SetFileName(str(path))
    return node


def cells(panel, column):
    table = panel.ui.lesionTable
    return [table.item(row, column).text() for row in range(table.rowCount)]


def verdicts(panel):
    return [text.split()[-1] for text in cells(panel, 1)]  # "reviewed" ends "not reviewed"


# the empty panel


def test_the_panel_opens_within_a_second_and_says_what_to_do(open_panel):
    before = time.process_time()  # what else runs on the machine does not count
    panel = open_panel("CMBSegmentation")
    assert time.process_time() - before < 3.0  # 1 s on the machine it was written on
    picture(panel, "empty")
    assert not panel.ui.detectButton.enabled
    assert "choose a scan" in panel.ui.summaryLabel.text
    assert panel.ui.operatingPointSelector.currentText == "balanced"


def test_a_key_without_a_list_says_what_to_do(open_panel):
    panel = open_panel("CMBSegmentation")
    panel.key("A")
    assert "detect its microbleeds first" in panel.ui.statusLabel.text


def test_the_first_scan_is_chosen_and_results_are_not_offered(a_panel, a_searched_scan):
    assert a_panel.ui.inputSelector.currentNode() is a_searched_scan
    assert a_panel.ui.detectButton.enabled


# the list


def test_the_list_sorts_by_a_click_on_a_heading_and_keys_follow_it(a_panel):
    assert cells(a_panel, 0) == ["1", "2", "3"]
    a_panel.ui.lesionTable.sortByColumn(0, a_panel.module.qt.Qt.DescendingOrder)
    a_panel.settle()
    assert cells(a_panel, 0) == ["3", "2", "1"]
    a_panel.key("N")
    assert a_panel.widget.logic.session.current.id == 3


def test_choosing_a_row_jumps_there_within_50_ms(a_panel):
    table = a_panel.ui.lesionTable
    before = time.process_time()  # what else runs on the machine does not count
    table.setCurrentCell(2, 0)
    assert time.process_time() - before < 0.2
    lesion = a_panel.widget.logic.session.current
    centre = [a_panel.views[0].GetSliceToRAS().GetElement(axis, 3) for axis in range(3)]
    assert centre == pytest.approx([lesion.lesion.r_mm, lesion.lesion.a_mm, lesion.lesion.s_mm], abs=0.01)
    assert f"CMB {lesion.id}" in a_panel.ui.lesionLabel.text


def test_keys_decide_and_undo_takes_back(a_panel):
    a_panel.type(a_panel.ui.readerEdit, "SI")
    a_panel.key("N")
    a_panel.key("A")
    a_panel.key("R")
    assert a_panel.ui.mimicPanel.visible
    picture(a_panel, "mimic")
    a_panel.key("1")
    assert not a_panel.ui.mimicPanel.visible
    a_panel.key("U")
    assert verdicts(a_panel) == ["accepted", "rejected", "uncertain"]
    assert "vessel" in cells(a_panel, NOTE)[1]
    assert "1 definite, 1 possible, 1 rejected" in a_panel.ui.summaryLabel.text
    a_panel.key("Ctrl+Z")
    assert verdicts(a_panel) == ["accepted", "rejected", "reviewed"]
    a_panel.key("Ctrl+Y")
    assert verdicts(a_panel)[2] == "uncertain"
    assert a_panel.widget.logic.session.review.find(1).verdict.reader == "SI"


def test_escape_leaves_the_question_and_return_leaves_it_open(a_panel):
    a_panel.key("N")
    a_panel.key("R")
    a_panel.key("Esc")
    assert verdicts(a_panel)[0] == "reviewed"
    a_panel.key("R")
    a_panel.key("Return")
    assert verdicts(a_panel)[0] == "rejected"
    a_panel.key("1")  # no question is open: not a mimic
    assert verdicts(a_panel).count("rejected") == 1


def test_numbers_do_nothing_until_the_question_is_open(a_panel):
    a_panel.key("N")
    for key in "1234567":
        a_panel.key(key)
    assert set(verdicts(a_panel)) == {"reviewed"}
    assert not a_panel.ui.threeDCheck.checked
    a_panel.key("R")
    a_panel.key("3")
    assert verdicts(a_panel)[0] == "rejected"
    assert "cavernoma" in cells(a_panel, NOTE)[0]


def test_another_verdict_closes_the_question(a_panel):
    a_panel.key("N")
    a_panel.key("R")
    a_panel.key("A")  # changed one's mind
    assert not a_panel.ui.mimicPanel.visible
    a_panel.key("1")  # nobody asks of the next one
    assert verdicts(a_panel) == ["accepted", "reviewed", "reviewed"]


def test_a_key_does_not_change_a_list_that_has_the_focus(a_panel):
    """Place and side are given before a verdict."""
    a_panel.key("N")
    a_panel.key("N")
    second = a_panel.widget.logic.session.current.id
    region = a_panel.ui.regionSelector
    region.setFocus()
    a_panel.choose(region, "brainstem")
    region.activated.emit(region.currentIndex)
    a_panel.key("P")  # previous, and not parietal
    session = a_panel.widget.logic.session
    assert session.current.id != second
    lesion = session.review.find(second)
    assert (lesion.lesion.region, lesion.verdict) == ("brainstem", None)


def test_letters_do_not_choose_in_a_list_that_was_clicked(a_panel):
    a_panel.key("N")
    region = a_panel.ui.regionSelector
    was = region.currentText
    a_panel.click(region)  # opens it
    region.hidePopup()
    a_panel.settle()
    for letter in "BCFT":
        a_panel.key(letter)
    assert region.currentText == was


def test_a_place_that_is_refused_is_taken_out_of_the_list(a_panel, monkeypatch):
    a_panel.key("N")
    region = a_panel.ui.regionSelector
    monkeypatch.setattr(a_panel.widget.logic.session, "set_place", lambda *_: None)
    was = region.currentText
    a_panel.choose(region, "brainstem")
    region.activated.emit(region.currentIndex)
    assert region.currentText == was


def test_what_the_detector_found_is_not_deleted_by_a_key(a_panel):
    a_panel.key("N")
    a_panel.key("Del")
    assert cells(a_panel, 0) == ["1", "2", "3"]
    assert "found by the detector" in a_panel.ui.statusLabel.text


def test_every_key_is_listed_in_the_panel_and_told_by_its_button(a_panel):
    keys = a_panel.widget.keys.keys
    table = a_panel.ui.keyTable
    listed = {table.item(row, 1).text(): table.item(row, 0).text() for row in range(table.rowCount)}
    assert listed == {one.says: in_words(keys.of(one.name)) for one in keys.actions}
    assert a_panel.ui.acceptButton.toolTip.endswith("(A)")
    assert {one.name for one in keys.actions if set(one.places) & {READ, QUESTION}} == set(a_panel.widget.keys.actions)


def test_a_key_is_changed_in_the_panel_and_kept(a_panel):
    table = a_panel.ui.keyTable
    row = next(row for row in range(table.rowCount) if table.item(row, 1).text().startswith("accept:"))
    table.item(row, 0).setText("N")
    assert "is taken" in a_panel.ui.statusLabel.text
    assert table.item(row, 0).text() == "A"
    table.item(row, 0).setText("k")
    assert a_panel.ui.acceptButton.toolTip.endswith("(K)")
    a_panel.widget.exit()
    a_panel.widget.enter()  # as when the module is opened again
    a_panel.key("N")
    a_panel.key("A")
    assert verdicts(a_panel)[0] == "reviewed"
    a_panel.key("K")
    assert verdicts(a_panel)[0] == "accepted"
    a_panel.ui.keySection.collapsed = False
    a_panel.settle()
    a_panel.click(a_panel.ui.resetKeysButton)
    assert table.item(row, 0).text() == "A"


def test_letters_typed_into_a_field_are_no_keys(a_panel):
    a_panel.key("N")
    a_panel.type(a_panel.ui.readerEdit, "AU")
    assert a_panel.ui.readerEdit.text == "AU"
    assert set(verdicts(a_panel)) == {"reviewed"}


def test_every_button_does_what_its_key_does(a_panel):
    ui = a_panel.ui
    a_panel.click(ui.nextButton)
    a_panel.click(ui.acceptButton)
    a_panel.click(ui.rejectButton)
    a_panel.click(ui.mimicPanel.findChildren(type(ui.acceptButton))[2])
    assert verdicts(a_panel) == ["accepted", "rejected", "reviewed"]
    a_panel.click(ui.uncertainButton)
    a_panel.click(ui.undoButton)
    a_panel.click(ui.previousButton)
    assert not ui.deleteButton.enabled  # the detector found it
    assert cells(a_panel, 0) == ["1", "2", "3"]


def test_rows_are_merged_and_split(a_panel):
    table = a_panel.ui.lesionTable
    table.selectAll()
    a_panel.key("Ctrl+M")
    assert cells(a_panel, 0) == ["1"]
    a_panel.key("Ctrl+T")
    assert len(cells(a_panel, 0)) > 1


def test_the_slider_lists_anew_and_verdicts_stay(a_panel):
    a_panel.key("N")
    a_panel.key("N")
    a_panel.key("N")
    a_panel.key("A")
    a_panel.ui.thresholdSlider.setValue(0.9)
    assert cells(a_panel, 0) == ["1", "3"]
    assert verdicts(a_panel) == ["reviewed", "accepted"]
    a_panel.ui.thresholdSlider.setValue(0.2)
    assert cells(a_panel, 0) == ["1", "2", "3", "4"]


def test_dropped_candidates_are_listed_with_their_reason(a_panel):
    a_panel.widget.logic.session.set_threshold(0.96)  # above the highest of all
    assert cells(a_panel, 0) == []
    assert "Show dropped candidates" in a_panel.ui.summaryLabel.text
    a_panel.key("D")
    picture(a_panel, "dropped")
    assert len(cells(a_panel, 0)) == 4
    assert all("below the threshold" in note for note in cells(a_panel, NOTE))


def test_the_views_follow_their_switches(a_panel):
    a_panel.key("S")
    assert all(view.GetSlabReconstructionEnabled() for view in a_panel.views)
    a_panel.ui.slabSpin.setValue(20.0)
    assert a_panel.views[0].GetSlabReconstructionThickness() == 20.0
    a_panel.key("S")
    assert not a_panel.views[0].GetSlabReconstructionEnabled()
    a_panel.key("L")
    display = a_panel.widget.logic.session.results.segmentation.GetDisplayNode()
    assert display.GetOpacity2DFill() > 0
    a_panel.key("X")
    assert slicer.util.getNode(f"{SCAN_NAME} brain surface").GetDisplayNode().GetVisibility()
    a_panel.key("W")
    assert a_panel.views[0].GetSlabReconstructionTypeAsString(a_panel.views[0].GetSlabReconstructionType()) == "Max"
    a_panel.key("W")
    assert not a_panel.views[0].GetSlabReconstructionEnabled()


def test_a_click_in_a_view_adds_a_missed_lesion(a_panel):
    a_panel.click(a_panel.ui.addButton)
    node = slicer.util.getNode("Missed microbleed")
    k, j, i = (12, 34, 34)
    node.AddControlPoint(*(oblique_ijk_to_ras() @ [i, j, k, 1])[:3])
    a_panel.settle()
    assert cells(a_panel, 0) == ["1", "2", "3", "5"]
    assert verdicts(a_panel)[3] == "accepted"
    assert not a_panel.ui.addButton.checked


def test_the_summary_is_copied_as_text(a_panel):
    a_panel.key("N")
    a_panel.key("A")
    a_panel.key("P")
    a_panel.ui.sideSelector.setCurrentText("left")
    a_panel.ui.regionSelector.setCurrentText("thalamus")
    a_panel.ui.regionSelector.activated.emit(0)
    a_panel.settle()
    picture(a_panel, "result")
    a_panel.click(a_panel.ui.copyButton)
    text = a_panel.application.clipboard().text()
    assert "1 definite, 0 possible" in text
    assert "left thalamus 1/0" in text


def test_the_report_is_exported_as_pdf_too(a_panel, tmp_path):
    a_panel.key("N")
    a_panel.key("A")
    a_panel.ui.pdfCheck.setChecked(True)
    a_panel.module.qt.QFileDialog.answers.append(str(tmp_path / "out"))
    a_panel.click(a_panel.ui.exportButton)
    (page,) = (tmp_path / "out").glob("*_report.pdf")
    assert page.read_bytes().startswith(b"%PDF")
    assert "Report written to" in a_panel.ui.statusLabel.text


def test_dicom_of_a_scan_that_came_from_a_file_is_refused(a_panel, tmp_path):
    a_panel.ui.dicomCheck.setChecked(True)
    a_panel.module.qt.QFileDialog.answers.append(str(tmp_path / "out"))
    a_panel.click(a_panel.ui.exportButton)
    assert "import the series" in a_panel.ui.statusLabel.text
    assert not (tmp_path / "out").exists()


def test_a_case_is_compared_with_an_earlier_scan(a_panel, a_searched_scan, tmp_path):
    a_panel.module.qt.QFileDialog.answers += [str(tmp_path / "nothing"), str(tmp_path / "out")]
    a_panel.click(a_panel.ui.compareButton)
    assert "nothing" in a_panel.ui.statusLabel.text
    assert not list(tmp_path.glob("out/*"))
    voxels = slicer.util.arrayFromVolume(a_searched_scan)
    before = slicer.util.addVolumeFromArray(  # its noise is its own
        voxels + np.random.default_rng(3).normal(0, 4, voxels.shape), ijkToRAS=oblique_ijk_to_ras(), name="before"
    )
    (tmp_path / "earlier").mkdir()
    earlier = write_detection(export_scan(before, tmp_path / "earlier").path, tmp_path / "earlier" / "results")
    a_panel.module.qt.QFileDialog.answers += [str(earlier), str(tmp_path / "out")]
    a_panel.click(a_panel.ui.compareButton)
    (page,) = (tmp_path / "out").glob("*.html")
    assert page.read_text(encoding="utf-8").count("stable") >= 3


# a detection


@pytest.fixture
def dark_model(tmp_path):
    return write_dark_voxel_model(tmp_path / "dark.onnx")


def detect(panel, model):
    panel.ui.modelPath.setCurrentPath(str(model))
    panel.choose(panel.ui.deviceSelector, "cpu")
    panel.key("Tab")
    panel.click(panel.ui.detectButton)
    session = panel.widget.logic.session
    return panel.wait_until(lambda: not session.is_running)


def test_a_case_is_reviewed_by_keyboard_alone(open_panel, new_scene, tmp_path, dark_model):
    """Detect, decide on every lesion, add a missed one, move the threshold, save, kill, reopen, export."""
    scene = new_scene()
    scan = add_head(tmp_path)
    # a lesion that the network does not see: less dark than its slope begins at
    voxels = slicer.util.arrayFromVolume(scan)
    k, j, i = (n // 2 for n in voxels.shape)
    voxels[k - 1 : k + 2, j - 1 : j + 2, i - 1 : i + 2] *= 0.8
    scan.Modified()
    panel = open_panel("CMBSegmentation", scene)
    panel.ui.modelPath.setCurrentPath(str(dark_model))
    panel.choose(panel.ui.deviceSelector, "cpu")
    panel.type(panel.ui.readerEdit, "SI")
    panel.ui.detectButton.setFocus()
    panel.key("Space")
    session = panel.widget.logic.session
    assert session.is_running
    panel.wait_until(lambda: session.status.fraction > 0 or not session.is_running)
    picture(panel, "running")
    longest = panel.wait_until(lambda: not session.is_running)
    assert longest < 2.0  # 0.2 s on an idle machine; the rest is what else runs on it
    assert cells(panel, 0) == ["1", "2"]
    assert session.current.id == 1  # without a key
    panel.key("A")
    panel.key("R")
    panel.key("2")
    slicer.vtkMRMLSliceNode.JumpAllSlices(scene, *ras_of(scan, (k, j, i)), slicer.vtkMRMLSliceNode.CenteredJumpSlice)
    panel.key("I")
    assert verdicts(panel) == ["accepted", "rejected", "accepted"], panel.ui.statusLabel.text
    panel.ui.thresholdSlider.setFocus()
    panel.key("Up")
    panel.window.setFocus()
    decided = [(one.id, one.state) for one in session.lesions]
    file = session.review.path
    panel.wait_until(lambda: not session.review.unsaved, 10)
    saved = json.loads(file.read_text(encoding="utf-8"))
    assert len(saved["lesions"]) == 3
    mrb = tmp_path / "case.mrb"
    assert scene.WriteToMRB(str(mrb))
    session._open.clear()  # killed: nothing more is written
    scene.Clear(True)
    panel.close()

    again = new_scene()
    assert again.ReadFromMRB(str(mrb), True)
    panel = open_panel("CMBSegmentation", again)
    session = panel.widget.logic.session
    assert [(one.id, one.state) for one in session.lesions] == decided
    panel.module.qt.QFileDialog.answers.append(str(tmp_path / "out"))
    panel.key("Ctrl+E")
    (table,) = (tmp_path / "out").glob("*_lesions.csv")
    rows = {row["id"]: row for row in csv.DictReader(table.open(encoding="utf-8"))}
    assert [rows[str(number)]["decision"] for number, _ in decided] == [state for _, state in decided]
    assert rows["2"]["mimic"] == "basal-ganglia calcification"
    (added,) = [one.id for one in session.lesions if one.origin == "added"]
    assert rows[str(added)]["origin"] == "added"
    assert len(list((tmp_path / "out").iterdir())) == 6


def ras_of(scan, kji):
    matrix = slicer.vtkMRMLScalarVolumeNode.GetIJKToRASMatrix
    import vtk

    to_ras = vtk.vtkMatrix4x4()
    matrix(scan, to_ras)
    return to_ras.MultiplyPoint([*kji[::-1], 1.0])[:3]


# what goes wrong


def test_a_killed_worker_is_told_and_the_review_is_intact(a_panel, tmp_path, dark_model):
    a_panel.key("N")
    a_panel.key("A")
    a_panel.ui.modelPath.setCurrentPath(str(dark_model))
    a_panel.click(a_panel.ui.detectButton)
    session = a_panel.widget.logic.session
    os.killpg(session._run.process._process.pid, signal.SIGKILL)
    a_panel.wait_until(lambda: not session.is_running)
    picture(a_panel, "error")
    assert "ended by the system" in a_panel.ui.statusLabel.text
    assert verdicts(a_panel)[0] == "accepted"


def test_cancel_ends_the_search(a_panel, dark_model):
    a_panel.ui.modelPath.setCurrentPath(str(dark_model))
    a_panel.click(a_panel.ui.detectButton)
    a_panel.click(a_panel.ui.cancelButton)
    assert "Cancelled" in a_panel.ui.statusLabel.text
    assert a_panel.ui.detectButton.enabled


def test_a_model_that_went_away_is_told(a_panel, tmp_path):
    detect(a_panel, tmp_path / "gone.onnx")
    assert "gone.onnx" in a_panel.ui.statusLabel.text
    assert len(cells(a_panel, 0)) == 3


def test_a_scan_of_another_body_part_is_refused(open_panel, a_scene, dark_model):
    slicer.util.addVolumeFromArray(np.random.default_rng(1).normal(100, 9, (8, 8, 8)), name="finger")
    panel = open_panel("CMBSegmentation")
    detect(panel, dark_model)
    assert "mm" in panel.ui.statusLabel.text
    assert panel.ui.statusLabel.styleSheet


def test_label_and_vector_volumes_are_not_offered(open_panel, a_scene):
    for kind in ("vtkMRMLLabelMapVolumeNode", "vtkMRMLVectorVolumeNode"):
        a_scene.AddNewNodeByClass(kind, kind)
    panel = open_panel("CMBSegmentation")
    assert panel.ui.inputSelector.currentNode() is None
    assert not panel.ui.detectButton.enabled


def test_packages_that_may_not_be_installed_are_named(a_panel, monkeypatch):
    monkeypatch.setattr("CMBSegmentationLib.packages.missing_requirements", lambda: ["onnxruntime>=1.18"])
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda *_, **__: False, raising=False)
    monkeypatch.setitem(sys.modules, "slicer.packaging", None)  # as in Slicer 5.10: the module asks by itself
    a_panel.click(a_panel.ui.detectButton)
    assert "onnxruntime" in a_panel.ui.statusLabel.text
    assert "declined" in a_panel.ui.statusLabel.text


def test_a_scene_closed_while_it_is_searched(a_panel, a_scene, dark_model):
    a_panel.ui.modelPath.setCurrentPath(str(dark_model))
    a_panel.click(a_panel.ui.detectButton)
    a_scene.Clear(False)
    a_panel.wait_until(lambda: not a_panel.widget.logic.session.is_running, 10)
    assert cells(a_panel, 0) == []
    assert "closed" in a_panel.ui.statusLabel.text


def test_several_scans_keep_their_own_reviews(a_panel, a_scene, a_searched_scan, tmp_path):
    other = slicer.util.addVolumeFromArray(scan_voxels(), ijkToRAS=oblique_ijk_to_ras(), name="other")
    load_results(write_detection(export_scan(other, tmp_path).path, tmp_path / "other"), other)
    a_panel.key("N")
    a_panel.key("A")
    a_panel.ui.inputSelector.setCurrentNode(other)
    assert verdicts(a_panel) == ["reviewed"] * 3
    a_panel.ui.inputSelector.setCurrentNode(a_searched_scan)
    assert verdicts(a_panel)[0] == "accepted"
    assert len(LESION_PEAKS) == 4


# at hand


def send_wheel(panel, widget):
    from PySide6 import QtCore, QtGui, QtWidgets

    place = QtCore.QPointF(5, 5)
    turned = QtGui.QWheelEvent(
        place, place, QtCore.QPoint(), QtCore.QPoint(0, -120), QtCore.Qt.MouseButton.NoButton,
        QtCore.Qt.KeyboardModifier.NoModifier, QtCore.Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QtWidgets.QApplication.sendEvent(widget, turned)
    panel.settle()


def test_the_wheel_changes_nothing_that_was_not_chosen(a_panel):
    ui = a_panel.ui
    ui.viewSection.collapsed = False
    a_panel.settle()
    before = ui.deviceSelector.currentText, ui.fieldOfViewSpin.value
    for widget in (ui.deviceSelector, ui.fieldOfViewSpin):
        send_wheel(a_panel, widget)
    assert (ui.deviceSelector.currentText, ui.fieldOfViewSpin.value) == before
    ui.fieldOfViewSpin.setFocus()
    send_wheel(a_panel, ui.fieldOfViewSpin)
    assert ui.fieldOfViewSpin.value < before[1]


def test_the_operating_point_is_custom_once_the_slider_moves(a_panel):
    ui, session = a_panel.ui, a_panel.widget.logic.session
    a_panel.choose(ui.operatingPointSelector, "balanced")
    assert (ui.operatingPointSelector.currentText, session.operating_point) == ("balanced", "balanced")
    ui.thresholdSlider.setValue(0.42)
    assert (ui.operatingPointSelector.currentText, session.operating_point) == ("custom", "custom")
    assert session.threshold == pytest.approx(0.42)
    a_panel.choose(ui.operatingPointSelector, "specific")
    assert session.threshold == session.operating_points["specific"]
    a_panel.choose(ui.operatingPointSelector, "custom")  # the list is still at a named one
    assert ui.operatingPointSelector.currentText == "specific"


def test_a_field_outside_the_panel_keeps_all_its_keys(a_panel):
    """Such as Slicer's Python console, in which Enter runs a line."""
    from PySide6 import QtWidgets

    console = QtWidgets.QPlainTextEdit(a_panel.window)
    console.show()
    a_panel.key("N")
    a_panel.key("R")
    console.setFocus()
    a_panel.key("A")
    a_panel.key("Return")
    assert console.toPlainText() == "a\n"
    line = QtWidgets.QLineEdit(a_panel.window)
    entered = []
    line.returnPressed.connect(lambda: entered.append(line.text()))
    line.show()
    line.setFocus()
    a_panel.key("Return")
    assert entered == [""]
    assert set(verdicts(a_panel)) == {"reviewed"}  # the last word of "not reviewed"
    a_panel.window.setFocus()
    a_panel.key("Return")
    assert verdicts(a_panel)[0] == "rejected"


def test_text_in_the_table_is_readable(a_panel):
    from CMBSegmentationLib.vocabulary.looks import contrast_of

    a_panel.widget.logic.session.show_dropped(True)
    for lesion, decision in ((1, "accepted"), (2, "rejected"), (3, "uncertain")):
        a_panel.widget.logic.session.decide(decision, lesion_id=lesion)
    table = a_panel.ui.lesionTable
    for row in range(table.rowCount):
        text, ground = (
            brush.color().getRgbF()[:3] for brush in (table.item(row, 1).foreground(), table.item(row, 1).background())
        )
        assert contrast_of(text, ground) >= 4.5, table.item(row, 1).text()
    a_panel.key("N")
    shot = table.grab().toImage()
    place = table.visualItemRect(table.item(table.currentRow(), 2))
    place.translate(table.viewport().geometry().topLeft())
    pixels = [shot.pixelColor(x, place.center().y()).getRgbF()[:3] for x in range(place.left() + 2, place.right() - 2)]
    assert contrast_of((1.0, 1.0, 1.0), pixels[-1]) >= 4.5  # the chosen row


def test_the_widget_with_the_focus_is_framed(a_panel):
    ring = a_panel.widget.focusRing.own_frame
    button = a_panel.ui.nextButton
    button.setFocus()
    a_panel.settle()
    assert ring.visible
    middle = button.mapTo(a_panel.window, button.rect.center())
    assert ring.rect.contains(ring.mapFrom(a_panel.window, middle))
    a_panel.ui.advancedSection.collapsed = False  # moves all below
    a_panel.settle()
    a_panel.settle()
    middle = button.mapTo(a_panel.window, button.rect.center())
    assert ring.rect.contains(ring.mapFrom(a_panel.window, middle))
    a_panel.window.setFocus()
    a_panel.settle()
    assert not ring.visible


def test_the_log_keeps_what_was_told_and_versions_are_named(a_panel, monkeypatch):
    from CMBSegmentationLib import __version__

    ui = a_panel.ui
    a_panel.key("N")
    a_panel.key("A")
    a_panel.key("Del")
    said = ui.logText.plainText
    assert "CMB 1 accepted" in said
    assert "found by the detector" in said
    ui.aboutSection.collapsed = False
    a_panel.settle()
    for part in (f"CMB Segmentation {__version__}", "cmb-detector-simulated 0.", "onnxruntime 1.", "nibabel "):
        assert part in ui.versionsLabel.text, ui.versionsLabel.text
    asked = []
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda *_, **__: True, raising=False)
    monkeypatch.setattr(slicer.util, "pip_install", asked.append, raising=False)
    a_panel.click(ui.reinstallButton)
    assert "--force-reinstall" in asked[0]
    assert any(one.startswith("onnxruntime") for one in asked[0])
    assert "Restart Slicer" in ui.statusLabel.text
