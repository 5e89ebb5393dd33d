"""CMB Segmentation: finds cerebral microbleeds in a T2*-weighted or SWI scan (module, panel, logic, test).

This file is what Slicer asks for; the work is done in CMBSegmentationLib.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import ctk
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

# CMBSegmentationLib is imported where it is first needed: Slicer loads this file at every start,
# and scipy and SimpleITK would slow that down for all users.
if TYPE_CHECKING:
    from CMBSegmentationLib.scene import ResultNodes
    from CMBSegmentationLib.session import Status

REQUESTER = "CMB Segmentation"
POLL_INTERVAL_MS = 200
THRESHOLD_RANGE = (0.05, 0.95)


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


class CMBSegmentationWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The module's panel; it shows the session's state and has none of its own."""

    def __init__(self, parent: Any = None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic: CMBSegmentationLogic | None = None
        self.pollTimer = None

    def setup(self) -> None:
        """Build the panel; called when the user opens the module for the first time."""
        ScriptedLoadableModuleWidget.setup(self)
        self.logic = CMBSegmentationLogic()
        self.layout.addWidget(self.createNotice())
        self.layout.addLayout(self.createDetectionForm())
        self.layout.addWidget(self.createLesionTable(), 1)
        self.connectPanel()
        self.onScanChanged(self.inputSelector.currentNode())
        self.onStatusChanged(self.logic.session.status)

    def cleanup(self) -> None:
        """End what runs; called when Slicer closes or the module is reloaded."""
        self.pollTimer.stop()
        self.logic.session.close()
        self.removeObservers()

    def enter(self) -> None:
        """Show what changed while another module was open."""
        self.onScanChanged(self.inputSelector.currentNode())

    def createNotice(self) -> Any:
        """Say what the module is not."""
        notice = qt.QLabel(_("Research use only. Not a medical device: a reader must confirm every finding."))
        notice.setWordWrap(True)
        return notice

    def createDetectionForm(self) -> Any:
        """Lay out the scan, the buttons, the progress and the threshold."""
        self.inputSelector = slicer.qMRMLNodeComboBox()
        self.inputSelector.nodeTypes = ["vtkMRMLScalarVolumeNode"]
        self.inputSelector.showChildNodeTypes = False
        self.inputSelector.selectNodeUponCreation = False  # else each stored probability would be chosen
        self.inputSelector.addEnabled = False
        self.inputSelector.removeEnabled = False
        self.inputSelector.noneEnabled = False  # the first volume is chosen without a click
        self.inputSelector.setMRMLScene(slicer.mrmlScene)
        self.inputSelector.toolTip = _("T2*-weighted magnitude or SWI volume")

        self.detectButton = qt.QPushButton(_("Detect microbleeds"))
        self.detectButton.toolTip = _("Search the scan for microbleeds; this takes a minute or more")
        self.cancelButton = qt.QPushButton(_("Cancel"))
        self.cancelButton.toolTip = _("Stop the search; earlier results stay as they are")
        buttons = qt.QHBoxLayout()
        buttons.addWidget(self.detectButton)
        buttons.addWidget(self.cancelButton)

        self.progressBar = qt.QProgressBar()
        self.progressBar.setRange(0, 100)
        self.statusLabel = qt.QLabel()
        self.statusLabel.setWordWrap(True)

        self.thresholdSlider = ctk.ctkSliderWidget()
        self.thresholdSlider.decimals = 2
        self.thresholdSlider.minimum, self.thresholdSlider.maximum = THRESHOLD_RANGE
        self.thresholdSlider.singleStep = 0.05
        self.thresholdSlider.tracking = False  # listing anew takes a moment: on release only
        self.thresholdSlider.toolTip = _("Probability from which a voxel belongs to a lesion; the list follows at once")

        form = qt.QFormLayout()
        form.addRow(_("Scan:"), self.inputSelector)
        form.addRow(buttons)
        form.addRow(self.progressBar)
        form.addRow(self.statusLabel)
        form.addRow(_("Threshold:"), self.thresholdSlider)
        return form

    def createLesionTable(self) -> Any:
        """Show the list of lesions, accepted and dropped."""
        self.tableView = slicer.qMRMLTableView()
        self.tableView.setSelectionBehavior(qt.QAbstractItemView.SelectRows)
        self.tableView.setSelectionMode(qt.QAbstractItemView.SingleSelection)
        self.tableView.toolTip = _("Click a lesion to see it in the slice views")
        return self.tableView

    def connectPanel(self) -> None:
        """Connect the widgets, the session and the scene."""
        self.pollTimer = qt.QTimer()
        self.pollTimer.setInterval(POLL_INTERVAL_MS)
        self.pollTimer.connect("timeout()", self.logic.session.poll)
        self.inputSelector.connect("currentNodeChanged(vtkMRMLNode*)", self.onScanChanged)
        self.detectButton.connect("clicked()", self.onDetect)
        self.cancelButton.connect("clicked()", self.logic.session.cancel)
        self.thresholdSlider.connect("valueChanged(double)", self.onThresholdChanged)
        self.tableView.connect("selectionChanged()", self.onLesionSelected)
        self.logic.session.status_changed.connect(self.onStatusChanged)
        self.logic.session.results_changed.connect(self.onResultsChanged)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneChanged)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneChanged)

    def onDetect(self) -> None:
        """Start a detection; missing packages are installed first if the user allows it."""
        from CMBSegmentationLib.errors import CMBError

        try:
            self.logic.installMissingPackages()
        except CMBError as error:
            self.statusLabel.setText(str(error))
            return
        self.logic.startDetection(self.inputSelector.currentNode())

    def onScanChanged(self, volumeNode: Any) -> None:
        """Show the results that the chosen scan has."""
        session = self.logic.session
        session.set_parameters(scan_node_id=volumeNode.GetID() if volumeNode else None)
        self.onResultsChanged(session.results)
        self.updateButtons()

    def onSceneChanged(self, caller: Any = None, event: Any = None) -> None:
        """Look for the results of a scene that was opened, or forget those of one that was closed."""
        self.onScanChanged(self.inputSelector.currentNode())

    def onStatusChanged(self, status: Status) -> None:
        """Show how far the detection is, or how it ended."""
        self.statusLabel.setText("\n".join((status.message, *status.notes)).strip())
        self.progressBar.setValue(round(100 * status.fraction))
        self.updateButtons()
        if self.logic.session.is_running:
            self.pollTimer.start()
        else:
            self.pollTimer.stop()

    def onResultsChanged(self, results: ResultNodes | None) -> None:
        """Show the lesions of the chosen scan."""
        self.tableView.setMRMLTableNode(results.table if results else None)
        self.thresholdSlider.setEnabled(results is not None and results.probability is not None)
        if results is not None:
            wasBlocked = self.thresholdSlider.blockSignals(True)  # it follows the list here, not the user
            self.thresholdSlider.setValue(self.logic.thresholdOf(results))
            self.thresholdSlider.blockSignals(wasBlocked)

    def onThresholdChanged(self, threshold: float) -> None:
        """List the lesions anew."""
        from CMBSegmentationLib.errors import CMBError

        try:
            self.logic.session.rethreshold(threshold)
        except CMBError as error:
            self.statusLabel.setText(str(error))

    def onLesionSelected(self) -> None:
        """Show the selected lesion in the slice views."""
        index = self.tableView.selectionModel().currentIndex()
        row = self.tableView.sortFilterProxyModel().mapToSource(index).row()
        if row >= 0:
            self.logic.jumpToLesion(row)

    def updateButtons(self) -> None:
        """Allow what can be done now."""
        session = self.logic.session
        self.detectButton.setEnabled(session.scan is not None and not session.is_running)
        self.cancelButton.setEnabled(session.is_running)
        self.progressBar.setVisible(session.is_running)


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


