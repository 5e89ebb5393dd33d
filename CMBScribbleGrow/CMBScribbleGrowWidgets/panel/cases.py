"""The part of the panel that goes through a worklist, and shows the report of the study that is open."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import qt
import slicer
from slicer.i18n import tr as _

from CMBSegmentationWidgets.at_hand import allow
from CMBSegmentationWidgets.panel.signals import Edge

if TYPE_CHECKING:
    from CMBScribbleGrowLib.session import Cases
    from CMBScribbleGrowLib.worklist.cases import WorkItem


class CasesPart:
    """Opens a worklist, and its studies one after the other.

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
        self.ui, self._logic, self._cases = ui, logic, logic.cases
        buttons = {
            "previous_study": (ui.previousButton, self._cases.previous),
            "next_study": (ui.nextButton, self._cases.next),
            "finish_study": (ui.doneButton, self._cases.done_and_next),
        }
        self.tooltips = {name: button for name, (button, action) in buttons.items()}
        self.actions: dict[str, Callable[[], object]] = {name: action for name, (button, action) in buttons.items()}
        for button, action in (
            *buttons.values(),
            (ui.worklistFolderButton, self.open_folder),
            (ui.worklistFileButton, self.open_file),
        ):
            button.connect("clicked()", edge.on(action))
        self._shown_item: WorkItem | None = None
        self._cases.changed.connect(self.show)
        logic.session.annotation_changed.connect(lambda annotation: self._update_buttons())

    def open_folder(self) -> None:
        """Ask for a folder of scans, and open the first that is to do."""
        path = qt.QFileDialog.getExistingDirectory(slicer.util.mainWindow(), _("Folder of scans to annotate"))
        if path:
            self._cases.open_worklist(path, self._logic.chosenFolder())

    def open_file(self) -> None:
        """Ask for a list of scans, and open the first that is to do."""
        title, kinds = _("List of scans to annotate"), _("Lists") + " (*.csv *.tsv *.txt)"
        path = qt.QFileDialog.getOpenFileName(slicer.util.mainWindow(), title, "", kinds)
        if path:
            self._cases.open_worklist(path, self._logic.chosenFolder())

    def show(self, cases: Cases) -> None:
        """Show the report and how far the worklist is."""
        done, count = cases.progress
        self.ui.progressLabel.setText(_("{done} of {count} done").format(done=done, count=count))
        self.ui.reportText.setPlainText(cases.report)
        study = self._logic.session.study
        if study is not None and cases.item is not self._shown_item:  # else the reader's zoom would be lost
            self._shown_item = cases.item
            slicer.util.setSliceViewerLayers(background=study.nodes.scan, fit=True)
        self._update_buttons()

    def _update_buttons(self) -> None:
        """Allow what can be done now."""
        ui, cases = self.ui, self._cases
        allow(ui.previousButton, cases.before is not None, ui.lesionList)
        allow(ui.nextButton, cases.after is not None, ui.lesionList)
        allow(ui.doneButton, cases.can_finish, ui.lesionList)
