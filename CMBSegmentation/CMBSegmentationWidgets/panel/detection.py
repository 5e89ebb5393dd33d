"""The part of the panel that searches a scan: model, device, operating point, how far it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from CMBSegmentationLib.errors import CMBError

from .messages import Messages
from .signals import called_alone

if TYPE_CHECKING:
    from CMBSegmentationLib.session import Status


class DetectionPart:
    """Starts and ends searches.

    Parameters
    ----------
    ui : object
        The panel's widgets by name.
    logic : CMBSegmentationLogic
    messages : Messages
    """

    def __init__(self, ui: Any, logic: Any, messages: Messages) -> None:
        self.ui, self._logic, self._session, self._messages = ui, logic, logic.session, messages
        ui.detectButton.connect("clicked()", called_alone(self.detect))
        ui.cancelButton.connect("clicked()", called_alone(self._session.cancel))
        self._session.status_changed.connect(self.show_status)

    def detect(self) -> None:
        """Start a detection; missing packages are installed first if the user allows it."""
        try:
            self._logic.installMissingPackages()
        except CMBError as error:
            self._messages.tell(str(error), is_problem=True)
            return
        self._session.set_parameters(model=self.ui.modelPath.currentPath or None)
        name = self.ui.operatingPointSelector.currentText
        self._session.set_reading(operating_point=None if name == "custom" else name)
        self._logic.startDetection(self.ui.inputSelector.currentNode())

    def show_status(self, status: Status) -> None:
        """Show how far the detection is, or that it has ended."""
        self.ui.progressBar.setValue(round(100 * status.fraction))
        self.update_buttons()

    def update_buttons(self) -> None:
        """Allow what can be done now."""
        ui, session = self.ui, self._session
        ui.detectButton.setEnabled(session.scan is not None and not session.is_running)
        ui.cancelButton.setEnabled(session.is_running)
        ui.progressBar.setVisible(session.is_running)
