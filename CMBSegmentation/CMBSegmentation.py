"""CMB Segmentation: finds cerebral microbleeds in a T2*-weighted or SWI scan (module, panel, logic, test).

This file is what Slicer asks for; the work is done in CMBSegmentationLib.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import qt
import slicer
import vtk
from slicer import vtkMRMLLabelMapVolumeNode, vtkMRMLScalarVolumeNode
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import Choice, WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

# CMBSegmentationLib is imported where it is first needed: Slicer loads this file at every start,
# and scipy and SimpleITK would slow that down for all users.
if TYPE_CHECKING:
    from CMBSegmentationLib.review import ReviewedLesion
    from CMBSegmentationLib.scene import ResultNodes
    from CMBSegmentationLib.session import Notice, ReviewParameters, Status
    from CMBSegmentationWidgets.at_hand import FocusRing
    from CMBSegmentationWidgets.panel_keys import PanelKeys

REQUESTER = "CMB Segmentation"
POLL_INTERVAL_MS = 200
READER_SETTING = "CMBSegmentation/Reader"
SLAB_MM = 10.0
PROBLEM_STYLE = "color: #b3261e; font-weight: bold"
OPERATING_POINTS = (
    "sensitive",
    "balanced",
    "specific",
    "custom",
)  # as CMBSegmentationLib.vocabulary.operating_points has them
DEVICES = ("auto", "cuda", "openvino", "coreml", "cpu")  # as CMBSegmentationLib.models.hardware has them


class CMBSegmentation(ScriptedLoadableModule):
    """What Slicer shows of the module before it is opened."""

    def __init__(self, parent: Any) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("CMB Segmentation")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        self.parent.dependencies = []
        self.parent.contributors = ["The slicer-cmb contributors"]
        self.parent.helpText = _(
            "Finds cerebral microbleeds in a T2*-weighted or SWI scan and lists them for review. "
            "Research use only: not a medical device."
        )
        self.parent.acknowledgementText = _(
            "After J. del Pozo Lérida, Automatic Segmentation of Cerebral Microbleeds, "
            "IT University of Copenhagen, 2023."
        )
        slicer.app.connect("startupCompleted()", registerSampleData)


def registerSampleData() -> None:
    """Offer the bundled simulated scan in Slicer's Sample Data module; nothing is downloaded."""
    try:
        import SampleData
    except ImportError:  # Slicer without that module
        return
    from CMBSegmentationLib.files.bundled import sample_scan

    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category="CMB Segmentation",
        sampleName="CMBSample",
        uris=sample_scan().as_uri(),
        fileNames=sample_scan().name,
        nodeNames="cmb-sample_T2starw",
        thumbnailFileName=str(sample_scan().with_name("cmb-sample.png")),
    )


@parameterNodeWrapper
class CMBSegmentationParameterNode:
    """What the panel remembers in the scene.

    inputVolume - the scan.
    operatingPoint - at which the next detection is listed.
    device - on which the network runs.
    overlap - of neighbouring patches; 0 takes what the model recommends.
    brainMask - label map in place of the brain that is found.
    phase - the scan's phase image.
    """

    inputVolume: vtkMRMLScalarVolumeNode
    operatingPoint: Annotated[str, Choice(list(OPERATING_POINTS))] = "balanced"
    device: Annotated[str, Choice(list(DEVICES))] = "auto"
    overlap: Annotated[float, WithinRange(0.0, 0.9)] = 0.0
    brainMask: vtkMRMLLabelMapVolumeNode
    phase: vtkMRMLScalarVolumeNode


class CMBSegmentationWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The module's panel; it shows the session's state and has none of its own."""

    def __init__(self, parent: Any = None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic: CMBSegmentationLogic | None = None
        self.pollTimer = None
        self.keys: PanelKeys | None = None
        self.focusRing: FocusRing | None = None
        self._parameterNode: CMBSegmentationParameterNode | None = None
        self._parameterNodeTag = None

    def setup(self) -> None:
        """Build the panel; called when the user opens the module for the first time."""
        ScriptedLoadableModuleWidget.setup(self)
        panel = slicer.util.loadUI(self.resourcePath("UI/CMBSegmentation.ui"))
        self.layout.addWidget(panel)
        self.ui = slicer.util.childWidgetVariables(panel)
        panel.setMRMLScene(slicer.mrmlScene)
        from CMBSegmentationWidgets.at_hand import FocusRing, WheelGuard

        self.logic = CMBSegmentationLogic()
        self.setUpChoices()
        self.connectPanel()
        self.setUpKeys()
        self.wheelGuard = WheelGuard(panel)
        self.focusRing = FocusRing(panel)
        self.initializeParameterNode()
        self.onReadingChanged(self.logic.session.reading)
        self.onStatusChanged(self.logic.session.status)
        self.onReviewChanged()

    def cleanup(self) -> None:
        """End what runs and save what is open; called when Slicer closes or the module is reloaded."""
        self.pollTimer.stop()
        self.keys.ignore()
        self.focusRing.remove()
        self.setParameterNode(None)
        self.logic.session.close()
        self.removeObservers()

    def enter(self) -> None:
        """Listen to the keyboard, and show what changed while another module was open."""
        self.initializeParameterNode()
        self.keys.listen()

    def exit(self) -> None:
        """Leave the keyboard to other modules."""
        self.keys.ignore()
        self.logic.session.question.close()
        self.ui.addButton.setChecked(False)
        self.setParameterNode(None)

    # building

    def setUpChoices(self) -> None:
        """Fill in what can be chosen."""
        from CMBSegmentationLib.vocabulary.regions import REGIONS, SIDES
        from CMBSegmentationLib.vocabulary.verdicts import MIMICS
        from CMBSegmentationWidgets.about_section import PanelLog
        from CMBSegmentationWidgets.count_table import CountTable
        from CMBSegmentationWidgets.lesion_table import LesionTable
        from CMBSegmentationWidgets.phase_part import PhasePart

        ui = self.ui
        ui.operatingPointSelector.addItems(list(OPERATING_POINTS))
        ui.deviceSelector.addItems(list(DEVICES))
        ui.sideSelector.addItems(["", *SIDES])
        ui.regionSelector.addItems(["", *REGIONS])
        ui.readerEdit.setText(qt.QSettings().value(READER_SETTING, "") or "")
        ui.fieldOfViewSpin.setValue(self.logic.session.reading.field_of_view_mm)
        ui.slabSpin.setValue(SLAB_MM)
        self.lesionTable = LesionTable(ui.lesionTable, self.onRowChosen, self.onSorted)
        self.countTable = CountTable(ui.countTable, ui.countLabel)
        self.panelLog = PanelLog(ui.logText)
        self.phase = PhasePart(ui, self.logic.session)
        self.answerButtons = self.buildQuestion(MIMICS)
        ui.mimicPanel.setVisible(False)
        self.logic.session.set_reading(reader=ui.readerEdit.text)

    def buildQuestion(self, mimics: Sequence[str]) -> dict[str, Any]:
        """Build a button for each answer to "What is it?"; give them by the names of the actions."""
        from CMBSegmentationLib.vocabulary.actions import mimic_action

        answers = {mimic_action(number): mimic for number, mimic in enumerate(mimics, start=1)}
        answers |= {"no_mimic": _("not said"), "close_question": _("Back")}
        grid = qt.QGridLayout()
        self.ui.mimicPanel.layout().addLayout(grid)
        buttons = {}
        for place, (name, text) in enumerate(answers.items()):
            buttons[name] = qt.QPushButton(text)
            buttons[name].setToolTip(
                _("No verdict yet") if name == "close_question" else _("Reject as {answer}").format(answer=text)
            )
            grid.addWidget(buttons[name], place // 2, place % 2)
        return buttons

    def connectPanel(self) -> None:
        """Connect the widgets, the session and the scene."""
        ui, session = self.ui, self.logic.session
        self.pollTimer = qt.QTimer()
        self.pollTimer.setInterval(POLL_INTERVAL_MS)
        self.pollTimer.connect("timeout()", session.poll)
        self.pollTimer.start()
        ui.readerEdit.connect("editingFinished()", self.onReaderNamed)
        ui.operatingPointSelector.connect("currentIndexChanged(int)", self.onOperatingPoint)
        ui.thresholdSlider.connect("valueChanged(double)", self.onThreshold)
        ui.droppedCheck.connect("toggled(bool)", lambda checked: session.show_dropped(bool(checked)))
        ui.sideSelector.connect("activated(int)", self.onPlace)
        ui.regionSelector.connect("activated(int)", self.onPlace)
        ui.fieldOfViewSpin.connect("valueChanged(double)", lambda mm: session.set_reading(field_of_view_mm=mm))
        ui.slabCheck.connect("toggled(bool)", self.onSlab)
        ui.slabSpin.connect("valueChanged(double)", self.onSlab)
        ui.fillCheck.connect("toggled(bool)", lambda checked: session.set_reading(filled=bool(checked)))
        ui.threeDCheck.connect("toggled(bool)", lambda checked: session.set_reading(in_3d=bool(checked)))
        ui.overviewCheck.connect("toggled(bool)", lambda checked: session.set_reading(overview=bool(checked)))
        ui.addButton.connect("toggled(bool)", self.onAddToggled)
        ui.aboutSection.connect("contentsCollapsed(bool)", self.onAboutShown)
        buttons = {
            ui.detectButton: self.onDetect, ui.cancelButton: session.cancel,
            ui.acceptButton: lambda: session.decide("accepted"), ui.rejectButton: session.ask,
            ui.uncertainButton: lambda: session.decide("uncertain"), ui.previousButton: session.previous,
            ui.nextButton: session.next, ui.undoButton: session.undo, ui.redoButton: session.redo,
            ui.deleteButton: session.delete, ui.mergeButton: self.onMerge, ui.splitButton: session.split,
            ui.copyButton: self.onCopy, ui.exportButton: self.onExport, ui.folderButton: self.onFolder,
            ui.compareButton: self.onCompare, ui.reinstallButton: self.onReinstall,
        }  # fmt: skip
        for button, action in buttons.items():
            button.connect("clicked()", _calledAlone(action))
        session.status_changed.connect(self.onStatusChanged)
        session.noticed.connect(self.onNoticed)
        session.review_changed.connect(self.onReviewChanged)
        session.current_changed.connect(self.onCurrentChanged)
        session.reading_changed.connect(self.onReadingChanged)
        session.question.changed.connect(self.onQuestionChanged)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneChanged)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneChanged)

    def setUpKeys(self) -> None:
        """Give each action its key, and each button's tooltip the key of its own."""
        from CMBSegmentationLib.vocabulary.actions import mimic_action
        from CMBSegmentationLib.vocabulary.verdicts import MIMICS
        from CMBSegmentationWidgets.panel_keys import PanelKeys

        ui, session = self.ui, self.logic.session
        answers = {mimic_action(n): _answering(session, mimic) for n, mimic in enumerate(MIMICS, start=1)}
        answers |= {"no_mimic": _answering(session, ""), "close_question": session.question.close}
        for name, action in answers.items():
            self.answerButtons[name].connect("clicked()", _calledAlone(action))
        actions = {
            "next": session.next, "previous": session.previous, "accept": lambda: session.decide("accepted"),
            "uncertain": lambda: session.decide("uncertain"), "reject": session.ask, "add": self.onAddUnderMouse,
            "merge": self.onMerge, "split": session.split, "delete": session.delete, "undo": session.undo,
            "redo": session.redo, "dropped": ui.droppedCheck.toggle, "slab": ui.slabCheck.toggle,
            "fill": ui.fillCheck.toggle, "in_3d": ui.threeDCheck.toggle, "overview": ui.overviewCheck.toggle,
            "export": self.onExport, "copy": self.onCopy,
        }  # fmt: skip
        tooltips = {
            "next": ui.nextButton, "previous": ui.previousButton, "accept": ui.acceptButton,
            "uncertain": ui.uncertainButton, "reject": ui.rejectButton, "add": ui.addButton, "merge": ui.mergeButton,
            "split": ui.splitButton, "delete": ui.deleteButton, "undo": ui.undoButton, "redo": ui.redoButton,
            "dropped": ui.droppedCheck, "slab": ui.slabCheck, "fill": ui.fillCheck, "in_3d": ui.threeDCheck,
            "overview": ui.overviewCheck, "export": ui.exportButton, "copy": ui.copyButton,
        }  # fmt: skip
        self.keys = PanelKeys(
            actions | answers | self.phase.actions,
            tooltips | self.phase.tooltips,
            self.answerButtons,
            ui.keyTable,
            lambda why: self.tell(why, isProblem=True),
        )
        ui.resetKeysButton.connect("clicked()", _calledAlone(self.keys.reset))

    # parameters

    def initializeParameterNode(self) -> None:
        """Go on with what the scene remembers; the first scan is chosen without a click."""
        self.setParameterNode(self.logic.getParameterNode())
        if not self._parameterNode.inputVolume:
            self._parameterNode.inputVolume = self.ui.inputSelector.currentNode() or self.logic.firstScan()

    def setParameterNode(self, parameterNode: CMBSegmentationParameterNode | None) -> None:
        """Show a parameter node, and hear of its changes."""
        if self._parameterNode is not None:
            self._parameterNode.disconnectGui(self._parameterNodeTag)
            self.removeObserver(self._parameterNode.parameterNode, vtk.vtkCommand.ModifiedEvent, self.onParameters)
        self._parameterNode = parameterNode
        if parameterNode is not None:
            self._parameterNodeTag = parameterNode.connectGui(self.ui)
            self.addObserver(parameterNode.parameterNode, vtk.vtkCommand.ModifiedEvent, self.onParameters)
            self.onParameters()

    def onParameters(self, caller: Any = None, event: Any = None) -> None:
        """Hand on to the session what was chosen."""
        chosen, session = self._parameterNode, self.logic.session
        if chosen is None:
            return
        scan, mask = chosen.inputVolume, chosen.brainMask
        session.set_parameters(
            scan_node_id=scan.GetID() if scan else None,
            device=chosen.device,
            overlap=chosen.overlap or None,
            mask=mask.GetID() if mask else None,
            phase=self.phase.fill(chosen),
        )
        self.updateButtons()
        if scan is None:
            self.tell(self.logic.loadHint())
        elif self.ui.statusLabel.text == self.logic.loadHint():
            self.tell("")

    def onSceneStartClose(self, caller: Any = None, event: Any = None) -> None:
        """Let go of the scene that is closed; what was decided is saved first."""
        self.logic.session.save()
        self.setParameterNode(None)

    def onSceneChanged(self, caller: Any = None, event: Any = None) -> None:
        """Look at a scene that was opened, or forget one that was closed."""
        self.logic.session.reopen()
        self.initializeParameterNode()
        self.onReviewChanged()

    # detecting

    def onDetect(self) -> None:
        """Start a detection; missing packages are installed first if the user allows it."""
        from CMBSegmentationLib.errors import CMBError

        try:
            self.logic.installMissingPackages()
        except CMBError as error:
            self.tell(str(error), isProblem=True)
            return
        session = self.logic.session
        chosen = {"model": self.ui.modelPath.currentPath or None, "phase": self.phase.fill(self._parameterNode)}
        session.set_parameters(**chosen)
        name = self.ui.operatingPointSelector.currentText
        session.set_reading(operating_point=None if name == "custom" else name)
        self.logic.startDetection(self.ui.inputSelector.currentNode())

    def onStatusChanged(self, status: Status) -> None:
        """Show how far the detection is, or how it ended."""
        self.tell("\n".join((status.message, *status.notes)).strip(), isProblem=status.error is not None)
        self.ui.progressBar.setValue(round(100 * status.fraction))
        self.updateButtons()

    def onNoticed(self, notice: Notice) -> None:
        """Tell what was done, or why it was refused."""
        self.tell(notice.message, isProblem=notice.error is not None)

    def tell(self, message: str, isProblem: bool = False) -> None:
        """Write a line for the user; a problem stands out."""
        self.ui.statusLabel.setText(message)
        if not self.logic.session.is_running or isProblem:  # how far a search is changes all the time
            self.panelLog.write(message, is_problem=isProblem)
        self.ui.statusLabel.setStyleSheet(PROBLEM_STYLE if isProblem else "")

    def onOperatingPoint(self, index: int = 0) -> None:
        """List at the named threshold; "custom" only says that the slider is elsewhere."""
        session, name = self.logic.session, self.ui.operatingPointSelector.currentText
        if name == "custom" and session.operating_point not in ("", "custom"):
            self.showOperatingPoint()
        elif name and name != "custom":
            session.set_operating_point(name)

    def showOperatingPoint(self) -> None:
        """Name the threshold at which the scan is listed."""
        if self.logic.session.operating_point:
            selector = self.ui.operatingPointSelector
            selector.setCurrentIndex(selector.findText(self.logic.session.operating_point))

    # reviewing

    def onThreshold(self, threshold: float) -> None:
        """List anew while the slider moves."""
        if self.logic.session.review is not None:
            self.logic.session.set_threshold(threshold)

    def onRowChosen(self, lesionId: int) -> None:
        """Show the lesion of a row that was clicked."""
        self.logic.session.select(lesionId)

    def onSorted(self, ids: Sequence[int]) -> None:
        """Have next and previous follow the table."""
        self.logic.session.set_order(ids)

    def onQuestionChanged(self, isOpen: bool) -> None:
        """Ask what the lesion is, or ask no more."""
        self.ui.mimicPanel.setVisible(isOpen)
        self.keys.set_question_open(isOpen)

    def onMerge(self) -> None:
        """Make one lesion of the chosen rows."""
        self.logic.session.merge(self.lesionTable.chosen())

    def onAddToggled(self, isOn: bool) -> None:
        """Have the next click in a slice view add a lesion, or not."""
        if isOn:
            self.logic.startPlacing(self.onPlaced)
        else:
            self.logic.stopPlacing()

    def onPlaced(self, position: Sequence[float]) -> None:
        """Add the lesion that was clicked."""
        self.ui.addButton.setChecked(False)
        self.logic.session.add_at(position)

    def onAddUnderMouse(self) -> None:
        """Add the lesion under the mouse, or in the middle of the slice views."""
        self.logic.session.add_at(self.logic.positionUnderMouse())

    def onPlace(self, index: int = 0) -> None:
        """Say where the current lesion lies; what is refused is taken out of the lists again."""
        session, ui = self.logic.session, self.ui
        if session.set_place(ui.regionSelector.currentText, ui.sideSelector.currentText) is None:
            self.onCurrentChanged(session.current)

    def onReaderNamed(self) -> None:
        """Take the reader's name, and remember it for the next start."""
        self.logic.session.set_reading(reader=self.ui.readerEdit.text)
        qt.QSettings().setValue(READER_SETTING, self.ui.readerEdit.text)

    def onSlab(self, value: Any = None) -> None:
        """Show slabs or slices."""
        self.logic.session.set_reading(slab_mm=self.ui.slabSpin.value if self.ui.slabCheck.checked else None)

    def onCopy(self) -> None:
        """Put the summary on the clipboard."""
        slicer.app.clipboard().setText(self.logic.session.text)
        self.tell(_("The summary is on the clipboard."))

    def onExport(self) -> None:
        """Ask for a folder and write the files there."""
        title = _("Folder for segmentation, list and report")
        path = qt.QFileDialog.getExistingDirectory(slicer.util.mainWindow(), title)
        if path:
            self.logic.export(path, dicom=self.ui.dicomCheck.checked, pdf=self.ui.pdfCheck.checked)

    def onCompare(self) -> None:
        """Ask for the results of an earlier scan and for a folder, and write what changed."""
        window = slicer.util.mainWindow()
        earlier = qt.QFileDialog.getExistingDirectory(window, _("Results of the earlier scan"))
        out = qt.QFileDialog.getExistingDirectory(window, _("Folder for the comparison")) if earlier else ""
        if out:
            self.tell(_("Aligning both scans takes some ten seconds."))
            slicer.app.processEvents()
            self.logic.compare(earlier, out)

    def onFolder(self) -> None:
        """Ask for a folder, and save the review there from now on."""
        path = qt.QFileDialog.getExistingDirectory(slicer.util.mainWindow(), _("Save the review in"))
        if path:
            self.logic.session.set_reading(folder=path)

    def onAboutShown(self, isCollapsed: bool) -> None:
        """Look up the versions when they are to be seen."""
        from CMBSegmentationWidgets.about_section import versions_text

        if not isCollapsed:
            self.ui.versionsLabel.setText(versions_text())

    def onReinstall(self) -> None:
        """Install the packages again after asking."""
        from CMBSegmentationWidgets.about_section import reinstall

        try:
            if reinstall():
                self.tell(_("The packages were installed again. Restart Slicer to use them."))
        except Exception as error:  # pip's failure is a CalledProcessError
            why = _("The packages could not be installed ({error}). Check the internet connection and try again.")
            self.tell(why.format(error=error), isProblem=True)
        self.onAboutShown(isCollapsed=False)

    # showing

    def onReviewChanged(self) -> None:
        """Show the list and what it comes to."""
        ui, session = self.ui, self.logic.session
        review = session.review
        self.lesionTable.show(session.lesions, session.current.id if session.current else None)
        with _unheard(ui.thresholdSlider, ui.droppedCheck):
            if review is not None:
                ui.thresholdSlider.setValue(session.threshold)
                ui.droppedCheck.setChecked(review.show_dropped)
        self.showOperatingPoint()
        counts = session.counts
        self.countTable.show(counts)
        ui.droppedCheck.setText(_("Show dropped candidates ({count})").format(count=session.dropped))
        ui.summaryLabel.setText(self.logic.summaryLine())
        path = review.path if review else None
        ui.folderButton.setText(
            _("Saved in {folder}").format(folder=path.parent.name) if path else _("Choose where to save…")
        )
        ui.folderButton.setVisible(review is not None)
        self.updateButtons()

    def onCurrentChanged(self, lesion: ReviewedLesion | None) -> None:
        """Show which lesion the reader looks at."""
        ui = self.ui
        self.lesionTable.choose(lesion.id if lesion else None)
        ui.lesionLabel.setText(self.logic.describe(lesion))
        ui.regionSelector.setCurrentIndex(max(0, ui.regionSelector.findText(lesion.lesion.region if lesion else "")))
        ui.sideSelector.setCurrentIndex(max(0, ui.sideSelector.findText(lesion.lesion.side if lesion else "")))
        self.updateButtons()

    def onReadingChanged(self, reading: ReviewParameters) -> None:
        """Show how the reader reads, wherever it was chosen."""
        ui = self.ui
        with _unheard(ui.fieldOfViewSpin, ui.slabCheck, ui.slabSpin, ui.fillCheck, ui.threeDCheck, ui.overviewCheck):
            ui.fieldOfViewSpin.setValue(reading.field_of_view_mm)
            ui.slabCheck.setChecked(reading.slab_mm is not None)
            ui.slabSpin.setValue(reading.slab_mm or ui.slabSpin.value)
            ui.fillCheck.setChecked(reading.filled)
            ui.threeDCheck.setChecked(reading.in_3d)
            ui.overviewCheck.setChecked(reading.overview)

    def updateButtons(self) -> None:
        """Allow what can be done now."""
        ui, session = self.ui, self.logic.session
        ui.detectButton.setEnabled(session.scan is not None and not session.is_running)
        ui.cancelButton.setEnabled(session.is_running)
        ui.progressBar.setVisible(session.is_running)
        hasList, hasLesion = session.review is not None, session.current is not None
        for widget in (
            ui.thresholdSlider, ui.droppedCheck, ui.addButton, ui.nextButton, ui.previousButton, ui.mergeButton,
            ui.copyButton, ui.exportButton, ui.dicomCheck, ui.pdfCheck, ui.compareButton, ui.overviewCheck,
            ui.threeDCheck,
        ):  # fmt: skip
            widget.setEnabled(hasList)
        for widget in (
            ui.acceptButton, ui.rejectButton, ui.uncertainButton, ui.splitButton, ui.sideSelector, ui.regionSelector,
        ):  # fmt: skip
            widget.setEnabled(hasLesion)
        ui.deleteButton.setEnabled(hasLesion and session.current.origin == "added")
        ui.undoButton.setEnabled(session.can_undo)
        ui.redoButton.setEnabled(session.can_redo)


