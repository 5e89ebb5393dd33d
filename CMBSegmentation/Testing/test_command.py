"""The command: what it does, how it helps, where it writes, how it stops."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from commands import cmb, noise_image, written
from dark_spots import ball_brain, only, write_dark_voxel_model
from tsv_table import rows_of

from CMBCommand import cli
from CMBSegmentationLib.detecting.lesions import COLUMNS

__all__ = ["cmb"]
COMMANDS = (
    "detect", "batch", "bids", "node", "report", "methods", "compare", "grow", "annotate-import", "web", "models",
)  # fmt: skip


# What it does


def test_detect_writes_the_list_the_segmentation_and_the_report(cmb, scan_file, dark_model, tmp_path):
    code, out, _ = cmb("detect", scan_file, "-o", tmp_path / "out", "--model", dark_model)
    assert code == 0
    assert written(tmp_path / "out") == [
        "head_T2starw_desc-cmb_dseg.json",
        "head_T2starw_desc-cmb_dseg.nii.gz",
        "head_T2starw_desc-cmb_dseg.tsv",
        "head_T2starw_desc-cmb_lesions.json",
        "head_T2starw_desc-cmb_report.html",
    ]
    table = rows_of(tmp_path / "out/head_T2starw_desc-cmb_dseg.tsv")
    content = json.loads((tmp_path / "out/head_T2starw_desc-cmb_lesions.json").read_text())
    assert tuple(table[0]) == ("index", "name", *COLUMNS[1:])
    assert [int(row["index"]) for row in table] == [row["id"] for row in content["lesions"]]
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
    for threshold in ("0.2", "0.999"):
        cmb("detect", scan_file, "-o", tmp_path / threshold, *only(dark_model), "--threshold", threshold)
        content = json.loads((tmp_path / threshold / "head_T2starw_desc-cmb_lesions.json").read_text())
        counts.append(content["summary"]["microbleeds"])
        assert content["rules"]["threshold"] == float(threshold)
    assert counts[1] < counts[0] == 2


def listed_by_detect(file: Path, out: Path, model: Path) -> list[dict[str, str]]:
    """The rows of the list that a detection writes."""
    assert cli.main(["detect", str(file), "-o", str(out), *only(model)]) == 0
    (table,) = out.glob("*_desc-cmb_dseg.tsv")
    return rows_of(table)


@pytest.fixture(scope="module")
def as_it_was(a_head_file, tmp_path_factory) -> list[dict[str, str]]:
    """What is found in the scan before it is turned."""
    folder = tmp_path_factory.mktemp("as-it-was")
    return listed_by_detect(a_head_file, folder / "out", write_dark_voxel_model(folder / "dark.onnx"))


@pytest.mark.parametrize(
    ("orientation", "suffix"),
    [
        pytest.param(orientation, suffix, marks=() if i == j else pytest.mark.soak)  # each of both once, else all pairs
        for i, orientation in enumerate(("SRA", "AIR", "LPS"))
        for j, suffix in enumerate((".nii.gz", ".nrrd", ".mha"))
    ],
)
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
