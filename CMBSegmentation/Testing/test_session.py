"""A detection as a user interface sees it: it starts, tells how far it is, and always ends in a clear state."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
import slicer
import slicer.util
from oblique_scan import LESION_PEAKS, scan_voxels, write_detection

from CMBSegmentationLib.errors import InputError, MachineError, ModelError
from CMBSegmentationLib.scene import candidates_of, find_results, lesion_rows, load_results
from CMBSegmentationLib.session import DetectionSession, State
from CMBSegmentationLib.worker.process import Subprocess


class AWorker:
    """Stands for a worker process: the test says what it says and when it ends."""

    def __init__(self):
        self.command, self.environment = [], {}
        self.unread, self.code, self.killed, self.log = [], None, False, ""

    def __call__(self, command, environment):
        self.command, self.environment = list(command), dict(environment)
        return self

    @property
    def scan(self):
        return Path(self.command[3])

    @property
    def out(self):
        return Path(self.command[self.command.index("-o") + 1])

    def says(self, line=None, **event):
        self.unread.append((json.dumps(event) if line is None else line) + "\n")

    def ends(self, code=0):
        self.code = code

    def finds_the_lesions(self, threshold=0.5):
        write_detection(self.scan, self.out, threshold)
        self.says(event="result", folder=str(self.out))
        self.ends(0)

    def lines(self):
        said, self.unread = self.unread, []
        return said

    def exit_code(self):
        return self.code

    def wait(self, seconds):
        pass

    def kill(self):
        self.killed = True


@pytest.fixture
def a_worker():
    return AWorker()


@pytest.fixture
def a_session(a_scene, a_worker):
    session = DetectionSession(a_scene, python="the-python", runner=a_worker)
    yield session
    session.close()


@pytest.fixture
def a_session_with(a_scene):
    """Makes sessions whose worker is a Python script in a process of its own."""
    sessions = []

    def make(script):
        def run(command, environment):
            return Subprocess([sys.executable, "-c", script, *command[3:]], environment)

        sessions.append(DetectionSession(a_scene, runner=run))
        return sessions[-1]

    yield make
    for session in sessions:
        session.close()


def nothing_is_left(worker):
    return worker.killed and not worker.scan.parent.exists()


# the call


def test_the_worker_is_called_on_the_exported_scan(a_session, a_worker, a_scan):
    a_session.start(a_scan)
    assert a_worker.command[:3] == ["the-python", "-m", "CMBSegmentationLib.worker"]
    assert a_worker.scan.name == "sub-01_swi.nrrd"
    assert a_worker.scan.exists()
    assert "--save-probability" in a_worker.command
    assert a_worker.out.parent == a_worker.scan.parent


def test_what_the_user_did_not_choose_is_left_to_the_model(a_session, a_worker, a_scan):
    a_session.start(a_scan)
    assert not {"--threshold", "--overlap", "--model"} & set(a_worker.command)
    assert a_worker.command[-2:] == ["--device", "auto"]


def test_what_the_user_chose_is_handed_on(a_session, a_worker, a_scan):
    a_session.set_parameters(model="/my model.onnx", threshold=0.3, overlap=0.0, device="cpu")
    a_session.start(a_scan)
    options = a_worker.command[a_worker.command.index("--save-probability") + 1 :]
    chosen = dict(zip(options[::2], options[1::2], strict=True))
    assert chosen == {"--model": "/my model.onnx", "--threshold": "0.3", "--overlap": "0.0", "--device": "cpu"}


def test_the_worker_can_import_the_package(a_session, a_worker, a_scan):
    a_session.start(a_scan)
    first = Path(a_worker.environment["PYTHONPATH"].split(os.pathsep)[0])
    assert (first / "CMBSegmentationLib" / "worker" / "__main__.py").exists()


# from start to end


def test_a_detection_goes_from_idle_over_running_to_done(a_session, a_worker, a_scan):
    told = []
    a_session.status_changed.connect(lambda status: told.append((status.state, status.fraction, status.message)))
    assert a_session.status.state is State.IDLE
    a_session.start(a_scan)
    a_worker.says(event="progress", fraction=0.4, message="Searching, patch 8 of 20")
    a_session.poll()
    a_worker.finds_the_lesions()
    a_session.poll()
    assert told == [
        (State.RUNNING, 0.0, "Starting the detector"),
        (State.RUNNING, 0.4, "Searching, patch 8 of 20"),
        (State.DONE, 1.0, "Done: 3 microbleeds, 1 candidate dropped."),
    ]
    assert not a_session.is_running


def test_when_it_is_done_the_results_are_in_the_scene_and_nothing_is_left_on_disk(a_session, a_worker, a_scan):
    told = []
    a_session.start(a_scan)
    a_session.results_changed.connect(told.append)
    a_worker.finds_the_lesions()
    a_session.poll()
    assert told == [find_results(a_scan)]
    assert a_session.results == told[0]
    assert sum(row["status"] == "kept" for row in lesion_rows(a_session.results.table)) == 3
    assert nothing_is_left(a_worker)


def test_a_second_detection_replaces_the_first(a_scene, a_session, a_worker, a_scan):
    results, nodes = [], []
    for threshold in (0.5, 0.8):
        a_worker.code = None
        a_session.start(a_scan)
        a_worker.finds_the_lesions(threshold)
        a_session.poll()
        results.append(a_session.results)
        nodes.append(a_scene.GetNumberOfNodes())
    assert results[0] == results[1]
    assert nodes[0] == nodes[1]
    assert results[1].points.GetNumberOfControlPoints() == 2


def test_the_user_hears_that_a_transform_was_applied(a_scene, a_session, a_scan):
    transform = a_scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "to atlas")
    a_scan.SetAndObserveTransformNodeID(transform.GetID())
    a_session.start(a_scan)
    assert "to atlas" in a_session.status.notes[0]


def test_the_user_hears_what_was_repaired_in_the_scan(a_session, a_worker, a_scan):
    voxels = scan_voxels().astype(np.float32)
    voxels[0, 0, :5] = np.nan
    slicer.util.updateVolumeFromArray(a_scan, voxels)
    a_session.start(a_scan)
    a_worker.finds_the_lesions()
    a_session.poll()
    assert "5 of" in a_session.status.notes[0]
    candidates = candidates_of(a_session.results).at(0.2)
    assert len(candidates) == len(LESION_PEAKS)
    assert all(one.lesion.contrast > 0.5 for one in candidates)


def test_polling_without_a_worker_does_nothing(a_session):
    a_session.poll()
    a_session.cancel()
    assert a_session.status.state is State.IDLE


def test_only_one_detection_runs_at_a_time(a_session, a_scan):
    a_session.start(a_scan)
    with pytest.raises(InputError, match="is running"):
        a_session.start(a_scan)
    assert a_session.is_running


def test_results_of_another_scan_that_was_chosen_meanwhile_are_not_shown_as_its_own(a_session, a_worker, a_scan):
    other = slicer.util.addVolumeFromArray(scan_voxels(), name="other")
    a_session.start(a_scan)
    a_session.set_parameters(scan_node_id=other.GetID())
    told = []
    a_session.results_changed.connect(told.append)
    a_worker.finds_the_lesions()
    a_session.poll()
    assert told == []
    assert a_session.results is None
    assert find_results(a_scan) is not None


# parameters and signals


def test_changed_parameters_are_told_once(a_session):
    told = []
    a_session.parameters_changed.connect(told.append)
    a_session.set_parameters(threshold=0.4)
    a_session.set_parameters(threshold=0.4)
    assert [parameters.threshold for parameters in told] == [0.4]


def test_choosing_a_scan_shows_the_results_it_has(a_session, a_scan, a_result_folder):
    nodes = load_results(a_result_folder, a_scan)
    told = []
    a_session.results_changed.connect(told.append)
    a_session.set_parameters(scan_node_id=a_scan.GetID())
    a_session.set_parameters(scan_node_id=None)
    assert told == [nodes, None]


def test_who_disconnected_hears_nothing(a_session):
    told = []
    a_session.parameters_changed.connect(told.append)
    a_session.parameters_changed.disconnect(told.append)
    a_session.set_parameters(threshold=0.4)
    assert told == []


# cancelling


def test_cancel_ends_the_worker_and_leaves_nothing(a_session, a_worker, a_scan):
    a_session.start(a_scan)
    a_session.cancel()
    assert a_session.status.state is State.CANCELLED
    assert a_session.status.error is None
    assert nothing_is_left(a_worker)
    assert a_session.results is None


def test_earlier_results_survive_a_cancel(a_session, a_worker, a_scan):
    a_session.start(a_scan)
    a_worker.finds_the_lesions()
    a_session.poll()
    before = lesion_rows(a_session.results.table)
    a_worker.code = None
    a_session.start(a_scan)
    a_session.cancel()
    assert lesion_rows(a_session.results.table) == before


def test_a_listener_may_cancel_while_it_is_told(a_session, a_worker, a_scan):
    a_session.start(a_scan)
    a_session.status_changed.connect(lambda status: a_session.cancel() if status.fraction > 0.3 else None)
    a_worker.says(event="progress", fraction=0.4, message="half")
    a_worker.says(event="progress", fraction=0.5, message="more")
    a_worker.finds_the_lesions()
    a_session.poll()
    assert a_session.status.state is State.CANCELLED
    assert a_session.status.message == "Cancelled. Nothing was changed."


def test_a_detection_can_be_started_again_after_a_cancel(a_session, a_worker, a_scan):
    a_session.start(a_scan)
    a_session.cancel()
    a_session.start(a_scan)
    a_worker.finds_the_lesions()
    a_session.poll()
    assert a_session.status.state is State.DONE


# what goes wrong


@pytest.mark.parametrize(("code", "kind"), [(2, InputError), (3, ModelError), (4, MachineError), (1, MachineError)])
def test_an_error_of_the_worker_is_told_in_its_words(a_session, a_worker, a_scan, code, kind):
    a_session.start(a_scan)
    a_worker.says(event="error", message="The disk is full.", hint="Free some space.")
    a_worker.ends(code)
    a_session.poll()
    status = a_session.status
    assert status.state is State.FAILED
    assert type(status.error) is kind
    assert (status.error.message, status.error.hint) == ("The disk is full.", "Free some space.")
    assert nothing_is_left(a_worker)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (-9, "ended by the system (signal 9)"),
        (137, "ended by the system (signal 9)"),
        (130, "stopped from outside"),
        (0, "ended without a result"),
        (1, "ended without a result"),
        (3221225477, "ended without a result"),
    ],
)
def test_a_worker_that_ends_without_a_word_leaves_a_clear_state(a_session, a_worker, a_scan, code, words):
    a_session.start(a_scan)
    a_worker.ends(code)
    a_session.poll()
    assert a_session.status.state is State.FAILED
    assert words in a_session.status.error.message
    assert a_session.status.error.hint
    assert nothing_is_left(a_worker)


def test_the_last_words_of_a_broken_worker_are_told_and_no_traceback(a_session, a_worker, a_scan):
    a_worker.log = "Traceback (most recent call last):\n  File …\nModuleNotFoundError: No module named 'jinja2'\n"
    a_session.start(a_scan)
    a_worker.ends(1)
    a_session.poll()
    assert "No module named 'jinja2'" in a_session.status.message
    assert "Traceback" not in a_session.status.message


@pytest.mark.parametrize(
    "line",
    [
        "2026 [W:onnxruntime] something",
        "{",
        "[]",
        "3",
        "",
        '{"event": "progress"}',
        '{"event": "progress", "fraction": "x", "message": ""}',
        '{"event": "dance"}',
        '{"event": "result", "folder": 3}',
    ],
)
def test_a_line_that_is_no_event_is_passed_over(a_session, a_worker, a_scan, line):
    a_session.start(a_scan)
    a_worker.says(line)
    a_worker.says(event="progress", fraction=0.5, message="on")
    a_session.poll()
    assert a_session.status.message == "on"
    a_worker.finds_the_lesions()
    a_session.poll()
    assert a_session.status.state is State.DONE


def test_a_fraction_out_of_range_is_kept_in_range(a_session, a_worker, a_scan):
    a_session.start(a_scan)
    a_worker.says(event="progress", fraction=7, message="")
    a_session.poll()
    assert a_session.status.fraction == 1.0


def test_a_result_that_cannot_be_read_is_a_clear_failure(a_session, a_worker, a_scan):
    a_session.start(a_scan)
    a_worker.finds_the_lesions()
    next(a_worker.out.glob("*.json")).write_text("{")
    a_session.poll()
    assert a_session.status.state is State.FAILED
    assert "damaged" in a_session.status.error.message
    assert nothing_is_left(a_worker)


def test_a_scene_that_is_closed_meanwhile_ends_the_detection(a_scene, a_session, a_worker, a_scan):
    a_session.start(a_scan)
    a_scene.Clear(False)
    slicer.util.addVolumeFromArray(scan_voxels(), name="new, with the old one's node ID")
    a_worker.finds_the_lesions()
    a_session.poll()
    assert a_session.status.state is State.FAILED
    assert "closed" in a_session.status.error.message
    assert a_scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0
    assert nothing_is_left(a_worker)


def test_a_scan_that_is_deleted_meanwhile_ends_the_detection(a_scene, a_session, a_worker, a_scan):
    a_session.start(a_scan)
    a_scene.RemoveNode(a_scan)
    a_session.poll()
    assert a_session.status.state is State.FAILED
    assert nothing_is_left(a_worker)


def test_a_volume_that_is_no_scan_fails_before_a_worker_starts(a_scene, a_session, a_worker):
    a_session.start(a_scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels"))
    assert a_session.status.state is State.FAILED
    assert "label map" in a_session.status.error.message
    assert a_worker.command == []


def test_no_volume_fails_with_what_to_do(a_session):
    a_session.start(None)
    assert a_session.status.state is State.FAILED
    assert a_session.status.error.hint


def test_an_interpreter_that_does_not_exist_is_a_clear_failure(a_scene, a_scan):
    session = DetectionSession(a_scene, python="/no/such/python")
    session.start(a_scan)
    assert session.status.state is State.FAILED
    assert "could not be started" in session.status.error.message


def test_closing_the_user_interface_ends_the_worker_without_a_word(a_session, a_worker, a_scan):
    a_session.start(a_scan)
    told = []
    a_session.status_changed.connect(told.append)
    a_session.close()
    assert told == []
    assert nothing_is_left(a_worker)


# with a process of its own


def test_progress_of_a_process_arrives(a_session_with, a_scan):
    session = a_session_with("""print('{"event": "progress", "fraction": 0.25, "message": "größer"}', flush=True)""")
    told = []
    session.status_changed.connect(lambda status: told.append((status.fraction, status.message)))
    session.start(a_scan)
    session.wait()
    assert (0.25, "größer") in told


def test_polling_never_waits_for_a_silent_process(a_session_with, a_scan):
    session = a_session_with("import threading; threading.Event().wait()")
    session.start(a_scan)
    session.poll()
    assert session.is_running


@pytest.mark.skipif(os.name != "posix", reason="platform: signals are POSIX's")
def test_a_process_that_is_killed_from_outside_is_a_clear_failure(a_session_with, a_scan):
    session = a_session_with("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    session.start(a_scan)
    assert session.wait().state is State.FAILED
    assert "signal 9" in session.status.error.message


def test_a_process_that_prints_a_lot_does_not_block(a_session_with, a_scan):
    session = a_session_with("import sys\nfor n in range(20000): print('x' * 80); print('y' * 80, file=sys.stderr)")
    session.start(a_scan)
    assert session.wait().state is State.FAILED
    assert session.status.error.message.count("y") < 200


@pytest.mark.skipif(os.name != "posix", reason="platform: process groups are POSIX's")
def test_a_killed_worker_takes_its_children_along():
    """Slicer's Python is a launcher: the worker proper is its child."""
    child = "import signal; print('child', flush=True); signal.pause()"
    launcher = f"import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', {child!r}]))"
    process = Subprocess([sys.executable, "-c", launcher], dict(os.environ))
    said = []
    while not said:
        process.wait(1)
        said = process.lines()
    process.kill()
    while process.exit_code() is None:  # stays None as long as a child holds the pipe
        process.wait(0.1)
    assert process.exit_code() == -signal.SIGKILL
    process.kill()  # once more does no harm
