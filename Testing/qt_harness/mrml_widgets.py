"""Stand-ins for the qMRML and CTK widgets that the panels use, on the real scene; no more than the real ones offer.

`offered.json` lists what the real classes have; a test holds each stand-in against it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PySide6 import QtCore, QtWidgets

from .pythonqt import call, custom_widgets, in_pythonqt_style

OFFERED: dict[str, dict[str, list[str]]] = json.loads(Path(__file__).with_name("offered.json").read_text())


def kept(kind: Any, name: str, default: Any, changed: str = "") -> Any:
    """Make a Qt property that only keeps its value, or calls a method after it was set."""

    def read(self: Any) -> Any:
        return self.own_values.get(name, default)

    def write(self: Any, value: Any) -> None:
        self.own_values[name] = value
        if changed:
            getattr(self, changed)()

    return QtCore.Property(kind, read, write)


class StandIn(QtWidgets.QWidget):
    """What all have; signals are Python's own, since PySide6 miscounts a bool that it emits (6.12)."""

    own_signals: tuple[str, ...] = ()

    def __init__(self, parent: Any = None) -> None:
        self.own_values: dict[str, Any] = {}
        self.own_listeners: dict[str, list[Any]] = {}
        super().__init__(parent)

    def own_tell(self, signature: str, *values: Any) -> None:
        if not QtCore.QObject.signalsBlocked(self):
            for listener in tuple(self.own_listeners.get(signature, ())):
                call(listener, values)


class _MRMLWidget(StandIn):
    own_signals = ("mrmlSceneChanged(vtkMRMLScene*)",)
    own_scene = None

    def setMRMLScene(self, scene: Any) -> None:  # noqa: N802
        self.own_scene = scene
        self.own_tell("mrmlSceneChanged(vtkMRMLScene*)", scene)

    def mrmlScene(self) -> Any:  # noqa: N802
        return self.own_scene


