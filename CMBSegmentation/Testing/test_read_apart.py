"""Files on which a reader crashes: a message and an exit code, and whoever reads goes on."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from dicom_series import write_series
from waiting import wait_until

from CMBCommand import cli
from CMBSegmentationLib.errors import InputError, MachineError
from CMBSegmentationLib.files.bundled import sample_scan
from CMBSegmentationLib.reading.apart import read_phases_apart, read_scan_apart
from CMBSegmentationLib.reading.scan import read_scan
from CMBSegmentationLib.results.read_back import read_result_folder

ENDS_ITSELF = """
import os
if os.environ.get("CMB_READING_APART"):
    import nibabel
    nibabel.load = lambda *_, **__: os.kill(os.getpid(), {signal})
"""


@pytest.fixture
def crasher(tmp_path):
    """Numbers written as text that are none: ITK 5.4 crashes on it."""
    lines = ("NRRD0004", "type: uint16", "dimension: 3", "sizes: 24 22 10", "spacings: 4 4 4", "encoding: text")
    path = tmp_path / "crasher.nrrd"
    path.write_bytes("\n".join((*lines, "", "")).encode() + bytes(4096))
    return path


def test_the_crasher_crashes(crasher):
    code = "import sys, SimpleITK; SimpleITK.ReadImage(sys.argv[1])"
    assert subprocess.run([sys.executable, "-c", code, str(crasher)], check=False).returncode < 0


@pytest.mark.parametrize(
    "command",
    [("detect", "{}", "-o", "{}/out"), ("compare", "{}", "{sample}", "-o", "{}/out"),
     ("grow", "{}", "--scribbles", "{sample}", "-o", "{}/out")],
    ids=lambda words: words[0],
)  # fmt: skip
def test_a_file_on_which_its_reader_crashes_is_an_error_of_the_command(crasher, tmp_path, command):
    words = [word.replace("{}/out", str(tmp_path / "out")).replace("{sample}", str(sample_scan())) for word in command]
    words = [str(crasher) if word == "{}" else word for word in words]
    done = subprocess.run([sys.executable, "-m", "CMBCommand.cli", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "crasher.nrrd cannot be read: the reader crashed (signal 11)" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("signal", "kind", "words"), [(6, InputError, "signal 6"), (9, MachineError, "memory")])
def test_any_death_of_a_reader_is_told(tmp_path, monkeypatch, signal, kind, words):
    (tmp_path / "sitecustomize.py").write_text(ENDS_ITSELF.format(signal=signal))
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    with pytest.raises(kind, match=words):
        read_scan_apart(sample_scan())


def test_results_on_which_a_reader_crashes_are_told(a_result_folder, tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text(ENDS_ITSELF.format(signal=11))
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    with pytest.raises(InputError, match=r"dseg.nii.gz cannot be read: the reader crashed \(signal 11\)"):
        read_result_folder(a_result_folder)


def test_a_scan_read_apart_is_the_same(tmp_path):
    write_series(tmp_path / "series")
    for path in (sample_scan(), tmp_path / "series"):
        here, there = read_scan(path), read_scan_apart(path)
        np.testing.assert_array_equal(*(sitk.GetArrayFromImage(scan.image) for scan in (here, there)))
        assert here.image.GetDirection() == there.image.GetDirection()
        assert here.image.GetOrigin() == there.image.GetOrigin()
        assert here.image.GetSpacing() == there.image.GetSpacing()
        assert (here.source, here.notes, here.frames) == (there.source, there.notes, there.frames)


def test_a_scan_with_no_phase_beside_it_starts_no_process_to_read_that(tmp_path, monkeypatch):
    scan = replace(read_scan(sample_scan()), source=tmp_path / "scan.nii.gz")
    (tmp_path / "other.nii.gz").touch()
    (tmp_path / "other.json").write_text("[" * 100_000)  # deeper than any parser goes
    if os.name == "posix":
        os.mkfifo(tmp_path / "scan.json")  # which nobody fills
    monkeypatch.setattr(subprocess, "run", None)
    assert read_phases_apart(scan) == ((), ())


READS = """
import sys
from CMBSegmentationLib.reading.apart import apart
apart(open, sys.argv[1], name="a pipe")
"""


@pytest.mark.skipif(os.name != "posix", reason="platform: named pipes are POSIX's")
def test_who_reads_for_a_process_that_is_killed_ends_too(tmp_path):
    pipe = tmp_path / "scan.nii"
    os.mkfifo(pipe)
    process = subprocess.Popen([sys.executable, "-c", READS, str(pipe)])
    held = []

    def is_open():
        with contextlib.suppress(OSError):
            held.append(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
        return held

    wait_until(is_open)
    process.kill()
    process.wait()
    os.set_blocking(held[0], False)

    def is_left_alone():
        try:
            os.write(held[0], b"")
            os.write(held[0], b"x")
        except BrokenPipeError:
            return True
        return False

    wait_until(is_left_alone)
    os.close(held[0])


def test_what_is_wrong_is_told_as_ever(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.nii").touch()
    for path in (tmp_path / "empty.nii", tmp_path / "none.nii", (tmp_path / "empty.nii").relative_to(tmp_path)):
        with pytest.raises(InputError) as here:
            read_scan(path)
        with pytest.raises(InputError) as there:
            read_scan_apart(path)
        assert str(there.value) == str(here.value)


def test_without_a_python_to_start_the_scan_is_read_here(monkeypatch):
    for executable in ("", "/opt/Slicer/SlicerApp-real", "/nowhere/python3"):
        monkeypatch.setattr(sys, "executable", executable)
        assert read_scan_apart(sample_scan()).image.GetSize() == (512, 512, 35)


@pytest.mark.parametrize("axes", ["-3", "0", "50", "", "x"])
def test_a_meta_image_of_odd_axes_is_refused_before_its_reader_hangs(tmp_path, axes):
    path = tmp_path / "scan.mha"
    lines = ("ObjectType = Image", f"NDims = {axes}", "DimSize = 2 2 2", "ElementType = MET_USHORT")
    path.write_bytes("\n".join((*lines, "ElementDataFile = LOCAL", "")).encode() + bytes(4096))
    with pytest.raises(InputError, match="how many axes"):
        read_scan(path)


def test_the_page_reads_apart(crasher):
    scans = pytest.importorskip("CMBWeb.bindings.scans", reason="the page is not installed")
    with pytest.raises(InputError, match="the reader crashed"):
        scans.read_in(crasher, "crasher.nrrd")


def test_the_command_itself_goes_on_after_a_crash(crasher, tmp_path, capsys):
    assert cli.main(["detect", str(crasher), "-o", str(tmp_path / "out")]) == 2
    assert "the reader crashed" in capsys.readouterr().err
