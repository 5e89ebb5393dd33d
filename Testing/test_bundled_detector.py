"""The bundled models on the bundled scan, on a part of it and on a real head: what a user gets in the box."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from part_of_sample import SMALL_BOX, part_of_sample, true_centres

from CMBCommand import cli
from CMBSegmentationLib.compare.match import match_centres
from CMBSegmentationLib.detecting.lesions import COLUMNS
from CMBSegmentationLib.files.bundled import bundled_models
from CMBSegmentationLib.models.loaded_models import load_stages
from CMBSegmentationLib.models.model_file import (
    BUNDLED_SHA256,
    DEFAULT_MODEL,
    DEFAULT_REGIONS,
    DEFAULT_VERIFIER,
    find_model,
    load_model,
)

ROOT = Path(__file__).resolve().parents[1]
TASKS = {DEFAULT_MODEL: "detect", DEFAULT_REGIONS: "regions", DEFAULT_VERIFIER: "verify"}
REAL = ROOT.parent / "shared" / "data" / "gre_xa30"


def listed(scan: Path, out: Path, *options: str) -> list[dict[str, str]]:
    """The rows of the list that a detection writes."""
    assert cli.main(["detect", str(scan), "-o", str(out), *options]) == 0
    return rows_in(out)


def rows_in(folder: Path) -> list[dict[str, str]]:
    """The rows of the list in a folder of results."""
    (table,) = folder.glob("*_lesions.csv")
    with table.open() as stream:
        return list(csv.DictReader(stream))


def accepted(rows) -> list[dict[str, str]]:
    return [row for row in rows if row["status"] == "kept"]


def centres(rows) -> np.ndarray:
    return np.array([[float(row[c]) for c in ("r_mm", "a_mm", "s_mm")] for row in rows]).reshape(-1, 3)


@pytest.mark.xdist_group("chromium")
def test_the_sample_scans_lesions_are_found_with_few_false_ones(results):
    found = accepted(rows_in(results))  # of the one search of the whole sample, which the page's tests make
    truth = true_centres()
    hits = len(match_centres(centres(found), truth))
    assert hits >= 0.7 * len(truth)
    assert len(found) - hits <= 1


@pytest.fixture(scope="module")
def in_part(tmp_path_factory):
    """What is found in a part of the sample."""
    folder = tmp_path_factory.mktemp("part")
    sitk.WriteImage(part_of_sample(), str(folder / "part.nii.gz"))
    return accepted(listed(folder / "part.nii.gz", folder / "out"))


def test_most_lesions_of_a_part_of_the_sample_are_found_there(in_part):
    truth = true_centres(part_of_sample())
    assert len(truth) >= 4
    assert len(match_centres(centres(in_part), truth)) >= 3


@pytest.mark.parametrize("change", ["reoriented to SAL, as NRRD", "flipped to RPI"])
def test_a_scan_in_another_axis_order_or_format_gives_the_same_lesions(in_part, change, tmp_path):
    image = part_of_sample()
    axes, suffix = ("SAL", ".nrrd") if "NRRD" in change else ("RPI", ".nii.gz")
    sitk.WriteImage(sitk.DICOMOrient(image, axes), str(tmp_path / f"turned{suffix}"))
    found = accepted(listed(tmp_path / f"turned{suffix}", tmp_path / "out"))
    assert len(found) == len(in_part) > 0
    one_voxel = min(image.GetSpacing())
    pairs = match_centres(centres(found), centres(in_part), one_voxel)
    assert len(pairs) == len(in_part)
    assert all(found[f]["region"] == in_part[p]["region"] for f, p in pairs)


def ball_in(image: sitk.Image, centre_ras: tuple[float, float, float], radius_mm: float) -> sitk.Image:
    """A mask of a ball on the image's grid."""
    grid = image.GetSize(), image.GetOrigin(), image.GetSpacing(), image.GetDirection()
    points = sitk.GetArrayFromImage(sitk.PhysicalPointSource(sitk.sitkVectorFloat64, *grid)) * (-1, -1, 1)
    ball = sitk.GetImageFromArray((np.linalg.norm(points - centre_ras, axis=-1) < radius_mm).astype(np.uint8))
    ball.CopyInformation(image)
    return ball


@pytest.mark.skipif(not REAL.exists(), reason="platform: the real scan does not lie beside the checkout")
def test_a_real_scan_gives_the_same_list_as_nifti_and_as_dicom(tmp_path):
    files = {"nifti": REAL / "8_gre_field_mapping_e2.nii.gz", "dicom": REAL / "dicom"}
    # the back of the head only, in patches side by side: the lists are compared with each other
    back = ball_in(sitk.ReadImage(str(files["nifti"])), (0.0, -50.0, 15.0), 42.0)
    sitk.WriteImage(back, str(tmp_path / "back.nii.gz"))
    options = ("--overlap", "0", "--mask", str(tmp_path / "back.nii.gz"))
    nifti, dicom = (listed(scan, tmp_path / name, *options) for name, scan in files.items())
    assert len(nifti) >= 2
    assert [row["status"] for row in nifti] == [row["status"] for row in dicom]
    for a, b in zip(nifti, dicom, strict=True):
        values = [[float(row[c]) for c in COLUMNS[3:11]] for row in (a, b)]
        assert values[0] == pytest.approx(values[1], abs=0.05)


def test_every_bundled_model_is_pinned_and_says_what_is_known_of_it():
    assert bundled_models()
    for path in bundled_models():
        assert path.name in BUNDLED_SHA256
        model = load_model(path, "cpu", TASKS[path.stem])
        assert model.manifest.name == path.stem
        assert model.manifest.license == "Apache-2.0"
        assert "simulated scans only" in model.manifest.intended_use
        assert 5e4 <= model.manifest.training["parameters"] <= 3e6
    assert sum(path.stat().st_size for path in bundled_models()) <= 20e6


def test_the_bundled_verifier_goes_with_the_bundled_detector():
    stages = load_stages(None, "cpu")
    assert stages.verifier is not None
    assert stages.notes == ()
    points = stages.verifier.manifest.metrics["operating_points"]
    assert points["sensitive"] < points["balanced"] == stages.verifier.manifest.threshold < points["specific"]


def test_the_default_model_is_found_by_name_and_by_nothing():
    assert find_model(None) == find_model("cmb-detector-simulated")


def test_the_benchmark_runs(tmp_path):
    scan, figures = tmp_path / "part.nii.gz", tmp_path / "figures.json"
    sitk.WriteImage(part_of_sample(SMALL_BOX), str(scan))
    subprocess.run(
        [sys.executable, ROOT / "Testing/benchmark.py", "--scan", scan, "--skip-paper", "--json", figures],
        check=True,
        capture_output=True,
    )
    told = json.loads(figures.read_text())
    assert {"start", "model", "read", "preprocess", "network", "lesions", "write"} == set(told["stages_s"])
    assert min(told["stages_s"].values()) > 0
    assert told["lesions"] > 0
    assert 0 < told["peak_memory_gib"] < 3