class _NodeComboBox(StandIn):
    """Lists the scene's nodes of some classes; it hears of the scene as the real one does."""

    own_signals = (
        "currentNodeChanged(vtkMRMLNode*)", "currentNodeChanged(bool)", "currentNodeIDChanged(QString)",
        "nodeAddedByUser(vtkMRMLNode*)",
    )  # fmt: skip
    own_scene = None

    nodeTypes = kept("QStringList", "nodeTypes", [], "own_list")  # noqa: N815
    showHidden = kept(bool, "showHidden", False, "own_list")  # noqa: N815
    showChildNodeTypes = kept(bool, "showChildNodeTypes", True, "own_list")  # noqa: N815
    noneEnabled = kept(bool, "noneEnabled", False, "own_list")  # noqa: N815
    noneDisplay = kept(str, "noneDisplay", "None", "own_list")  # noqa: N815
    selectNodeUponCreation = kept(bool, "selectNodeUponCreation", True)  # noqa: N815
    addEnabled = kept(bool, "addEnabled", True)  # noqa: N815
    removeEnabled = kept(bool, "removeEnabled", True)  # noqa: N815
    editEnabled = kept(bool, "editEnabled", False)  # noqa: N815
    renameEnabled = kept(bool, "renameEnabled", False)  # noqa: N815
    baseName = kept(str, "baseName", "")  # noqa: N815

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.own_box = QtWidgets.QComboBox(self)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.own_box)
        self.own_observed: list[tuple[Any, int]] = []
        self.own_current: str | None = None
        self.own_is_listing = False
        self.own_attributes: list[tuple[str, str, Any]] = []
        self.own_box.currentIndexChanged.connect(self.own_on_index)
        QtWidgets.QWidget.setFocusProxy(self, self.own_box)

    def setMRMLScene(self, scene: Any) -> None:  # noqa: N802
        for caller, tag in self.own_observed:
            caller.RemoveObserver(tag)
        self.own_scene = scene
        self.own_observed = []
        if scene is not None:
            events = (scene.NodeAddedEvent, scene.NodeRemovedEvent, scene.EndImportEvent, scene.EndCloseEvent)
            self.own_observed = [(scene, scene.AddObserver(event, self.own_on_scene)) for event in events]
        self.own_list()

    def mrmlScene(self) -> Any:  # noqa: N802
        return self.own_scene

    def addAttribute(self, node_type: str, name: str, value: Any = None) -> None:  # noqa: N802
        self.own_attributes.append((node_type, name, value))
        self.own_list()

    def currentNode(self) -> Any:  # noqa: N802
        return self.own_scene.GetNodeByID(self.own_current) if self.own_scene and self.own_current else None

    currentNodeID = QtCore.Property(str, lambda self: self.own_current or "", lambda self, v: self.setCurrentNodeID(v))  # noqa: N815

    def setCurrentNode(self, node: Any) -> None:  # noqa: N802
        self.setCurrentNodeID(node.GetID() if node is not None and not isinstance(node, str) else node or "")

    def setCurrentNodeID(self, node_id: str) -> None:  # noqa: N802
        row = self.own_box.findData(node_id or "")
        if row >= 0:
            self.own_box.setCurrentIndex(row)

    def nodeCount(self) -> int:  # noqa: N802
        return sum(bool(self.own_box.itemData(row)) for row in range(self.own_box.count()))

    def own_on_scene(self, caller: Any, event: str) -> None:
        if self.own_scene is not None and not self.own_scene.IsBatchProcessing():
            self.own_list()

    def own_list(self) -> None:
        if self.own_scene is None:
            return
        nodes = []
        for node_type in self.own_values.get("nodeTypes", []):
            for number in range(self.own_scene.GetNumberOfNodesByClass(node_type)):
                node = self.own_scene.GetNthNodeByClass(number, node_type)
                exact = node.GetClassName() == node_type or self.own_values.get("showChildNodeTypes", True)
                has = all(
                    node.GetAttribute(name) is not None and value in (None, node.GetAttribute(name))
                    for of_type, name, value in self.own_attributes
                    if of_type == node_type
                )
                if exact and has and (not node.GetHideFromEditors() or self.own_values.get("showHidden", False)):
                    nodes.append(node)
        former = self.own_current
        self.own_is_listing = True
        self.own_box.clear()
        if self.own_values.get("noneEnabled", False):
            self.own_box.addItem(self.own_values.get("noneDisplay", "None"), "")
        for node in nodes:
            self.own_box.addItem(node.GetName(), node.GetID())
        row = self.own_box.findData(former) if former else -1
        self.own_box.setCurrentIndex(max(row, 0) if self.own_box.count() else -1)
        self.own_is_listing = False
        self.own_on_index(self.own_box.currentIndex())

    def own_on_index(self, row: int) -> None:
        chosen = self.own_box.itemData(row) or None if row >= 0 else None
        if self.own_is_listing or chosen == self.own_current:
            return
        self.own_current = chosen
        self.own_tell("currentNodeChanged(vtkMRMLNode*)", self.currentNode())
        self.own_tell("currentNodeChanged(bool)", chosen is not None)
        self.own_tell("currentNodeIDChanged(QString)", chosen or "")


class _SegmentEditor(_MRMLWidget):
    """Keeps what it is told; painting is done by Slicer's own effects."""

    own_signals = ()
    own_node, own_segmentation, own_source = None, None, None
    segmentationNodeSelectorVisible = kept(bool, "segmentationNodeSelectorVisible", True)  # noqa: N815
    sourceVolumeNodeSelectorVisible = kept(bool, "sourceVolumeNodeSelectorVisible", True)  # noqa: N815
    switchToSegmentationsButtonVisible = kept(bool, "switchToSegmentationsButtonVisible", True)  # noqa: N815
    unorderedEffectsVisible = kept(bool, "unorderedEffectsVisible", True)  # noqa: N815

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        layout = QtWidgets.QVBoxLayout(self)
        label = QtWidgets.QLabel("(Slicer's Segment Editor: Paint, Draw, Erase)")
        label.setAlignment(QtCore.Qt.AlignmentFlag.AlignCenter)
        label.setStyleSheet("border: 1px dashed #888; color: #888; padding: 18px")
        layout.addWidget(label)

    def setMRMLSegmentEditorNode(self, node: Any) -> None:  # noqa: N802
        self.own_node = node

    def setSegmentationNode(self, node: Any) -> None:  # noqa: N802
        self.own_segmentation = node
        if self.own_node is not None:
            self.own_node.SetAndObserveSegmentationNode(node)

    def setSourceVolumeNode(self, node: Any) -> None:  # noqa: N802
        self.own_source = node
        self.own_node.SetAndObserveSourceVolumeNode(node)

    def setEffectNameOrder(self, names: list[str]) -> None:  # noqa: N802
        self.own_values["order"] = list(names)

    def setActiveEffect(self, effect: Any) -> None:  # noqa: N802
        if self.own_node is not None:
            self.own_node.SetActiveEffectName("" if effect is None else effect.name)

    def setActiveEffectByName(self, name: str) -> None:  # noqa: N802
        self.own_node.SetActiveEffectName(name)


