"""The part of the panel that says which scan is annotated, by whom, and where that is saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import qt
import slicer
from slicer.i18n import tr as _

from CMBSegmentationLib.files.write_soon import not_saved_line
from CMBSegmentationWidgets.panel.messages import PROBLEM_STYLE
from CMBSegmentationWidgets.panel.signals import Edge, unheard
from CMBSegmentationWidgets.panel.words import short_name
from CMBSegmentationWidgets.reader_name import ReaderName

if TYPE_CHECKING:
    from CMBScribbleGrowLib.study.state import GrowParameters


class OpeningPart:
    """Opens the annotation that is chosen.

    Parameters
    ----------
    ui : object
        The panel's widgets by name.
    logic : CMBScribbleGrowLogic
    edge : Edge

    Attributes
    ----------
    reader : ReaderName
        Whose annotation it is.
    """

    def __init__(self, ui: Any, logic: Any, edge: Edge) -> None:
        self.ui, self._logic, self._session, self._edge = ui, logic, logic.session, edge
        self.reader = ReaderName(ui.readerEdit, self._take_reader)
        ui.scanSelector.connect("currentNodeChanged(vtkMRMLNode*)", self.open_scan)
        ui.folderButton.connect("clicked()", edge.on(self.choose_folder))
        self._session.parameters_changed.connect(self.show)
        self._session.annotation_changed.connect(lambda annotation: self._show_folder())
        self._session.saving_changed.connect(lambda error: self._show_saving())

    def _take_reader(self, name: str) -> bool:
        """Open the reader's annotation, or the worklist that was chosen before; tell whether the name was taken."""
        if not self._edge.do(self._session.opening.set_parameters, reader=name):
            return False
        self._edge.do(self._logic.cases.open_asked_for)
        return True

    def open_scan(self, volume_node: Any) -> None:
        """Open the annotation of the chosen scan."""
        session = self._session
        if volume_node is not None and session.parameters.scan_node_id == volume_node.GetID():
            return
        node_id = volume_node.GetID() if volume_node else None
        chosen = {"scan_node_id": node_id, "folder": self._logic.folderOf(volume_node)}
        if self._edge.do(session.opening.set_parameters, **chosen):
            self.ui.reportText.setPlainText("")  # it belonged to the worklist's study
        else:
            self.show(session.parameters)  # the former could not be saved: it stays

    def open_shown(self) -> None:
        """Open the scan that the panel shows, if none is open: a scene was loaded."""
        if self._session.study is None:
            self.open_scan(self.ui.scanSelector.currentNode())

    def choose_folder(self) -> None:
        """Ask for a folder, and save there from now on."""
        path = qt.QFileDialog.getExistingDirectory(slicer.util.mainWindow(), _("Save the annotation in"))
        if path:
            self._session.opening.set_parameters(folder=path)

    def show(self, parameters: GrowParameters) -> None:
        """Show what was chosen, here or elsewhere."""
        ui = self.ui
        with unheard(ui.scanSelector):
            ui.scanSelector.setCurrentNodeID(parameters.scan_node_id or "")
        self._show_folder()

    def _show_folder(self) -> None:
        """Show where the annotation that is open is saved; where none is open, what was chosen for the next."""
        button, study, chosen = self.ui.folderButton, self._session.study, self._session.parameters.folder
        if study is None:
            where, is_own = Path(chosen) if chosen else None, not chosen and self._may_have_folder()
        else:
            files, own = study.disk.files, study.files_in(None) if study.is_there else None
            where, is_own = files.folder if files else None, files == own and own is not None
        if is_own:
            button.setText(_("Beside the scan"))
        else:
            name = short_name(where.name or str(where)) if where else ""
            button.setText(name or _("Choose where to save…"))
        button.setToolTip(str(where) if where else _("Choose where the annotation is saved"))
        self._show_saving()

    def _may_have_folder(self) -> bool:
        """Whether the scan that is chosen has a folder of its own, as the next one may where none is chosen."""
        from CMBSegmentationLib.scene.volumes import file_of

        scan = self.ui.scanSelector.currentNode()
        return scan is None or bool(file_of(scan))

    def _show_saving(self) -> None:
        """Show that what is annotated is not on the disk, as long as that is so."""
        ui, study, error = self.ui, self._session.study, self._session.not_saved
        is_saved = study is None or study.disk.not_saved is None
        ui.savedInLabel.setText(_("Saved in:") if is_saved else _("Not saved in:"))
        in_scene_only = _("The annotation is kept in the scene only, not on the disk: choose where to save.")
        ui.savedLabel.setText(not_saved_line(error) if error is not None else in_scene_only)
        ui.savedLabel.setStyleSheet(PROBLEM_STYLE)
        ui.savedLabel.setVisible(error is not None or (study is not None and study.disk.files is None))
