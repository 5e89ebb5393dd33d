"""CMB Segmentation's panel while a scan is searched, exported and compared, and what can go wrong."""

from __future__ import annotations

import json
import os
import signal
import sys

import numpy as np
import pytest
import slicer
import slicer.util
from module_file import ROOT
from panels import open_panel
from refusing_disk import disk_refuses
from slicer_scene import a_scene, new_scene, reopened

sys.path.append(str(ROOT / "CMBSegmentation" / "Testing"))  # the scans that the module's own tests use
from dark_spots import ball_brain, write_dark_voxel_model
from oblique_scan import LESION_PEAKS, oblique_ijk_to_ras, scan_voxels, write_detection
from segmentation_panel import a_panel, a_searched_scan, cells, picture, verdicts
from tsv_table import rows_of

from CMBSegmentationLib.scene import OWN_NEW, export_scan, find_results, load_results
from CMBSegmentationLib.scene.segment_voxels import add_segment
from CMBSegmentationLib.scene.volumes import fill_volume, geometry_of

__all__ = ["a_panel", "a_scene", "a_searched_scan", "new_scene", "open_panel", "reopened"]

pytestmark = pytest.mark.xdist_group("qt")


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
    said = a_panel.ui.statusLabel.text
    assert "Without a verdict yet: 2 of the list." in said
    assert page.name in said


def test_dicom_of_a_scan_that_came_from_a_file_is_refused(a_panel, tmp_path):
    a_panel.ui.dicomCheck.setChecked(True)
    a_panel.module.qt.QFileDialog.answers.append(str(tmp_path / "out"))
    a_panel.click(a_panel.ui.exportButton)
    assert "import the series" in a_panel.ui.statusLabel.text
    assert not (tmp_path / "out").exists()


def test_a_case_is_compared_with_an_earlier_scan(a_panel, a_searched_scan, tmp_path):
    a_panel.module.qt.QFileDialog.answers.append(str(tmp_path / "nothing"))
    a_panel.click(a_panel.ui.compareButton)
    assert "nothing" in a_panel.ui.statusLabel.text
    assert not list(tmp_path.glob("out/*"))
    voxels = slicer.util.arrayFromVolume(a_searched_scan)
    before = slicer.util.addVolumeFromArray(  # its noise is its own
        voxels + np.random.default_rng(3).normal(0, 4, voxels.shape), ijkToRAS=oblique_ijk_to_ras(), name="before"
    )
    (tmp_path / "earlier").mkdir()
    file = export_scan(before, tmp_path / "earlier").path
    earlier = write_detection(file, tmp_path / "results" / "earlier")  # not beside the scan, which is asked for
    a_panel.module.qt.QFileDialog.answers += [str(earlier), str(file), str(tmp_path / "out")]
    a_panel.click(a_panel.ui.compareButton)
    (page,) = (tmp_path / "out").glob("*.html")
    assert page.read_text(encoding="utf-8").count("stable") >= 3


def test_compare_asks_which_of_several_scans_is_meant_and_before_it_replaces(
    a_panel, a_searched_scan, tmp_path, monkeypatch
):
    voxels, results = slicer.util.arrayFromVolume(a_searched_scan), tmp_path / "results"
    for number, name in enumerate(("before", "long-before")):
        noise = np.random.default_rng(number).normal(0, 4, voxels.shape)
        node = slicer.util.addVolumeFromArray(voxels + noise, ijkToRAS=oblique_ijk_to_ras(), name=name)
        (tmp_path / name).mkdir()
        scan = export_scan(node, tmp_path / name).path
        write_detection(scan, results)
    asked, answers = [], [False, True]

    def may(question, *_, **__):
        asked.append(question)
        return answers.pop(0)

    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", may, raising=False)
    for told in ("Compared", "", "Compared"):
        a_panel.module.qt.QFileDialog.answers += [str(results), str(scan), str(tmp_path / "out")]
        a_panel.ui.statusLabel.setText("")
        a_panel.click(a_panel.ui.compareButton)
        assert a_panel.ui.statusLabel.text.startswith(told)
        assert bool(a_panel.ui.statusLabel.text) == bool(told)
    assert asked == ["The folder holds a comparison of this scan already. Replace it?"] * 2
    (page,) = (tmp_path / "out").glob("*.html")
    assert "long-before" in page.read_text(encoding="utf-8")


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
    return panel.wait_until(lambda: not session.detection.is_running)