class _PlotWidget(_MRMLWidget):
    own_signals = ()
    own_view_node = None

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        layout = QtWidgets.QVBoxLayout(self)
        label = QtWidgets.QLabel("(Slicer's plot of the growth curve)")
        label.setAlignment(QtCore.Qt.AlignmentFlag.AlignCenter)
        label.setStyleSheet("border: 1px dashed #888; color: #888; padding: 18px")
        layout.addWidget(label)

    def setMRMLPlotViewNode(self, node: Any) -> None:  # noqa: N802
        self.own_view_node = node

    def mrmlPlotViewNode(self) -> Any:  # noqa: N802
        return self.own_view_node


class _CollapsibleButton(StandIn):
    """A heading that shows and hides what lies below it."""

    own_signals = ("contentsCollapsed(bool)",)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.own_heading = QtWidgets.QToolButton(self)
        self.own_heading.setToolButtonStyle(QtCore.Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.own_heading.setStyleSheet("QToolButton { font-weight: bold; border: none; }")
        self.own_heading.clicked.connect(lambda: self.own_collapse(not self.own_values.get("collapsed", False)))
        self.own_collapse(False)

    def own_collapse(self, collapsed: bool) -> None:
        self.own_values["collapsed"] = collapsed
        arrow = QtCore.Qt.ArrowType.RightArrow if collapsed else QtCore.Qt.ArrowType.DownArrow
        self.own_heading.setArrowType(arrow)
        self.own_apply()
        self.own_tell("contentsCollapsed(bool)", collapsed)

    def own_apply(self) -> None:
        height = self.own_heading.sizeHint().height() + 4
        collapsed = self.own_values.get("collapsed", False)
        for child in self.children():
            if isinstance(child, QtWidgets.QWidget) and child is not self.own_heading:
                hidden = child.isHidden() if not collapsed else True
                if collapsed and not child.isHidden():
                    self.own_values.setdefault("hidden", []).append(child)
                    child.hide()
                elif not collapsed and hidden and child in self.own_values.get("hidden", []):
                    child.show()
        if not collapsed:
            self.own_values["hidden"] = []
        QtWidgets.QWidget.setContentsMargins(self, 0, height, 0, 0)
        QtWidgets.QWidget.setMaximumHeight(self, height if collapsed else 16777215)

    def showEvent(self, event: Any) -> None:  # noqa: N802
        self.own_apply()
        super().showEvent(event)

    def resizeEvent(self, event: Any) -> None:  # noqa: N802
        self.own_heading.setGeometry(0, 0, QtWidgets.QWidget.width(self), self.own_heading.sizeHint().height())
        super().resizeEvent(event)

    def own_set_text(self, text: str) -> None:
        self.own_values["text"] = text
        self.own_heading.setText(text)

    text = QtCore.Property(str, lambda self: self.own_values.get("text", ""), own_set_text)
    collapsed = QtCore.Property(bool, lambda self: self.own_values.get("collapsed", False), own_collapse)

    def setCollapsed(self, collapsed: bool) -> None:  # noqa: N802
        self.own_collapse(collapsed)


class _SliderWidget(StandIn):
    """A slider with a spin box."""

    own_signals = ("valueChanged(double)",)
    STEPS = 1000

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.own_slider = QtWidgets.QSlider(QtCore.Qt.Orientation.Horizontal, self)
        self.own_spin = QtWidgets.QDoubleSpinBox(self)
        self.own_spin.setRange(0.0, 99.0)
        self.own_slider.setRange(0, self.STEPS)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.own_slider, 1)
        layout.addWidget(self.own_spin)
        self.own_spin.valueChanged.connect(self.own_on_spin)
        self.own_slider.valueChanged.connect(self.own_on_slider)
        QtWidgets.QWidget.setFocusProxy(self, self.own_spin)

    def own_on_slider(self, place: int) -> None:
        low, high = self.own_spin.minimum(), self.own_spin.maximum()
        self.own_spin.setValue(low + (high - low) * place / self.STEPS)

    def own_on_spin(self, value: float) -> None:
        low, high = self.own_spin.minimum(), self.own_spin.maximum()
        blocked = self.own_slider.blockSignals(True)
        self.own_slider.setValue(round(self.STEPS * (value - low) / ((high - low) or 1)))
        self.own_slider.blockSignals(blocked)
        self.own_tell("valueChanged(double)", value)

    def setValue(self, value: float) -> None:  # noqa: N802
        self.own_spin.setValue(value)

    def reset(self) -> None:
        self.own_spin.setValue(self.own_spin.minimum())

    def own_set_limits(self) -> None:
        value = self.own_spin.value()
        self.own_spin.setDecimals(self.own_values.get("decimals", 2))  # first: limits are rounded to them
        self.own_spin.setRange(self.own_values.get("minimum", 0.0), self.own_values.get("maximum", 99.0))
        self.own_on_spin(value) if value == self.own_spin.value() else None
        self.own_spin.setSingleStep(self.own_values.get("singleStep", 1.0))
        self.own_spin.setSuffix(self.own_values.get("suffix", ""))

    value = QtCore.Property(
        float, lambda self: self.own_spin.value(), lambda self, value: self.own_spin.setValue(value)
    )
    minimum = kept(float, "minimum", 0.0, "own_set_limits")
    maximum = kept(float, "maximum", 99.0, "own_set_limits")
    singleStep = kept(float, "singleStep", 1.0, "own_set_limits")  # noqa: N815
    pageStep = kept(float, "pageStep", 10.0)  # noqa: N815
    decimals = kept(int, "decimals", 2, "own_set_limits")
    suffix = kept(str, "suffix", "", "own_set_limits")
    tracking = kept(bool, "tracking", True)


