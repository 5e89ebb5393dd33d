"""The bundled model on the bundled scan and on a real head: what a user gets in the box."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from CMBSegmentationLib import cli
from CMBSegmentationLib.lesions import COLUMNS
from CMBSegmentationLib.matching import match_centres
from CMBSegmentationLib.model import (
    BUNDLED_SHA256,
    DEFAULT_MODEL,
    DEFAULT_REGIONS,
    DEFAULT_VERIFIER,
    find_model,
    load_model,
)
from CMBSegmentationLib.resources import bundled_models, sample_scan
from CMBSegmentationLib.stages import load_stages

ROOT = Path(__file__).resolve().parents[1]
TASKS = {DEFAULT_MODEL: "detect", DEFAULT_REGIONS: "regions", DEFAULT_VERIFIER: "verify"}
REAL = ROOT.parent / "shared" / "data" / "gre_xa30"


def accepted(scan: Path, out: Path) -> list[dict]:
    assert cli.main(["detect", str(scan), "-o", str(out)]) == 0
    (table,) = out.glob("*_lesions.csv")
    with table.open() as stream:
        return [row for row in csv.DictReader(stream) if row["status"] == "accepted"]


def centres(rows) -> np.ndarray:
    return np.array([[float(row[c]) for c in ("r_mm", "a_mm", "s_mm")] for row in rows]).reshape(-1, 3)


@pytest.fixture(scope="module")
def on_sample(tmp_path_factory):
    return accepted(sample_scan(), tmp_path_factory.mktemp("sample") / "out")


def test_the_sample_scans_lesions_are_found_with_few_false_ones(on_sample):
    truth = json.loads(sample_scan().with_name("cmb-sample_T2starw_truth.json").read_text())["lesions"]
    hits = len(match_centres(centres(on_sample), centres(truth)))
    assert hits >= 0.8 * len(truth)
    assert len(on_sample) - hits <= 3


@pytest.mark.parametrize("change", ["reoriented to SAL, as NRRD", "flipped to RPI"])
def test_the_sample_scan_in_another_axis_order_or_format_gives_the_same_lesions(on_sample, change, tmp_path):
    image = sitk.ReadImage(str(sample_scan()))
    axes, suffix = ("SAL", ".nrrd") if "NRRD" in change else ("RPI", ".nii.gz")
    sitk.WriteImage(sitk.DICOMOrient(image, axes), str(tmp_path / f"turned{suffix}"))
    found = centres(accepted(tmp_path / f"turned{suffix}", tmp_path / "out"))
    assert len(found) == len(on_sample)
    one_voxel = min(image.GetSpacing())
    assert len(match_centres(found, centres(on_sample), one_voxel)) == len(on_sample)


@pytest.mark.skipif(not REAL.exists(), reason="the real scan is not part of the project")
def test_a_real_scan_gives_the_same_list_as_nifti_and_as_dicom(tmp_path):
    lists = []
    for number, scan in enumerate((REAL / "8_gre_field_mapping_e2.nii.gz", REAL / "dicom")):
        assert cli.main(["detect", str(scan), "-o", str(tmp_path / str(number))]) == 0
        (table,) = (tmp_path / str(number)).glob("*_lesions.csv")
        with table.open() as stream:
            lists.append(list(csv.DictReader(stream)))
    nifti, dicom = lists
    assert [row["status"] for row in nifti] == [row["status"] for row in dicom]
    for a, b in zip(nifti, dicom, strict=True):
        values = [[float(row[c]) for c in COLUMNS[2:10]] for row in (a, b)]
        assert values[0] == pytest.approx(values[1], abs=0.05)


def test_every_bundled_model_is_pinned_and_says_what_is_known_of_it():
    assert bundled_models()
    for path in bundled_models():
        assert path.name in BUNDLED_SHA256
        model = load_model(path, "cpu", TASKS[path.stem])
        assert model.manifest.name == path.stem
        assert model.manifest.license == "Apache-2.0"
        assert "simulated scans only" in model.manifest.intended_use
        assert 5e4 <= model.manifest.training["parameters"] <= 2e6
    assert sum(path.stat().st_size for path in bundled_models()) <= 15e6


def test_the_bundled_verifier_goes_with_the_bundled_detector():
    stages = load_stages(None, "cpu")
    assert stages.verifier is not None
    assert stages.notes == ()
    points = stages.verifier.manifest.metrics["operating_points"]
    assert stages.verifier.manifest.threshold == points["sensitive"] < points["balanced"] < points["specific"]


def test_the_default_model_is_found_by_name_and_by_nothing():
    assert find_model(None) == find_model("cmb-detector-simulated")


def test_the_benchmark_runs(tmp_path):
    figures = tmp_path / "figures.json"
    subprocess.run(
        [sys.executable, ROOT / "Testing/benchmark.py", "--skip-paper", "--json", figures],
        check=True,
        capture_output=True,
    )
    told = json.loads(figures.read_text())
    assert {"start", "model", "read", "preprocess", "network", "lesions", "write"} == set(told["stages_s"])
    assert told["peak_memory_gib"] < 3