def test_a_search_is_listed_at_the_operating_point_it_began_with(a_panel, a_searched_scan, tmp_path, dark_model):
    ui, session = a_panel.ui, a_panel.widget.logic.session
    head = add_head(tmp_path)
    ui.inputSelector.setCurrentNode(head)
    a_panel.choose(ui.operatingPointSelector, "sensitive")
    ui.inputSelector.setCurrentNode(a_searched_scan)
    assert ui.operatingPointSelector.currentText == session.listing.operating_point == "balanced"
    ui.inputSelector.setCurrentNode(head)
    assert ui.operatingPointSelector.currentText == "sensitive"  # what another scan is listed at was no choice
    ui.modelPath.setCurrentPath(str(dark_model))
    a_panel.choose(ui.deviceSelector, "cpu")
    a_panel.click(ui.detectButton)
    ui.inputSelector.setCurrentNode(a_searched_scan)
    a_panel.choose(ui.operatingPointSelector, "specific")
    ui.inputSelector.setCurrentNode(head)
    assert ui.operatingPointSelector.currentText == "sensitive"
    ui.inputSelector.setCurrentNode(a_searched_scan)
    a_panel.wait_until(lambda: not session.detection.is_running)
    assert session.listing.operating_point == "specific"
    ui.inputSelector.setCurrentNode(head)
    assert session.listing.operating_points["sensitive"] != session.listing.operating_points["balanced"]
    assert ui.operatingPointSelector.currentText == session.listing.operating_point == "sensitive"
    assert session.listing.threshold == session.listing.operating_points["sensitive"]


def test_what_a_search_found_is_told_with_where_its_review_is_kept(open_panel, new_scene, tmp_path, dark_model):
    head = add_head(tmp_path)
    head.GetStorageNode().SetFileName(None)  # as from the DICOM database
    panel = open_panel("CMBSegmentation")
    panel.ui.inputSelector.setCurrentNode(head)
    assert not panel.ui.thresholdSlider.visible
    detect(panel, dark_model)
    assert panel.ui.thresholdSlider.visible
    found, *others = panel.ui.statusLabel.text.split("\n")
    assert found.startswith("head_T2starw: 2 microbleeds")
    assert [line for line in others if line.startswith("The scan has no folder of its own")]
    panel.ui.thresholdSlider.setValue(0.999)
    assert panel.ui.statusLabel.text.split("\n") == ["head_T2starw: 0 microbleeds, 3 candidates dropped.", *others]


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
    assert session.detection.is_running
    panel.wait_until(lambda: session.detection.status.fraction > 0 or not session.detection.is_running)
    picture(panel, "running")
    longest = panel.wait_until(lambda: not session.detection.is_running)
    assert longest < 2.0  # 0.2 s on an idle machine; the rest is what else runs on it
    assert cells(panel, 0) == ["1", "2"]
    assert session.navigation.current.id == 1  # without a key
    panel.key("A")
    panel.key("R")
    panel.key("2")
    slicer.vtkMRMLSliceNode.JumpAllSlices(scene, *ras_of(scan, (k, j, i)), slicer.vtkMRMLSliceNode.CenteredJumpSlice)
    panel.key("I")
    assert verdicts(panel) == ["accepted", "rejected", "accepted"], panel.ui.statusLabel.text
    panel.ui.thresholdSlider.setFocus()
    panel.key("Up")
    panel.window.setFocus()
    decided = [(one.id, one.state) for one in session.navigation.lesions]
    file = session.review.path
    panel.wait_until(lambda: not session.review.unsaved, 10)
    saved = json.loads(file.read_text(encoding="utf-8"))
    assert len(saved["lesions"]) == 3
    mrb = tmp_path / "case.mrb"
    assert scene.WriteToMRB(str(mrb))
    session._chosen._open.clear()  # killed: nothing more is written
    scene.Clear(True)
    panel.close()

    again = new_scene()
    assert again.ReadFromMRB(str(mrb), True)
    panel = open_panel("CMBSegmentation", again)
    session = panel.widget.logic.session
    assert [(one.id, one.state) for one in session.navigation.lesions] == decided
    panel.module.qt.QFileDialog.answers.append(str(tmp_path / "out"))
    panel.key("Ctrl+E")
    (table,) = (tmp_path / "out").glob("*_desc-cmb_dseg.tsv")
    rows = {row["index"]: row for row in rows_of(table)}
    assert [rows[str(number)]["decision"] for number, _ in decided] == [state for _, state in decided]
    assert rows["2"]["mimic"] == "basal-ganglia calcification"
    (added,) = [one.id for one in session.navigation.lesions if one.origin == "added"]
    assert rows[str(added)]["origin"] == "added"
    assert len(list((tmp_path / "out").iterdir())) == 9


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
    os.killpg(session.detection._run.process._process.pid, signal.SIGKILL)
    a_panel.wait_until(lambda: not session.detection.is_running)
    picture(a_panel, "error")
    assert "ended by the system" in a_panel.ui.statusLabel.text
    assert verdicts(a_panel)[0] == "accepted"


