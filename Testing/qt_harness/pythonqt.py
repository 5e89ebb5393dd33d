"""PySide6 in the ways of PythonQt: Qt's properties are attributes, signals are connected by their signatures.

As in PythonQt, an attribute or a signal that a class does not have is an error, also when it is set.
"""

from __future__ import annotations

import inspect
import types
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from functools import cache
from typing import Any

from PySide6 import QtCore, QtGui, QtUiTools, QtWidgets

SOURCES = (QtWidgets, QtGui, QtCore)
custom_widgets: dict[str, type] = {}
"""Widgets that are not Qt's own, by class name; `mrml_widgets` fills it. Their ``own_signals`` have arguments that
PySide6 does not know, such as nodes; listeners of these are kept in ``own_listeners``."""


class SignatureError(AttributeError):
    """A signal that the class does not have."""


_being_read: set[tuple[int, str]] = set()


def _property(name: str) -> property:
    def read(self: Any) -> Any:
        reading = (id(self), name)
        if reading in _being_read:  # a virtual getter, such as sizeHint: Qt asks whether Python has its own
            raise AttributeError(name)
        _being_read.add(reading)
        try:
            return QtCore.QObject.property(self, name)
        finally:
            _being_read.discard(reading)

    def write(self: Any, value: Any) -> None:
        if not QtCore.QObject.setProperty(self, name, value):
            raise AttributeError(f"{type(self).__name__}.{name} cannot be {value!r}")

    return property(read, write)


def connect(self: Any, signature: str, listener: Callable[..., object]) -> bool:
    """Connect as PythonQt does: ``button.connect("clicked()", listener)``."""
    if signature in getattr(self, "own_signals", ()):
        self.own_listeners.setdefault(signature, []).append(listener)
        return True
    normalized = bytes(QtCore.QMetaObject.normalizedSignature(signature).data()).decode()
    if self.metaObject().indexOfSignal(normalized) < 0:
        raise SignatureError(f"{type(self).__name__} has no signal {signature}")
    if not callable(listener):
        raise TypeError(f"{listener!r} cannot be called")
    name, _, types = normalized.rstrip(")").partition("(")
    count = len(types.split(",")) if types else 0  # a listener gets what the signature says, no more

    def heard(*values: Any) -> None:
        call(listener, values[:count])

    _signal(self, name, types).connect(heard)
    connections(self).append((normalized, listener, heard))
    return True


def disconnect(self: Any, signature: str, listener: Callable[..., object]) -> bool:
    """Undo `connect`."""
    if signature in getattr(self, "own_signals", ()):
        self.own_listeners[signature].remove(listener)
        return True
    normalized = bytes(QtCore.QMetaObject.normalizedSignature(signature).data()).decode()
    for made in connections(self):
        if made[:2] == (normalized, listener):
            name, _, types = normalized.rstrip(")").partition("(")
            _signal(self, name, types).disconnect(made[2])
            connections(self).remove(made)
            return True
    return False


def call(listener: Callable[..., object], values: tuple[Any, ...]) -> None:
    """Hand over as many values as the listener takes, as PythonQt does."""
    taken = inspect.signature(listener).parameters.values()
    if not any(one.kind is one.VAR_POSITIONAL for one in taken):
        values = values[: sum(one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD) for one in taken)]
    listener(*values)


def connections(widget: Any) -> list[tuple[str, Any, Any]]:
    """Give what was connected to a widget: signature, listener, and what Qt calls."""
    if not hasattr(widget, "own_connections"):
        widget.own_connections = []
    return widget.own_connections


def _signal(widget: Any, name: str, types: str) -> Any:
    signal = getattr(widget, name)
    python_types = {"int": int, "bool": bool, "QString": str, "double": float}
    if types in python_types:
        try:
            return signal[python_types[types]]
        except (KeyError, IndexError, TypeError):  # it has one form only
            return signal
    return signal


def _refusing_unknown(base: type) -> Callable[[Any, str, Any], None]:
    def set_known(self: Any, name: str, value: Any) -> None:
        is_free = name.startswith("own_") or UiLoader.is_loading or not type(self).__dict__.get("is_pythonqt")
        if not is_free and not hasattr(type(self), name):
            raise AttributeError(f"{type(self).__name__} has no attribute {name}")
        base.__setattr__(self, name, value)

    return set_known


def in_pythonqt_style(base: type, name: str | None = None, **members: Any) -> type:
    """Make a subclass of a PySide6 class that is used as PythonQt's would be."""
    names: dict[str, Any] = {}
    meta = base.staticMetaObject
    for number in range(meta.propertyCount()):
        name_of_property = meta.property(number).name()
        if name_of_property == "singleShot":  # of a QTimer: PythonQt gives the static function of that name
            continue
        if not any(isinstance(vars(one).get(name_of_property), QtCore.Property) for one in base.__mro__):
            names[name_of_property] = _property(name_of_property)
    names["name"] = names["objectName"]
    names |= {
        "is_pythonqt": True,
        "connect": connect,
        "disconnect": disconnect,
        "className": lambda self: type(self).__name__,
        "__setattr__": _refusing_unknown(base),
        "__module__": __name__,
    }
    for signature in reversed(getattr(base, "own_signals", ())):
        names[signature.split("(")[0]] = property(lambda self, signature=signature: OwnSignal(self, signature))
    return type(name or base.__name__, (base,), names | members)


