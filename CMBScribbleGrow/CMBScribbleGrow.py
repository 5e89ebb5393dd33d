"""CMB Scribble Grow: from a few painted voxels to a microbleed's mask and record (module, panel, logic, test).

This file is what Slicer asks for; the work is done in CMBScribbleGrowLib.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qt
import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

# CMBScribbleGrowLib is imported where it is first needed: Slicer loads this file at every start,
# and scipy and SimpleITK would slow that down for all users.
if TYPE_CHECKING:
    from CMBScribbleGrowLib.annotation.records import Annotation
    from CMBScribbleGrowLib.session import Cases
    from CMBScribbleGrowLib.study.linked_lesion import LinkedLesion
    from CMBScribbleGrowLib.study.state import Status
    from CMBSegmentationWidgets.at_hand import FocusRing
    from CMBSegmentationWidgets.panel_keys import PanelKeys

POLL_INTERVAL_MS = 250
TOLERANCE_STEP_PERCENT = 0.5
READER_SETTING = "CMBScribbleGrow/Reader"


class CMBScribbleGrow(ScriptedLoadableModule):
    """What Slicer shows of the module before it is opened."""

    def __init__(self, parent: Any) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("CMB Scribble Grow")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        self.parent.dependencies = []
        self.parent.contributors = ["The slicer-cmb contributors"]
        self.parent.helpText = _(
            "Grows a microbleed's mask from a few painted voxels, and records what its reader says of it. "
            "Research use only: not a medical device."
        )
        self.parent.acknowledgementText = _(
            "After J. del Pozo Lérida, Automatic Segmentation of Cerebral Microbleeds, "
            "IT University of Copenhagen, 2023, and the Brain Observer MicroBleed Scale "
            "(Cordonnier et al., Stroke 40:94, 2009)."
        )


class CMBScribbleGrowWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The module's panel; it shows the session's state and has none of its own."""

    def __init__(self, parent: Any = None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic: CMBScribbleGrowLogic | None = None
        self.pollTimer = None
        self.keys: PanelKeys | None = None
        self.focusRing: FocusRing | None = None

    def setup(self) -> None:
        """Build the panel; called when the user opens the module for the first time."""
        ScriptedLoadableModuleWidget.setup(self)
        panel = slicer.util.loadUI(self.resourcePath("UI/CMBScribbleGrow.ui"))
        self.layout.addWidget(panel)
        self.ui = slicer.util.childWidgetVariables(panel)
        panel.setMRMLScene(slicer.mrmlScene)
        from CMBSegmentationWidgets.at_hand import FocusRing, WheelGuard

        self.logic = CMBScribbleGrowLogic()
        self.setUpEditor()
        self.setUpForms()
        self.setUpChoices()
        self.connectPanel()
        self.setUpKeys()
        self.wheelGuard = WheelGuard(panel)
        self.focusRing = FocusRing(panel)
        self.onParametersChanged(self.logic.session.parameters)
        self.onAnnotationChanged(None)
        self.onScanChanged(self.ui.scanSelector.currentNode())

    def cleanup(self) -> None:
        """Save what is open; called when Slicer closes or the module is reloaded."""
        self.pollTimer.stop()
        self.keys.ignore()
        self.focusRing.remove()
        self.logic.session.close()
        self.removeObservers()

    def enter(self) -> None:
        """Listen to the keyboard while the module is shown."""
        self.keys.listen()

    def exit(self) -> None:
        """Leave the keyboard to other modules."""
        self.keys.ignore()
        self.ui.segmentEditor.setActiveEffect(None)

    def setUpEditor(self) -> None:
        """Have Slicer's own Segment Editor paint scribbles, and nothing but them."""
        self.editorNode = self.logic.ownNode(slicer.vtkMRMLSegmentEditorNode)
        self.editorNode.SetOverwriteMode(self.editorNode.OverwriteNone)  # strokes never erase one another
        editor = self.ui.segmentEditor
        editor.setMRMLSegmentEditorNode(self.editorNode)
        editor.segmentationNodeSelectorVisible = False
        editor.sourceVolumeNodeSelectorVisible = False
        editor.switchToSegmentationsButtonVisible = False
        editor.setEffectNameOrder(["Paint", "Draw", "Erase"])
        editor.unorderedEffectsVisible = False
        self.plotViewNode = self.logic.ownNode(slicer.vtkMRMLPlotViewNode)
        self.ui.plotWidget.setMRMLPlotViewNode(self.plotViewNode)

    def setUpForms(self) -> None:
        """Bind the fields of the protocol to their widgets."""
        from CMBScribbleGrowLib.annotation import words as vocabulary
        from CMBScribbleGrowWidgets.answer_form import AnswerForm, FlagList, RecordList

        ui, session = self.ui, self.logic.session
        self.lesionList = RecordList(ui.lesionList, self.logic.describe, self.onLesionChosen)
        self.lesionForm = AnswerForm(lambda **said: self.onAnswer(self.lesionList.current, said))
        self.lesionForm.words("location", ui.locationSelector, vocabulary.LOCATIONS)
        self.lesionForm.words("side", ui.sideSelector, vocabulary.SIDES)
        self.lesionForm.words("cause", ui.causeSelector, vocabulary.CAUSES)
        self.lesionForm.text("cause_text", ui.causeTextEdit)
        self.lesionForm.yes_no("smaller_than_5_mm", ui.smallerSelector)
        self.lesionForm.flag("uncertain", ui.uncertainCheck)
        self.lesionForm.count("count", ui.countSpin)
        self.lesionForm.text("comment", ui.lesionCommentEdit)
        self.mimicList = RecordList(ui.mimicList, self.logic.describe, self.onLandmarkChosen)
        self.mimicForm = AnswerForm(lambda **said: self.onAnswer(self.mimicList.current, said))
        self.mimicForm.words("type", ui.mimicTypeSelector, vocabulary.MIMIC_TYPES)
        self.mimicForm.words("side", ui.mimicSideSelector, vocabulary.SIDES)
        self.mimicForm.text("text", ui.mimicTextEdit)
        self.findingList = RecordList(ui.findingList, self.logic.describe, self.onLandmarkChosen)
        self.findingForm = AnswerForm(lambda **said: self.onAnswer(self.findingList.current, said))
        self.findingForm.text("text", ui.findingTextEdit)
        self.studyForm = AnswerForm(lambda **said: self.shownAgain(session.assess(**said)))
        self.studyForm.yes_no("included", ui.includedSelector)
        self.studyForm.text("why_not", ui.whyNotEdit)
        self.studyForm.words("quality", ui.qualitySelector, vocabulary.QUALITIES)
        self.studyForm.text("comments", ui.studyCommentsEdit)
        self.seriesFlags = FlagList(
            ui.seriesFlagsList,
            vocabulary.SERIES_FLAGS,
            lambda flags: self.shownAgain(self.logic.rateSeries(flags=flags)),
        )
        self.seriesForm = AnswerForm(lambda **said: self.shownAgain(self.logic.rateSeries(**said)))
        self.seriesForm.text("text", ui.seriesTextEdit)

    def setUpChoices(self) -> None:
        """Fill in what a lesion can be grown with."""
        from CMBScribbleGrowLib.growing.region import CONNECTIVITIES
        from CMBScribbleGrowLib.growing.settings import METHODS

        self.ui.modeSelector.addItems(list(METHODS))
        self.ui.connectivitySelector.addItems([str(connectivity) for connectivity in CONNECTIVITIES])
        self.ui.readerEdit.setText(qt.QSettings().value(READER_SETTING, "") or "")
        self.logic.session.set_parameters(reader=self.ui.readerEdit.text)

    def connectPanel(self) -> None:
        """Connect the widgets, the session and the scene."""
        ui, logic, session = self.ui, self.logic, self.logic.session
        self.pollTimer = qt.QTimer()
        self.pollTimer.setInterval(POLL_INTERVAL_MS)
        self.pollTimer.connect("timeout()", session.poll)
        self.pollTimer.start()
        ui.scanSelector.connect("currentNodeChanged(vtkMRMLNode*)", self.onScanChanged)
        ui.readerEdit.connect("editingFinished()", self.onReaderNamed)
        ui.modeSelector.connect("currentIndexChanged(int)", self.onModeChosen)
        ui.connectivitySelector.connect("currentIndexChanged(int)", self.onModeChosen)
        ui.diameterSpin.connect("valueChanged(double)", self.onModeChosen)
        ui.groupedCheck.connect("toggled(bool)", self.onGroupedToggled)
        ui.automaticCheck.connect("toggled(bool)", self.onAutomaticToggled)
        ui.toleranceSlider.connect("valueChanged(double)", self.onToleranceMoved)
        buttons = {
            ui.growButton: self.onGrow, ui.acceptButton: session.accept, ui.undoButton: session.undo,
            ui.redoButton: session.redo, ui.previousButton: self.onPrevious, ui.nextButton: self.onNext,
            ui.doneButton: self.onDoneAndNext, ui.placeMimicButton: self.onPlaceMimic,
            ui.placeFindingButton: self.onPlaceFinding, ui.folderButton: self.onFolder,
            ui.worklistFolderButton: self.onWorklistFolder, ui.worklistFileButton: self.onWorklistFile,
            ui.removeLesionButton: lambda: logic.remove(self.lesionList.current),
            ui.removeMimicButton: lambda: logic.remove(self.mimicList.current),
            ui.removeFindingButton: lambda: logic.remove(self.findingList.current),
        }  # fmt: skip
        for button, action in buttons.items():
            button.connect("clicked()", _called_alone(action))
        session.parameters_changed.connect(self.onParametersChanged)
        session.status_changed.connect(self.onStatusChanged)
        session.annotation_changed.connect(self.onAnnotationChanged)
        session.current_changed.connect(self.onCurrentChanged)
        logic.cases.changed.connect(self.onCasesChanged)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneChanged)

    def setUpKeys(self) -> None:
        """Give each action its key, and each button's tooltip the key of its own."""
        from CMBSegmentationWidgets.panel_keys import PanelKeys

        ui, session = self.ui, self.logic.session
        actions = {
            "grow": self.onGrow, "accept_grown": session.accept, "undo": session.undo, "redo": session.redo,
            "lower_tolerance": lambda: self.onToleranceKey(-TOLERANCE_STEP_PERCENT),
            "raise_tolerance": lambda: self.onToleranceKey(TOLERANCE_STEP_PERCENT),
            "delete": lambda: self.logic.remove(self.lesionList.current), "mark_mimic": self.onPlaceMimic,
            "mark_finding": self.onPlaceFinding, "previous_study": self.onPrevious, "next_study": self.onNext,
            "finish_study": self.onDoneAndNext,
        }  # fmt: skip
        tooltips = {
            "grow": ui.growButton, "accept_grown": ui.acceptButton, "undo": ui.undoButton, "redo": ui.redoButton,
            "lower_tolerance": ui.toleranceSlider, "raise_tolerance": ui.toleranceSlider,
            "delete": ui.removeLesionButton, "mark_mimic": ui.placeMimicButton,
            "mark_finding": ui.placeFindingButton, "previous_study": ui.previousButton, "next_study": ui.nextButton,
            "finish_study": ui.doneButton,
        }  # fmt: skip
        self.keys = PanelKeys(actions, tooltips, {}, ui.keyTable, ui.statusLabel.setText)
        ui.resetKeysButton.connect("clicked()", _called_alone(self.keys.reset))

    def onScanChanged(self, volumeNode: Any) -> None:
        """Open the annotation of the chosen scan."""
        session = self.logic.session
        if volumeNode is not None and session.parameters.scan_node_id == volumeNode.GetID():
            return
        nodeID = volumeNode.GetID() if volumeNode else None
        if session.set_parameters(scan_node_id=nodeID, folder=self.logic.chosenFolder()):
            self.ui.reportText.setPlainText("")  # it belonged to the worklist's study
        else:
            self.onParametersChanged(session.parameters)  # the former could not be saved: it stays

    def onSceneChanged(self, caller: Any = None, event: Any = None) -> None:
        """Open the annotation of a scene that was loaded."""
        if self.logic.session.study is None:
            self.onScanChanged(self.ui.scanSelector.currentNode())

    def onReaderNamed(self) -> None:
        """Open the reader's own annotation, and remember the name for the next start."""
        if self.logic.session.set_parameters(reader=self.ui.readerEdit.text):
            qt.QSettings().setValue(READER_SETTING, self.ui.readerEdit.text)

    def onFolder(self) -> None:
        """Ask for a folder, and save there from now on."""
        parent = slicer.util.mainWindow()
        path = qt.QFileDialog.getExistingDirectory(parent, _("Save the annotation in"))
        if path:
            self.logic.session.set_parameters(folder=path)

    def onWorklistFolder(self) -> None:
        """Ask for a folder of scans, and open the first that is to do."""
        path = qt.QFileDialog.getExistingDirectory(slicer.util.mainWindow(), _("Folder of scans to annotate"))
        if path:
            self.logic.cases.open_worklist(path, self.logic.chosenFolder())

    def onWorklistFile(self) -> None:
        """Ask for a list of scans, and open the first that is to do."""
        title, kinds = _("List of scans to annotate"), _("Lists") + " (*.csv *.tsv *.txt)"
        path = qt.QFileDialog.getOpenFileName(slicer.util.mainWindow(), title, "", kinds)
        if path:
            self.logic.cases.open_worklist(path, self.logic.chosenFolder())

    def onModeChosen(self, value: Any = None) -> None:
        """Grow the next lesion so, and the current one anew."""
        wanted = {
            "mode": self.ui.modeSelector.currentText,
            "connectivity": int(self.ui.connectivitySelector.currentText or 6),
            "largest_diameter_mm": self.ui.diameterSpin.value,
        }
        session = self.logic.session
        if session.set_parameters(**wanted) and session.current is not None:
            session.change(**wanted)

    def onAutomaticToggled(self, automatic: bool) -> None:
        """Take the automatic tolerance, or the one of the slider."""
        percent = None if automatic else self.ui.toleranceSlider.value
        session = self.logic.session
        taken = session.set_parameters(tolerance_percent=percent)
        if session.current is not None:
            taken = session.preview(percent)
        if taken is None:
            self.onCurrentChanged(session.current)

    def onGroupedToggled(self, grouped: bool) -> None:
        """Take all strokes for one group from now on, or each for a lesion."""
        session = self.logic.session
        if session.set_parameters(grouped=bool(grouped)) is None:
            self.onParametersChanged(session.parameters)

    def onToleranceMoved(self, percent: float) -> None:
        """Have the current mask follow the slider."""
        if self.logic.session.current is not None:
            self.logic.session.preview(percent)
        elif not self.ui.automaticCheck.checked:
            self.logic.session.set_parameters(tolerance_percent=percent)

    def onToleranceKey(self, step: float) -> None:
        """Lower or raise the tolerance."""
        lesion = self.logic.session.current
        if lesion is not None and lesion.tolerance_percent is not None:
            self.logic.session.preview(min(max(lesion.tolerance_percent + step, 0.0), 100.0))

    def onGrow(self) -> None:
        """Grow what is painted in the chosen segment."""
        self.logic.grow(self.editorNode.GetSelectedSegmentID())

    def onPrevious(self) -> None:
        """Open the study before this one."""
        self.logic.cases.previous()

    def onNext(self) -> None:
        """Open the next study that is to do."""
        self.logic.cases.next()

    def onDoneAndNext(self) -> None:
        """Finish this study and open the next."""
        self.logic.cases.done_and_next()

    def onPlaceMimic(self) -> None:
        """Have the next click in a slice view set a mimic's point."""
        self.logic.startPlacing("mimics")

    def onPlaceFinding(self) -> None:
        """Have the next click in a slice view set a finding's point."""
        self.logic.startPlacing("findings")

    def onAnswer(self, record: Any, said: dict[str, Any]) -> None:
        """Write an answer into its record; one that is refused is taken out of the form again."""
        if record is not None:
            self.shownAgain(self.logic.session.answer(record, **said))

    def shownAgain(self, taken: Any) -> None:
        """Have the forms show what is recorded where an answer was refused."""
        if taken is None:
            self.onAnnotationChanged(self.logic.session.annotation)

    def onLesionChosen(self, record: Any) -> None:
        """Show a microbleed and adjust it from now on."""
        self.logic.session.select(record.id)
        self.logic.jumpTo(record)
        self.lesionForm.show(record)

    def onLandmarkChosen(self, record: Any) -> None:
        """Show a point in the slice views."""
        self.logic.jumpTo(record)
        self.mimicForm.show(self.mimicList.current)
        self.findingForm.show(self.findingList.current)

    def onStatusChanged(self, status: Status) -> None:
        """Tell what was done, or why it was refused."""
        self.ui.statusLabel.setText("\n".join((status.message, *status.notes)).strip())
        if status.state == "working":
            slicer.app.processEvents()  # what follows takes some seconds

    def onParametersChanged(self, parameters: Any) -> None:
        """Show what was chosen, here or elsewhere."""
        ui = self.ui
        with _unheard(ui.scanSelector, ui.modeSelector, ui.connectivitySelector, ui.diameterSpin, ui.groupedCheck):
            ui.scanSelector.setCurrentNodeID(parameters.scan_node_id or "")
            ui.folderButton.setText(Path(parameters.folder).name if parameters.folder else _("Beside the scan"))
            ui.folderButton.setToolTip(parameters.folder or _("Choose where the annotation is saved"))
            ui.modeSelector.setCurrentIndex(ui.modeSelector.findText(parameters.mode))
            ui.connectivitySelector.setCurrentIndex(ui.connectivitySelector.findText(str(parameters.connectivity)))
            ui.diameterSpin.setValue(parameters.largest_diameter_mm)
            ui.groupedCheck.setChecked(parameters.grouped)

    def onAnnotationChanged(self, annotation: Annotation | None) -> None:
        """List the records, and show the chosen ones."""
        session, current = self.logic.session, self.logic.session.current
        study = session.study
        self.lesionList.show(annotation.microbleeds if annotation else (), current.id if current else None)
        self.mimicList.show(annotation.mimics if annotation else ())
        self.findingList.show(annotation.findings if annotation else ())
        self.lesionForm.show(self.lesionList.current)
        self.mimicForm.show(self.mimicList.current)
        self.findingForm.show(self.findingList.current)
        self.studyForm.show(self.logic.assessment())
        series = self.logic.series()
        self.seriesFlags.show(series.flags if series else ())
        self.seriesForm.show(series)
        self.ui.unansweredText.setPlainText("\n".join(session.unanswered))
        if study is None:
            self.ui.segmentEditor.setSegmentationNode(None)
        elif self.editorNode.GetSegmentationNode() is not study.nodes.scribbles:
            self.ui.segmentEditor.setSegmentationNode(study.nodes.scribbles)
            self.ui.segmentEditor.setSourceVolumeNode(study.nodes.scan)
            self.editorNode.SetSelectedSegmentID(self.logic.paintSegment())
            self.plotViewNode.SetPlotChartNodeID(study.nodes.chart.GetID())
        self.updateButtons()

    def onCurrentChanged(self, lesion: LinkedLesion | None) -> None:
        """Show how the current lesion was grown."""
        ui = self.ui
        adjustable = lesion is not None and lesion.tolerance_percent is not None
        with _unheard(ui.toleranceSlider, ui.automaticCheck, ui.modeSelector, ui.connectivitySelector, ui.diameterSpin):
            if adjustable:
                ui.toleranceSlider.setValue(lesion.tolerance_percent)
            percent = self.logic.session.parameters.tolerance_percent
            ui.automaticCheck.setChecked(lesion.automatic if lesion is not None else percent is None)
            if lesion is not None:
                ui.modeSelector.setCurrentIndex(ui.modeSelector.findText(lesion.settings.mode))
                ui.connectivitySelector.setCurrentIndex(
                    ui.connectivitySelector.findText(str(lesion.settings.connectivity))
                )
                ui.diameterSpin.setValue(lesion.settings.largest_diameter_mm)
        self.updateButtons()

    def onCasesChanged(self, cases: Cases) -> None:
        """Show the report and how far the worklist is."""
        done, count = cases.progress
        self.ui.progressLabel.setText(_("{done} of {count} done").format(done=done, count=count))
        self.ui.reportText.setPlainText(cases.report)
        study = self.logic.session.study
        if study is not None:
            slicer.util.setSliceViewerLayers(background=study.nodes.scan, fit=True)

    def updateButtons(self) -> None:
        """Allow what can be done now."""
        ui, session = self.ui, self.logic.session
        is_open = session.study is not None
        for widget in (ui.growButton, ui.placeMimicButton, ui.placeFindingButton, ui.segmentEditor):
            widget.setEnabled(is_open)
        ui.acceptButton.setEnabled(session.current is not None)
        ui.undoButton.setEnabled(session.can_undo)
        ui.redoButton.setEnabled(session.can_redo)
        ui.removeLesionButton.setEnabled(self.lesionList.current is not None)
        ui.removeMimicButton.setEnabled(self.mimicList.current is not None)
        ui.removeFindingButton.setEnabled(self.findingList.current is not None)
        for button in (ui.previousButton, ui.nextButton, ui.doneButton):
            button.setEnabled(self.logic.cases.worklist is not None)