def test_own_segments_are_replaced_only_where_the_user_agrees(
    a_panel, a_scene, a_searched_scan, dark_model, monkeypatch
):
    output, session = a_panel.ui.outputSelector, a_panel.widget.logic.session
    assert output.currentNode() is session.detection.results.segmentation
    mine = a_scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "mine")
    add_segment(mine, "mine_1", "infarct", (1.0, 0.0, 0.0))
    output.setCurrentNode(mine)
    a_panel.ui.modelPath.setCurrentPath(str(dark_model))
    asked = []
    for agrees in (False, True):
        monkeypatch.setattr(
            slicer.util,
            "confirmOkCancelDisplay",
            lambda text, *_, says=agrees: asked.append(text) or says,
            raising=False,
        )
        a_panel.click(a_panel.ui.detectButton)
        assert session.detection.is_running is agrees
    a_panel.click(a_panel.ui.cancelButton)
    assert asked == ["mine holds segments of your own (infarct). Replace them by the microbleeds?"] * 2
    assert mine.GetSegmentation().GetNumberOfSegments() == 1  # nothing is changed before there are results
    assert session.detection.parameters.output == mine.GetID()
    output.setCurrentNode(None)
    a_panel.click(a_panel.ui.detectButton)
    assert session.detection.parameters.output == OWN_NEW
    a_panel.click(a_panel.ui.cancelButton)


def test_no_search_is_asked_for_while_one_runs(open_panel, new_scene, tmp_path, dark_model):
    scene = new_scene()
    add_head(tmp_path)
    panel = open_panel("CMBSegmentation", scene)
    assert "click Detect microbleeds" in panel.ui.summaryLabel.text
    panel.ui.modelPath.currentPath = str(dark_model)
    panel.click(panel.ui.detectButton)
    assert panel.ui.summaryLabel.text == "No list yet: the scan is being searched."
    panel.click(panel.ui.cancelButton)
    assert "click Detect microbleeds" in panel.ui.summaryLabel.text


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
    a_panel.wait_until(lambda: not a_panel.widget.logic.session.detection.is_running, 10)
    assert cells(a_panel, 0) == []
    assert "closed" in a_panel.ui.statusLabel.text


def test_several_scans_keep_their_own_reviews(a_panel, a_scene, a_searched_scan, tmp_path):
    other = slicer.util.addVolumeFromArray(scan_voxels(), ijkToRAS=oblique_ijk_to_ras(), name="other")
    load_results(write_detection(export_scan(other, tmp_path).path, tmp_path / "other"), other)
    a_panel.key("N")
    a_panel.key("A")
    assert "CMB 1 accepted" in a_panel.ui.statusLabel.text
    a_panel.ui.inputSelector.setCurrentNode(slicer.util.addVolumeFromArray(scan_voxels(), name="not searched"))
    assert a_panel.ui.statusLabel.text == ""  # it was about the former scan
    a_panel.ui.inputSelector.setCurrentNode(other)
    assert verdicts(a_panel) == ["reviewed"] * 3
    a_panel.ui.inputSelector.setCurrentNode(a_searched_scan)
    assert verdicts(a_panel)[0] == "accepted"
    assert len(LESION_PEAKS) == 4


