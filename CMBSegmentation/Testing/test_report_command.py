"""`cmb report` and `cmb compare`: from folders of results to pages, PDF and DICOM."""

from __future__ import annotations

import csv
import html
import json
import shutil
from dataclasses import replace

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from dark_spots import ball_brain, only, write_dark_voxel_model
from dicom_series import write_series
from test_dicom_out import as_stored, assert_valid, one

from CMBCommand import cli
from CMBSegmentationLib.compare.align import STATUSES
from CMBSegmentationLib.compare.page import Study, sentence_of
from CMBSegmentationLib.results.as_detection import read_detection


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_dark_voxel_model(tmp_path_factory.mktemp("model") / "dark.onnx")


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    """A head with two spots. Not to be changed."""
    path = tmp_path_factory.mktemp("scan") / "sub-1_T2starw.nii.gz"
    sitk.WriteImage(ball_brain(spacing=(1.0, 1.2, 2.0))[0], str(path))
    return path


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The same head as a DICOM series. Not to be changed."""
    folder = tmp_path_factory.mktemp("study") / "study"
    image = as_stored(ball_brain(spacing=(1.0, 1.2, 2.0))[0])
    write_series(folder, image, SeriesDescription="SWI", PatientName="Doe^Jane")
    return folder


def detect(scan, out, model):
    assert cli.main(["detect", str(scan), "-o", str(out), *only(model)]) == 0
    return out


@pytest.fixture(scope="module")
def found_in_scan(scan, model, tmp_path_factory):
    return detect(scan, tmp_path_factory.mktemp("of-scan") / "out", model)


@pytest.fixture(scope="module")
def found_in_study(study, model, tmp_path_factory):
    return detect(study, tmp_path_factory.mktemp("of-study") / "out", model)


@pytest.fixture
def results(found_in_scan, tmp_path):
    """What was found in `scan`, in a folder of the test's own."""
    return shutil.copytree(found_in_scan, tmp_path / "out")


def review(out) -> None:
    """What a review writes into the list: the first accepted, the second uncertain."""
    path = one(out, "_lesions.json")
    content = json.loads(path.read_text())
    for row, decision in zip(content["lesions"], ("accepted", "uncertain"), strict=False):
        row |= {
            "decision": decision,
            "mimic": "",
            "reader": "SI",
            "decided_at": "2026-01-02T00:00:00",
            "origin": "detected",
        }
    path.write_text(json.dumps(content))


def test_the_report_is_made_anew_with_the_readers_verdicts(scan, results, tmp_path, capsys):
    before = one(results, "_report.html").read_text()
    assert cli.main(["report", str(results), "--scan", str(scan)]) == 0
    unread = one(results, "_report.html").read_text()
    assert before.count("<article") == unread.count("<article") > 0
    review(results)
    assert cli.main(["report", str(results), "--scan", str(scan), "--pdf", "-o", str(tmp_path / "new")]) == 0
    assert (
        "read by SI with the help of research software: 1 definite, 1 possible"
        in one(tmp_path / "new", "_report.html").read_text()
    )
    assert one(tmp_path / "new", "_report.pdf").read_bytes().startswith(b"%PDF")
    assert one(results, "_report.html").read_text() == unread
    assert "_report.pdf" in capsys.readouterr().out


def test_a_report_of_another_scan_or_without_results_is_refused(scan, results, tmp_path, capsys):
    other = tmp_path / "other.nii.gz"
    sitk.WriteImage(ball_brain(spacing=(1.0, 1.0, 2.0))[0], str(other))
    assert cli.main(["report", str(results), "--scan", str(other)]) == 2
    assert "is not the scan of these results" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert cli.main(["report", str(tmp_path / "empty"), "--scan", str(scan)]) == 2
    assert "no result list" in capsys.readouterr().err
    assert cli.main(["report", str(results), "--scan", str(scan), "--dicom"]) == 2
    assert "is not DICOM" in capsys.readouterr().err
    assert cli.main(["report", str(results), "--scan", str(scan), "--dropped"]) == 2
    assert "Add --pdf" in capsys.readouterr().err


@pytest.mark.parametrize("deidentified", [False, True])
def test_the_archive_gets_the_report_and_the_readers_verdict(study, found_in_study, tmp_path, deidentified):
    results, out = shutil.copytree(found_in_study, tmp_path / "results"), tmp_path / "out"
    review(results)
    more = ["--deidentify", "--salt", str(tmp_path / "salt")] if deidentified else []
    assert cli.main(["report", str(results), "--scan", str(study), "--dicom", "-o", str(out), *more]) == 0
    pdf, sr, seg = (pydicom.dcmread(one(out, ending)) for ending in ("_report.dcm", "_sr.dcm", "_seg.dcm"))
    assert bytes(pdf.EncapsulatedDocument)[: pdf.EncapsulatedDocumentLength].startswith(b"%PDF")
    assert pdf.StudyInstanceUID == sr.StudyInstanceUID == seg.StudyInstanceUID
    source = pydicom.dcmread(next(study.iterdir()))
    assert (pdf.StudyInstanceUID == source.StudyInstanceUID) is not deidentified
    assert ("Doe" in str(pdf.PatientName)) is not deidentified
    told = str(sr)
    assert "Reader's verdict" in told
    assert "Equivocal" in told
    assert ("SI^" in told) is not deidentified
    assert "reviewed" in sr.SeriesDescription
    assert_valid(*(one(out, ending) for ending in ("_report.dcm", "_sr.dcm", "_seg.dcm")))