class _unheard:  # noqa: N801
    """Widgets that are set here, not by the user: nobody is to hear of it."""

    def __init__(self, *widgets: Any) -> None:
        self.widgets = widgets

    def __enter__(self) -> None:
        self.before = [widget.blockSignals(True) for widget in self.widgets]

    def __exit__(self, *error: object) -> None:
        for widget, blocked in zip(self.widgets, self.before, strict=True):
            widget.blockSignals(blocked)


def _called_alone(action: Any) -> Any:
    """Call an action without what a Qt signal brings along."""
    return lambda *ignored: action()


class CMBScribbleGrowLogic(ScriptedLoadableModuleLogic):
    """What other modules and scripts can call; nothing here needs the panel.

    Attributes
    ----------
    session : GrowSession
    cases : Cases
    """

    def __init__(self) -> None:
        from CMBScribbleGrowLib.session import Cases, GrowSession

        ScriptedLoadableModuleLogic.__init__(self)
        self.session = GrowSession(slicer.mrmlScene)
        self.cases = Cases(self.session, slicer.util.loadVolume)

    def process(
        self,
        inputVolume: slicer.vtkMRMLScalarVolumeNode,
        scribbles: slicer.vtkMRMLSegmentationNode | None = None,
        *,
        reader: str = "script",
        **parameters: Any,
    ) -> tuple[LinkedLesion, ...]:
        """Grow all that is painted on a scan: for scripts.

        Parameters
        ----------
        inputVolume : vtkMRMLScalarVolumeNode
        scribbles : vtkMRMLSegmentationNode, optional
            Its segments are taken as scribbles; without it those painted in the module's own node.
        reader : str
            Whose annotation it is.
        **parameters
            Fields of `study.state.GrowParameters`, such as ``mode="parent"`` or ``folder``.

        Returns
        -------
        tuple of LinkedLesion
            Those that were grown now.

        Raises
        ------
        CMBError
            What was wrong, and what to do about it.
        """
        from CMBScribbleGrowLib.scene import PAINT_SEGMENT, add_to_scribble, segment_ids, segment_on_scan

        self.answered(self.session.open(inputVolume, reader=reader, **parameters))
        study = self.session.study
        for segment in segment_ids(scribbles) if scribbles is not None else []:
            painted = segment_on_scan(scribbles, segment, study.grid).voxels
            add_to_scribble(study.nodes, PAINT_SEGMENT, painted, study.grid)
        return self.answered(self.session.grow())

    def answered(self, result: Any) -> Any:
        """Raise what the session refused, for scripts that do not watch its status."""
        if result is None and self.session.status.error is not None:
            raise self.session.status.error
        return result

    def grow(self, segmentID: str = "") -> Sequence[LinkedLesion] | None:
        """Grow what is painted in a segment of the scribbles; without one in the segment to paint in."""
        return self.session.grow(segmentID or self.paintSegment())

    def ownNode(self, nodeClass: Any) -> Any:
        """Give the module's own node of a class: one a scene, kept when the scene is closed."""
        node = nodeClass()
        node.SetSingletonTag("CMBScribbleGrow")
        return slicer.mrmlScene.AddNode(node)  # the one that is there already, if there is

    def chosenFolder(self) -> str | None:
        """Give the folder that the reader chose to save in; None if it is the scan's own or its worklist's."""
        folder, item = self.session.parameters.folder, self.cases.item
        return None if item is not None and folder == str(item.files.folder) else folder

    def paintSegment(self) -> str:
        """Give the id of the segment to paint in."""
        from CMBScribbleGrowLib.scene import PAINT_SEGMENT

        return PAINT_SEGMENT

    def remove(self, entry: Any) -> None:
        """Take an entry out of the annotation."""
        if entry is not None:
            self.session.remove(entry)

    def rateSeries(self, **answers: Any) -> Any:
        """Say how good the scan that is shown is; None if that is refused."""
        if self.session.study is None:
            return None
        return self.session.rate_series(self.seriesName(), **answers)

    def seriesName(self) -> str:
        """Name the scan that is shown."""
        return self.session.study.nodes.scan.GetName()

    def series(self) -> Any:
        """Give what was said of the scan that is shown, or a blank record; None if no study is open."""
        from CMBScribbleGrowLib.annotation.edits import utc_now
        from CMBScribbleGrowLib.annotation.records import SeriesQuality

        if self.session.study is None:
            return None
        known = [one for one in self.session.annotation.series if one.series == self.seriesName()]
        blank = SeriesQuality(series=self.seriesName(), reader=self.session.study.reader, time=utc_now())
        return known[0] if known else blank

    def assessment(self) -> Any:
        """Give what was said of the study, or a blank record; None if no study is open."""
        from CMBScribbleGrowLib.annotation.edits import utc_now
        from CMBScribbleGrowLib.annotation.records import Assessment

        if self.session.study is None:
            return None
        blank = Assessment(reader=self.session.study.reader, time=utc_now())
        return self.session.annotation.assessment or blank

    def describe(self, record: Any) -> str:
        """Give a record's line in its list."""
        from CMBScribbleGrowLib.annotation.records import Microbleed, Mimic

        if isinstance(record, Microbleed):
            size = f"{record.diameter_mm:.1f} mm" if record.diameter_mm else _("group")
            return " · ".join(word for word in (f"CMB {record.id}", size, record.location, record.side) if word)
        if isinstance(record, Mimic):
            return " · ".join(word for word in (f"Mimic {record.id}", record.type, record.side) if word)
        return " · ".join(word for word in (f"Finding {record.id}", record.text) if word)

    def jumpTo(self, record: Any) -> None:
        """Centre the slice views on a record."""
        from CMBSegmentationLib.scene import jump_to

        jump_to(slicer.mrmlScene, (record.r_mm, record.a_mm, record.s_mm))

    def startPlacing(self, kind: str) -> None:
        """Have the next click in a view set a point: of "mimics" or "findings"."""
        study = self.session.study
        if study is not None:
            points = getattr(study.nodes, kind)
            selection = slicer.app.applicationLogic().GetSelectionNode()
            selection.SetReferenceActivePlaceNodeClassName(points.GetClassName())
            selection.SetActivePlaceNodeID(points.GetID())
            slicer.app.applicationLogic().GetInteractionNode().SwitchToSinglePlaceMode()


