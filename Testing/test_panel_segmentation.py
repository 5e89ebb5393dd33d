"""CMB Segmentation's list, worked as a person would: click, type, keys, rows."""

from __future__ import annotations

import sys
import time

import numpy as np
import pytest
import slicer
import slicer.util
import vtk
from module_file import ROOT
from panels import open_panel
from PySide6 import QtCore, QtTest, QtWidgets
from slicer_scene import a_scene, new_scene, reopened

sys.path.append(str(ROOT / "CMBSegmentation" / "Testing"))  # the scans that the module's own tests use
from oblique_scan import SCAN_NAME, oblique_ijk_to_ras
from segmentation_panel import a_panel, a_searched_scan, cells, picture, verdicts

from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.vocabulary.actions import QUESTION, READ
from CMBSegmentationLib.vocabulary.columns import PROBABILITY
from CMBSegmentationLib.vocabulary.keys import in_words

__all__ = ["a_panel", "a_scene", "a_searched_scan", "new_scene", "open_panel", "reopened"]

pytestmark = pytest.mark.xdist_group("qt")

NOTE = 4  # the column with the mimic, or why it was dropped
VOLUME = 11


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


def test_a_scan_that_is_called_phase_is_chosen_where_there_is_no_other(open_panel, a_scene):
    phase = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "7: SWI ph1")
    panel = open_panel("CMBSegmentation")
    assert panel.widget.logic.firstScan() is phase
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "6: SWI")
    assert panel.widget.logic.firstScan(phase).GetName() == "6: SWI"


# the list


def test_the_list_sorts_by_a_click_on_a_heading_and_keys_follow_it(a_panel):
    assert cells(a_panel, 0) == ["1", "2", "3"]
    a_panel.ui.lesionTable.sortByColumn(0, a_panel.module.qt.Qt.DescendingOrder)
    a_panel.settle()
    assert cells(a_panel, 0) == ["3", "2", "1"]
    a_panel.key("N")
    assert a_panel.widget.logic.session.navigation.current.id == 3


def test_choosing_a_row_jumps_there_within_50_ms(a_panel):
    table = a_panel.ui.lesionTable
    before = time.process_time()  # what else runs on the machine does not count
    table.setCurrentCell(2, 0)
    assert time.process_time() - before < 0.2
    lesion = a_panel.widget.logic.session.navigation.current
    centre = [a_panel.views[0].GetSliceToRAS().GetElement(axis, 3) for axis in range(3)]
    assert centre == pytest.approx([lesion.lesion.r_mm, lesion.lesion.a_mm, lesion.lesion.s_mm], abs=0.01)
    assert f"CMB {lesion.id}" in a_panel.ui.lesionLabel.text


def test_the_first_verdict_asks_who_reads_and_no_other_does(open_panel, a_searched_scan):
    panel = open_panel("CMBSegmentation")
    qt, ui = panel.module.qt, panel.ui
    panel.key("N")
    for sign in (lambda: panel.key("R"), lambda: panel.key("I"), lambda: panel.click(ui.addButton)):
        sign()
        assert "needs a name or initials" in ui.statusLabel.text
    panel.key("A")  # cancelled
    assert set(verdicts(panel)) == {"reviewed"}
    assert not ui.mimicPanel.visible
    assert not ui.addButton.checked
    asked = len(qt.QInputDialog.asked)
    qt.QInputDialog.answers.append(" SI ")
    panel.key("A")
    panel.key("U")
    assert len(qt.QInputDialog.asked) == asked + 1
    assert verdicts(panel) == ["accepted", "uncertain", "reviewed"]
    assert {panel.widget.logic.session.review.find(n).verdict.reader for n in (1, 2)} == {"SI"}
    assert ui.readerEdit.text.strip() == "SI"
    ui.readerEdit.setText("AB")  # typed, and the button does not take the focus, as on macOS
    panel.click(ui.acceptButton)
    assert panel.widget.logic.session.review.find(3).verdict.reader == "AB"
    panel.widget.exit()
    qt.QSettings().setValue("CMBSegmentation/Reader", "CD")  # typed in the other panel
    panel.widget.enter()
    assert (ui.readerEdit.text, panel.widget.logic.session.reading.reader) == ("CD", "CD")


