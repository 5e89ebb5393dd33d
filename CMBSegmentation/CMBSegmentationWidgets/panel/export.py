"""The part of the panel that keeps the review: saved where, copied, exported, compared with an earlier scan."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qt
import slicer
from slicer.i18n import tr as _

from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.files.write_soon import not_saved_line
from CMBSegmentationLib.scene.origin import dicom_file_of
from CMBSegmentationLib.session.export_review import holds_results
from CMBSegmentationLib.session.exporting import holds_comparison

from ..at_hand import allow
from .messages import PROBLEM_STYLE, REQUESTER, Messages
from .words import short_name

if TYPE_CHECKING:
    from CMBSegmentationLib.session import ReviewSession


class ExportPart:
    """Asks for folders, and has the files written there.

    Parameters
    ----------
    ui : object
        The panel's widgets by name.
    session : ReviewSession
    messages : Messages

    Attributes
    ----------
    actions, tooltips : dict
        By the name of the action in `vocabulary.actions`: what to call, and whose tooltip names the key.
    """

    def __init__(self, ui: Any, session: ReviewSession, messages: Messages) -> None:
        self.ui, self._session, self._messages = ui, session, messages
        self._folder_tip = ui.folderButton.toolTip
        buttons = {
            ui.copyButton: self.copy, ui.exportButton: self.export, ui.folderButton: self.choose_folder,
            ui.compareButton: self.compare,
        }  # fmt: skip
        for button, action in buttons.items():
            button.connect("clicked()", messages.edge.on(action))
        self._session.review_changed.connect(self.show)
        self._session.saving_changed.connect(lambda error: self.show())
        self.actions: dict[str, Callable[[], object]] = {"export": self.export, "copy": self.copy}
        self.tooltips = {"export": ui.exportButton, "copy": ui.copyButton}

    def copy(self) -> None:
        """Put the summary on the clipboard."""
        slicer.app.clipboard().setText(self._session.listing.text)
        self._messages.tell(_("The summary is on the clipboard."))

    def export(self) -> None:
        """Ask for a folder and write the files there."""
        path = _folder(_("Folder for segmentation, list and report"))
        if path:
            self.export_to(path)

    def export_to(self, folder: str) -> None:
        """Write the review's files; earlier ones of the same scan are replaced only if the user agrees."""
        session = self._session
        overwrite = session.review is not None and holds_results(session.review, Path(folder))
        if overwrite and not _may(_("The folder holds results of this scan already. Replace them?")):
            return
        source = dicom_folder(session.detection.scan) if self.ui.dicomCheck.checked else None
        if self.ui.dicomCheck.checked and source is None:
            raise InputError(
                _("This scan was not loaded from Slicer's DICOM database, so it has no series to refer to."),
                _("Untick also as DICOM, or import the series in the module DICOM and load the scan from there."),
            )
        files = session.exporting.export(folder, overwrite=overwrite, dicom_folder=source)
        left = session.listing.counts.not_read
        more = " " + _("Without a verdict yet: {left} of the list.").format(left=left) if left else ""
        done = _("Exported to {folder}.").format(folder=folder) + more
        self._messages.tell(done)
        if self.ui.pdfCheck.checked:
            page = session.exporting.export_pdf(files["report"].with_suffix(".pdf"), overwrite=overwrite)
            self._messages.tell(done + " " + _("Report as PDF: {name}.").format(name=page.name))

    def compare(self) -> None:
        """Ask for the results of an earlier scan and for a folder, and write what changed.

        An earlier comparison of the same scan is replaced only if the user agrees.
        """
        session = self._session
        earlier = _folder(_("Results of the earlier scan"))
        scan = _scan_of(earlier) if earlier else None
        out = _folder(_("Folder for the comparison")) if scan else ""
        if not out:
            return
        overwrite = session.review is not None and holds_comparison(session.review, Path(out))
        if overwrite and not _may(_("The folder holds a comparison of this scan already. Replace it?")):
            return
        self._messages.tell(_("Aligning both scans takes some ten seconds."))
        slicer.app.processEvents()
        files = session.exporting.compare_with(earlier, out, earlier_scan=scan, overwrite=overwrite)
        self._messages.tell(_("Compared: {file}.").format(file=files["page"]))

    def choose_folder(self) -> None:
        """Ask for a folder, and save the review there from now on."""
        path = _folder(_("Save the review in"))
        if path:
            self._session.reading.set(folder=path)

    def show(self) -> None:
        """Show where the review is saved, or that it is not, and allow what can be done now."""
        ui, review, error = self.ui, self._session.review, self._session.not_saved
        path = review.path if review else None
        if review is None or path is None:
            ui.folderButton.setText(_("Choose where to save…"))
            ui.folderButton.setToolTip(self._folder_tip)
        else:
            saved = _("Saved in {folder}") if review.not_saved is None else _("Not saved in {folder}")
            ui.folderButton.setText(saved.format(folder=short_name(path.parent.name)))
            ui.folderButton.setToolTip(f"{path.parent}\n{self._folder_tip}")
        ui.folderButton.setVisible(review is not None)
        in_scene_only = _("The review is kept in the scene only, not on the disk: choose where to save.")
        ui.savedLabel.setText(not_saved_line(error) if error is not None else in_scene_only)
        ui.savedLabel.setStyleSheet(PROBLEM_STYLE)
        ui.savedLabel.setVisible(error is not None or (review is not None and path is None))
        for widget in (ui.copyButton, ui.exportButton, ui.dicomCheck, ui.pdfCheck, ui.compareButton):
            allow(widget, review is not None, ui.lesionTable)


def dicom_folder(scan: Any) -> str | None:
    """Give the folder of the DICOM files that a scan's node was loaded from; None if it was not."""
    file = dicom_file_of(scan) if scan else None
    return None if file is None else str(file.parent)


def _scan_of(results: str) -> Path | None:
    """Find the scan of a result folder, in it or beside it, or ask for its file; None if none was chosen.

    Of the results of several scans, those of the scan that is chosen are meant.
    """
    from CMBSegmentationLib.results.as_detection import ScanNotFoundError, find_scan
    from CMBSegmentationLib.results.read_back import SeveralResultsError

    try:
        return find_scan(Path(results))
    except SeveralResultsError:
        title = _("The earlier scan itself: the folder holds the results of several")
    except ScanNotFoundError:
        title = _("The earlier scan itself, which is not beside its results")
    file = qt.QFileDialog.getOpenFileName(slicer.util.mainWindow(), title, results)
    return Path(file) if file else None


def _may(question: str) -> bool:
    """Ask whether files may be replaced."""
    return bool(slicer.util.confirmOkCancelDisplay(question, REQUESTER))


def _folder(title: str) -> str:
    """Ask for a folder; empty if none was chosen."""
    return qt.QFileDialog.getExistingDirectory(slicer.util.mainWindow(), title)
