"""CMB Scribble Grow's panel, worked as a person would: paint, grow, adjust, answer."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
import SimpleITK as sitk
import slicer.util
from module_file import ROOT
from panels import open_panel
from refusing_disk import disk_refuses
from slicer_scene import a_scene, new_scene

sys.path.append(str(ROOT / "CMBScribbleGrow" / "Testing"))  # the scan that the module's own tests use
from painted_scan import SPOTS, add_head, head, paint, ras_of

from CMBScribbleGrowLib.annotation.edits import with_annotation, with_done
from CMBScribbleGrowLib.annotation.file import StudyFiles, write_study
from CMBScribbleGrowLib.annotation.records import Annotation, Study
from CMBScribbleGrowLib.session import GrowSession
from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.vocabulary.actions import SCRIBBLE
from CMBSegmentationWidgets.panel.messages import PROBLEM_STYLE

__all__ = ["a_scene", "new_scene", "open_panel"]

pytestmark = pytest.mark.xdist_group("qt")

PICTURES = os.environ.get("CMB_PICTURES")  # folder for the guide's pictures


@pytest.fixture
def a_panel(open_panel, a_scene, tmp_path):
    """A scan is chosen, a reader named, and the annotation has a folder."""
    scan = add_head()
    panel = open_panel("CMBScribbleGrow")
    panel.ui.scanSelector.setCurrentNode(scan)
    panel.module.qt.QFileDialog.answers.append(str(tmp_path / "annotations"))
    panel.type(panel.ui.readerEdit, "SI")
    panel.click(panel.ui.folderButton)
    panel.scan = scan
    return panel


def records(panel):
    return [panel.ui.lesionList.item(row).text() for row in range(panel.ui.lesionList.count)]


def test_the_empty_panel_asks_for_a_scan_and_a_reader(open_panel):
    panel = open_panel("CMBScribbleGrow")
    said = panel.ui.statusLabel.text
    assert "Choose a scan" in said
    assert "reader" in said
    ui = panel.ui
    for button in (ui.growButton, ui.acceptButton, ui.undoButton, ui.redoButton, ui.placeMimicButton, ui.doneButton):
        assert not button.enabled, button.name


def test_a_painted_scribble_grows_by_a_key_and_is_accepted_by_another(a_panel):
    paint(a_panel.scan, "A")
    a_panel.key("G")
    assert len(records(a_panel)) == 1
    before = a_panel.ui.toleranceSlider.value
    a_panel.key("]")
    assert a_panel.ui.toleranceSlider.value == pytest.approx(before + 0.5)
    a_panel.key("Return")
    assert a_panel.widget.logic.session.lesions[0].accepted
    if PICTURES:
        a_panel.picture(Path(PICTURES) / "panel-scribble-grow.png")


def test_undo_takes_back_the_stroke_and_what_is_painted_is_told(a_panel):
    session, ui = a_panel.widget.logic.session, a_panel.ui
    paint(a_panel.scan, "A")
    a_panel.key("G")
    ui.lesionList.setCurrentRow(0)
    a_panel.choose(ui.locationSelector, "thalamus")
    paint(a_panel.scan, "B", "C")
    session.poll()
    assert ui.growButton.text == "Grow 2 strokes"
    a_panel.key("Ctrl+Z")
    assert ui.statusLabel.text == "Undone: stroke painted."
    assert ui.growButton.text == "Grow"
    assert session.annotation.microbleeds[0].location == "thalamus"
    a_panel.key("Ctrl+Y")
    a_panel.key("G")
    assert len(records(a_panel)) == 3


def test_an_answer_is_not_given_to_a_lesion_that_was_grown_meanwhile(a_panel):
    paint(a_panel.scan, "A")
    a_panel.key("G")
    a_panel.ui.locationSelector.setFocus()
    paint(a_panel.scan, "B")
    a_panel.key("G")
    a_panel.key("Down")
    assert [one.location for one in a_panel.widget.logic.session.annotation.microbleeds] == ["", ""]


def test_undo_takes_the_lesion_back(a_panel):
    paint(a_panel.scan, "A")
    a_panel.click(a_panel.ui.growButton)
    a_panel.key("Ctrl+Z")
    assert records(a_panel) == []
    a_panel.key("Ctrl+Y")
    assert len(records(a_panel)) == 1


def test_enter_after_a_click_on_grow_accepts(a_panel):
    paint(a_panel.scan, "A")
    a_panel.click(a_panel.ui.growButton)
    a_panel.ui.growButton.setFocus()
    a_panel.key("Return")
    assert [one.accepted for one in a_panel.widget.logic.session.lesions] == [True]


def test_delete_removes_the_chosen_lesion_and_undo_brings_it_back(a_panel):
    paint(a_panel.scan, "A")
    a_panel.key("G")
    a_panel.key("Del")
    assert records(a_panel) == []
    a_panel.key("Ctrl+Z")
    assert len(records(a_panel)) == 1


def test_every_key_of_scribbling_does_something_and_is_told(a_panel):
    keys = a_panel.widget.keys
    assert {one.name for one in keys.keys.actions if SCRIBBLE in one.places} == set(keys.actions)
    assert a_panel.ui.toleranceSlider.toolTip.endswith("([ and ])")
    assert a_panel.ui.keyTable.rowCount == len(keys.keys.actions)


def test_answers_are_written_to_the_disk(a_panel, tmp_path):
    paint(a_panel.scan, "A")
    a_panel.key("G")
    a_panel.ui.lesionList.setCurrentRow(0)
    a_panel.choose(a_panel.ui.locationSelector, "thalamus")
    a_panel.choose(a_panel.ui.sideSelector, "left")
    session = a_panel.widget.logic.session
    a_panel.wait_until(lambda: not session.study.disk.unsaved, 10)
    (file,) = tmp_path.glob("annotations/*_annotation*.json")
    (lesion,) = json.loads(file.read_text(encoding="utf-8"))["annotations"][0]["microbleeds"]
    assert (lesion["location"], lesion["side"]) == ("thalamus", "left")
    assert "thalamus" in records(a_panel)[0]


def test_the_slider_changes_the_mask_and_the_automatic_one_comes_back(a_panel):
    paint(a_panel.scan, "A")
    a_panel.key("G")
    session = a_panel.widget.logic.session
    found = len(session.current.mask)
    a_panel.ui.toleranceSlider.setValue(0.5)
    assert len(session.current.mask) < found
    a_panel.click(a_panel.ui.automaticCheck)
    assert len(session.current.mask) == found


def test_a_mimic_is_placed_and_described(a_panel):
    ui = a_panel.ui
    a_panel.key("M")
    assert ui.statusLabel.text == "Click the mimic in a slice view."
    node = a_panel.widget.logic.session.study.nodes.mimics
    selection = a_panel.frame.mrmlScene().GetFirstNodeByClass("vtkMRMLSelectionNode")
    assert selection.GetActivePlaceNodeID() == node.GetID()
    node.AddControlPoint(*ras_of(SPOTS["B"]))
    a_panel.wait_until(lambda: ui.mimicList.count == 1, 10)
    assert not ui.mimicSection.collapsed
    assert ui.statusLabel.text == "Mimic 1 placed."
    a_panel.choose(ui.mimicTypeSelector, "vessel")  # it is chosen already
    assert ui.mimicList.item(0).text() == "Mimic 1 · vessel"


def test_a_study_is_not_marked_as_done_where_no_worklist_is_open(a_panel):
    a_panel.key("Ctrl+D")
    assert "No worklist is open" in a_panel.ui.statusLabel.text
    assert a_panel.widget.logic.session.annotation.assessment is None


def test_the_name_is_the_one_that_the_other_panel_was_given(a_panel):
    a_panel.widget.exit()
    a_panel.module.qt.QSettings().setValue("CMBSegmentation/Reader", "AB")
    a_panel.widget.enter()
    assert (a_panel.ui.readerEdit.text, a_panel.widget.logic.session.study.reader) == ("AB", "AB")


def test_the_annotation_is_that_of_who_reads_the_list_meanwhile(a_panel):
    settings = a_panel.module.qt.QSettings()
    a_panel.ui.readerEdit.setText("half a na")  # typed at this moment
    a_panel.widget.poll()
    assert a_panel.ui.readerEdit.text == "half a na"
    a_panel.widget.enter()
    former = a_panel.widget.logic.session.study.reader
    a_panel.widget.exit()
    settings.setValue("CMBSegmentation/Reader", "AB")
    assert former != "AB"
    a_panel.widget.poll()
    assert a_panel.widget.logic.session.study.reader == "AB"


def test_typing_an_answer_accepts_nothing(a_panel):
    paint(a_panel.scan, "A")
    a_panel.key("G")
    a_panel.type(a_panel.ui.lesionCommentEdit, "GM[")
    assert a_panel.ui.lesionCommentEdit.text == "GM["
    assert not a_panel.widget.logic.session.lesions[0].accepted


def refuse(*_, **__):
    raise InputError("The moon is no place.", "Choose another.")


def test_what_is_refused_is_taken_out_of_the_form_again(a_panel, monkeypatch):
    paint(a_panel.scan, "A")
    a_panel.key("G")
    session, ui = a_panel.widget.logic.session, a_panel.ui
    ui.lesionList.setCurrentRow(0)
    for part, actions in (
        (session.opening, ("set_parameters",)),
        (session.answering, ("answer", "assess", "rate_series")),
        (session.growing, ("preview",)),
    ):
        for action in actions:
            monkeypatch.setattr(part, action, refuse)
    before = ui.uncertainCheck.checked, ui.groupedCheck.checked, ui.automaticCheck.checked
    for check in (ui.uncertainCheck, ui.groupedCheck, ui.automaticCheck):
        check.toggle()
    assert (ui.uncertainCheck.checked, ui.groupedCheck.checked, ui.automaticCheck.checked) == before
    assert ui.statusLabel.text == "The moon is no place. Choose another."
    ui.includedSelector.setCurrentIndex(1)
    assert ui.includedSelector.currentText == ""
    flag = ui.seriesFlagsList.item(0)
    flag.setCheckState(a_panel.module.qt.Qt.Checked)
    assert flag.checkState() == a_panel.module.qt.Qt.Unchecked


def test_after_undo_of_a_growth_the_slider_is_no_lesions_and_a_key_says_so(a_panel):
    slider = a_panel.ui.toleranceSlider
    first = slider.value
    assert not slider.enabled  # automatic
    paint(a_panel.scan, "A")
    a_panel.key("G")
    a_panel.key("]")
    assert slider.enabled
    a_panel.key("Ctrl+Z")
    a_panel.key("Ctrl+Z")
    assert (slider.value, slider.enabled) == (first, False)
    a_panel.key("]")
    assert "No lesion is chosen" in a_panel.ui.statusLabel.text
    a_panel.key("Ctrl+Y")
    a_panel.key("]")
    assert "No lesion is chosen" not in a_panel.ui.statusLabel.text
    assert slider.enabled


def test_only_what_is_asked_for_can_be_answered(a_panel):
    ui, session = a_panel.ui, a_panel.widget.logic.session
    asked = (ui.causeTextEdit, ui.countSpin, ui.mimicSideSelector, ui.mimicTextEdit, ui.whyNotEdit, ui.seriesTextEdit)
    paint(a_panel.scan, "A")
    a_panel.key("G")
    session.answering.add_mimic(ras_of(SPOTS["B"]), type="vessel")
    ui.mimicList.setCurrentRow(0)
    a_panel.choose(ui.causeSelector, "trauma")
    a_panel.choose(ui.includedSelector, "yes")
    ui.seriesFlagsList.item(0).setCheckState(a_panel.module.qt.Qt.Checked)
    assert [widget.name for widget in asked if widget.enabled] == []
    a_panel.choose(ui.causeSelector, "other")
    a_panel.choose(ui.mimicTypeSelector, "other")
    a_panel.choose(ui.includedSelector, "no")
    flags = ui.seriesFlagsList
    flags.item(flags.count - 1).setCheckState(a_panel.module.qt.Qt.Checked)
    for edit in (ui.causeTextEdit, ui.mimicTextEdit, ui.whyNotEdit, ui.seriesTextEdit):
        a_panel.type(edit, "z")
        assert edit.text == "z"
    a_panel.choose(ui.mimicTypeSelector, "basal-ganglia calcification")
    assert (ui.mimicSideSelector.enabled, ui.mimicTextEdit.enabled, ui.mimicTextEdit.text) == (True, False, "")
    session.opening.set_parameters(grouped=True)
    paint(a_panel.scan, "C")
    a_panel.key("G")
    assert ui.countSpin.enabled
    assert session.status.state != "failed"


def test_a_field_that_is_not_asked_for_any_more_hands_the_focus_to_no_other_answer(a_panel):
    ui = a_panel.ui
    paint(a_panel.scan, "A")
    a_panel.key("G")
    a_panel.choose(ui.causeSelector, "other")
    ui.lesionSection.collapsed = False
    ui.causeTextEdit.setFocus()
    a_panel.widget.logic.session.undo()
    assert not ui.causeTextEdit.enabled
    assert ui.lesionList.focus


def test_what_is_still_open_names_a_stroke_that_is_not_grown_and_a_mask_that_is_not_accepted(a_panel):
    paint(a_panel.scan, "A")
    a_panel.key("G")
    paint(a_panel.scan, "B")
    a_panel.widget.logic.session.poll()
    open_lines = a_panel.ui.unansweredText.toPlainText().splitlines()
    assert open_lines[:2] == ["1 stroke painted, not grown", "CMB 1: not accepted"]


def test_what_is_not_accepted_is_marked_in_the_list(a_panel):
    paint(a_panel.scan, "A")
    a_panel.key("G")
    assert records(a_panel)[0].endswith("not accepted")
    a_panel.key("Return")
    assert "accepted" not in records(a_panel)[0]


def test_the_verdict_of_the_list_stands_beside_a_lesion(a_panel, monkeypatch):
    paint(a_panel.scan, "A")
    a_panel.key("G")
    a_panel.widget.exit()
    session = type(a_panel.widget.logic.session)
    monkeypatch.setattr(session, "listed_verdicts", property(lambda self: {1: "rejected (vessel)"}))
    a_panel.widget.enter()
    assert records(a_panel)[0].endswith("list: rejected (vessel)")


def test_the_button_says_where_the_annotation_is_saved(open_panel, a_scene, tmp_path):
    scan = add_head()
    panel = open_panel("CMBScribbleGrow")
    panel.ui.scanSelector.setCurrentNode(scan)
    assert panel.ui.folderButton.text == "Choose where to save…"
    panel.type(panel.ui.readerEdit, "SI")
    assert "kept in the scene only" in panel.ui.statusLabel.text
    assert panel.ui.savedLabel.visible
    assert "in the scene only" in panel.ui.savedLabel.text
    assert panel.ui.folderButton.text == "Choose where to save…"
    panel.module.qt.QFileDialog.answers.append(str(tmp_path / "ann"))
    panel.click(panel.ui.folderButton)
    paint(scan, "A")
    panel.key("G")
    assert panel.ui.folderButton.text == "ann"
    session = panel.widget.logic.session
    session.opening.set_parameters(scan_node_id=None, folder=None)  # as in a session of its own
    assert panel.ui.folderButton.text == "Beside the scan"
    panel.ui.scanSelector.setCurrentNode(scan)
    assert session.parameters.folder is None
    assert session.study.disk.files.folder == tmp_path / "ann"  # where the scan's annotation was
    assert (panel.ui.folderButton.text, panel.ui.folderButton.toolTip) == ("ann", str(tmp_path / "ann"))


def test_the_panel_says_that_an_annotation_is_not_saved_until_it_is(a_panel):
    ui, session = a_panel.ui, a_panel.widget.logic.session
    assert not ui.savedLabel.visible

    with disk_refuses():
        paint(a_panel.scan, "A")
        a_panel.key("G")
        a_panel.wait_until(lambda: session.not_saved is not None, 10)
        a_panel.key("Return")
        assert "disk is full" not in ui.statusLabel.text
        assert ui.savedLabel.visible
        assert ui.savedLabel.text.startswith("Not saved. The disk is full")
        assert ui.savedInLabel.text == "Not saved in:"
    a_panel.wait_until(lambda: session.not_saved is None, 10)
    assert not ui.savedLabel.visible
    assert ui.savedInLabel.text == "Saved in:"


def test_the_panel_goes_on_with_an_annotation_that_lies_in_the_chosen_folder(open_panel, new_scene, tmp_path):
    day_before = GrowSession(new_scene())
    scan = add_head()
    day_before.opening.open(scan, reader="SI", folder=str(tmp_path))
    paint(scan, "A")
    day_before.growing.grow()
    day_before.close()

    new_scene()
    scan = add_head()
    panel = open_panel("CMBScribbleGrow")
    panel.ui.scanSelector.setCurrentNode(scan)
    panel.type(panel.ui.readerEdit, "SI")
    assert records(panel) == []
    panel.module.qt.QFileDialog.answers.append(str(tmp_path))
    panel.click(panel.ui.folderButton)
    assert "from now on" in panel.ui.statusLabel.text
    assert "The annotation that was there is shown, last changed 20" in panel.ui.statusLabel.text
    assert len(records(panel)) == 1
    paint(scan, "B")
    panel.key("G")
    assert len(records(panel)) == 2
    panel.key("Ctrl+Z")
    assert len(records(panel)) == 1


def test_buttons_of_a_worklist_that_can_do_nothing_are_disabled(open_panel, a_scene, tmp_path):
    panel = open_panel("CMBScribbleGrow")
    ui, cases = panel.ui, panel.widget.logic.cases
    buttons = (ui.previousButton, ui.nextButton, ui.doneButton)
    panel.type(ui.readerEdit, "SI")
    for number in (1, 2):
        sitk.WriteImage(sitk.GetImageFromArray(head()), str(tmp_path / f"sub-0{number}.nii"))
        write_study(
            StudyFiles(tmp_path, f"sub-0{number}").annotation,
            with_annotation(Study(scan=f"sub-0{number}"), with_done(Annotation(reader="SI"), True)),
        )
    panel.module.qt.QFileDialog.answers.append(str(tmp_path))
    panel.click(ui.worklistFolderButton)
    assert cases.progress == (2, 2)
    assert "Previous opens the last one" in ui.statusLabel.text
    assert [button.enabled for button in buttons] == [True, False, False]


def test_beside_the_scan_is_said_where_it_is_saved_there(open_panel, a_scene, tmp_path):
    scan = add_head()
    storage = scan.GetStorageNode() or a_scene.AddNewNodeByClass("vtkMRMLVolumeArchetypeStorageNode")
    storage.SetFileName(str(tmp_path / "sub-01_swi.nrrd"))
    scan.SetAndObserveStorageNodeID(storage.GetID())
    panel = open_panel("CMBScribbleGrow")
    panel.ui.scanSelector.setCurrentNode(scan)
    panel.type(panel.ui.readerEdit, "SI")
    assert panel.widget.logic.session.study.disk.files.folder == tmp_path
    assert panel.ui.folderButton.text == "Beside the scan"
    assert panel.ui.folderButton.toolTip == str(tmp_path)


QUESTIONS_OF_STUDY = (
    "includedSelector", "whyNotEdit", "qualitySelector", "studyCommentsEdit", "seriesFlagsList", "seriesTextEdit",
)  # fmt: skip


def test_nothing_can_be_said_of_a_study_where_none_is_open(open_panel, a_scene, tmp_path):
    panel = open_panel("CMBScribbleGrow")
    ui = panel.ui
    questions = [getattr(ui, name) for name in QUESTIONS_OF_STUDY]
    assert [one.name for one in questions if one.enabled] == []
    panel.ui.scanSelector.setCurrentNode(add_head())
    assert [one.name for one in questions if one.enabled] == []
    assert ui.statusLabel.text == "Type the reader's name or initials."
    panel.type(ui.readerEdit, "SI")
    assert ui.seriesFlagsList.enabled
    ui.seriesFlagsList.item(0).setCheckState(panel.module.qt.Qt.Checked)
    assert panel.widget.logic.series().flags
    ui.readerEdit.setText("")
    panel.widget.opening.reader.take()
    assert not ui.seriesFlagsList.enabled
    assert ui.seriesFlagsList.item(0).checkState() == panel.module.qt.Qt.Unchecked


def test_what_was_told_before_a_refusal_does_not_come_back_as_if_it_had_just_happened(a_panel, tmp_path):
    ui, dialog = a_panel.ui, a_panel.module.qt.QFileDialog
    paint(a_panel.scan, "A")
    for key in ("G", "Ctrl+Z", "Ctrl+Y"):
        a_panel.key(key)
    ui.lesionList.setCurrentRow(0)
    (tmp_path / "file").write_text("no folder")
    for next_step in (
        lambda: a_panel.choose(ui.locationSelector, "thalamus"),
        ui.groupedCheck.toggle,
    ):
        a_panel.key("Ctrl+Y")  # something is told
        a_panel.key("Return")
        dialog.answers.append(str(tmp_path / "file" / "in"))
        a_panel.click(ui.folderButton)
        assert "file" in ui.statusLabel.text
        next_step()
        assert ui.statusLabel.text == ""


def test_a_list_is_that_of_who_reads_now_and_opens_once_somebody_is_named(open_panel, a_scene, tmp_path, monkeypatch):
    def load(path):
        return slicer.util.addVolumeFromArray(head(), name=Path(path).name.split(".")[0])

    monkeypatch.setattr(slicer.util, "loadVolume", load)
    panel = open_panel("CMBScribbleGrow")
    ui = panel.ui
    for number in (1, 2):
        sitk.WriteImage(sitk.GetImageFromArray(head()), str(tmp_path / f"sub-0{number}.nii"))
    panel.module.qt.QFileDialog.answers.append(str(tmp_path))
    panel.click(ui.worklistFolderButton)
    assert "the worklist opens then" in ui.statusLabel.text
    panel.type(ui.readerEdit, "SI")
    assert ui.statusLabel.text.startswith("sub-01: ")
    assert ui.scanSelector.currentNode().GetName() == "sub-01"
    assert ui.statusLabel.text.startswith("sub-01: ")
    panel.click(ui.doneButton)
    assert ui.progressLabel.text == "1 of 2 done"
    panel.type(ui.readerEdit, "ZZ")
    assert ui.progressLabel.text == "0 of 2 done"
    assert ui.scanSelector.currentNode().GetName() == "sub-02"


def load_file(path):
    """Load a scan's file as Slicer does: what cannot be read raises."""
    node = slicer.util.addVolumeFromArray(sitk.GetArrayFromImage(sitk.ReadImage(path)), name=Path(path).name[:-4])
    storage = node.GetScene().AddNewNodeByClass("vtkMRMLVolumeArchetypeStorageNode")
    storage.SetFileName(path)
    node.SetAndObserveStorageNodeID(storage.GetID())
    return node