def test_numbers_of_a_column_have_the_same_decimals_and_sort_by_value(a_panel):
    table = a_panel.ui.lesionTable
    assert table.horizontalHeaderItem(3).toolTip() == PROBABILITY
    assert cells(a_panel, 3) == ["0.95", "0.85", "0.70"]
    volumes = cells(a_panel, VOLUME)
    assert all(text.partition(".")[2].isdigit() and len(text.partition(".")[2]) == 1 for text in volumes)
    large = np.argwhere(np.ones((3, 8, 8))) + (16, 2, 2)  # more than 100 mm³, beside some of less
    a_panel.widget.logic.session.editing.add_voxels(large)
    table.horizontalHeader().setSortIndicator(VOLUME, a_panel.module.qt.Qt.DescendingOrder)  # as a click does
    a_panel.settle()
    volumes = [float(text) for text in cells(a_panel, VOLUME)]
    assert volumes == sorted(volumes, reverse=True)
    assert volumes != sorted(volumes, key=str, reverse=True)


def test_undo_returns_to_the_lesion_that_it_was_about(a_panel):
    a_panel.key("N")
    a_panel.key("A")
    session = a_panel.widget.logic.session
    assert session.navigation.current.id == 2
    for key, about in (("Ctrl+Z", 1), ("N", 2), ("Ctrl+Y", 1)):
        a_panel.key(key)
        assert session.navigation.current.id == about
        assert {index.row() for index in a_panel.ui.lesionTable.selectedIndexes()} == {about - 1}
    assert [a_panel.views[0].GetSliceToRAS().GetElement(axis, 3) for axis in range(3)] == pytest.approx(
        [getattr(session.navigation.current.lesion, axis) for axis in ("r_mm", "a_mm", "s_mm")], abs=0.01
    )


def test_no_column_of_the_counts_is_cut_off(a_panel):
    table, session = a_panel.ui.countTable, a_panel.widget.logic.session
    session.deciding.decide("accepted", lesion_id=1)
    session.deciding.set_place("deep and periventricular white matter", "left", lesion_id=1)
    a_panel.settle()
    assert sum(table.columnWidth(column) for column in range(table.columnCount)) <= table.viewport().width()
    heights = sum(table.rowHeight(row) for row in range(table.rowCount))
    assert heights <= table.viewport().height() <= heights + 4
    assert "Class: 1 microbleed (definite + possible)." in a_panel.ui.summaryLabel.text