class _unheard:  # noqa: N801
    """Widgets that are set here, not by the user: nobody is to hear of it."""

    def __init__(self, *widgets: Any) -> None:
        self.widgets = widgets

    def __enter__(self) -> None:
        self.were = [widget.blockSignals(True) for widget in self.widgets]

    def __exit__(self, *error: object) -> None:
        for widget, wasBlocked in zip(self.widgets, self.were, strict=True):
            widget.blockSignals(wasBlocked)


def _calledAlone(action: Callable[[], object]) -> Callable[[], None]:
    """Leave away what a signal hands over, and what the action gives."""

    def alone() -> None:
        action()

    return alone


def _answering(session: Any, mimic: str) -> Callable[[], object]:
    """Make the answer to "What is it?"."""
    return lambda: session.answer(mimic)


def installInSlicer(requirements: Sequence[str]) -> None:
    """Ask the user and install into Slicer's Python; RuntimeError if the user declines.

    Parameters
    ----------
    requirements : sequence of str
        As pip takes them.
    """
    try:
        from slicer.packaging import pip_ensure
    except ImportError:  # Slicer 5.10
        question = _("These Python packages will be installed into Slicer:") + "\n\n" + "\n".join(requirements)
        if not slicer.util.confirmOkCancelDisplay(question, REQUESTER):
            raise RuntimeError(_("it was declined")) from None
        slicer.util.pip_install(list(requirements))
    else:
        pip_ensure(list(requirements), requester=REQUESTER)


