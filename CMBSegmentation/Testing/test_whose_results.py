"""Results know their scan: another one is refused, of several in a folder the scan's own are taken, and who is said."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pydicom
import pytest
import SimpleITK as sitk
from dark_spots import ball_brain, only, write_dark_voxel_model
from dicom_series import write_series
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from property_tests import examples
from test_dicom_out import as_stored, one

from CMBCommand import cli
from CMBSegmentationLib.detecting.candidates.grid import grid_of
from CMBSegmentationLib.detecting.candidates.listing import Candidates
from CMBSegmentationLib.detecting.detect import Detection
from CMBSegmentationLib.dicom_out.software import software_from
from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.reading.scan import read_scan
from CMBSegmentationLib.reading.scan_identity import ScanIdentity, doubts, identity_by_name, voxels_sha256
from CMBSegmentationLib.report.methods import paragraph, way_of
from CMBSegmentationLib.results.provenance import provenance_of
from CMBSegmentationLib.results.read_back import read_result_folder
from CMBSegmentationLib.results.stored_list import to_json

HEAD = ball_brain(spacing=(2.0, 2.4, 3.0))[0]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_dark_voxel_model(tmp_path_factory.mktemp("model") / "dark.onnx")


def detect(scan: Path, out: Path, model: Path, *options: str) -> Path:
    assert cli.main(["detect", str(scan), "-o", str(out), *only(model), *options]) == 0
    return out


def written(path: Path, image: sitk.Image) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(image, str(path))
    return path


def mirrored(image: sitk.Image) -> sitk.Image:
    other = sitk.Flip(image, [True, False, False])
    other.CopyInformation(image)
    return other


def brighter_by_one(image: sitk.Image) -> sitk.Image:
    values = sitk.GetArrayFromImage(image)
    values[0, 0, 0] += 1
    other = sitk.GetImageFromArray(values)
    other.CopyInformation(image)
    return other


@pytest.fixture(scope="module")
def two_scans(model, tmp_path_factory):
    """Two scans on one grid, each with its results. Not to be changed."""
    folder = tmp_path_factory.mktemp("two")
    a, b = written(folder / "a.nii.gz", HEAD), written(folder / "b.nii.gz", mirrored(HEAD))
    return a, b, detect(a, folder / "ra", model), detect(b, folder / "rb", model)


@pytest.mark.parametrize("change", [mirrored, brighter_by_one])
def test_a_report_of_another_scan_on_the_same_grid_is_refused(two_scans, tmp_path, capsys, change):
    a, _, ra, _ = two_scans
    before = one(ra, "_report.html").read_bytes()
    other = written(tmp_path / "a.nii.gz", change(HEAD))  # of the same name, too
    assert cli.main(["report", str(ra), "--scan", str(other)]) == 2
    assert "is not the scan of these results" in capsys.readouterr().err
    assert one(ra, "_report.html").read_bytes() == before
    assert cli.main(["report", str(ra), "--scan", str(a), "-o", str(tmp_path / "out")]) == 0


def test_results_given_in_the_wrong_order_are_refused(two_scans, tmp_path, capsys):
    a, b, ra, rb = two_scans
    call = ["compare", str(a), str(b), "-o", str(tmp_path / "c"), "--results"]
    assert cli.main([*call, str(rb), str(ra)]) == 2
    assert "is not the scan of these results" in capsys.readouterr().err
    assert cli.main([*call, str(ra), str(rb)]) == 0


def test_a_copy_under_another_name_format_and_type_is_the_same_scan(model, tmp_path):
    image = sitk.Cast(sitk.Round(HEAD), sitk.sitkInt16)
    out = detect(written(tmp_path / "a.nii.gz", image), tmp_path / "out", model)
    copy = written(tmp_path / "copy.nrrd", sitk.Cast(image, sitk.sitkFloat32))
    assert cli.main(["report", str(out), "--scan", str(copy)]) == 0


def test_results_of_before_that_do_not_say_are_taken_by_their_grid(two_scans, tmp_path):
    a, _, ra, _ = two_scans
    old = shutil.copytree(ra, tmp_path / "old")
    listed = one(old, "_lesions.json")
    content = json.loads(listed.read_text())
    assert content["search"]["scan"].pop("voxels_sha256") == voxels_sha256(read_scan(a).image)
    listed.write_text(json.dumps(content))
    assert cli.main(["report", str(old), "--scan", str(a)]) == 0


def test_a_series_is_known_by_its_uids_which_a_deidentified_result_has_not(model, tmp_path):
    study = tmp_path / "study"
    write_series(study, as_stored(HEAD), SeriesDescription="SWI")
    source = pydicom.dcmread(next(study.iterdir()))
    out = detect(study, tmp_path / "out", model)
    about = json.loads(one(out, "_lesions.json").read_text())["search"]["scan"]
    assert (about["study_uid"], about["series_uid"]) == (source.StudyInstanceUID, source.SeriesInstanceUID)
    anonymous = detect(study, tmp_path / "anonymous", model, "--dicom", "--deidentify")
    said = one(anonymous, "_lesions.json").read_text()
    assert source.StudyInstanceUID not in said
    assert source.SeriesInstanceUID not in said


@pytest.fixture(scope="module")
def three_visits(model, tmp_path_factory):
    """One patient in 2020 and 2024, another one in 2024. Not to be changed."""
    folder = tmp_path_factory.mktemp("visits")
    for name, patient, date in (("early", "P1", "20200101"), ("late", "P1", "20240102"), ("other", "P2", "20240102")):
        write_series(
            folder / name,
            as_stored(HEAD),
            SeriesDescription="SWI",
            PatientID=patient,
            StudyDate=date,
            study=f"1.2.{date}",
        )
        detect(folder / name, folder / f"r-{name}", model)
    return folder


@pytest.mark.parametrize(
    ("first", "second", "warned"),
    [
        ("early", "late", ()),
        ("late", "early", ("2020-01-01) is earlier than the first (2024-01-02",)),
        ("early", "other", ("different patients: the first of P1, the second of P2",)),
        ("late", "other", ("different patients",)),
    ],
)
def test_a_comparison_says_whom_and_when_and_warns(three_visits, tmp_path, capsys, first, second, warned):
    results = [str(three_visits / f"r-{name}") for name in (first, second)]
    call = [
        "compare",
        str(three_visits / first),
        str(three_visits / second),
        "-o",
        str(tmp_path),
        "--results",
        *results,
    ]
    assert cli.main(call) == 0
    said = capsys.readouterr().err.replace("\n", " ")
    page = one(tmp_path, "_changes.html").read_text()
    warnings = json.loads(one(tmp_path, "_changes.json").read_text())["warnings"]
    patient = "P2" if second == "other" else "P1"
    date = "2020-01-01" if second == "early" else "2024-01-02"
    for told in (said, page):
        assert f"{patient}, {date}" in told
        assert all(words in told for words in warned)
        assert ("Warning" in told) is bool(warned)
    assert len(warnings) == len(warned)


def test_names_of_other_subjects_are_doubted_and_what_is_not_recorded_is_not():
    one, other = (identity_by_name(f"{subject}_ses-2_swi") for subject in ("sub-01", "sub-02"))
    assert one.subject == "sub-01"
    assert doubts(one, other)
    assert not doubts(one, identity_by_name("anything"))
    assert not doubts(one, ScanIdentity(patient="P1"))
    at_noon = ScanIdentity("P1", date="2024-01-02", time="120000")
    assert not doubts(at_noon, ScanIdentity("p1", date="2024-01-02"))
    assert doubts(at_noon, ScanIdentity("P1", date="2024-01-02", time="080000"))


@pytest.fixture(scope="module")
def a_full_folder(model, tmp_path_factory):
    """Results of three scans in one folder; one stem begins with another. Not to be changed."""
    folder = tmp_path_factory.mktemp("full")
    images = {"sub-01_swi": HEAD, "sub-01_swi_T2starw": mirrored(HEAD), "sub-02_swi": brighter_by_one(HEAD)}
    for name, image in images.items():
        detect(written(folder / "scans" / f"{name}.nii.gz", image), folder / "out", model)
    return folder


@pytest.mark.parametrize("stem", ["sub-01_swi", "sub-01_swi_T2starw", "sub-02_swi"])
def test_of_many_results_in_a_folder_the_scans_own_are_taken(a_full_folder, tmp_path, stem):
    scan = a_full_folder / "scans" / f"{stem}.nii.gz"
    assert cli.main(["report", str(a_full_folder / "out"), "--scan", str(scan), "-o", str(tmp_path)]) == 0
    assert [path.name for path in tmp_path.iterdir()] == [f"{stem}_desc-cmb_report.html"]


def test_two_results_of_one_folder_are_compared(a_full_folder, tmp_path):
    scans = [str(a_full_folder / "scans" / f"{stem}.nii.gz") for stem in ("sub-01_swi", "sub-02_swi")]
    out = str(a_full_folder / "out")
    assert cli.main(["compare", *scans, "-o", str(tmp_path), "--results", out, out]) == 0
    with one(tmp_path, "_changes.csv").open() as stream:
        assert [row["status"] for row in csv.DictReader(stream)] == ["stable", "stable"]


def test_a_scan_without_results_among_many_is_told_with_what_there_is(a_full_folder, tmp_path, capsys):
    stranger = written(tmp_path / "sub-09_swi.nii.gz", HEAD)
    assert cli.main(["report", str(a_full_folder / "out"), "--scan", str(stranger)]) == 2
    said = capsys.readouterr().err.replace("\n", " ")
    assert "results of 3 scans" in said
    assert "sub-01_swi_T2starw" in said


WRONG = st.sampled_from(
    [None, True, -1, 0, 1.5, 10**400, float("nan"), float("inf"), "", "text", [], [[]], {}, {"a": 1}, [None], "\ud800"]
)


def places_in(value: object, path: tuple = ()) -> list[tuple]:
    """Every place of a JSON value, from the outside in."""
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] * bool(path) + [place for key, one in below for place in places_in(one, (*path, key))]


@settings(examples(100), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data(), wrong=WRONG)
def test_a_list_with_any_wrong_value_is_read_or_refused_in_words(two_scans, tmp_path, data, wrong):
    _, _, ra, _ = two_scans
    content = json.loads(one(ra, "_lesions.json").read_text())
    *above, last = data.draw(st.sampled_from(places_in(content)))
    place = content
    for key in above:
        place = place[key]
    place[last] = wrong
    damaged = tmp_path / "damaged"
    if not damaged.exists():
        shutil.copytree(ra, damaged)
    one(damaged, "_lesions.json").write_text(json.dumps(content))
    try:
        found = read_result_folder(damaged)
    except InputError:
        return
    stored, labels = found.stored, found.labels
    lesions, image = list(stored.lesions), sitk.Cast(labels, sitk.sitkFloat32)
    candidates = stored.candidates or Candidates(grid_of(labels))
    detection = Detection(lesions, labels, image, labels, image, stored.rules, stored.search, candidates)
    assert paragraph(way_of(detection.search, detection.rules, lesions))
    assert software_from(stored.search, stored.rules).name
    json.dumps([to_json(stored), provenance_of(detection)], ensure_ascii=False).encode()
    assert len(candidates.at(stored.rules)) == len(candidates.every)


@pytest.mark.parametrize(
    ("where", "value", "told"),
    [
        (("lesions", 0, "r_mm"), "left", "lesions[0].r_mm is 'left'; it must be a finite number"),
        (("lesions", 1, "id"), 1.5, "lesions[1].id is 1.5; it must be a whole number"),
        (("lesions", 0, "status"), "maybe", "it must be one of kept, dropped, accepted"),
        (("lesions",), {"a": 1}, "lesions is {'a': 1}; it must be a list"),
        (("search", "detector"), "good", "search.detector is 'good'; it must be an object"),
        (("rules", "threshold"), "0.5", "rules.threshold is '0.5'"),
        (("candidates", 0, "voxels"), ["7+999999999"], "candidates[0].voxels are no voxels of the scan"),
        (("candidates", 0, "voxels"), ["7+2 7+1"], "candidates[0].voxels are not in ascending order"),
        (("candidates", 1, "peak"), -1, "candidates[1].peak is -1; it must be 0 or more"),
        (("grid", "zyx_to_ras"), [0] * 12, "grid.zyx_to_ras is flat"),
        (("notes",), ["a", 2], "notes[1] is 2; it must be text"),
    ],
)
def test_a_wrong_value_is_named_with_what_was_expected(two_scans, tmp_path, where, value, told):
    damaged = shutil.copytree(two_scans[2], tmp_path / "damaged")
    content = json.loads(one(damaged, "_lesions.json").read_text())
    place = content
    for key in where[:-1]:
        place = place[key]
    place[where[-1]] = value
    one(damaged, "_lesions.json").write_text(json.dumps(content))
    with pytest.raises(InputError) as caught:
        read_result_folder(damaged)
    assert told in caught.value.message