@pytest.mark.parametrize(("width", "is_brief"), [(420, False), (420, True), (700, False)])
def test_each_word_of_a_region_has_room_in_the_counts(a_panel, width, is_brief):
    table, session = a_panel.ui.countTable, a_panel.widget.logic.session
    for number, name in enumerate(("deep and periventricular white matter", "corpus callosum", "basal ganglia"), 1):
        session.deciding.decide("accepted", lesion_id=number)
        session.deciding.set_place(name, "left", lesion_id=number)
    a_panel.ui.viewSection.collapsed = False  # with it there is a scroll bar
    for resized in (width, 700, width):
        a_panel.window.resize(resized, 500)
        a_panel.settle()
    if is_brief:
        for column in range(1, table.columnCount):
            table.item(0, column).setText("12 / 3")
        a_panel.settle()
    metrics = a_panel.module.qt.QFontMetrics(table.font)
    names = [table.item(row, 0) for row in range(3)]
    for row, item in enumerate(names):
        words = item.text().split()
        assert max(metrics.horizontalAdvance(word) for word in words) <= table.columnWidth(0) - 6
        lines = -(-metrics.horizontalAdvance(item.text()) // (table.columnWidth(0) - 6))
        assert table.rowHeight(row) >= lines * metrics.height()
    assert names[-1].toolTip() == "deep and periventricular white matter"
    assert names[-1].text() == ("deep and perivent. WM" if is_brief else names[-1].toolTip())


def test_the_longest_region_is_read_whole_in_a_narrow_panel(a_panel):
    from PySide6 import QtWidgets

    a_panel.key("N")
    a_panel.window.resize(420, 1000)
    a_panel.widget.logic.session.deciding.set_place("deep and periventricular white matter", "left")
    a_panel.settle()
    combo = a_panel.ui.regionSelector
    option = QtWidgets.QStyleOptionComboBox()
    QtWidgets.QComboBox.initStyleOption(combo, option)
    style = QtWidgets.QWidget.style(combo)
    complex_control, field = (
        QtWidgets.QStyle.ComplexControl.CC_ComboBox,
        QtWidgets.QStyle.SubControl.SC_ComboBoxEditField,
    )
    room = style.subControlRect(complex_control, option, field, combo).width()
    assert QtWidgets.QWidget.fontMetrics(combo).horizontalAdvance(combo.currentText) <= room


def test_keys_decide_and_undo_takes_back(a_panel):
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
    narrow = a_panel.ui.lesionTable.columnWidth(NOTE)
    a_panel.widget.logic.session.deciding.decide("rejected", "basal-ganglia calcification", lesion_id=2, advance=False)
    assert a_panel.ui.lesionTable.columnWidth(NOTE) > narrow + 50  # "basal-…" says nothing
    a_panel.key("Ctrl+Z")
    a_panel.key("N")
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
    second = a_panel.widget.logic.session.navigation.current.id
    region = a_panel.ui.regionSelector
    region.setFocus()
    a_panel.choose(region, "brainstem")
    region.activated.emit(region.currentIndex)
    a_panel.key("P")  # previous, and not parietal
    session = a_panel.widget.logic.session
    assert session.navigation.current.id != second
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

    def refuse(*_):
        raise InputError("The moon is no place.", "Choose another.")

    monkeypatch.setattr(a_panel.widget.logic.session.deciding, "set_place", refuse)
    was = region.currentText
    a_panel.choose(region, "brainstem")
    region.activated.emit(region.currentIndex)
    assert region.currentText == was
    assert a_panel.ui.statusLabel.text == "The moon is no place. Choose another."


def test_threshold_point_and_dropped_ones_that_are_refused_are_shown_as_they_are(a_panel, a_searched_scan):
    ui, session = a_panel.ui, a_panel.widget.logic.session
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "atlas")
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(0, 3, 7.0)
    transform.SetMatrixTransformToParent(matrix)
    was = ui.thresholdSlider.value, ui.operatingPointSelector.currentText, ui.droppedCheck.checked
    a_searched_scan.SetAndObserveTransformNodeID(transform.GetID())
    ui.thresholdSlider.setValue(0.97)
    a_panel.key("D")
    other = next(name for name in ("sensitive", "specific") if name != was[1])
    a_panel.choose(ui.operatingPointSelector, other)
    ui.operatingPointSelector.activated.emit(ui.operatingPointSelector.currentIndex)
    assert "moved or resampled" in ui.statusLabel.text
    a_searched_scan.SetAndObserveTransformNodeID(None)
    session.poll()
    assert (ui.thresholdSlider.value, ui.operatingPointSelector.currentText, ui.droppedCheck.checked) == was


def test_what_the_detector_found_is_not_deleted_by_a_key(a_panel):
    a_panel.key("N")
    a_panel.key("Del")
    assert cells(a_panel, 0) == ["1", "2", "3"]
    assert "found by the detector" in a_panel.ui.statusLabel.text


