"""The part of the panel that searches a scan: model, device, operating point, segmentation, how far it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import slicer
from slicer.i18n import tr as _

from CMBSegmentationLib.scene import OWN_NEW, readers_segments

from ..at_hand import allow
from .messages import REQUESTER, Messages
from .phase import PhasePart

if TYPE_CHECKING:
    from CMBSegmentationLib.scene import ResultNodes
    from CMBSegmentationLib.session import Status


class DetectionPart:
    """Starts and ends searches.

    Parameters
    ----------
    ui : object
        The panel's widgets by name.
    logic : CMBSegmentationLogic
    messages : Messages
    phase : PhasePart
        Has what was loaded since the scan was chosen.
    """

    def __init__(self, ui: Any, logic: Any, messages: Messages, phase: PhasePart) -> None:
        self.ui, self._logic, self._session, self._phase = ui, logic, logic.session, phase
        ui.detectButton.connect("clicked()", messages.edge.on(self.detect))
        ui.cancelButton.connect("clicked()", messages.edge.on(self._session.detection.cancel))
        self._session.detection.status_changed.connect(self.show_status)
        self._session.detection.results_changed.connect(self.show_output)
        self._session.detection.results_changed.connect(lambda results: self._session.tell_of_review_on_disk())

    def detect(self) -> None:
        """Start a detection; missing packages are installed first if the user allows it."""
        output = self.ui.outputSelector.currentNode()
        if output is not None and not may_replace(output):
            return
        self._logic.installMissingPackages()
        self._session.detection.set_parameters(
            model=self.ui.modelPath.currentPath or None,
            output=output.GetID() if output is not None else OWN_NEW,
            phase=self._phase.fill(self._logic.getParameterNode()),
        )
        name = self.ui.operatingPointSelector.currentText
        self._logic.startDetection(self.ui.inputSelector.currentNode())
        self._session.listing.list_found_at(None if name == "custom" else name)

    def show_status(self, status: Status) -> None:
        """Show how far the detection is, or that it has ended."""
        self.ui.progressBar.setValue(round(100 * status.fraction))
        self.update_buttons()

    def show_output(self, results: ResultNodes | None) -> None:
        """Have the next search go to the segmentation that shows the scan's microbleeds already, if one does."""
        self.ui.outputSelector.setCurrentNode(results.segmentation if results is not None else None)

    def update_buttons(self) -> None:
        """Allow what can be done now."""
        ui, session = self.ui, self._session.detection
        allow(ui.detectButton, session.scan is not None and not session.is_running, ui.lesionTable)
        allow(ui.cancelButton, session.is_running, ui.lesionTable)
        ui.progressBar.setVisible(session.is_running)


def may_replace(output: Any) -> bool:
    """Ask before a reader's own segments are replaced; they are named."""
    own = readers_segments(output)
    question = _("{segmentation} holds segments of your own ({names}). Replace them by the microbleeds?")
    return not own or bool(
        slicer.util.confirmOkCancelDisplay(
            question.format(segmentation=output.GetName(), names=", ".join(own)), REQUESTER
        )
    )