@pytest.fixture
def a_list(open_panel, a_scene, tmp_path, monkeypatch):
    """A panel with a reader, and a folder with three scans, one of which (`damaged`) cannot be read."""

    def make(damaged):
        monkeypatch.setattr(slicer.util, "loadVolume", load_file)
        panel = open_panel("CMBScribbleGrow")
        panel.type(panel.ui.readerEdit, "SI")
        for number in (1, 2, 3):
            sitk.WriteImage(sitk.GetImageFromArray(head()), str(tmp_path / f"sub-0{number}.nii"))
        (tmp_path / f"sub-0{damaged}.nii").write_bytes(b"garbage")
        panel.module.qt.QFileDialog.answers.append(str(tmp_path))
        panel.click(panel.ui.worklistFolderButton)
        return panel

    return make


def test_keys_act_in_the_study_that_a_click_on_done_opened(a_list):
    panel = a_list(damaged=3)
    ui, session = panel.ui, panel.widget.logic.session
    ui.doneButton.setFocus()
    panel.key("Space")
    assert ui.progressLabel.text == "1 of 3 done"
    paint(session.study.nodes.scan, "A")
    panel.key("G")
    assert len(session.lesions) == 1
    ui.reportText.setFocus()  # read, not typed into
    panel.key("Return")
    assert session.lesions[0].accepted


