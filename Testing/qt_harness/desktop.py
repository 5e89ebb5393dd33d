"""A window with one module's panel, worked as a person would: click, type, keys, rows."""

from __future__ import annotations

import importlib.util
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import slicer
import slicer.util
from PySide6 import QtCore, QtGui, QtTest, QtWidgets
from waiting import wait_until

from .mrml_widgets import custom_widgets
from .pythonqt import forget, in_pythonqt_style
from .slicer_base import install

ROOT = Path(__file__).resolve().parents[2]
PANEL_WIDTH, PANEL_HEIGHT = 460, 1000
SLICE_VIEWS = ("Red", "Green", "Yellow")


class Application:
    """Stands in for ``slicer.app``, with what modules use of it."""

    class _Modules:
        def connect(self, signature: str, listener: Any) -> None:
            assert signature == "moduleAboutToBeUnloaded(QString)"

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.moduleManager = lambda: Application._Modules()

    def processEvents(self, *_: Any) -> None:  # noqa: N802
        QtWidgets.QApplication.processEvents()

    def connect(self, signature: str, listener: Any) -> None:
        if signature == "focusChanged(QWidget*,QWidget*)":
            QtWidgets.QApplication.instance().focusChanged.connect(listener)
        else:
            assert signature == "startupCompleted()"

    def disconnect(self, signature: str, listener: Any) -> None:
        assert signature == "focusChanged(QWidget*,QWidget*)"
        QtWidgets.QApplication.instance().focusChanged.disconnect(listener)

    def translate(self, context: str, text: str) -> str:
        return text

    def userSettings(self) -> Any:  # noqa: N802
        return sys.modules["qt"].QSettings()

    settings = userSettings

    def layoutManager(self) -> None:  # noqa: N802
        return None

    def mrmlScene(self) -> Any:  # noqa: N802
        return slicer.mrmlScene

    def clipboard(self) -> Any:
        return QtWidgets.QApplication.clipboard()


class Desktop:
    """One module, open.

    Parameters
    ----------
    module : str
        Name of the module.
    scene : vtkMRMLScene
    monkeypatch : pytest.MonkeyPatch

    Attributes
    ----------
    widget
        The module's widget object.
    ui
        Its child widgets by name.
    opened_in_s : float
        How long it took to import the module's file and to build the panel.
    """

    def __init__(self, module: str, scene: Any, monkeypatch: Any) -> None:
        self.qt_application = QtWidgets.QApplication.instance() or QtWidgets.QApplication([])
        self.qt_application.setStyle("Fusion")
        forget()
        self.application = Application()
        install(monkeypatch, self.application)
        self.window = in_pythonqt_style(QtWidgets.QMainWindow)()
        monkeypatch.setattr(slicer.util, "mainWindow", lambda verbose=True: self.window)
        monkeypatch.setattr(slicer.util, "modulePath", lambda name: str(ROOT / name / f"{name}.py"))
        monkeypatch.setattr(slicer.util, "settingsValue", lambda key, default, converter=None: default)
        monkeypatch.setattr(slicer.util, "setSliceViewerLayers", lambda **_: None)
        self.views = [self._slice_view(scene, name) for name in SLICE_VIEWS]
        self.window.resize(PANEL_WIDTH, PANEL_HEIGHT)
        area = QtWidgets.QScrollArea()
        area.setWidgetResizable(True)
        self.frame = custom_widgets["qMRMLWidget"]()
        QtWidgets.QVBoxLayout(self.frame)
        self.frame.setMRMLScene(scene)
        area.setWidget(self.frame)
        self.window.setCentralWidget(area)
        start = time.perf_counter()
        self.module = self._imported(module)
        self.widget = getattr(self.module, f"{module}Widget")(self.frame)
        self.widget.setup()
        self.opened_in_s = time.perf_counter() - start
        self.ui = self.widget.ui
        self.window.show()
        self.window.activateWindow()
        QtTest.QTest.qWaitForWindowActive(self.window, 2000)
        self.widget.enter()
        self.settle()

    def close(self) -> None:
        """Close the module as Slicer does when it quits; once, however often it is asked for."""
        if self.widget is None:
            return
        self.widget.exit()
        self.widget.cleanup()
        self.window.close()
        self.window.setCentralWidget(None)
        self.settle()
        self.widget = None

    def settle(self) -> None:
        """Have Qt do what is due."""
        QtWidgets.QApplication.processEvents()

    def click(self, button: Any) -> None:
        """Click a button that can be clicked."""
        assert button.enabled, f"{button.name} cannot be clicked now"
        QtTest.QTest.mouseClick(button, QtCore.Qt.MouseButton.LeftButton)
        self.settle()

    def key(self, sequence: str) -> None:
        """Press a key or a combination, wherever the focus is."""
        combination = QtGui.QKeySequence(sequence)[0]
        target = QtWidgets.QApplication.focusWidget() or self.window
        QtTest.QTest.keyClick(target, combination.key(), combination.keyboardModifiers())
        self.settle()

    def type(self, field: Any, text: str) -> None:
        """Type into a field and leave it."""
        field.setFocus()
        field.selectAll()
        QtTest.QTest.keyClicks(field, text)
        QtTest.QTest.keyClick(field, QtCore.Qt.Key.Key_Return)
        self.window.setFocus()
        self.settle()

    def choose(self, box: Any, text: str) -> None:
        """Choose from a list as a click on it would."""
        row = box.findText(text)
        assert row >= 0, f"{box.name} has no {text}"
        box.setCurrentIndex(row)
        if hasattr(box, "activated"):
            box.activated.emit(row)  # else nobody has chosen: a program has shown something
        self.settle()

    def wait_until(self, is_so: Callable[[], bool], seconds: float = 60.0) -> float:
        """Let Qt run until something is so; give the longest time (s) in which it could not, until then.

        Raises
        ------
        AssertionError
            It took longer.
        """
        longest = 0.0

        def has_come() -> bool:
            nonlocal longest
            if is_so():
                return True
            before = time.monotonic()
            self.settle()
            if is_so():
                return True
            longest = max(longest, time.monotonic() - before)
            return False

        wait_until(has_come, seconds)
        return longest

    def picture(self, path: Path, *, whole: bool = True) -> Path:
        """Save what the panel looks like; all of it, however high, or only what the window shows."""
        if whole:
            self.window.resize(PANEL_WIDTH, max(400, QtWidgets.QWidget.sizeHint(self.frame).height() + 12))
        self.settle()
        self.settle()
        assert self.window.grab().save(str(path))
        return path

    def _imported(self, name: str) -> types.ModuleType:
        spec = importlib.util.spec_from_file_location(name, ROOT / name / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module

    def _slice_view(self, scene: Any, name: str) -> Any:
        node = slicer.vtkMRMLSliceNode()
        node.SetLayoutName(name)
        node.SetName(name)
        node.SetOrientation({"Red": "Axial", "Green": "Coronal", "Yellow": "Sagittal"}[name])
        node = scene.AddNode(node)
        node.SetDimensions(400, 400, 1)
        return node