def _grower() -> Any:
    """Give the other module's region growing; None where only this module was added."""
    try:
        from CMBScribbleGrowLib.growing.from_point import grower
    except ImportError:
        return None
    return grower


class CMBSegmentationLogic(ScriptedLoadableModuleLogic):
    """What other modules and scripts can call; nothing here needs the panel.

    Attributes
    ----------
    session : ReviewSession
    """

    def __init__(self) -> None:
        from CMBSegmentationLib.session import ReviewSession

        ScriptedLoadableModuleLogic.__init__(self)
        self.placing: Any = None
        # Slicer's own executable is no interpreter; PythonSlicer lies beside it, on the PATH
        python = shutil.which("PythonSlicer") or sys.executable
        self.session = ReviewSession(slicer.mrmlScene, python=python, grower=_grower())

    def process(self, inputVolume: slicer.vtkMRMLScalarVolumeNode, **parameters: Any) -> ResultNodes:
        """Search a scan and wait for the results: for scripts.

        Parameters
        ----------
        inputVolume : vtkMRMLScalarVolumeNode
        **parameters
            Fields of `session.DetectionParameters`, such as ``threshold=0.4``.

        Returns
        -------
        ResultNodes

        Raises
        ------
        CMBError
            What was wrong, and what to do about it.
        """
        self.session.set_parameters(**parameters)
        self.startDetection(inputVolume)
        status = self.session.wait()
        if status.error is not None:
            raise status.error
        return self.session.results

    def startDetection(self, inputVolume: slicer.vtkMRMLScalarVolumeNode) -> None:
        """Start to search a scan; call ``session.poll()`` from a timer until it has ended."""
        self.session.start(inputVolume)

    def resultNodes(self, inputVolume: slicer.vtkMRMLScalarVolumeNode) -> ResultNodes | None:
        """Find the results of a scan; None if it was not searched."""
        from CMBSegmentationLib.scene import find_results

        return find_results(inputVolume)

    def getParameterNode(self) -> CMBSegmentationParameterNode:
        """Give what the panel remembers in the scene."""
        return CMBSegmentationParameterNode(super().getParameterNode())

    def firstScan(self) -> Any:
        """Give the first volume of the scene that is no result of a detection; None without."""
        from CMBSegmentationLib.scene.names import RESULT_ATTRIBUTE
        from CMBSegmentationLib.scene.phase_nodes import PHASE_NAME

        for volume in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode"):
            is_scan = volume.GetClassName() == "vtkMRMLScalarVolumeNode" and not volume.GetAttribute(RESULT_ATTRIBUTE)
            if is_scan and not PHASE_NAME.search(volume.GetName() or ""):
                return volume
        return None

    def jumpToLesion(self, lesionId: int) -> None:
        """Centre the slice views on a lesion of the chosen scan."""
        self.session.select(lesionId)

    def describe(self, lesion: ReviewedLesion | None) -> str:
        """Word a lesion in a line or two; empty if there is none."""
        if lesion is None:
            return ""
        m = lesion.lesion
        words = [
            f"CMB {lesion.id}", f"{m.diameter_mm:.1f} mm", f"{m.volume_mm3:.0f} mm³",
            f"R {m.r_mm:.1f}  A {m.a_mm:.1f}  S {m.s_mm:.1f} mm", f"signal loss {100 * m.contrast:.0f} %",
            f"elongation {m.elongation:.1f}",
        ]  # fmt: skip
        said = lesion.as_lesion().why_not_listed
        if lesion.verdict is not None and not said:
            said = lesion.verdict.decision + (f" by {lesion.verdict.reader}" if lesion.verdict.reader else "")
        return " · ".join(words) + (f"\n{said}" if said else "")

    def loadHint(self) -> str:
        """Say how a scan gets into the scene."""
        return _(
            "Load a T2*-weighted or SWI volume first (File, Add Data or Add DICOM Data), "
            "or CMBSample from the module Sample Data."
        )

    def summaryLine(self) -> str:
        """Word how far the review is, and why a list is empty."""
        from CMBSegmentationLib.vocabulary.numbers import threshold_text

        session = self.session
        if session.review is None:
            return _("No list yet: choose a scan and click Detect microbleeds.")
        counts = session.counts
        line = _("{definite} definite, {possible} possible, {rejected} rejected, {left} not reviewed.").format(
            definite=counts.definite,
            possible=counts.possible,
            rejected=counts.rejected,
            left=counts.not_read,
        )
        line += " " + _("Class {count}.").format(count=counts.count_class)
        if counts.pattern:
            line += " " + _("Pattern: {pattern}.").format(pattern=counts.pattern)
        if not session.lesions:
            line += "\n" + _(
                "Nothing reaches the threshold of {threshold}; {dropped} candidates lie below it or were dropped. "
                "Tick Show dropped candidates to see each with its reason."
            ).format(threshold=threshold_text(session.threshold), dropped=session.dropped)
        return line

    def startPlacing(self, placed: Callable[[Sequence[float]], None]) -> None:
        """Have the next click in a slice view give a position (world RAS mm)."""
        self.stopPlacing()
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", _("Missed microbleed"))
        node.SetSaveWithScene(False)
        node.CreateDefaultDisplayNodes()

        def onDefined(caller: Any, event: Any) -> None:
            position = [0.0, 0.0, 0.0]
            node.GetNthControlPointPositionWorld(0, position)
            self.stopPlacing()
            placed(position)

        self.placing = node
        node.AddObserver(node.PointPositionDefinedEvent, onDefined)
        selection = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSelectionNode")
        interaction = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLInteractionNode")
        if selection is not None and interaction is not None:
            selection.SetReferenceActivePlaceNodeClassName("vtkMRMLMarkupsFiducialNode")
            selection.SetActivePlaceNodeID(node.GetID())
            interaction.SetPlaceModePersistence(0)
            interaction.SetCurrentInteractionMode(interaction.Place)

    def stopPlacing(self) -> None:
        """Take the mouse back from placing."""
        node, self.placing = self.placing, None
        interaction = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLInteractionNode")
        if node is not None and node.GetScene() is not None:
            slicer.mrmlScene.RemoveNode(node)
        if node is not None and interaction is not None:
            interaction.SetCurrentInteractionMode(interaction.ViewTransform)

    def positionUnderMouse(self) -> list[float] | None:
        """Give where the mouse is in a slice view (world RAS mm); None if it is in none."""
        crosshair = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
        position = [0.0, 0.0, 0.0]
        return position if crosshair is not None and crosshair.GetCursorPositionRAS(position) else None

    def export(self, folder: str, dicom: bool = False, pdf: bool = False) -> dict[str, Path] | None:
        """Write the review's files; earlier ones of the same scan are replaced only if the user agrees."""
        from CMBSegmentationLib.session.export_review import holds_results

        overwrite = holds_results(self.session.review, Path(folder)) if self.session.review else False
        question = _("The folder holds results of this scan already. Replace them?")
        if overwrite and not slicer.util.confirmOkCancelDisplay(question, REQUESTER):
            return None
        source = self.dicomFolder() if dicom else None
        if dicom and source is None:
            self.session.refuse(
                _("This scan was not loaded from Slicer's DICOM database, so it has no series to refer to."),
                _("Untick also as DICOM, or import the series in the module DICOM and load the scan from there."),
            )
            return None
        files = self.session.export(folder, overwrite=overwrite, dicom_folder=source)
        if files is not None and pdf:
            files["pdf"] = self.session.export_pdf(files["report"].with_suffix(".pdf"), overwrite=overwrite)
        return files

    def compare(self, earlier: str, out: str) -> dict[str, Path] | None:
        """Compare the review with the results of an earlier scan; None if that was refused, which is told.

        Parameters
        ----------
        earlier : str
            Folder with the earlier results; the earlier scan is looked for there and beside it.
        out : str
            Folder for the comparison's page and table.
        """
        return self.session.compare_with(earlier, out)

    def dicomFolder(self) -> str | None:
        """Give the folder of the DICOM files that the chosen scan was loaded from; None if it was not."""
        scan = self.session.scan
        instances = (scan.GetAttribute("DICOM.instanceUIDs") or "").split() if scan else []
        database = getattr(slicer, "dicomDatabase", None)
        if not instances or database is None:
            return None
        return str(Path(database.fileForInstance(instances[0])).parent)

    def missingPackages(self) -> list[str]:
        """List the Python packages that have to be installed before the first detection."""
        from CMBSegmentationLib.packages import missing_requirements

        return missing_requirements()

    def installMissingPackages(self) -> None:
        """Install them after asking the user; `CMBError` if that is refused or fails."""
        from CMBSegmentationLib.packages import ensure_installed

        ensure_installed(installInSlicer)