def test_a_list_whose_first_scan_cannot_be_loaded_is_gone_through_by_mouse(a_list):
    panel = a_list(damaged=1)
    ui = panel.ui
    assert "sub-01.nii cannot be loaded" in ui.statusLabel.text
    assert PROBLEM_STYLE in ui.statusLabel.styleSheet
    assert ui.progressLabel.text == "0 of 3 done"
    assert [one.enabled for one in (ui.previousButton, ui.nextButton, ui.doneButton)] == [False, True, False]
    panel.click(ui.nextButton)
    assert ui.statusLabel.text.startswith("sub-02: ")
    assert ui.statusLabel.styleSheet == ""


def test_where_the_next_scan_cannot_be_loaded_the_former_one_is_chosen_again_with_its_work(a_list):
    panel = a_list(damaged=2)
    ui, scan = panel.ui, panel.ui.scanSelector.currentNode()
    paint(scan, "A")
    panel.key("G")
    panel.key("Return")
    paint(scan, "B")
    left = records(panel)
    panel.key("Ctrl+D")
    assert "sub-02.nii cannot be loaded" in ui.statusLabel.text
    assert ui.scanSelector.currentNode() is None
    assert (records(panel), ui.progressLabel.text) == ([], "1 of 3 done")
    assert [one.enabled for one in (ui.previousButton, ui.nextButton, ui.doneButton)] == [True, True, False]
    panel.key("G")
    assert "Choose a scan." in ui.statusLabel.text
    ui.scanSelector.setCurrentNode(scan)
    assert records(panel) == left
    assert panel.widget.logic.session.waiting == 1
    assert ui.folderButton.text == "Beside the scan"
    panel.click(ui.nextButton)
    assert ui.scanSelector.currentNode().GetName() == "sub-03"
    panel.click(ui.previousButton)
    panel.click(ui.previousButton)
    assert records(panel) == left


def test_a_scan_of_the_list_that_is_chosen_by_hand_is_saved_where_the_list_has_it(a_list, tmp_path):
    panel = a_list(damaged=2)
    logic, scan = panel.widget.logic, panel.ui.scanSelector.currentNode()
    logic.cases.open_worklist(str(tmp_path), str(tmp_path / "out"))
    scan = panel.ui.scanSelector.currentNode()
    panel.key("Ctrl+D")
    assert logic.chosenFolder() is None
    panel.ui.scanSelector.setCurrentNode(scan)
    assert logic.session.study.disk.files.folder == tmp_path / "out" / "sub-01"
