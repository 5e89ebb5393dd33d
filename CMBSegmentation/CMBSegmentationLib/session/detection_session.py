"""A detection as a user interface sees it: parameters, a worker that runs, its progress, results in the scene."""

from __future__ import annotations

import json
import logging
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

import slicer

from ..child_process import python_environment
from ..errors import CMBError, InputError, MachineError
from ..scene import (
    ResultNodes,
    check_output,
    export_mask,
    export_phase,
    export_scan,
    find_results,
    lesion_rows,
    list_of,
    load_results,
)
from ..scene.origin import origin_of
from ..scene.phase_nodes import phase_by
from ..signal import Signal
from ..vocabulary.numbers import counted
from ..vocabulary.verdicts import REJECTED, UNDECIDED, certainty_of
from ..worker.process import (
    Process,
    ProcessRunner,
    Subprocess,
    event_in,
    why_it_failed,
    worker_command,
)

WAIT_STEP_S = 0.2
log = logging.getLogger(__name__)


class State(str, Enum):
    """Where a detection is."""

    IDLE = "idle"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class DetectionParameters:
    """What a user chose; None takes what the model's manifest says.

    Attributes
    ----------
    scan_node_id : str or None
        Node ID of the scan.
    model : str or None
        Path of an .onnx file or name of a bundled model; None takes the default model.
    threshold : float or None
        Above 0 and below 1.
    overlap : float or None
        Of neighbouring patches, 0 to 0.9.
    device : {"auto", "cuda", "openvino", "coreml", "cpu"}
    mask : str or None
        Path of a brain mask on the scan's grid, or node ID of a label map; None finds the brain.
    output : str or None
        Node ID of the segmentation that is to show the lesions, whose segments are replaced, or `scene.OWN_NEW`; None
        takes the scan's own, or makes one.
    phase : tuple of str
        Paths or node IDs of phase images on the scan's grid, one an echo, the scan's own last; none searches without.
    """

    scan_node_id: str | None = None
    model: str | None = None
    threshold: float | None = None
    overlap: float | None = None
    device: str = "auto"
    mask: str | None = None
    output: str | None = None
    phase: tuple[str, ...] = ()


@dataclass(frozen=True)
class Status:
    """What a user interface shows of a detection.

    Attributes
    ----------
    state : State
    fraction : float
        Share of the work that is done, 0 to 1.
    message : str
        What is being done, or how it ended.
    notes : tuple of str
        What the user should know of how the scan was read.
    error : CMBError or None
        Message and hint; only if it failed.
    """

    state: State = State.IDLE
    fraction: float = 0.0
    message: str = ""
    notes: tuple[str, ...] = ()
    error: CMBError | None = None


@dataclass
class _Run:
    """A worker and what belongs to it while it runs."""

    scan: slicer.vtkMRMLScalarVolumeNode
    folder: tempfile.TemporaryDirectory[str]
    process: Process
    output: str | None
    result: Path | None = None
    error: dict[str, Any] | None = None


