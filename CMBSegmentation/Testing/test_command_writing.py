"""The command: where it writes, how it stops, and its progress."""

import io
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import SimpleITK as sitk
from commands import cmb, written
from dark_spots import MANIFEST, ball_brain, only, write_dark_voxel_model
from rich.console import Console
from waiting import wait_until

from CMBCommand import cli
from CMBCommand.printing import progress_bar

__all__ = ["cmb"]


# Where it writes


def test_earlier_results_are_kept_unless_overwrite_is_given(cmb, scan_file, dark_model, tmp_path):
    call = ("detect", scan_file, "-o", tmp_path / "out", *only(dark_model))
    assert cmb(*call)[0] == 0
    before = {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()}
    code, _, said = cmb(*call, "--threshold", "0.9")
    assert code == 2
    assert "already holds results" in said
    assert {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()} == before
    assert cmb(*call, "--threshold", "0.9", "--overwrite")[0] == 0
    assert {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()} != before


def test_other_files_in_the_output_folder_stay(cmb, scan_file, dark_model, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    assert cmb("detect", scan_file, "-o", tmp_path / "out", *only(dark_model))[0] == 0
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"


def test_an_output_path_that_is_a_file_is_refused(cmb, scan_file, dark_model, tmp_path):
    (tmp_path / "out").write_text("a file")
    code, _, said = cmb("detect", scan_file, "-o", tmp_path / "out", *only(dark_model))
    assert code == 2
    assert "is a file" in said


def test_an_output_folder_that_cannot_be_written_is_refused(cmb, scan_file, dark_model):
    code, _, said = cmb("detect", scan_file, "-o", "/proc/cmb-results", *only(dark_model))
    assert code == 2
    assert "cannot be written" in said


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True)
    if done.returncode != 0:
        pytest.skip("platform: mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_told_and_leaves_nothing(cmb, scan_file, dark_model, tiny_disk):
    code, _, said = cmb("detect", scan_file, "-o", tiny_disk / "out", *only(dark_model), "--save-probability")
    assert code == 4
    assert "disk is full" in said
    assert written(tiny_disk / "out") == []
    assert written(tiny_disk) == ["out"]


def test_a_disk_that_fails_while_writing_leaves_nothing(cmb, scan_file, dark_model, tmp_path, monkeypatch):
    from CMBSegmentationLib.running import write as outputs

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(outputs, "report_html", fail)
    code, _, said = cmb("detect", scan_file, "-o", tmp_path / "out", *only(dark_model))
    assert code == 4
    assert "disk is full" in said
    assert written(tmp_path / "out") == []
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".out")]


# How it stops


def start(*arguments) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=Path(cli.__file__).parents[1],
    )


@pytest.fixture
def long_run(tmp_path):
    """Arguments of a detection that takes far longer than the test: half a million patches."""
    model = write_dark_voxel_model(tmp_path / "slow.onnx", replace(MANIFEST, patch_size=(8, 8, 8)), (8, 8, 8))
    scan = tmp_path / "head.nii.gz"
    sitk.WriteImage(ball_brain()[0], str(scan))
    return [scan, "-o", tmp_path / "out", *only(model), "--overlap", "0.875"]


def test_ctrl_c_stops_it_and_writes_nothing(long_run, tmp_path):
    process = start("CMBCommand.cli", "detect", *long_run)
    wait_until((tmp_path / "out").exists)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Cancelled" in said
    assert "Traceback" not in said
    assert written(tmp_path / "out") == []


def test_the_worker_tells_how_far_it_is_and_can_be_terminated(long_run, tmp_path):
    process = start("CMBSegmentationLib.worker", *long_run)
    events = []
    for line in process.stdout:
        events.append(json.loads(line))
        if events[-1]["message"].startswith("Searching"):
            process.terminate()
            break
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert [e["event"] for e in events] == ["progress"] * len(events)
    fractions = [e["fraction"] for e in events]
    assert fractions == sorted(fractions)
    assert written(tmp_path / "out") == []


def test_the_worker_names_the_result_folder(scan_file, dark_model, tmp_path):
    process = start("CMBSegmentationLib.worker", scan_file, "-o", tmp_path / "out", *only(dark_model))
    out, _ = process.communicate(timeout=120)
    last = json.loads(out.splitlines()[-1])
    assert process.returncode == 0
    assert last == {"event": "result", "folder": str(tmp_path / "out")}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nowhere.nii.gz", "-o", "OUT"], 2, "does not exist"),
        (["--threshold", "x"], 2, "threshold"),
        ([], 2, "required"),
    ],
)
def test_the_worker_tells_errors_as_events(arguments, code, message, tmp_path):
    process = start("CMBSegmentationLib.worker", *[str(tmp_path / a) if a == "OUT" else a for a in arguments])
    out, _ = process.communicate(timeout=60)
    last = json.loads(out.splitlines()[-1])
    assert process.returncode == code
    assert last["event"] == "error"
    assert message in last["message"]


# Progress


def test_the_bar_says_how_long_it_will_still_take():
    clock = [0.0]
    screen = Console(file=io.StringIO(), force_terminal=True, color_system=None, width=100, get_time=lambda: clock[0])
    with progress_bar(screen) as progress:
        for share in (0.0, 0.25, 0.5):
            progress(share, "patch 5 of 10")
            clock[0] += 10.0
    said = screen.file.getvalue()
    assert "patch 5 of 10" in said
    assert "00:20 left" in said.rsplit("patch", 1)[1]
