"""The command `cmb`, as a person meets it: what it writes, what it says, and what it returns."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from dark_spots import MANIFEST, ball_brain, only, write_dark_voxel_model
from rich.console import Console
from waiting import wait_until

from CMBCommand import cli
from CMBCommand.printing import progress_bar
from CMBSegmentationLib.detecting.lesions import COLUMNS

SMALL = [24, 24, 24]
COMMANDS = ("detect", "batch", "report", "compare", "grow", "annotate-import", "web", "models")


@pytest.fixture
def cmb(capsys):
    """Call the command; returns its exit code, what it printed and what it said on the side."""

    def call(*arguments):
        try:
            code = cli.main([str(a) for a in arguments])
        except SystemExit as stop:  # argparse
            code = stop.code
        said = capsys.readouterr()
        return code, said.out, re.sub(r"\s+", " ", said.err)

    return call


def written(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def noise_image(size=None, dtype=np.float32) -> sitk.Image:
    size = size or SMALL
    values = np.random.default_rng(0).uniform(10, 1000, size[::-1]).astype(dtype)
    image = sitk.GetImageFromArray(values)
    image.SetSpacing([2.0] * len(size))
    return image


# What it does


def test_detect_writes_the_list_the_segmentation_and_the_report(cmb, scan_file, dark_model, tmp_path):
    code, out, _ = cmb("detect", scan_file, "-o", tmp_path / "out", "--model", dark_model)
    assert code == 0
    assert written(tmp_path / "out") == [
        "head_T2starw_desc-cmb_dseg.nii.gz",
        "head_T2starw_desc-cmb_lesions.csv",
        "head_T2starw_desc-cmb_lesions.json",
        "head_T2starw_desc-cmb_report.html",
    ]
    with (tmp_path / "out/head_T2starw_desc-cmb_lesions.csv").open() as stream:
        table = list(csv.DictReader(stream))
    content = json.loads((tmp_path / "out/head_T2starw_desc-cmb_lesions.json").read_text())
    assert tuple(table[0]) == COLUMNS
    assert [int(row["id"]) for row in table] == [row["id"] for row in content["lesions"]]
    spots = ball_brain()[1]
    found = np.array([[row["r_mm"], row["a_mm"], row["s_mm"]] for row in content["lesions"] if row["status"] == "kept"])
    assert len(found) == len(spots)
    for spot in spots:
        assert np.linalg.norm(found - spot, axis=1).min() < 1.0
    labels = sitk.ReadImage(str(tmp_path / "out/head_T2starw_desc-cmb_dseg.nii.gz"))
    assert labels.GetSize() == sitk.ReadImage(str(scan_file)).GetSize()
    assert set(np.unique(sitk.GetArrayFromImage(labels))) == {0, 1, 2}
    assert "Research software" in out
    assert "head_T2starw_desc-cmb_report.html" in out


def test_probability_is_written_when_asked_for(cmb, scan_file, dark_model, tmp_path):
    assert cmb("detect", scan_file, "-o", tmp_path / "out", *only(dark_model), "--save-probability")[0] == 0
    probability = sitk.ReadImage(str(tmp_path / "out/head_T2starw_desc-cmb_probseg.nii.gz"))
    values = sitk.GetArrayFromImage(probability)
    assert 0 <= values.min() < values.max() <= 1
    assert (tmp_path / "out/head_T2starw_desc-brain_mask.nii.gz").exists()


def test_a_higher_threshold_accepts_no_more(cmb, scan_file, dark_model, tmp_path):
    counts = []
    for threshold in ("0.2", "0.99999"):
        cmb("detect", scan_file, "-o", tmp_path / threshold, *only(dark_model), "--threshold", threshold)
        content = json.loads((tmp_path / threshold / "head_T2starw_desc-cmb_lesions.json").read_text())
        counts.append(content["summary"]["microbleeds"])
        assert content["rules"]["threshold"] == float(threshold)
    assert counts[1] < counts[0] == 2


def listed_by_detect(file: Path, out: Path, model: Path) -> list[dict[str, str]]:
    """The rows of the list that a detection writes."""
    assert cli.main(["detect", str(file), "-o", str(out), *only(model)]) == 0
    (table,) = out.glob("*_lesions.csv")
    return list(csv.DictReader(table.read_text().splitlines()))


@pytest.fixture(scope="module")
def as_it_was(a_head_file, tmp_path_factory) -> list[dict[str, str]]:
    """What is found in the scan before it is turned."""
    folder = tmp_path_factory.mktemp("as-it-was")
    return listed_by_detect(a_head_file, folder / "out", write_dark_voxel_model(folder / "dark.onnx"))


@pytest.mark.parametrize("orientation", ["LPS", "SRA", "AIR"])
@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_axis_order_and_file_format_do_not_change_the_list(
    as_it_was, scan_file, dark_model, tmp_path, orientation, suffix
):
    turned = tmp_path / f"turned{suffix}"
    sitk.WriteImage(sitk.DICOMOrient(sitk.ReadImage(str(scan_file)), orientation), str(turned))
    found = listed_by_detect(turned, tmp_path / "out", dark_model)
    assert len(found) == len(as_it_was) > 0
    for a, b in zip(found, as_it_was, strict=True):
        assert [float(a[c]) for c in COLUMNS[3:9]] == pytest.approx([float(b[c]) for c in COLUMNS[3:9]], abs=0.02)


def test_models_lists_a_model_and_its_manifest(cmb, dark_model):
    code, out, _ = cmb("models", dark_model)
    assert code == 0
    assert "dark.onnx" in out
    code, out, _ = cmb("models", dark_model, "--json")
    assert json.loads(out)["dark.onnx"]["task"] == "detect"


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_has_an_example(cmb, name):
    code, out, _ = cmb(name, "--help")
    assert code == 0
    assert re.search(rf"^example: cmb {name} \S", out, re.MULTILINE)


def test_alone_the_command_prints_its_help(cmb):
    code, out, _ = cmb()
    assert code == 0
    assert out.startswith("usage: cmb ")
    assert "find the microbleeds of one scan" in out


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], []])
def test_help_loads_nothing_that_takes_time(arguments):
    code = (
        "import contextlib, sys\nfrom CMBCommand.cli import main\n"
        f"with contextlib.suppress(SystemExit): main({arguments})\n"
        "heavy = {'numpy', 'scipy', 'SimpleITK', 'onnxruntime', 'pydicom', 'rich', 'jinja2', 'aiohttp'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_an_unknown_option_shows_how_its_command_is_called(capsys):
    with pytest.raises(SystemExit):
        cli.main(["report", "results", "--scan", "x.nii.gz", "--overwrite"])
    said = capsys.readouterr().err
    assert said.startswith("usage: cmb report")
    assert "unrecognized arguments: --overwrite" in said


def test_the_help_lists_every_command_with_what_it_is_for(cmb):
    code, out, _ = cmb("--help")
    assert code == 0
    listed = re.findall(r"^    (\S+) +\S", out, re.MULTILINE)
    assert listed == list(COMMANDS)


def test_a_volume_smaller_than_a_patch_is_padded(cmb, dark_model, tmp_path):
    sitk.WriteImage(noise_image([20, 18, 16]), str(tmp_path / "small.nii.gz"))
    assert cmb("detect", tmp_path / "small.nii.gz", "-o", tmp_path / "out", *only(dark_model))[0] == 0


def test_nan_and_infinite_voxels_are_cleaned_and_it_says_so(cmb, scan_file, dark_model, tmp_path):
    image = sitk.ReadImage(str(scan_file))
    values = sitk.GetArrayFromImage(image)
    values[:2], values[5, 5, 5] = np.nan, np.inf
    dirty = sitk.GetImageFromArray(values)
    dirty.CopyInformation(image)
    sitk.WriteImage(dirty, str(tmp_path / "dirty.nii.gz"))
    code, out, _ = cmb("detect", tmp_path / "dirty.nii.gz", "-o", tmp_path / "out", *only(dark_model))
    assert code == 0
    assert "NaN or infinite" in out
    content = json.loads((tmp_path / "out/dirty_desc-cmb_lesions.json").read_text())
    assert "NaN or infinite" in content["notes"][0]
    assert content["summary"]["microbleeds"] == 2


# What it refuses


def make_bad_scan(kind: str, folder: Path) -> Path:
    path = folder / "bad.nii.gz"
    if kind == "missing":
        return folder / "nowhere.nii.gz"
    if kind == "text":
        path.write_text("this is no scan")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "truncated":
        sitk.WriteImage(noise_image(), str(path))
        path.write_bytes(path.read_bytes()[:-2000])
    elif kind == "4D":
        sitk.WriteImage(sitk.JoinSeries([noise_image()] * 3), str(path))
    elif kind == "RGB":
        sitk.WriteImage(sitk.Compose([sitk.Cast(noise_image(), sitk.sitkUInt8)] * 3), str(path))
    elif kind == "2D":
        sitk.WriteImage(noise_image([24, 24]), str(path))
    elif kind == "one slice":
        sitk.WriteImage(noise_image([24, 24, 1]), str(path))
    elif kind == "constant":
        sitk.WriteImage(noise_image() * 0 + 7, str(path))
    elif kind == "NaN":
        sitk.WriteImage(sitk.GetImageFromArray(np.full(SMALL, np.nan, np.float32)), str(path))
    elif kind in ("zero spacing", "negative spacing"):
        path = folder / "bad.nii"
        sitk.WriteImage(noise_image(), str(path))
        raw = bytearray(path.read_bytes())
        raw[84:88] = np.float32(0.0 if kind == "zero spacing" else -2.0).tobytes()  # pixdim[2] of NIfTI-1
        path.write_bytes(raw)
    elif kind == "zero spacing in MetaImage":
        path = folder / "bad.mha"
        sitk.WriteImage(noise_image(), str(path))
        path.write_bytes(path.read_bytes().replace(b"ElementSpacing = 2 2 2", b"ElementSpacing = 2 0 2"))
    elif kind == "picture":
        path = folder / "bad.png"
        sitk.WriteImage(sitk.Cast(noise_image([24, 24]), sitk.sitkUInt8), str(path))
    elif kind == "wrong unit":
        image = noise_image()
        image.SetSpacing((2000.0, 2000.0, 2000.0))
        sitk.WriteImage(image, str(path))
    elif kind == "empty folder":
        path = folder / "dicom"
        path.mkdir()
    return path


BAD_SCANS = {
    "missing": "does not exist",
    "text": "not a gzip file",
    "empty": "empty file",
    "truncated": "cut off or damaged",
    "4D": r"3 volumes \(4D\)",
    "RGB": "3 values a voxel",
    "2D": "2D",
    "one slice": "too few slices",
    "constant": "same everywhere",
    "NaN": "no valid voxel",
    "zero spacing": "2 x 0 x 2 mm wide",
    "negative spacing": "mm wide",
    "zero spacing in MetaImage": "mm|cannot be read",
    "picture": "2D|not a scan",
    "wrong unit": "not the size of a head",
    "empty folder": "no DICOM image",
}


@pytest.mark.parametrize("kind", BAD_SCANS)
def test_a_bad_scan_is_refused_with_the_reason_and_nothing_is_written(cmb, kind, dark_model, tmp_path):
    scan = make_bad_scan(kind, tmp_path)
    code, out, said = cmb("detect", scan, "-o", tmp_path / "out", *only(dark_model))
    assert code == 2
    assert re.search(BAD_SCANS[kind], said)
    assert "Traceback" not in out + said
    assert not (tmp_path / "out").exists() or written(tmp_path / "out") == []


def make_bad_model(kind: str, folder: Path) -> Path:
    path = folder / "bad.onnx"
    if kind == "missing":
        return folder / "nowhere.onnx"
    if kind == "text":
        path.write_text("this is no model")
    elif kind == "no manifest":
        write_dark_voxel_model(path, None)
    elif kind == "damaged manifest":
        write_dark_voxel_model(path, "{")
    elif kind == "newer manifest":
        write_dark_voxel_model(path, replace(MANIFEST, schema_version=99))
    elif kind == "lacking manifest":
        write_dark_voxel_model(path, '{"schema_version": 1, "name": "x"}')
    elif kind == "other task":
        write_dark_voxel_model(path, replace(MANIFEST, task="regions"))
    elif kind == "other patch":
        write_dark_voxel_model(path, replace(MANIFEST, patch_size=(48, 48, 48)))
    elif kind == "impossible threshold":
        write_dark_voxel_model(path, replace(MANIFEST, threshold=2.0))
    elif kind == "wrong type":
        write_dark_voxel_model(path, replace(MANIFEST, overlap="much"))
    elif kind == "truncated":
        write_dark_voxel_model(path)
        path.write_bytes(path.read_bytes()[:-100])
    return path


BAD_MODELS = {
    "missing": "no model",
    "text": "cannot be opened as an ONNX model",
    "no manifest": "has no manifest",
    "damaged manifest": "damaged",
    "newer manifest": "schema version 99",
    "lacking manifest": "is missing",
    "other task": "for the task 'regions'",
    "other patch": "its manifest says",
    "impossible threshold": "threshold is 2.0; it must be above 0 and below 1",
    "wrong type": "overlap is .much.; it must be a finite number",
    "truncated": "cannot be opened|no manifest|damaged",
}


@pytest.mark.parametrize("kind", BAD_MODELS)
def test_a_bad_model_is_refused_with_the_reason(cmb, kind, scan_file, tmp_path):
    code, out, said = cmb("detect", scan_file, "-o", tmp_path / "out", *only(make_bad_model(kind, tmp_path)))
    assert code == 3
    assert re.search(BAD_MODELS[kind], said)
    assert "Traceback" not in out + said
    assert written(tmp_path / "out") == []


def test_a_bundled_model_that_was_changed_is_refused(cmb, scan_file, tmp_path, monkeypatch):
    from CMBSegmentationLib.models import model_file as model

    folder = tmp_path / "Resources" / "Models"
    folder.mkdir(parents=True)
    write_dark_voxel_model(folder / "dark.onnx")
    monkeypatch.setattr(model, "resource_folder", lambda: tmp_path / "Resources")
    monkeypatch.setitem(model.BUNDLED_SHA256, "dark.onnx", "0" * 64)
    code, _, said = cmb("detect", scan_file, "-o", tmp_path / "out", "--model", "dark")
    assert code == 3
    assert "not the file that was shipped" in said


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("--threshold", "1.5", "not between 0 and 1"),
        ("--threshold", "0", "not between 0 and 1"),
        ("--overlap", "1", "not between 0 and 0.9"),
        ("--blending", "magic", "not known"),
        ("--device", "abacus", "Unknown device"),
        ("--threshold", "much", "invalid float"),
    ],
)
def test_a_wrong_option_is_refused(cmb, scan_file, dark_model, tmp_path, option, value, reason):
    code, _, said = cmb("detect", scan_file, "-o", tmp_path / "out", *only(dark_model), option, value)
    assert code == 2
    assert reason in said


def test_a_device_that_is_not_there_is_the_machines_fault(cmb, scan_file, dark_model, tmp_path):
    import onnxruntime

    if "CoreMLExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("platform: this machine has CoreML")
    code, _, said = cmb("detect", scan_file, "-o", tmp_path / "out", *only(dark_model), "--device", "coreml")
    assert code == 4
    assert "not available here" in said


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
