"""Tests of the Qt harness: its stand-ins offer no more than Slicer's and CTK's own classes do."""

from __future__ import annotations

import pytest
from panels import open_panel
from PySide6 import QtWidgets
from qt_harness.headers import CLASSES, offered
from qt_harness.mrml_widgets import OFFERED, STAND_INS, names_of
from qt_harness.pythonqt import SignatureError, custom_widgets
from slicer_scene import a_scene, new_scene

__all__ = ["a_scene", "new_scene", "open_panel"]

pytestmark = pytest.mark.xdist_group("qt")

QT_BASE = {"ctkCollapsibleButton": QtWidgets.QAbstractButton}
INHERITS = {name: "qMRMLWidget" for name in STAND_INS if name.startswith("qMRML")}
HEADER = """
class Q_EXPORT ctkExample : public QWidget
{
  Q_OBJECT
  // Q_PROPERTY(int hidden READ hidden WRITE setHidden)
  Q_PROPERTY(double value READ value WRITE setValue NOTIFY valueChanged)
public:
  explicit ctkExample(QWidget* parent = nullptr);
  Q_INVOKABLE virtual void reset();
  void internal(int x);
public Q_SLOTS:
  void setText(const QString& text);
Q_SIGNALS:
  void valueChanged(double value);
  void nodeChanged(vtkMRMLNode* node, const QString& why);
protected slots:
  void onSomething();
};
"""


def test_a_header_is_read():
    found = offered(HEADER)
    assert found["properties"] == ["value"]
    assert found["methods"] == ["reset", "setText", "setValue"]
    assert found["signals"] == ["nodeChanged(vtkMRMLNode*,QString)", "valueChanged(double)"]


def test_every_stand_in_has_its_list():
    assert set(STAND_INS) == set(CLASSES) == set(OFFERED)


@pytest.mark.parametrize("name", sorted(STAND_INS))
def test_a_stand_in_offers_no_more_than_the_real_class(name):
    real = [OFFERED[one] for one in (name, INHERITS.get(name)) if one]
    names = {n for one in real for n in (*one["properties"], *one["methods"])}
    names |= {signal.split("(")[0] for one in real for signal in one["signals"]} | set(dir(QT_BASE.get(name)))
    assert names_of(STAND_INS[name]) <= names
    assert set(STAND_INS[name].own_signals) <= {signal for one in real for signal in one["signals"]}


def test_what_the_real_class_does_not_have_is_refused(open_panel):
    panel = open_panel("CMBSegmentation")
    selector = panel.ui.inputSelector
    with pytest.raises(AttributeError, match="no attribute currentVolume"):
        selector.currentVolume = None
    with pytest.raises(SignatureError, match=r"volumeChanged\(\)"):
        selector.connect("volumeChanged()", print)
    with pytest.raises(SignatureError, match=r"pressedTwice\(\)"):
        panel.ui.detectButton.connect("pressedTwice()", print)
    assert isinstance(selector, custom_widgets["qMRMLNodeComboBox"])