class _PathLineEdit(StandIn):
    """A line for a path."""

    own_signals = ("currentPathChanged(QString)",)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.own_line = QtWidgets.QLineEdit(self)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.own_line, 1)
        layout.addWidget(QtWidgets.QToolButton(text="…"))
        self.own_line.textChanged.connect(lambda text: self.own_tell("currentPathChanged(QString)", text))
        QtWidgets.QWidget.setFocusProxy(self, self.own_line)

    def setCurrentPath(self, path: str) -> None:  # noqa: N802
        self.own_line.setText(path)

    def addCurrentPathToHistory(self) -> None:  # noqa: N802
        self.own_values.setdefault("history", []).append(self.own_line.text())

    currentPath = QtCore.Property(str, lambda self: self.own_line.text(), lambda self, v: self.own_line.setText(v))  # noqa: N815
    nameFilters = kept("QStringList", "nameFilters", [])  # noqa: N815
    settingKey = kept(str, "settingKey", "")  # noqa: N815
    filters = kept(int, "filters", 0)
    showHistoryButton = kept(bool, "showHistoryButton", True)  # noqa: N815


STAND_INS = {
    "qMRMLWidget": _MRMLWidget,
    "qMRMLNodeComboBox": _NodeComboBox,
    "qMRMLSegmentEditorWidget": _SegmentEditor,
    "qMRMLPlotWidget": _PlotWidget,
    "ctkCollapsibleButton": _CollapsibleButton,
    "ctkSliderWidget": _SliderWidget,
    "ctkPathLineEdit": _PathLineEdit,
}


def names_of(stand_in: type) -> set[str]:
    """Give what a stand-in adds to a plain widget, by name."""
    own: set[str] = set()
    for one in stand_in.__mro__:
        if one is QtWidgets.QWidget:
            break
        own |= {name for name in vars(one) if not name.startswith(("_", "own_")) and not name.isupper()}
    return own - {"staticMetaObject"} - set(dir(QtWidgets.QWidget))


custom_widgets |= {name: in_pythonqt_style(base, name) for name, base in STAND_INS.items()}
