"""The part of the panel that paints scribbles, grows them and adjusts the masks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import slicer
from slicer.i18n import tr as _

from CMBScribbleGrowLib.growing.region import CONNECTIVITIES
from CMBScribbleGrowLib.growing.settings import METHODS
from CMBSegmentationWidgets.at_hand import allow
from CMBSegmentationWidgets.panel.signals import Edge, unheard

if TYPE_CHECKING:
    from CMBScribbleGrowLib.annotation.records import Annotation
    from CMBScribbleGrowLib.study.linked_lesion import LinkedLesion
    from CMBScribbleGrowLib.study.state import GrowParameters

TOLERANCE_STEP_PERCENT = 0.5


class GrowingPart:
    """Segment Editor, growth curve, mode and tolerance.

    Parameters
    ----------
    ui : object
        The panel's widgets by name.
    logic : CMBScribbleGrowLogic
    edge : Edge

    Attributes
    ----------
    actions, tooltips : dict
        By the name of the action in `vocabulary.actions`: what to call, and whose tooltip names the key.
    """

    def __init__(self, ui: Any, logic: Any, edge: Edge) -> None:
        self.ui, self._logic, self._session, self._edge = ui, logic, logic.session, edge
        self._first_tolerance = ui.toleranceSlider.value
        self._set_up_editor()
        ui.modeSelector.addItems(list(METHODS))
        ui.connectivitySelector.addItems([str(connectivity) for connectivity in CONNECTIVITIES])
        self._connect()
        session = self._session
        buttons = {
            "grow": (ui.growButton, self.grow), "accept_grown": (ui.acceptButton, session.growing.accept),
            "undo": (ui.undoButton, session.undo), "redo": (ui.redoButton, session.redo),
        }  # fmt: skip
        for button, action in buttons.values():
            button.connect("clicked()", edge.on(action))
        self.tooltips = {name: button for name, (button, action) in buttons.items()}
        self.tooltips |= {"lower_tolerance": ui.toleranceSlider, "raise_tolerance": ui.toleranceSlider}
        self.actions: dict[str, Callable[[], object]] = {name: action for name, (button, action) in buttons.items()}
        self.actions |= {
            "lower_tolerance": lambda: session.growing.step_tolerance(-TOLERANCE_STEP_PERCENT),
            "raise_tolerance": lambda: session.growing.step_tolerance(TOLERANCE_STEP_PERCENT),
        }

    def grow(self) -> None:
        """Grow what is painted in the chosen segment."""
        self._logic.grow(self._editor_node.GetSelectedSegmentID())

    def leave(self) -> None:
        """Give the mouse back to other modules."""
        self.ui.segmentEditor.setActiveEffect(None)

    def show_parameters(self, parameters: GrowParameters) -> None:
        """Show how lesions are grown next, wherever that was chosen."""
        ui = self.ui
        with unheard(ui.modeSelector, ui.connectivitySelector, ui.diameterSpin, ui.groupedCheck):
            _choose(ui.modeSelector, parameters.mode)
            _choose(ui.connectivitySelector, str(parameters.connectivity))
            ui.diameterSpin.setValue(parameters.largest_diameter_mm)
            ui.groupedCheck.setChecked(parameters.grouped)
        self._update_buttons()

    def show_annotation(self, annotation: Annotation | None) -> None:
        """Have the Segment Editor paint in the study that is open."""
        study = self._session.study
        if study is None:
            self.ui.segmentEditor.setSegmentationNode(None)
        elif self._editor_node.GetSegmentationNode() is not study.nodes.scribbles:
            self.ui.segmentEditor.setSegmentationNode(study.nodes.scribbles)
            self.ui.segmentEditor.setSourceVolumeNode(study.nodes.scan)
            self._editor_node.SetSelectedSegmentID(self._logic.paintSegment())
            self._plot_view_node.SetPlotChartNodeID(study.nodes.chart.GetID())
        self._update_buttons()

    def show_current(self, lesion: LinkedLesion | None) -> None:
        """Show how the current lesion was grown."""
        ui = self.ui
        with unheard(ui.toleranceSlider, ui.automaticCheck, ui.modeSelector, ui.connectivitySelector, ui.diameterSpin):
            percent = self._session.parameters.tolerance_percent
            own = lesion.tolerance_percent if lesion is not None else percent
            ui.toleranceSlider.setValue(self._first_tolerance if own is None else own)
            ui.automaticCheck.setChecked(lesion.automatic if lesion is not None else percent is None)
            if lesion is not None:
                _choose(ui.modeSelector, lesion.settings.mode)
                _choose(ui.connectivitySelector, str(lesion.settings.connectivity))
                ui.diameterSpin.setValue(lesion.settings.largest_diameter_mm)
        self._update_buttons()

    def _set_up_editor(self) -> None:
        """Have Slicer's own Segment Editor paint scribbles, and nothing but them."""
        self._editor_node = self._logic.ownNode(slicer.vtkMRMLSegmentEditorNode)
        self._editor_node.SetOverwriteMode(self._editor_node.OverwriteNone)  # strokes never erase one another
        editor = self.ui.segmentEditor
        editor.setMRMLSegmentEditorNode(self._editor_node)
        editor.segmentationNodeSelectorVisible = False
        editor.sourceVolumeNodeSelectorVisible = False
        editor.switchToSegmentationsButtonVisible = False
        editor.setEffectNameOrder(["Paint", "Draw", "Erase"])
        editor.unorderedEffectsVisible = False
        self._plot_view_node = self._logic.ownNode(slicer.vtkMRMLPlotViewNode)
        self.ui.plotWidget.setMRMLPlotViewNode(self._plot_view_node)

    def _connect(self) -> None:
        ui, session = self.ui, self._session
        ui.modeSelector.connect("currentIndexChanged(int)", self._on_mode_chosen)
        ui.connectivitySelector.connect("currentIndexChanged(int)", self._on_mode_chosen)
        ui.diameterSpin.connect("valueChanged(double)", self._on_mode_chosen)
        ui.groupedCheck.connect("toggled(bool)", self._on_grouped)
        ui.automaticCheck.connect("toggled(bool)", self._on_automatic)
        ui.toleranceSlider.connect("valueChanged(double)", self._on_tolerance)
        session.parameters_changed.connect(self.show_parameters)
        session.annotation_changed.connect(self.show_annotation)
        session.current_changed.connect(self.show_current)

    def _on_mode_chosen(self, value: Any = None) -> None:
        """Grow the next lesion so, and the current one anew."""
        wanted = {
            "mode": self.ui.modeSelector.currentText,
            "connectivity": int(self.ui.connectivitySelector.currentText or 6),
            "largest_diameter_mm": self.ui.diameterSpin.value,
        }
        session, edge = self._session, self._edge
        if edge.do(session.opening.set_parameters, **wanted) and session.current is not None:
            edge.do(session.growing.change, **wanted)

    def _on_automatic(self, automatic: bool) -> None:
        """Take the automatic tolerance, or the one of the slider."""
        percent = None if automatic else self.ui.toleranceSlider.value
        session = self._session
        taken = self._edge.do(session.opening.set_parameters, tolerance_percent=percent)
        if session.current is not None:
            taken = self._edge.do(session.growing.preview, percent)
        if not taken:
            self.show_current(session.current)

    def _on_grouped(self, grouped: bool) -> None:
        """Take all strokes for one group from now on, or each for a lesion."""
        if not self._edge.do(self._session.opening.set_parameters, grouped=bool(grouped)):
            self.show_parameters(self._session.parameters)

    def _on_tolerance(self, percent: float) -> None:
        """Have the current mask follow the slider."""
        if self._session.current is not None:
            self._edge.do(self._session.growing.preview, percent)
        elif not self.ui.automaticCheck.checked:
            self._edge.do(self._session.opening.set_parameters, tolerance_percent=percent)

    def _update_buttons(self) -> None:
        """Allow what can be done now."""
        ui, session = self.ui, self._session
        for widget in (ui.growButton, ui.segmentEditor):
            allow(widget, session.study is not None, ui.lesionList)
        waiting = session.waiting
        strokes = _("1 stroke") if waiting == 1 else _("{count} strokes").format(count=waiting)
        ui.growButton.setText(_("Grow {strokes}").format(strokes=strokes) if waiting else _("Grow"))
        allow(ui.acceptButton, session.current is not None, ui.lesionList)
        of_what = session.current or session.parameters
        allow(ui.toleranceSlider, of_what.tolerance_percent is not None, ui.lesionList)
        allow(ui.undoButton, session.can_undo, ui.lesionList)
        allow(ui.redoButton, session.can_redo, ui.lesionList)


def _choose(selector: Any, text: str) -> None:
    selector.setCurrentIndex(selector.findText(text))
