"""Going through a worklist: open the next study, or the one before, in one session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import slicer

from CMBSegmentationLib.errors import CMBError, InputError
from CMBSegmentationLib.signal import Signal

from ..scene import remove_nodes
from ..study.state import State, Status
from ..worklist.cases import WorkItem, Worklist, next_item, read_worklist, refreshed, report_text
from .grow_session import GrowSession


class Cases:
    """A reader's studies, one after the other.

    Nothing is raised that a user has caused: actions give None then, and the session's status says why.

    Parameters
    ----------
    session : GrowSession
    load_volume : callable
        Loads a scan's file into the session's scene: ``slicer.util.loadVolume``.

    Attributes
    ----------
    changed : Signal
        Called with this, when the list, the present study or its report changed.
    """

    def __init__(self, session: GrowSession, load_volume: Callable[[str], Any]) -> None:
        self.session = session
        self.changed = Signal()
        self.report = ""
        self._load_volume = load_volume
        self._worklist: Worklist | None = None
        self._item: WorkItem | None = None
        self._loaded: slicer.vtkMRMLScalarVolumeNode | None = None

    @property
    def worklist(self) -> Worklist | None:
        """The list; None if none was opened."""
        return self._worklist

    @property
    def item(self) -> WorkItem | None:
        """The present study."""
        return self._item

    @property
    def progress(self) -> tuple[int, int]:
        """Number of studies done, and of all."""
        return self._worklist.progress if self._worklist else (0, 0)

    def open_worklist(self, source: str, out: str | None = None) -> Worklist | None:
        """Open a list for the session's reader, and its first study that is to do.

        Parameters
        ----------
        source : str
            A folder of scans, a folder of study folders, or a CSV.
        out : str, optional
            Where annotations go; without it beside each scan.
        """
        reader = self.session.parameters.reader.strip()
        try:
            if not reader:
                raise InputError("No reader is named.", "Type the reader's name or initials.")
            self._worklist = read_worklist(Path(source), reader, Path(out) if out else None)
        except CMBError as error:
            self.session.tell(error)
            return None
        notes = self._worklist.notes
        self.next()
        status = self.session.status
        self.session.tell(Status(status.state, status.message, (*status.notes, *notes), status.error))
        return self._worklist

    def next(self) -> WorkItem | None:
        """Open the next study that is to do."""
        if self._worklist is None:
            self._refuse("No worklist is open.", "Open a folder of scans or a CSV file.")
            return None
        item = next_item(self._worklist, self._item.study if self._item else "")
        if item is None:
            done, count = self.progress
            self.session.tell(Status(State.READY, f"There is no other study to do: {done} of {count} are done."))
            return None
        return self.open(item)

    def previous(self) -> WorkItem | None:
        """Open the study before the present one, done or not."""
        items = [item for item in self._worklist.items if not item.problem] if self._worklist else []
        names = [item.study for item in items]
        place = names.index(self._item.study) if self._item and self._item.study in names else 0
        if place == 0:
            self._refuse("There is no study before this one.", "Go on with the next one.")
            return None
        return self.open(items[place - 1])

    def done_and_next(self) -> WorkItem | None:
        """Mark the present study as done, save it, and open the next."""
        if not self.session.mark_done():
            return None
        notes = self.session.status.notes
        self._refresh()
        item = self.next()
        status = self.session.status
        if item is not None and notes:
            missing = "Left open in the study before: " + "; ".join(notes)
            self.session.tell(Status(status.state, status.message, (*status.notes, missing), status.error))
        return item

    def open(self, item: WorkItem) -> WorkItem | None:
        """Open one study of the list; the present one is saved and leaves the scene."""
        if self.session.study is not None and not self.session.close_study():
            return None  # it could not be saved: its reader is told, and stays with it
        try:
            report = report_text(item)
        except CMBError as error:
            report = str(error)
        self._item, self.report = item, report  # also if it cannot be loaded: else `next` never got past it
        try:
            node = self._load_volume(str(item.scan))
        except Exception as error:  # what Slicer's readers raise is not to be foreseen
            self._refuse(f"{item.scan.name} cannot be loaded ({error}).", "Check the file; go on with the next.")
            return None
        former, self._loaded = self._loaded, node
        if former is not None and former.GetScene() is not None:
            remove_nodes(former)
            former.GetScene().RemoveNode(former)
        about = {"report": item.report.name if item.report else "", "priority": item.priority}
        opened = self.session.open(node, folder=str(item.files.folder), **about)
        self._refresh()
        return item if opened else None

    def _refresh(self) -> None:
        if self._worklist is not None:
            self._worklist = refreshed(self._worklist)
        self.changed(self)

    def _refuse(self, message: str, hint: str) -> None:
        self.session.tell(InputError(message, hint))
