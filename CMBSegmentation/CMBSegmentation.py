"""CMB Segmentation: finds cerebral microbleeds in a T2*-weighted or SWI scan (module, panel, logic, test).

This file is what Slicer asks for; the work is done in CMBSegmentationLib.
"""

from __future__ import annotations

import shutil
import sys
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
    from CMBSegmentationLib.scene import ResultNodes
    from CMBSegmentationWidgets.at_hand import FocusRing
    from CMBSegmentationWidgets.panel_keys import PanelKeys

POLL_INTERVAL_MS = 200
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
    """The module's panel; its parts show the session's state and have none of their own."""

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
        self.setUpParts()
        self.setUpKeys()
        self.listen()
        self.wheelGuard = WheelGuard(panel)
        self.focusRing = FocusRing(panel)
        self.initializeParameterNode()
        self.showAll()

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
        self.reading.reader.recall()
        self.keys.listen()

    def exit(self) -> None:
        """Leave the keyboard to other modules."""
        self.keys.ignore()
        self.review.leave()
        self.setParameterNode(None)

    def setUpParts(self) -> None:
        """Have each part of the panel connect its widgets with the session."""
        from CMBSegmentationWidgets.panel.about import AboutPart
        from CMBSegmentationWidgets.panel.detection import DetectionPart
        from CMBSegmentationWidgets.panel.export import ExportPart
        from CMBSegmentationWidgets.panel.messages import Messages
        from CMBSegmentationWidgets.panel.phase import PhasePart
        from CMBSegmentationWidgets.panel.question import QuestionPart
        from CMBSegmentationWidgets.panel.reading import ReadingPart
        from CMBSegmentationWidgets.panel.review import ReviewPart

        ui, session = self.ui, self.logic.session
        ui.operatingPointSelector.addItems(list(OPERATING_POINTS))
        ui.deviceSelector.addItems(list(DEVICES))
        self.messages = Messages(ui, session)
        edge = self.messages.edge
        self.phase = PhasePart(ui, session, edge)
        self.detection = DetectionPart(ui, self.logic, self.messages, self.phase)
        self.reading = ReadingPart(ui, session, edge)
        self.review = ReviewPart(ui, session, self.messages, self.reading.reader)
        self.question = QuestionPart(ui, session, edge)
        self.exporting = ExportPart(ui, session, self.messages)
        self.about = AboutPart(ui, self.messages)

    def setUpKeys(self) -> None:
        """Give each action its key, and each button's tooltip the key of its own."""
        from CMBSegmentationWidgets.panel_keys import PanelKeys

        parts = (self.reading, self.phase, self.review, self.exporting)
        edge = self.messages.edge
        actions = {name: edge.on(action) for part in (*parts, self.question) for name, action in part.actions.items()}
        tooltips = {name: widget for part in parts for name, widget in part.tooltips.items()}
        self.keys = PanelKeys(actions, tooltips, self.question.buttons, self.ui.keyTable, self.messages.refuse)
        self.logic.session.deciding.question.changed.connect(self.keys.set_question_open)
        self.ui.resetKeysButton.connect("clicked()", edge.on(self.keys.reset))

    def listen(self) -> None:
        """Have a timer ask the session for news, and the scene tell what is opened and closed."""
        self.pollTimer = qt.QTimer()
        self.pollTimer.setInterval(POLL_INTERVAL_MS)
        self.pollTimer.connect("timeout()", self.logic.session.poll)
        self.pollTimer.start()
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneChanged)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneChanged)

    def showAll(self) -> None:
        """Show what the session has, in all parts."""
        session = self.logic.session
        self.reading.show(session.reading.parameters)
        if session.detection.status.message:  # else it would hide what was told as the scan was chosen
            self.messages.show_status(session.detection.status)
        self.detection.show_status(session.detection.status)
        session.review_changed()

    def initializeParameterNode(self) -> None:
        """Go on with what the scene remembers; the first scan is chosen without a click."""
        self.setParameterNode(self.logic.getParameterNode())
        if not self._parameterNode.inputVolume:
            self._parameterNode.inputVolume = self.logic.firstScan(self.ui.inputSelector.currentNode())

    def setParameterNode(self, parameterNode: CMBSegmentationParameterNode | None) -> None:
        """Show a parameter node, and hear of its changes."""
        if self._parameterNode is not None:
            self._parameterNode.disconnectGui(self._parameterNodeTag)
            self.removeObserver(self._parameterNode.parameterNode, vtk.vtkCommand.ModifiedEvent, self.onParameters)
        self._parameterNode = parameterNode
        if parameterNode is not None:
            self._parameterNodeTag = parameterNode.connectGui(self.ui)
            self.review.next_point = parameterNode.operatingPoint
            self.addObserver(parameterNode.parameterNode, vtk.vtkCommand.ModifiedEvent, self.onParameters)
            self.onParameters()

    def onParameters(self, caller: Any = None, event: Any = None) -> None:
        """Hand on to the session what was chosen."""
        from CMBSegmentationWidgets.panel.words import load_hint

        chosen, session = self._parameterNode, self.logic.session
        if chosen is None:
            return
        scan, mask = chosen.inputVolume, chosen.brainMask
        if session.detection.scan is not scan and not session.detection.is_running:
            self.messages.tell("")  # it was about the former scan
        self.messages.unasked.do(
            session.detection.set_parameters,
            scan_node_id=scan.GetID() if scan else None,
            device=chosen.device,
            overlap=chosen.overlap or None,
            mask=mask.GetID() if mask else None,
            phase=self.phase.fill(chosen),
        )
        self.detection.update_buttons()
        if scan is None and self.logic.firstScan() is None:
            self.messages.tell(load_hint())

    def onSceneStartClose(self, caller: Any = None, event: Any = None) -> None:
        """Let go of the scene that is closed; what was decided is saved first."""
        self.messages.unasked.do(self.logic.session.save)
        self.setParameterNode(None)

    def onSceneChanged(self, caller: Any = None, event: Any = None) -> None:
        """Look at a scene that was opened, or forget one that was closed."""
        self.logic.session.reopen()
        self.initializeParameterNode()
        self.logic.session.review_changed()


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
        self.session.detection.set_parameters(**parameters)
        self.startDetection(inputVolume)
        status = self.session.detection.wait()
        if status.error is not None:
            raise status.error
        return self.session.detection.results

    def startDetection(self, inputVolume: slicer.vtkMRMLScalarVolumeNode) -> None:
        """Start to search a scan; call ``session.poll()`` from a timer until it has ended."""
        self.session.detection.start(inputVolume)

    def resultNodes(self, inputVolume: slicer.vtkMRMLScalarVolumeNode) -> ResultNodes | None:
        """Find the results of a scan; None if it was not searched."""
        from CMBSegmentationLib.scene import find_results

        return find_results(inputVolume)

    def getParameterNode(self) -> CMBSegmentationParameterNode:
        """Give what the panel remembers in the scene."""
        return CMBSegmentationParameterNode(super().getParameterNode())

    def firstScan(self, preferred: Any = None) -> Any:
        """Give the preferred or the first volume that is no result; one called phase where there is no other."""
        from CMBSegmentationLib.scene.names import RESULT_ATTRIBUTE
        from CMBSegmentationLib.scene.phase_nodes import PHASE_NAME

        volumes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
        scans = [
            volume
            for volume in ([preferred, *volumes] if preferred else volumes)
            if volume.GetClassName() == "vtkMRMLScalarVolumeNode" and not volume.GetAttribute(RESULT_ATTRIBUTE)
        ]
        return next((scan for scan in scans if not PHASE_NAME.search(scan.GetName() or "")), next(iter(scans), None))

    def jumpToLesion(self, lesionId: int) -> None:
        """Centre the slice views on a lesion of the chosen scan."""
        self.session.navigation.select(lesionId)

    def missingPackages(self) -> list[str]:
        """List the Python packages that have to be installed before the first detection."""
        from CMBSegmentationLib.packages import missing_requirements

        return missing_requirements()

    def installMissingPackages(self) -> None:
        """Install them after asking the user; `CMBError` if that is refused or fails."""
        from CMBSegmentationLib.packages import ensure_installed
        from CMBSegmentationWidgets.panel.about import install_in_slicer

        ensure_installed(install_in_slicer)


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
            session.detection.set_parameters(scan_node_id=scan.GetID())
            session.reading.set(reader="test", folder=folder)
            first, second = session.navigation.lesions[:2]
            logic.jumpToLesion(first.id)
            session.deciding.decide("accepted")
            session.deciding.decide("rejected", "vessel", lesion_id=second.id)
            assert results.segmentation.GetSegmentation().GetNumberOfSegments() == found - 1
            session.deciding.undo()
            assert results.segmentation.GetSegmentation().GetNumberOfSegments() == found
            files = session.exporting.export(f"{folder}/out")
            assert "accepted" in files["table"].read_text(encoding="utf-8")
            session.close()
        self.delayDisplay("Test passed")
