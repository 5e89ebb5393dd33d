"""Going through a worklist: open the next study, or the one before, in one session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import slicer

from CMBSegmentationLib.errors import CMBError, InputError
from CMBSegmentationLib.scene.volumes import file_of
from CMBSegmentationLib.signal import Signal

from ..scene import remove_nodes
from ..study.state import GrowParameters, State, Status
from ..worklist.cases import WorkItem, Worklist, next_item, read_worklist, refreshed, report_text
from .grow_session import GrowSession

MOST_NAMED = 5  # studies, in one message


@dataclass(frozen=True)
class AskedFor:
    """A list that was chosen before a reader was named, and the scan that was chosen at the time."""

    source: str
    out: str | None
    scan_node_id: str | None


class Cases:
    """The studies of the session's reader, one after the other: another reader's are those that they have not done.

    Actions raise `CMBError` for what a user has caused; the session's status says what was done.

    Parameters
    ----------
    session : GrowSession
    load_volume : callable
        Loads a scan's file into the session's scene: ``slicer.util.loadVolume``.

    Attributes
    ----------
    changed : Signal
        Called with this, when the list, the present study or its report changed.
    report : str
        Of the present study; empty where it has none, or could not be opened.
    given_folder : str or None
        The folder that the study opened last was saved in, as the list has it.
    """

    def __init__(self, session: GrowSession, load_volume: Callable[[str], Any]) -> None:
        self.session = session
        self.changed = Signal()
        self.report = ""
        self.given_folder: str | None = None
        self._load_volume = load_volume
        self._worklist: Worklist | None = None
        self._asked_for: AskedFor | None = None
        self._item: WorkItem | None = None
        self._here = ""  # where in the list the reader is: a study's name; empty where none of it was opened
        self._loaded: slicer.vtkMRMLScalarVolumeNode | None = None
        session.parameters_changed.connect(self._follow_reader)

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

    def open_worklist(self, source: str, out: str | None = None) -> Worklist:
        """Open a list for the session's reader, and its first study that is to do.

        Parameters
        ----------
        source : str
            A folder of scans, a folder of study folders, or a CSV.
        out : str, optional
            Where annotations go; without it beside each scan.

        Raises
        ------
        InputError
            It cannot be read, or no reader is named: `open_asked_for` opens it once one is.
        """
        reader = self.session.parameters.reader.strip()
        if not reader:
            self._asked_for = AskedFor(source, out, self.session.parameters.scan_node_id)
            raise InputError("No reader is named.", "Type the reader's name or initials: the worklist opens then.")
        self._asked_for = None
        worklist = self._worklist = read_worklist(Path(source), reader, Path(out) if out else None)
        study, self._here = self.session.study, ""
        if study is not None and next_item(worklist) is None:
            self._here = next((item.study for item in worklist.items if item.files == study.disk.files), "")
        try:
            self._open_to_do()
        except CMBError as error:
            error.hint = " ".join((error.hint, *worklist.notes))
            raise
        self._add_notes(worklist.notes)
        return worklist

    def open_asked_for(self) -> None:
        """Open the list that was chosen before a reader was named, once one is.

        Where a scan was chosen after the list, the scan stays open.
        """
        parameters, asked_for = self.session.parameters, self._asked_for
        if asked_for is None or not parameters.reader.strip():
            return
        self._asked_for = None
        if asked_for.scan_node_id == parameters.scan_node_id:
            self.open_worklist(asked_for.source, asked_for.out)

    @property
    def before(self) -> WorkItem | None:
        """The study that `previous` opens, done or not: the last one where none of the list was opened."""
        items, place = self._placed()
        return items[place - 1] if place else None

    @property
    def after(self) -> WorkItem | None:
        """The study that `next` opens: the next to do; where all is done, the one after the present.

        Where only the present one is to do and could not be opened, it is that one again.
        """
        if self._worklist is None:
            return None
        items, place = self._placed()
        again = [one for one in items[place : place + 1] if self.session.study is None and not one.done]
        return next_item(self._worklist, self._here) or next(iter([*again, *items[place + 1 :]]), None)

    @property
    def can_finish(self) -> bool:
        """Whether there is a study to be marked as done."""
        return self._worklist is not None and self.session.study is not None

    def next(self) -> WorkItem | None:
        """Open the next study that is to do; where all is done, the one after the present."""
        self._open_list()
        item = self.after
        return self._open_to_do() if item is None else self.open(item)

    def previous(self) -> WorkItem:
        """Open the study before the present one, done or not; the last one where none of the list was opened."""
        self._open_list()
        item = self.before
        if item is None:
            raise InputError("There is no study before this one.", "Go on with the next one.")
        return self.open(item)

    def done_and_next(self) -> WorkItem | None:
        """Mark the present study as done, save it, and open the next."""
        self._open_list()
        self.session.answering.mark_done()
        left_open = "; ".join(self.session.status.notes)
        self._refresh()
        try:
            item = self._open_to_do()
        except CMBError as error:
            if left_open:
                error.hint = f"{error.hint} Left open in the study that was done: {left_open}."
            raise
        if left_open:
            study = "the study before" if item is not None else "this study"
            self._add_notes((f"Left open in {study}: {left_open}",))
        return item

    def open(self, item: WorkItem) -> WorkItem:
        """Open one study of the list; the present one is saved and leaves the scene, or stays where it cannot be.

        Where the study cannot be loaded, none is open, and the reader is in its place: `next` and `previous` go on
        from there. The scan of the former stays in the scene.
        """
        try:
            if self.session.study is not None:
                self.session.opening.close_study()
            self._item, self._here, self.report = item, item.study, ""
            self._load(item)
        finally:
            self._refresh()
        return item

    def item_of(self, scan_node: slicer.vtkMRMLScalarVolumeNode | None) -> WorkItem | None:
        """Give the study of the list that a scan of the scene is; None if it is none of them."""
        file = file_of(scan_node) if scan_node is not None else ""
        items = self._worklist.items if self._worklist is not None and file else ()
        return next((item for item in items if item.scan == Path(file)), None)

    def _load(self, item: WorkItem) -> None:
        """Load a study's scan in place of the former one's, and open its annotation."""
        try:
            node = self._load_volume(str(item.scan))
        except Exception as error:  # what Slicer's readers raise is not to be foreseen
            is_last = self.after is None or self.after.study == item.study
            hint = "Check the file; Next tries it again." if is_last else "Check the file; go on with the next."
            raise InputError(f"{item.scan.name} cannot be loaded ({error}).", hint) from error
        try:
            self.report = report_text(item)
        except CMBError as error:
            self.report = str(error)
        former, self._loaded = self._loaded, node
        if former is not None and former.GetScene() is not None:
            remove_nodes(former)
            former.GetScene().RemoveNode(former)
        about = {"report": item.report.name if item.report else "", "priority": item.priority}
        self.given_folder = str(item.files.folder)
        self.session.opening.open(node, folder=self.given_folder, **about)

    def _open_to_do(self) -> WorkItem | None:
        """Open the next study that is to do, or tell that there is none."""
        worklist = self._open_list()
        item = next_item(worklist, self._here)
        if item is not None:
            return self.open(item)
        done, count = self.progress
        left = [one.study for one in worklist.items if not one.done and one.study != self._here]  # cannot be opened
        which = "other studies" if self._here else "studies"
        named = ", ".join(left[:MOST_NAMED]) + ", …" * (len(left) > MOST_NAMED)
        said = f"None of the {which} to do can be opened ({named})" if left else "There is no other study to do"
        said = f"{said}: {done} of {count} are done."
        if not self._here and self.before is not None:
            said += " Previous opens the last one."
        self.session.tell(Status(State.READY, said))
        self.changed(self)
        return None

    def _placed(self) -> tuple[list[WorkItem], int]:
        """Give the studies that can be opened, and where among them the reader is: behind all, where at none."""
        items = [item for item in self._worklist.items if not item.problem] if self._worklist else []
        return items, next((place for place, item in enumerate(items) if item.study == self._here), len(items))

    def _open_list(self) -> Worklist:
        if self._worklist is None:
            raise InputError("No worklist is open.", "Open a folder of scans or a CSV file.")
        return self._worklist

    def _refresh(self) -> None:
        if self._worklist is not None:
            self._worklist = refreshed(self._worklist, self.session.parameters.reader.strip())
        self.changed(self)

    def _follow_reader(self, parameters: GrowParameters) -> None:
        """Have the list be that of who reads now."""
        if self._worklist is not None and self._worklist.reader != parameters.reader.strip():
            self._refresh()

    def _add_notes(self, notes: tuple[str, ...]) -> None:
        status = self.session.status
        self.session.tell(replace(status, notes=(*status.notes, *notes)))