def test_after_a_verdict_by_key_the_next_arrow_is_not_for_the_region(a_panel):
    session, region = a_panel.widget.logic.session, a_panel.ui.regionSelector
    a_panel.key("N")
    first = session.navigation.current.id
    region.setFocus()
    a_panel.key("A")
    second = session.navigation.current
    assert second.id != first
    for key in ("Down", "Up"):
        a_panel.key(key)
    assert session.navigation.current.id == second.id
    assert session.review.review.places == {}


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
    assert a_panel.ui.statusLabel.text.startswith("N is taken: next lesion.")
    assert table.item(row, 0).text() == "A"
    table.item(row, 0).setText("k")
    assert a_panel.ui.statusLabel.text == ""
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
    table.item(row, 0).setText("Down")
    assert "moves in lists" in a_panel.ui.statusLabel.text
    a_panel.click(a_panel.ui.resetKeysButton)
    assert a_panel.ui.statusLabel.text == ""
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
    assert "can only be rejected" in ui.deleteButton.toolTip
    assert cells(a_panel, 0) == ["1", "2", "3"]


def test_rows_are_merged_and_split(a_panel):
    table = a_panel.ui.lesionTable
    table.selectAll()
    a_panel.key("Ctrl+M")
    assert cells(a_panel, 0) == ["1", "2", "3"]  # they lie apart
    a_panel.ui.thresholdSlider.setValue(0.9)
    a_panel.key("N")
    a_panel.key("Ctrl+T")
    assert cells(a_panel, 0) == ["1", "5"]
    table.selectAll()
    a_panel.key("Ctrl+M")
    assert cells(a_panel, 0) == ["1"]


def test_rows_are_chosen_with_ctrl_and_a_click(a_panel):
    qt, table = QtWidgets.QTableWidget, a_panel.ui.lesionTable

    def click(row, key=QtCore.Qt.KeyboardModifier.NoModifier):
        place = qt.visualItemRect(table, table.item(row, 1)).center()
        QtTest.QTest.mouseClick(qt.viewport(table), QtCore.Qt.MouseButton.LeftButton, key, place)
        a_panel.settle()
        return sorted({item.row() for item in qt.selectedItems(table)})

    ctrl = QtCore.Qt.KeyboardModifier.ControlModifier
    assert click(0) == [0]
    assert click(2, ctrl) == [0, 2]
    assert a_panel.widget.logic.session.navigation.current.id == 3
    assert click(1, ctrl) == [0, 1, 2]
    assert click(1, ctrl) == [0, 2]
    assert click(1) == [1]


def test_what_is_no_longer_listed_is_not_merged(a_panel):
    table = a_panel.ui.lesionTable
    a_panel.widget.logic.session.deciding.decide("accepted", lesion_id=3, advance=False)
    a_panel.widget.logic.session.navigation.select(1)
    for column in range(table.columnCount):
        table.item(1, column).setSelected(True)  # CMB 2, with Ctrl and a click
    assert chosen(table) == ["1", "2"]
    a_panel.ui.thresholdSlider.setValue(0.9)
    assert cells(a_panel, 0) == ["1", "3"]
    assert chosen(table) == ["1"]  # not what stands in the row of CMB 2 now


def chosen(table):
    return [table.item(row, 0).text() for row in range(table.rowCount) if table.item(row, 0).isSelected()]


def test_the_slider_lists_anew_and_verdicts_stay(a_panel):
    a_panel.key("N")
    a_panel.key("N")
    a_panel.key("N")
    a_panel.key("A")
    for end in (0.001, 0.999):
        a_panel.ui.thresholdSlider.setValue(end)
        assert a_panel.widget.logic.session.listing.threshold == a_panel.ui.thresholdSlider.value == end
    a_panel.ui.thresholdSlider.setValue(0.9)
    assert cells(a_panel, 0) == ["1", "3"]
    assert verdicts(a_panel) == ["reviewed", "accepted"]
    a_panel.ui.thresholdSlider.setValue(0.2)
    assert cells(a_panel, 0) == ["1", "2", "3", "4"]


