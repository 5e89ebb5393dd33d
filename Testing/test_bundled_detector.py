"""The bundled models on the bundled scan, on a part of it and on a real head: what a user gets in the box."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import slicer.util
from part_of_sample import SMALL_BOX, part_of_sample, true_centres
from slicer_scene import a_scene, new_scene
from tsv_table import rows_of

import cmbtraining.benchmark.search as benchmark_search
from CMBCommand import cli
from CMBSegmentationLib import read_detection, read_scan
from CMBSegmentationLib.compare.match import match_centres
from CMBSegmentationLib.detecting import detect as detecting
from CMBSegmentationLib.detecting.lesions import COLUMNS
from CMBSegmentationLib.detecting.sliding_window import predict
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
from CMBSegmentationLib.results.read_back import read_list
from CMBSegmentationLib.scene import load_results
from CMBSegmentationLib.scene.volumes import geometry_of
from CMBSegmentationLib.session import ReviewSession
from cmbtraining.benchmark.search import BenchmarkFiles

__all__ = ["a_scene", "new_scene"]

ROOT = Path(__file__).resolve().parents[1]
TASKS = {DEFAULT_MODEL: "detect", DEFAULT_REGIONS: "regions", DEFAULT_VERIFIER: "verify"}
ANSWERS: dict[str, np.ndarray] = {}  # of the detector, by what it was shown
REAL = ROOT.parent / "shared" / "data" / "gre_xa30"


def listed(scan: Path, out: Path, *options: str) -> list[dict[str, str]]:
    """The rows of the list that a detection writes."""
    assert cli.main(["detect", str(scan), "-o", str(out), *options]) == 0
    return rows_in(out)


def rows_in(folder: Path) -> list[dict[str, str]]:
    """The rows of the list in a folder of results."""
    (table,) = folder.glob("*_desc-cmb_dseg.tsv")
    return rows_of(table)


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
def part_folder(tmp_path_factory):
    """A part of the sample, and in ``out`` what is found there."""
    folder = tmp_path_factory.mktemp("part")
    sitk.WriteImage(part_of_sample(), str(folder / "part.nii.gz"))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(detecting, "predict", lambda *given: ANSWERS.setdefault("part", predict(*given)))
        listed(folder / "part.nii.gz", folder / "out", "--save-probability")
    return folder


@pytest.fixture(scope="module")
def in_part(part_folder):
    """The lesions of `part_folder`."""
    return accepted(rows_in(part_folder / "out"))


def test_half_of_the_lesions_of_a_part_of_the_sample_are_found_there(in_part):
    truth = true_centres(part_of_sample())
    assert len(truth) >= 4
    assert len(match_centres(centres(in_part), truth)) >= len(truth) / 2  # a part has no map of regions


def test_shell_review_and_benchmark_list_the_same_lesions_at_any_threshold(part_folder, a_scene, tmp_path, monkeypatch):
    image = read_scan(part_folder / "part.nii.gz").image
    scan = slicer.util.addVolumeFromArray(sitk.GetArrayFromImage(image), ijkToRAS=geometry_of(image), name="part")
    load_results(part_folder / "out", scan)
    session = ReviewSession(a_scene)  # the page's and the panel's
    session.reading.set(folder=str(tmp_path))
    session.detection.set_parameters(scan_node_id=scan.GetID())

    detection = read_detection(part_folder / "out", part_folder / "part.nii.gz").detection
    searched = BenchmarkFiles("part", part_folder / "part.nii.gz", Path(), Path())
    monkeypatch.setattr(benchmark_search, "detect", lambda *given, **named: detection)
    points = {f"at-{threshold}": threshold for threshold in (0.06, 0.264, 0.363, 0.8)}
    benchmark_search.search(searched, {"all": load_stages(None, "cpu")}, tmp_path, {"all": points})

    shell = {0.363: rows_in(part_folder / "out")}
    monkeypatch.setattr(detecting, "predict", lambda *given: ANSWERS["part"])  # no threshold changes it
    shell[0.8] = listed(part_folder / "part.nii.gz", tmp_path / "shell", "--threshold", "0.8")
    sizes = {}
    for point, threshold in points.items():
        session.listing.set_threshold(threshold)
        review = measured([one.as_lesion().as_row() for one in session.review.lesions])
        benchmark = read_list(tmp_path / "all" / point / "part" / "part_desc-cmb_lesions.json").lesions
        assert review == measured([one.as_row() for one in benchmark])
        assert review == measured(shell.get(threshold, [one.as_row() for one in benchmark]))
        for *place, diameter_mm, _, _, _, _ in review:
            assert sizes.setdefault(tuple(place), diameter_mm) == diameter_mm
    assert len(accepted(shell[0.363])) > len(accepted(shell[0.8])) > 0
    session.close()


def measured(rows) -> list[tuple]:
    """Place, measures and status of each row, in one order."""
    columns = ("r_mm", "a_mm", "s_mm", "diameter_mm", "elongation", "contrast", "probability")
    return sorted((*(float(row[name]) for name in columns), row["status"]) for row in rows)


def test_a_scan_in_another_axis_order_and_format_gives_the_same_lesions(in_part, tmp_path):
    image = part_of_sample()
    sitk.WriteImage(sitk.DICOMOrient(image, "SAL"), str(tmp_path / "turned.nrrd"))
    found = accepted(listed(tmp_path / "turned.nrrd", tmp_path / "out"))
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