def test_two_scans_are_compared_with_a_table_and_pictures_of_both(scan, results, model, tmp_path, capsys):
    image = sitk.ReadImage(str(scan))
    later = tmp_path / "later_T2starw.nii.gz"
    moved = sitk.Image(image)
    moved.SetOrigin([o + 4 for o in image.GetOrigin()])
    (found,) = [row for row in rows_of(results) if row["id"] == 1]
    # the first lesion has healed: filled with the tissue beside it
    at = image.TransformPhysicalPointToIndex((-found["r_mm"], -found["a_mm"], found["s_mm"]))
    values = sitk.GetArrayFromImage(moved)
    box = tuple(slice(max(0, a - 6), a + 7) for a in at[::-1])
    values[box] = values[at[2], at[1] - 8, at[0]]
    healed = sitk.GetImageFromArray(values)
    healed.CopyInformation(moved)
    sitk.WriteImage(healed, str(later))
    detect(later, tmp_path / "second", model)
    call = ["compare", str(scan), str(later), "-o", str(tmp_path / "changes")]
    call += ["--results", str(results), str(tmp_path / "second")]
    assert cli.main(call) == 0
    with one(tmp_path / "changes", "_changes.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["status"] for row in rows if row["first_id"] == "1"] == ["gone"]
    assert [row["status"] for row in rows if row["first_id"] == "2"] == ["stable"]
    content = json.loads(one(tmp_path / "changes", "_changes.json").read_text())
    assert content["counts"]["gone"] == 1
    assert 5 < content["movement"]["translation_mm"] < 9  # 4 mm along three axes
    assert (content["aria_h"]["new"], content["aria_h"]["grade"]) == (0, "absent")
    assert content["scales"]["cromis_2"] == {"first": "2-4", "second": "1"}
    page = one(tmp_path / "changes", "_changes.html").read_text()
    assert content["aria_h"]["sentence"] in html.unescape(page)
    notes = [content["scales_count"][which] for which in ("first", "second")]
    assert notes[0] == "First scan: detected by the program, not confirmed by a reader."
    assert all(note in html.unescape(page) for note in notes)
    assert {row["first_decision"] for row in rows if row["first_id"]} == {"none"}
    assert page.count('<figure class="crop">') == 6 * len(rows)
    assert "<script" not in page
    said = capsys.readouterr().out
    assert "1 gone" in said
    assert content["scales_sentence"] in said
    assert cli.main(call) == 2
    assert "already holds results" in capsys.readouterr().err
    assert cli.main(["compare", str(scan), str(scan), "-o", str(tmp_path / "x")]) == 2


@pytest.mark.parametrize("where", ["file/out", "/proc/out"])
def test_a_folder_that_cannot_be_written_is_told_before_any_work(scan, results, tmp_path, capsys, monkeypatch, where):
    (tmp_path / "file").write_text("")

    def work(*_: object, **__: object) -> None:
        raise AssertionError("work was done")

    for module in ("compare.search", "compare.read_detection", "report.read_detection"):
        monkeypatch.setattr(f"CMBCommand.{module}", work)
    out = str(tmp_path / where)
    capsys.readouterr()
    assert cli.main(["report", str(results), "--scan", str(scan), "-o", out]) == 2
    assert "cannot be written" in capsys.readouterr().err
    copied = tmp_path / "copied_T2starw.nii.gz"
    copied.write_bytes(scan.read_bytes())
    assert cli.main(["compare", str(scan), str(copied), "-o", out]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_a_second_scan_that_cannot_be_read_is_told_before_the_first_is_searched(scan, tmp_path, capsys, monkeypatch):
    def work(*_: object, **__: object) -> None:
        raise AssertionError("the network ran")

    monkeypatch.setattr("CMBCommand.compare.search", work)
    (tmp_path / "later.nii.gz").write_bytes(b"")
    assert cli.main(["compare", str(scan), str(tmp_path / "later.nii.gz"), "-o", str(tmp_path / "out")]) == 2
    assert "is an empty file" in capsys.readouterr().err


def test_the_movement_does_not_depend_on_what_was_kept_of_the_search(scan, results, tmp_path):
    """Only some result folders hold the brain that was searched."""
    stored = read_detection(results, scan)
    kept = stored.detection.brain
    smaller = sitk.BinaryErode(sitk.Cast(kept > 0, sitk.sitkUInt8), [6, 6, 2])
    visits = [Study("s", replace(stored.detection, brain=brain)).visit for brain in (kept, smaller)]
    masks = [sitk.GetArrayViewFromImage(one.brain) for one in visits]
    assert np.array_equal(*masks)
    assert masks[0].any()


def test_a_comparison_words_the_changes():
    counts = dict.fromkeys(STATUSES, 0) | {"new": 1, "stable": 2}
    assert sentence_of(counts, "not confirmed by a reader") == (
        "Automated comparison with research software (not confirmed by a reader): 1 new; 0 gone; 2 stable; "
        "0 there before, not detected; 0 still there, not detected; 0 not seen."
    )


def rows_of(out) -> list[dict]:
    return json.loads(one(out, "_lesions.json").read_text())["lesions"]