class CMBSegmentationTest(ScriptedLoadableModuleTest):
    """What can only be tried inside Slicer; everything else is tested by pytest."""

    def setUp(self) -> None:
        """Begin with an empty scene."""
        slicer.mrmlScene.Clear()

    def runTest(self) -> None:
        """Run all tests."""
        self.setUp()
        self.test_SampleScanIsSearchedAndReviewed()

    def test_SampleScanIsSearchedAndReviewed(self) -> None:
        """The bundled sample is searched by PythonSlicer, shown in the scene, reviewed and exported."""
        import tempfile

        from CMBSegmentationLib.files.bundled import sample_scan

        logic = CMBSegmentationLogic()
        if logic.missingPackages():
            self.delayDisplay("Skipped: packages are missing; click Detect once to install them.")
            return
        self.delayDisplay("Searching the sample scan")
        scan = slicer.util.loadVolume(str(sample_scan()))
        results = logic.process(scan)
        found = results.segmentation.GetSegmentation().GetNumberOfSegments()
        assert found > 1
        assert results.points.GetNumberOfControlPoints() == found
        self.delayDisplay("Reviewing it")
        with tempfile.TemporaryDirectory() as folder:
            session = logic.session
            session.set_parameters(scan_node_id=scan.GetID())
            session.set_reading(reader="test", folder=folder)
            first, second = session.lesions[:2]
            logic.jumpToLesion(first.id)
            session.decide("accepted")
            session.decide("rejected", "vessel", lesion_id=second.id)
            assert results.segmentation.GetSegmentation().GetNumberOfSegments() == found - 1
            session.undo()
            assert results.segmentation.GetSegmentation().GetNumberOfSegments() == found
            files = logic.export(f"{folder}/out")
            assert "accepted" in files["table"].read_text(encoding="utf-8")
            session.close()
        self.delayDisplay("Test passed")