class DetectionSession:
    """Runs the detector on a scan of a scene; the state that all its user interfaces show.

    A user interface connects to the signals, calls `start` and `cancel`, and has a timer call
    `poll`, which never waits.

    Parameters
    ----------
    scene : vtkMRMLScene
    python : str, optional
        Interpreter for the worker; PythonSlicer inside Slicer.
    runner : ProcessRunner, optional
        Starts the worker.

    Attributes
    ----------
    parameters_changed : Signal
        Called with the new `DetectionParameters`.
    status_changed : Signal
        Called with the new `Status`.
    results_changed : Signal
        Called with the `ResultNodes` of the chosen scan, or None.
    started : Signal
        Called with the node of the scan that is searched from now on.
    found : Signal
        Called with the `ResultNodes` of a search that has just ended, before all else.
    """

    def __init__(
        self, scene: slicer.vtkMRMLScene, *, python: str | None = None, runner: ProcessRunner = Subprocess
    ) -> None:
        self.scene = scene
        self.parameters_changed, self.status_changed, self.results_changed = Signal(), Signal(), Signal()
        self.started, self.found = Signal(), Signal()
        self._python = python or sys.executable
        self._runner = runner
        self._parameters = DetectionParameters()
        self._status = Status()
        self._run: _Run | None = None
        self._found_on: slicer.vtkMRMLScalarVolumeNode | None = None  # the scan of which `status` tells the count

    @property
    def parameters(self) -> DetectionParameters:
        """What the user chose."""
        return self._parameters

    @property
    def status(self) -> Status:
        """Where the detection is."""
        return self._status

    @property
    def is_running(self) -> bool:
        """Whether a worker runs."""
        return self._run is not None

    @property
    def is_searching(self) -> bool:
        """Whether a worker runs on the chosen scan."""
        return self._run is not None and self._run.scan is self.scan

    @property
    def scan(self) -> slicer.vtkMRMLScalarVolumeNode | None:
        """The chosen scan's node; None if it is no longer in the scene."""
        return self.scene.GetNodeByID(self._parameters.scan_node_id or "")

    @property
    def results(self) -> ResultNodes | None:
        """The nodes with the chosen scan's results, from this session or from a saved scene."""
        return find_results(self.scan)

    def set_parameters(self, **changes: Any) -> None:
        """Change parameters by name and tell the listeners.

        Parameters
        ----------
        **changes
            Fields of `DetectionParameters`.
        """
        parameters = replace(self._parameters, **changes)
        if parameters == self._parameters:
            return
        scan_changed = parameters.scan_node_id != self._parameters.scan_node_id
        self._parameters = parameters
        self.parameters_changed(parameters)
        if scan_changed:
            self.results_changed(self.results)

    def start(self, volume_node: slicer.vtkMRMLScalarVolumeNode) -> None:
        """Start to search a scan.

        Parameters
        ----------
        volume_node : vtkMRMLScalarVolumeNode
            In the session's scene.

        Raises
        ------
        CMBError
            A detection runs already, the node is no scan that can be searched, or no worker could be started.
        """
        if self._run is not None:
            raise InputError("A detection is running.", "Wait for it or cancel it.")
        folder = tempfile.TemporaryDirectory(prefix="cmb-", ignore_cleanup_errors=True)
        try:
            exported = export_scan(volume_node, Path(folder.name))
            self.set_parameters(scan_node_id=volume_node.GetID())
            chosen = self.scene.GetNodeByID(self._parameters.output or "")
            if chosen is not None:
                check_output(chosen, volume_node)
            mask = self._exported_mask(volume_node, Path(folder.name))
            phase = self._exported_phase(volume_node, Path(folder.name) / "phase")
            origin = json.dumps(asdict(origin_of(volume_node).name))
            process = self._started(exported.path, Path(folder.name) / "results", mask, phase, origin)
        except CMBError:
            folder.cleanup()
            raise
        self._run = _Run(volume_node, folder, process, self._parameters.output)
        self.started(volume_node)
        self._tell(Status(State.RUNNING, 0.0, "Starting the detector", (*exported.notes, *_called_phase(volume_node))))

    def recounted(self) -> Status:
        """Give how a search ended, as its lesions are listed by now: the threshold may have been moved since."""
        results = self.results
        if self._status.state is not State.DONE or results is None or self._found_on is not results.scan:
            return self._status
        return replace(self._status, message=_count(results))

    def poll(self) -> None:
        """Take in what the worker said; never waits. Call it a few times a second while running."""
        run = self._run
        if run is None:
            return
        if run.scan.GetScene() is not self.scene:
            self._stop_worker()
            self._fail(InputError("The scan was closed while it was searched.", "Load it and start again."))
            return
        exit_code = run.process.exit_code()  # before the lines: once it is known, all lines are there
        for line in run.process.lines():
            if self._run is run:  # else a listener has cancelled it
                self._hear(run, line)
        if exit_code is not None and self._run is run:
            self._finish(run, exit_code)

    def cancel(self) -> None:
        """End the worker now; results from before stay as they were."""
        if self._run is None:
            return
        self._stop_worker()
        self._tell(replace(self._status, state=State.CANCELLED, message="Cancelled. Nothing was changed."))

    def wait(self) -> Status:
        """Poll until the detection has ended: for scripts, not for user interfaces."""
        while self._run is not None:
            self._run.process.wait(WAIT_STEP_S)
            self.poll()
        return self._status

    def close(self) -> None:
        """End what runs, without telling anybody: the user interface is going away."""
        self._stop_worker()

    def _exported_mask(self, volume_node: slicer.vtkMRMLScalarVolumeNode, folder: Path) -> str | None:
        mask = self._parameters.mask
        node = self.scene.GetNodeByID(mask) if mask else None
        return mask if node is None else str(export_mask(node, volume_node, folder))

    def _exported_phase(self, volume_node: slicer.vtkMRMLScalarVolumeNode, folder: Path) -> list[str]:
        given = [(one, self.scene.GetNodeByID(one)) for one in self._parameters.phase]
        return [one if node is None else str(export_phase(node, volume_node, folder)) for one, node in given]

    def _started(self, scan: Path, out: Path, mask: str | None, phase: list[str], origin: str) -> Process:
        chosen = self._parameters
        options = {name: getattr(chosen, name) for name in ("model", "threshold", "overlap", "device")} | {"mask": mask}
        options |= {"phase": phase, "origin": origin}
        command = worker_command(self._python, scan, out, options)
        try:
            return self._runner(command, python_environment())
        except OSError as error:
            raise MachineError(
                f"The detector could not be started ({error.strerror or error}).", f"It needs {self._python}."
            ) from error

    def _hear(self, run: _Run, line: str) -> None:
        event = event_in(line)
        if event is None:
            log.debug("The detector printed: %s", line.rstrip())
        elif event["event"] == "progress":
            self._tell(replace(self._status, fraction=event["fraction"], message=event["message"]))
        elif event["event"] == "result":
            run.result = event["folder"]
        else:
            run.error = event

    def _finish(self, run: _Run, exit_code: int) -> None:
        try:
            if exit_code != 0 or run.result is None:
                log.info("The detector wrote:\n%s", run.process.log)
                raise why_it_failed(exit_code, run.error, run.process.log)
            results = load_results(run.result, run.scan, run.output)
        except CMBError as error:
            self._stop_worker()
            name = "" if self.scan is run.scan else f"{run.scan.GetName()}: "
            self._tell(Status(State.FAILED, message=f"{name}{error}", error=error))
            return
        self._stop_worker()
        self._found_on = results.scan
        self.found(results)
        notes = (*self._status.notes, *list_of(results).notes)
        if self.scan is results.scan:  # the user may have chosen another scan meanwhile
            self.results_changed(results)
        self._tell(Status(State.DONE, 1.0, _count(results), notes))  # as it is listed by now

    def _stop_worker(self) -> None:
        run, self._run = self._run, None
        if run is not None:
            run.process.kill()
            run.folder.cleanup()

    def _fail(self, error: CMBError) -> None:
        self._tell(Status(State.FAILED, message=str(error), error=error))

    def _tell(self, status: Status) -> None:
        self._status = status
        self.status_changed(status)


def _called_phase(scan_node: slicer.vtkMRMLScalarVolumeNode) -> tuple[str, ...]:
    """Warn of a volume that is called phase: a search of phase finds nothing, or anything."""
    what, hint = phase_by(scan_node), "Choose the magnitude or SWI as the scan, and this one under Phase."
    return (f"{scan_node.GetName()} is phase, by its {what}. {hint}",) if what else ()


def _count(results: ResultNodes) -> str:
    rows = lesion_rows(results.table)
    listed = sum(bool(certainty_of(row["status"], row.get("decision") or UNDECIDED)) for row in rows)
    rejected = sum(row.get("decision") == REJECTED for row in rows)
    found, dropped = counted(listed, "microbleed"), counted(len(rows) - listed - rejected, "candidate")
    by_reader = f"{rejected} rejected, " if rejected else ""
    return f"{results.scan.GetName()}: {found}, {by_reader}{dropped} dropped."
