"""What Slicer gives its scripted modules in Python: stand-ins, or Slicer's own files where ``SLICER_SOURCE`` is set."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
import types
from pathlib import Path
from typing import Any

import slicer
import slicer.util
from PySide6 import QtCore

from .mrml_widgets import STAND_INS
from .pythonqt import custom_widgets

OWN_FILES = ("ScriptedLoadableModule", "i18n", "util", "parameterNodeWrapper")


def slicer_source() -> Path | None:
    """Give the checkout of Slicer whose own Python modules are to be used; None takes the stand-ins."""
    path = os.environ.get("SLICER_SOURCE")
    return Path(path) / "Base" / "Python" / "slicer" if path else None


def ctk_module() -> types.ModuleType:
    """Make the module ``ctk``; classes that nobody uses are there only to be asked ``isinstance``."""
    module = types.ModuleType("ctk")

    def give(name: str) -> Any:
        if not name.startswith("ctk"):
            raise AttributeError(f"ctk has no {name}")
        return custom_widgets.get(name) or _nobody(name)

    module.__getattr__ = give  # type: ignore[method-assign]
    return module


def give_slicer_its_widgets(monkeypatch: Any) -> None:
    """Have ``slicer.qMRML…`` be the stand-ins."""
    for name in STAND_INS:
        if name.startswith("qMRML"):
            monkeypatch.setattr(slicer, name, custom_widgets[name], raising=False)


def install(monkeypatch: Any, application: Any) -> None:
    """Put everything where a module's file imports it from.

    Parameters
    ----------
    monkeypatch : pytest.MonkeyPatch
    application : object
        ``slicer.app``.
    """
    from .pythonqt import qt_module

    monkeypatch.setitem(sys.modules, "qt", qt_module())
    monkeypatch.setitem(sys.modules, "ctk", ctk_module())
    monkeypatch.setattr(slicer, "app", application, raising=False)
    give_slicer_its_widgets(monkeypatch)
    source = slicer_source()
    if source is None:
        modules = {
            "slicer.i18n": _i18n(),
            "slicer.ScriptedLoadableModule": _scripted_loadable_module(),
            "slicer.parameterNodeWrapper": _parameter_node_wrapper(),
        }
        for name, module in modules.items():
            monkeypatch.setitem(sys.modules, name, module)
            monkeypatch.setattr(slicer, name.split(".")[1], module, raising=False)
        return
    monkeypatch.setattr(slicer, "__path__", [*slicer.__path__, str(source)])
    text = "".join(path.read_text(encoding="utf-8") for path in (source / "parameterNodeWrapper").glob("*.py"))
    for name in set(re.findall(r"slicer\.(qMRML\w+|qSlicer\w+)", text)) - set(STAND_INS):
        monkeypatch.setattr(slicer, name, _nobody(name), raising=False)
    for name in OWN_FILES:
        full = f"slicer.{name}"
        path = source / name / "__init__.py" if (source / name).is_dir() else source / f"{name}.py"
        spec = importlib.util.spec_from_file_location(full, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, full, module)
        monkeypatch.setattr(slicer, name, module, raising=False)
        spec.loader.exec_module(module)


def _nobody(name: str) -> type:
    return type(name, (), {})


def _i18n() -> types.ModuleType:
    module = types.ModuleType("slicer.i18n")
    module.tr = lambda text: text  # type: ignore[attr-defined]
    module.translate = lambda context, text: text  # type: ignore[attr-defined]
    return module


def _scripted_loadable_module() -> types.ModuleType:
    """Stand-ins for the base classes, with what our modules use of them."""

    class ScriptedLoadableModule:
        def __init__(self, parent: Any) -> None:
            self.parent, self.moduleName = parent, type(self).__name__

    class ScriptedLoadableModuleWidget:
        def __init__(self, parent: Any = None) -> None:
            self.moduleName = type(self).__name__.removesuffix("Widget")
            self.parent = parent
            self.layout = parent.layout()

        def resourcePath(self, name: str) -> str:  # noqa: N802
            return str(Path(slicer.util.modulePath(self.moduleName)).parent / "Resources" / name)

        def setup(self) -> None:
            pass

        def cleanup(self) -> None:
            pass

    class ScriptedLoadableModuleLogic:
        def __init__(self, parent: Any = None) -> None:
            self.moduleName = type(self).__name__.removesuffix("Logic")

        def getParameterNode(self) -> Any:  # noqa: N802
            scene = slicer.mrmlScene
            node = scene.GetSingletonNode(self.moduleName, "vtkMRMLScriptedModuleNode")
            if node is None:
                node = scene.CreateNodeByClass("vtkMRMLScriptedModuleNode")
                node.UnRegister(None)
                node.SetSingletonTag(self.moduleName)
                node.SetName(self.moduleName)
                node = scene.AddNode(node)
            node.SetAttribute("ModuleName", self.moduleName)
            return node

    class ScriptedLoadableModuleTest:
        messageDelay = 0  # noqa: N815

        def delayDisplay(self, message: str, **_: Any) -> None:  # noqa: N802
            print(message)

    module = types.ModuleType("slicer.ScriptedLoadableModule")
    for one in (
        ScriptedLoadableModule, ScriptedLoadableModuleWidget, ScriptedLoadableModuleLogic, ScriptedLoadableModuleTest
    ):  # fmt: skip
        setattr(module, one.__name__, one)
    return module


def _parameter_node_wrapper() -> types.ModuleType:
    """Stand-in for typed parameters in a node: str, float, bool, and nodes, bound to widgets by their property."""
    module = types.ModuleType("slicer.parameterNodeWrapper")
    module.parameterNodeWrapper = _wrapped  # type: ignore[attr-defined]
    module.Choice = lambda choices: choices  # type: ignore[attr-defined]
    module.WithinRange = lambda low, high: (low, high)  # type: ignore[attr-defined]
    return module


def _wrapped(cls: type) -> type:
    import typing

    kinds = typing.get_type_hints(cls)
    bare = [name for name, kind in typing.get_type_hints(cls, include_extras=True).items() if kind is float]
    if bare:  # as Slicer's own refuses to bind it to a slider
        raise RuntimeError(f"{', '.join(bare)} must be within a range")

    def create(self: Any, node: Any) -> None:
        self.parameterNode = node
        self.bound: dict[int, list[tuple[str, Any]]] = {}

    def read(name: str, kind: Any, default: Any) -> Any:
        def get(self: Any) -> Any:
            if _is_node(kind):
                return self.parameterNode.GetNodeReference(name)
            if not self.parameterNode.GetParameter(name):
                return default
            text = self.parameterNode.GetParameter(name)
            return text == "True" if kind is bool else kind(text[1:] if kind is str else text)

        return get

    def write(name: str, kind: Any) -> Any:
        def put(self: Any, value: Any) -> None:
            if _is_node(kind):
                self.parameterNode.SetNodeReferenceID(name, value.GetID() if value is not None else None)
            else:
                self.parameterNode.SetParameter(name, f"={value}" if kind is str else str(value))

        return put

    members: dict[str, Any] = {"__init__": create, "connectGui": _connect_gui, "disconnectGui": _disconnect_gui}
    members["AddObserver"] = lambda self, event, listener: self.parameterNode.AddObserver(event, listener)
    for name, kind in kinds.items():
        kind = getattr(kind, "__origin__", kind) if not _is_node(kind) else kind
        default = getattr(cls, name, None if _is_node(kind) else kind())
        members[name] = property(read(name, kind, default), write(name, kind))
    return type(cls.__name__, (cls,), members)


def _is_node(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, slicer.vtkMRMLNode)


_WAYS = {  # widget class: how its value is read, written, and heard of
    "qMRMLNodeComboBox": (
        lambda w: w.currentNode(),
        lambda w, v: w.setCurrentNode(v),
        "currentNodeChanged(vtkMRMLNode*)",
    ),
    "ctkSliderWidget": (lambda w: w.value, lambda w, v: w.setValue(v), "valueChanged(double)"),
    "ctkPathLineEdit": (lambda w: w.currentPath, lambda w, v: w.setCurrentPath(v), "currentPathChanged(QString)"),
    "QComboBox": (lambda w: w.currentText, lambda w, v: w.setCurrentText(v), "currentTextChanged(QString)"),
    "QCheckBox": (lambda w: w.checked, lambda w, v: w.setChecked(v), "toggled(bool)"),
    "QDoubleSpinBox": (lambda w: w.value, lambda w, v: w.setValue(v), "valueChanged(double)"),
    "QLineEdit": (lambda w: w.text, lambda w, v: w.setText(v), "textChanged(QString)"),
}


def _connect_gui(self: Any, ui: Any) -> int:
    """Bind each widget that names a parameter, both ways."""
    bound = []
    for widget in vars(ui).values():
        name = QtCore.QObject.property(widget, "SlicerParameterName")
        if not name:
            continue
        if not hasattr(type(self), name):
            raise AttributeError(f"{type(self).__name__} has no parameter {name}")
        get, put, signal = _WAYS[widget.className()]
        put(widget, getattr(self, name))

        def heard(*_: Any, name: str = name, widget: Any = widget, get: Any = get) -> None:
            if getattr(self, name) != get(widget):
                setattr(self, name, get(widget))

        widget.connect(signal, heard)
        bound.append((signal, widget, heard, name, put, get))

    def told(*_: Any) -> None:
        for _signal, widget, _heard, name, put, get in bound:
            if get(widget) != getattr(self, name):
                put(widget, getattr(self, name))

    tag = self.parameterNode.AddObserver("ModifiedEvent", told)
    self.bound[tag] = bound
    return tag


def _disconnect_gui(self: Any, tag: int) -> None:
    self.parameterNode.RemoveObserver(tag)
    for signal, widget, heard, *_ in self.bound.pop(tag, ()):
        widget.disconnect(signal, heard)