def test_dropped_candidates_are_listed_with_their_reason(a_panel):
    a_panel.widget.logic.session.listing.set_threshold(0.96)  # above the highest of all
    assert a_panel.ui.thresholdSlider.value == 0.96
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
    display = a_panel.widget.logic.session.detection.results.segmentation.GetDisplayNode()
    assert display.GetOpacity2DFill() > 0
    a_panel.key("X")
    assert slicer.util.getNode(f"{SCAN_NAME} brain surface").GetDisplayNode().GetVisibility()
    a_panel.key("W")
    assert a_panel.views[0].GetSlabReconstructionTypeAsString(a_panel.views[0].GetSlabReconstructionType()) == "Max"
    a_panel.key("W")
    assert not a_panel.views[0].GetSlabReconstructionEnabled()


def test_a_click_in_a_view_adds_a_missed_lesion(a_panel):
    interaction = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLInteractionNode")
    a_panel.click(a_panel.ui.addButton)
    assert a_panel.ui.statusLabel.text == "Click the missed lesion in a slice view."
    interaction.SwitchToViewTransformMode()  # Escape, or Slicer's own button
    assert not a_panel.ui.addButton.checked
    assert a_panel.ui.statusLabel.text == ""
    for said in ("Click the missed lesion in a slice view.", ""):
        a_panel.click(a_panel.ui.addButton)
        assert a_panel.ui.statusLabel.text == said
    a_panel.click(a_panel.ui.addButton)
    node = slicer.util.getNode("Missed microbleed")
    k, j, i = (12, 34, 34)
    node.AddControlPoint(*(oblique_ijk_to_ras() @ [i, j, k, 1])[:3])
    a_panel.settle()
    assert cells(a_panel, 0) == ["1", "2", "3", "4"]  # a dropped candidate lies there
    assert verdicts(a_panel)[3] == "accepted"
    assert not a_panel.ui.addButton.checked


def test_what_was_said_of_an_action_goes_with_the_next_one(a_panel):
    said = a_panel.ui.statusLabel
    for key in ("N", "P", "S", "L", "D"):
        a_panel.key("Del")
        assert said.styleSheet
        a_panel.key(key)
        assert (said.text, said.styleSheet) == ("", ""), key
    a_panel.key("Del")
    a_panel.ui.thresholdSlider.setValue(0.4)
    assert (said.text, said.styleSheet) == ("", "")
    a_panel.key("N")
    a_panel.key("A")
    assert "accepted" in said.text  # though the next lesion was gone to
    a_panel.key("N")
    assert said.text == ""


def test_a_hidden_candidate_is_not_accepted_by_a_key(a_panel):
    a_panel.key("D")
    a_panel.ui.lesionTable.setCurrentCell(3, 0)
    a_panel.key("D")
    a_panel.key("A")
    assert set(verdicts(a_panel)) == {"reviewed"}
    assert "No lesion is chosen" in a_panel.ui.statusLabel.text
    assert a_panel.ui.lesionLabel.text == ""


def test_what_a_reader_made_has_no_probability_and_a_bare_rejection_no_note(a_panel):
    session = a_panel.widget.logic.session
    session.editing.add_voxels(np.argwhere(np.ones((1, 2, 2))) + (12, 34, 34))
    assert cells(a_panel, 3) == ["0.95", "0.85", "0.70", ""]
    assert cells(a_panel, NOTE)[3] == "added"
    assert a_panel.ui.deleteButton.enabled
    session.deciding.decide("rejected", lesion_id=1)
    assert cells(a_panel, NOTE)[0] == ""
    session.navigation.select(1)
    assert "rejected by SI" in a_panel.ui.lesionLabel.text


def test_headings_are_seen_where_the_column_is_cut_off(a_panel):
    qt = a_panel.module.qt
    alignment = a_panel.ui.lesionTable.horizontalHeader().defaultAlignment()
    assert alignment & qt.Qt.AlignLeft
