"""Which scan is annotated, by whom, and where that is saved."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import slicer

from CMBSegmentationLib.errors import CMBError, InputError
from CMBSegmentationLib.scene.volumes import file_of

from ..annotation.edits import told_by_acceptance
from ..annotation.file import read_study
from ..scene.kept_study import read_kept
from ..study.on_disk import files_of_scan
from ..study.state import GrowParameters, State, Status
from .current_study import CurrentStudy, asked_first
from .open_study import OpenStudy

OPENS = ("scan_node_id", "reader")  # parameters that lead to another annotation


class Opening:
    """Opens, moves and closes annotations.

    Parameters
    ----------
    current : CurrentStudy
    """

    def __init__(self, current: CurrentStudy) -> None:
        self._current = current

    def set_parameters(self, **changes: Any) -> None:
        """Change parameters by name; another scan, reader or folder opens or moves the annotation.

        Parameters
        ----------
        **changes
            Fields of `GrowParameters`.

        Raises
        ------
        CMBError
            A value is out of range, or what was open cannot be saved: all is as before then. Or the annotation that
            is asked for cannot be opened: what was open is saved and closed then.
        """
        before = self._current.parameters
        parameters = replace(before, **changes)
        if parameters == before:
            return
        parameters.settings()  # checks the values
        if any(getattr(parameters, name) != getattr(before, name) for name in OPENS):
            parameters = replace(parameters, **{"grouped": False, **changes})
            self._open(parameters)
        elif parameters.folder != before.folder and self._current.study is not None:
            self._move(self._current.study, parameters.folder)
        self._current.take(parameters)

    def open(
        self, scan_node: slicer.vtkMRMLScalarVolumeNode | None, *, report: str = "", priority: str = "", **changes: Any
    ) -> OpenStudy:
        """Open a scan's annotation: what was left in the scene or on the disk, or a new one.

        Parameters
        ----------
        scan_node : vtkMRMLScalarVolumeNode or None
        report, priority : str
            What a worklist says of the study.
        **changes
            Further parameters, such as ``reader`` and ``folder``.
        """
        if scan_node is None:
            raise InputError("No scan is chosen.", "Load a T2* or SWI volume and choose it.")
        changes = {"grouped": False, **changes}
        parameters = replace(self._current.parameters, scan_node_id=scan_node.GetID(), **changes)
        self._open(parameters, report=report, priority=priority)
        self._current.take(parameters)
        if self._current.study is None:
            raise InputError("No reader is named.", "Type the reader's name or initials.")
        return self._current.study

    def close_study(self) -> None:
        """Save and close the annotation; what cannot be saved stays open, and it raises why."""
        self._current.leave()
        self._current.take(self._current.parameters)
        self._current.tell_of_study(Status(State.IDLE, "Saved and closed."))

    def _open(self, parameters: GrowParameters, *, report: str = "", priority: str = "") -> None:
        """Save and leave what was open, then open what parameters name."""
        current = self._current
        scan = current.scene.GetNodeByID(parameters.scan_node_id or "")
        current.leave()
        if scan is None or not parameters.reader.strip():
            current.tell_of_study(Status(State.IDLE, asked_first(scan is not None, bool(parameters.reader.strip()))))
            return
        try:
            noted = _save_other_reader(scan, parameters)
            study = current.study = OpenStudy(
                scan,
                parameters.reader.strip(),
                parameters.folder,
                report=report,
                priority=priority,
                clock=current.clock,
            )
        except CMBError:  # nothing is open now: user interfaces show the former no more
            current.take(current.parameters)
            current.tell_of_study()
            raise
        study.disk.noted.connect(current.note)
        notes = tuple(dict.fromkeys((*noted, *study.notes)))
        if study.disk.files is None:
            notes = (
                *notes,
                "The scan has no folder of its own: choose one, or the annotation is kept in the scene only.",
            )
        current.select(None)
        current.tell_of_study(Status(State.READY, f"{scan.GetName()}: {told_by_acceptance(study.annotation)}.", notes))

    def _move(self, study: OpenStudy, folder: str | None) -> None:
        files = study.files_in(folder)
        if files is None:
            raise InputError("The scan has no folder of its own.", "Choose a folder.")
        self._current.settle()
        study.take_in()
        before = study.snapshot
        notes = study.move_to(files)
        self._current.show_saving()
        if study.snapshot is not before:
            self._current.select(None)
        self._current.tell_of_study(Status(State.READY, f"Saved in {Path(files.folder)} from now on.", notes))


def _save_other_reader(scan: slicer.vtkMRMLScalarVolumeNode, parameters: GrowParameters) -> tuple[str, ...]:
    """Save what the scene holds of another reader, which is about to be replaced there; give what is to be told."""
    kept = read_kept(scan)
    if kept.study is None or kept.reader in ("", parameters.reader.strip()) or kept.study.of(kept.reader).is_empty:
        return ()
    files = files_of_scan(file_of(scan), scan.GetName(), parameters.folder or kept.folder, kept.stem)
    if files is None:
        return ()  # `OpenStudy` refuses
    if files.annotation.exists():
        with contextlib.suppress(InputError):
            if read_study(files.annotation).of(kept.reader) == kept.study.of(kept.reader):
                return ()
    other = OpenStudy(scan, kept.reader, parameters.folder)
    try:
        other.disk.flush()
    finally:
        other.close()
    return other.notes