class CMBSegmentationLogic(ScriptedLoadableModuleLogic):
    """What other modules and scripts can call; nothing here needs the panel.

    Attributes
    ----------
    session : DetectionSession
    """

    def __init__(self) -> None:
        from CMBSegmentationLib.session import DetectionSession

        ScriptedLoadableModuleLogic.__init__(self)
        # Slicer's own executable is no interpreter; PythonSlicer lies beside it, on the PATH
        self.session = DetectionSession(slicer.mrmlScene, python=shutil.which("PythonSlicer") or sys.executable)

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

    def thresholdOf(self, results: ResultNodes) -> float:
        """Tell at which threshold the lesions were listed."""
        from CMBSegmentationLib.scene import provenance_of

        return float(provenance_of(results)["settings"]["threshold"])

    def jumpToLesion(self, row: int) -> None:
        """Centre the slice views on a lesion of the chosen scan.

        Parameters
        ----------
        row : int
            Of the table of lesions, from 0.
        """
        from CMBSegmentationLib.scene import jump_to, lesion_rows

        lesion = lesion_rows(self.session.results.table)[row]
        jump_to(slicer.mrmlScene, (lesion["r_mm"], lesion["a_mm"], lesion["s_mm"]))

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
        self.test_SampleScanIsSearched()

    def test_SampleScanIsSearched(self) -> None:
        """The bundled sample is searched by PythonSlicer and its lesions appear in the scene."""
        from CMBSegmentationLib.resources import sample_scan

        logic = CMBSegmentationLogic()
        if logic.missingPackages():
            self.delayDisplay("Skipped: packages are missing; click Detect once to install them.")
            return
        self.delayDisplay("Searching the sample scan")
        results = logic.process(slicer.util.loadVolume(str(sample_scan())))
        assert results.table.GetNumberOfRows() > 0
        segments = results.segmentation.GetSegmentation().GetNumberOfSegments()
        assert results.points.GetNumberOfControlPoints() == segments
        self.delayDisplay("Test passed")