def test_a_review_that_only_the_disk_has_is_told_as_its_scan_is_chosen(open_panel, new_scene, tmp_path, dark_model):
    def told(panel):
        return panel.ui.statusLabel.text.startswith("There is a review of head_T2starw, last changed ")

    scene = new_scene()
    panel, other = open_panel("CMBSegmentation", scene), slicer.util.addVolumeFromArray(scan_voxels(), name="other")
    head = add_head(tmp_path)
    panel.ui.inputSelector.setCurrentNode(head)
    assert not told(panel)
    detect(panel, dark_model)
    panel.type(panel.ui.readerEdit, "SI")
    panel.key("A")
    panel.ui.inputSelector.setCurrentNode(other)
    panel.widget.logic.session.save()
    scene.RemoveNode(find_results(head).table)
    panel.ui.inputSelector.setCurrentNode(head)
    assert told(panel)
    panel.close()
    scene = new_scene()
    add_head(tmp_path)
    panel = open_panel("CMBSegmentation", scene)
    assert told(panel)
    detect(panel, dark_model)
    assert "The review on the disk is shown" in panel.ui.statusLabel.text
    assert "There is a review" not in panel.ui.statusLabel.text


def test_that_nothing_is_saved_on_the_disk_is_seen_in_the_panel(a_panel, tmp_path):
    ui = a_panel.ui
    assert ui.savedLabel.visible
    assert "in the scene only" in ui.savedLabel.text
    assert "choose where to save" in ui.statusLabel.text
    folder = tmp_path / "reviews"
    folder.mkdir()
    a_panel.module.qt.QFileDialog.answers.append(str(folder))
    a_panel.click(ui.folderButton)
    assert not ui.savedLabel.visible
    assert "reviews" in ui.folderButton.text


def test_the_panel_says_that_verdicts_are_not_saved_until_they_are(a_panel, tmp_path):
    ui, session = a_panel.ui, a_panel.widget.logic.session
    (tmp_path / "reviews").mkdir()
    a_panel.module.qt.QFileDialog.answers.append(str(tmp_path / "reviews"))
    a_panel.click(ui.folderButton)

    with disk_refuses():
        a_panel.key("N")
        a_panel.key("A")
        a_panel.wait_until(lambda: session.not_saved is not None, 10)
        a_panel.key("A")
        assert "disk is full" not in ui.statusLabel.text
        assert ui.savedLabel.visible
        assert ui.savedLabel.text.startswith("Not saved. The disk is full")
        assert ui.folderButton.text == "Not saved in reviews"
    a_panel.wait_until(lambda: session.not_saved is None, 10)
    assert not ui.savedLabel.visible
    assert ui.folderButton.text == "Saved in reviews"


@pytest.mark.parametrize("folder_is_there", [True, False])
def test_a_scene_opened_again_is_saved_where_it_was_or_the_panel_says_so(
    open_panel, a_panel, reopened, tmp_path, folder_is_there
):
    folder = tmp_path / "reviews"
    folder.mkdir()
    a_panel.module.qt.QFileDialog.answers.append(str(folder))
    a_panel.click(a_panel.ui.folderButton)
    a_panel.key("N")
    a_panel.key("A")
    a_panel.widget.logic.session.save()
    scene = slicer.mrmlScene
    a_panel.close()
    if not folder_is_there:
        folder.rename(tmp_path / "moved")
    ui = open_panel("CMBSegmentation", reopened(scene)).ui
    assert ui.savedLabel.visible is not folder_is_there
    assert ("reviews" in ui.folderButton.text) is folder_is_there
    assert (f"no folder {folder} any more" in ui.statusLabel.text) is not folder_is_there


def test_how_a_search_ended_names_the_scan_that_was_searched(open_panel, new_scene, tmp_path, dark_model):
    panel = open_panel("CMBSegmentation", new_scene())
    searched = add_head(tmp_path)
    other = slicer.util.addVolumeFromArray(scan_voxels(), name="other")
    panel.ui.inputSelector.setCurrentNode(searched)
    panel.ui.modelPath.currentPath = str(dark_model)
    panel.click(panel.ui.detectButton)
    panel.ui.inputSelector.setCurrentNode(other)
    panel.wait_until(lambda: not panel.widget.logic.session.detection.is_running, 120)
    assert panel.ui.statusLabel.text.startswith("head_T2starw: ")