class OwnSignal:
    """A signal of ``own_signals`` as an attribute: ``selector.currentNodeChanged.connect(listener)``."""

    def __init__(self, widget: Any, signature: str) -> None:
        self.widget, self.signature = widget, signature

    def connect(self, listener: Callable[..., object]) -> None:
        """Connect."""
        self.widget.connect(self.signature, listener)

    def disconnect(self, listener: Callable[..., object]) -> None:
        """Disconnect."""
        self.widget.disconnect(self.signature, listener)


@cache
def qt_class(name: str) -> Any:
    """Give what ``qt.<name>`` is."""
    if name in EXCEPTIONS:
        return EXCEPTIONS[name]
    for source in SOURCES:
        found = getattr(source, name, None)
        if found is not None:
            break
    else:
        raise AttributeError(f"qt has no {name}")
    is_made_by_name = isinstance(found, type) and issubclass(found, QtCore.QObject)
    if is_made_by_name and not name.startswith("QAbstract") and name not in ("QApplication", "QCoreApplication"):
        return in_pythonqt_style(found)
    return found


class _FileDialog:
    """PythonQt's static functions give a path, PySide6's a pair."""

    answers: list[str] = []  # noqa: RUF012 - what the tests' user chooses next

    @classmethod
    def _next(cls, *_: Any) -> str:
        return cls.answers.pop(0) if cls.answers else ""

    getExistingDirectory = getOpenFileName = getSaveFileName = _next  # noqa: N815


class _InputDialog:
    """PythonQt's static functions give the text, empty where it was cancelled; PySide6's a pair."""

    answers: list[str] = []  # noqa: RUF012 - what the tests' user types next
    asked: list[str] = []  # noqa: RUF012

    @classmethod
    def getText(cls, parent: Any, title: str, label: str) -> str:  # noqa: N802
        cls.asked.append(label)
        return cls.answers.pop(0) if cls.answers else ""


class UiLoader(QtUiTools.QUiLoader):
    """Makes every widget of a .ui file in the style of PythonQt; a class that nobody offers is an error."""

    is_loading = False
    made: list[Any] = []  # noqa: RUF012 - PySide6 deletes a widget that only C++ knows of yet

    def __init__(self) -> None:
        super().__init__()
        self.problems: list[str] = []

    def createWidget(self, class_name: str, parent: Any = None, name: str = "") -> Any:  # noqa: N802
        """Make one widget."""
        try:
            made = custom_widgets[class_name] if class_name in custom_widgets else qt_class(class_name)
            widget = made(parent) if parent is not None else made()
        except Exception as error:  # would end the process if it went through Qt
            self.problems.append(f"{class_name} {name}: {error!r}")
            widget = QtWidgets.QWidget(parent)
        QtCore.QObject.setObjectName(widget, name)
        self.made.append(widget)
        return widget

    def load(self, file: Any) -> Any:
        """Load an opened file, and connect what it says is connected."""
        tree = ElementTree.fromstring(bytes(file.readAll().data()))
        connections = [
            [one.findtext(part) for part in ("sender", "signal", "receiver", "slot")] for one in tree.iter("connection")
        ]
        for section in tree.findall("connections"):
            tree.remove(section)
        buffer = QtCore.QBuffer()
        buffer.setData(ElementTree.tostring(tree))
        buffer.open(QtCore.QIODevice.OpenModeFlag.ReadOnly)
        UiLoader.is_loading = True  # PySide6 makes each child an attribute of the top widget, which nobody needs
        try:
            top = super().load(buffer)
        finally:
            UiLoader.is_loading = False
        if top is None or self.problems:
            raise RuntimeError("; ".join(self.problems) or self.errorString())
        _note_dynamic_properties(top)
        for sender, signal, receiver, slot in connections:
            source = top if sender == top.objectName else top.findChild(QtCore.QObject, sender)
            target = top if receiver == top.objectName else top.findChild(QtCore.QObject, receiver)
            source.connect(signal, getattr(target, slot.split("(")[0]))
        return top


def _note_dynamic_properties(top: Any) -> None:
    """Refuse properties in the .ui file that a class does not have: Qt would only keep them as dynamic ones."""
    for widget in (top, *top.findChildren(QtWidgets.QWidget)):
        unknown = [bytes(name.data()).decode() for name in widget.dynamicPropertyNames()]
        unknown = [name for name in unknown if name != "SlicerParameterName" and not name.startswith("_")]
        if unknown:
            raise AttributeError(f"{type(widget).__name__} {widget.objectName} has no property {', '.join(unknown)}")


class _Settings:
    """The user's settings, kept for one test."""

    values: dict[str, Any] = {}  # noqa: RUF012

    def value(self, key: str, default: Any = None) -> Any:
        return self.values.get(key, default)

    def setValue(self, key: str, value: Any) -> None:  # noqa: N802
        self.values[key] = value

    def contains(self, key: str) -> bool:
        return key in self.values


EXCEPTIONS: dict[str, Any] = {
    "QFileDialog": _FileDialog, "QInputDialog": _InputDialog, "QSettings": _Settings, "QUiLoader": UiLoader,
}  # fmt: skip


def qt_module() -> types.ModuleType:
    """Make the module ``qt``."""
    module = types.ModuleType("qt")
    module.__getattr__ = qt_class  # type: ignore[method-assign]
    return module


def forget() -> None:
    """Begin anew: settings and answers of a former test are gone."""
    _Settings.values.clear()
    _FileDialog.answers.clear()
    _InputDialog.answers.clear()
    _InputDialog.asked.clear()
    UiLoader.made.clear()
