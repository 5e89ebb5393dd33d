"""A detection as a user interface sees it: cancelled, failed, killed."""

from __future__ import annotations

import os
import signal
import sys

import pytest
import slicer
import slicer.util
from detection_sessions import a_session, a_worker, nothing_is_left
from oblique_scan import scan_voxels

from CMBSegmentationLib.errors import InputError, MachineError, ModelError
from CMBSegmentationLib.scene import lesion_rows
from CMBSegmentationLib.session import DetectionSession, State
from CMBSegmentationLib.worker.process import Subprocess

__all__ = ["a_session", "a_worker"]


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
    next(a_worker.out.glob("*_lesions.json")).write_text("{")
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
    with pytest.raises(InputError, match="label map"):
        a_session.start(a_scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels"))
    assert a_session.status.state is State.IDLE
    assert a_worker.command == []


def test_no_volume_fails_with_what_to_do(a_session):
    with pytest.raises(InputError) as caught:
        a_session.start(None)
    assert caught.value.hint


def test_an_interpreter_that_does_not_exist_is_a_clear_failure(a_scene, a_scan):
    session = DetectionSession(a_scene, python="/no/such/python")
    with pytest.raises(MachineError, match="could not be started"):
        session.start(a_scan)


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
