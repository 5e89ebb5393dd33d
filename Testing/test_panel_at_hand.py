"""CMB Segmentation's panel under wheel, focus and foreign keys; its colours and its log."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import slicer
import slicer.util
from module_file import ROOT
from panels import open_panel
from slicer_scene import a_scene, new_scene, reopened

sys.path.append(str(ROOT / "CMBSegmentation" / "Testing"))  # the scans that the module's own tests use

from segmentation_panel import a_panel, a_searched_scan, verdicts

__all__ = ["a_panel", "a_scene", "a_searched_scan", "new_scene", "open_panel", "reopened"]

pytestmark = pytest.mark.xdist_group("qt")


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
    assert (ui.operatingPointSelector.currentText, session.listing.operating_point) == ("balanced", "balanced")
    ui.thresholdSlider.setValue(0.42)
    assert (ui.operatingPointSelector.currentText, session.listing.operating_point) == ("custom", "custom")
    assert session.listing.threshold == pytest.approx(0.42)
    a_panel.choose(ui.operatingPointSelector, "specific")
    assert session.listing.threshold == session.listing.operating_points["specific"]
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

    a_panel.widget.logic.session.listing.show_dropped(True)
    for lesion, decision in ((1, "accepted"), (2, "rejected"), (3, "uncertain")):
        a_panel.widget.logic.session.deciding.decide(decision, lesion_id=lesion)
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


def test_the_focus_of_a_button_that_goes_out_of_use_goes_to_the_list(a_panel):
    """Not to whatever comes next, which Space would press."""
    ui = a_panel.ui
    a_panel.key("N")
    a_panel.key("A")
    for button, key in ((ui.undoButton, "Space"), (ui.redoButton, "Space")):
        button.setFocus()
        a_panel.key(key)
        assert not button.enabled
        assert ui.lesionTable.focus
    ui.modelPath.setCurrentPath("gone.onnx")
    ui.detectButton.setFocus()
    a_panel.key("Space")
    assert not ui.detectButton.enabled
    assert ui.lesionTable.focus
    a_panel.click(ui.cancelButton)


def test_the_panel_fits_beside_a_vertical_scroll_bar(open_panel, a_searched_scan, tmp_path):
    from PySide6 import QtWidgets

    long = "sub-001_ses-01_acq-highres_run-01_T2starw"
    slicer.util.addVolumeFromArray(np.zeros((3, 3, 3), np.float32), name=f"{long} CMB probability")
    a_panel = open_panel("CMBSegmentation")
    ui = a_panel.ui
    ui.inputSelector.setCurrentNode(a_searched_scan)
    a_panel.type(ui.readerEdit, "SI")
    (tmp_path / long).mkdir()
    a_panel.module.qt.QFileDialog.answers.append(str(tmp_path / long))
    a_panel.click(ui.folderButton)
    assert ui.folderButton.text == "Saved in sub-001…2starw"
    assert str(tmp_path / long) in ui.folderButton.toolTip
    for section in (ui.advancedSection, ui.viewSection, ui.keySection, ui.aboutSection):
        section.collapsed = False
    a_panel.key("N")
    a_panel.key("R")  # the question, too
    a_panel.window.resize(420, 700)
    a_panel.settle()
    (area,) = a_panel.window.findChildren(QtWidgets.QScrollArea)[:1]
    room = QtWidgets.QWidget.width(QtWidgets.QAbstractScrollArea.viewport(area))
    assert QtWidgets.QWidget.minimumSizeHint(a_panel.frame).width() <= room