class CMBScribbleGrowTest(ScriptedLoadableModuleTest):
    """What can only be tried inside Slicer; everything else is tested by pytest."""

    def setUp(self) -> None:
        """Begin with an empty scene."""
        slicer.mrmlScene.Clear()

    def runTest(self) -> None:
        """Run all tests."""
        self.setUp()
        self.test_ScribbleInTheSampleScanGrows()

    def test_ScribbleInTheSampleScanGrows(self) -> None:
        """Two voxels in a lesion of the bundled sample become a mask, beside Slicer's own Segment Editor."""
        import json
        import tempfile

        import numpy as np

        from CMBScribbleGrowLib.scene import PAINT_SEGMENT, add_to_scribble
        from CMBSegmentationLib.files.bundled import sample_scan

        path = sample_scan()
        truth = json.loads((path.parent / f"{path.name.split('.')[0]}_truth.json").read_text(encoding="utf-8"))
        lesion = truth["lesions"][0]
        scan = slicer.util.loadVolume(str(path))
        logic = CMBScribbleGrowLogic()
        self.delayDisplay("Growing a lesion of the sample scan")
        with tempfile.TemporaryDirectory() as folder:
            study = logic.answered(logic.session.open(scan, reader="test", folder=folder))
            ras = np.array([lesion["r_mm"], lesion["a_mm"], lesion["s_mm"], 1.0])
            index = np.rint(np.linalg.solve(study.grid.ijk_to_ras, ras)).astype(int)[2::-1]
            add_to_scribble(study.nodes, PAINT_SEGMENT, index[None], study.grid)
            (grown,) = logic.answered(logic.grow())
            assert len(grown.mask) > 1
            assert len(logic.session.annotation.microbleeds) == 1
            logic.session.close()
        self.delayDisplay("Test passed")
