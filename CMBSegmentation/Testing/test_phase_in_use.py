"""What phase says reaches the list, its files, the report and DICOM; calcium is dropped, and stays on the list."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from dark_spots import only, write_dark_voxel_model
from dicom_series import PHASE, write_series
from phase_brain import phase_brain
from tsv_table import rows_of

from CMBCommand import cli
from CMBSegmentationLib.detecting.detect import detect
from CMBSegmentationLib.detecting.phase import told
from CMBSegmentationLib.detecting.search import Search
from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.models.loaded_models import load_model
from CMBSegmentationLib.reading.phase.image import PhaseImage
from CMBSegmentationLib.report.page import report_html
from CMBSegmentationLib.review import CandidateField, Numbering, Review, Verdict, listed, utc_now
from CMBSegmentationLib.vocabulary.reasons import Rule

pytestmark = pytest.mark.xdist_group("phase")
VENDORS = {  # range of stored values, rescaling, sign
    "SIEMENS": ((0, 4095), (2, -4096), 1),
    "GE MEDICAL SYSTEMS": ((0, 6283), (1, -3142), -1),
}


@pytest.fixture(scope="module", autouse=True)
def asked_about_few():
    """The brain has dozens of candidates, most of them veins: it takes long to ask about each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(told, "MOST_ASSESSED", 10)
        yield


@pytest.fixture(scope="module")
def brain():
    return phase_brain()


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return write_dark_voxel_model(tmp_path_factory.mktemp("model") / "dark.onnx")


@pytest.fixture(scope="module")
def detection(brain, model):
    magnitude, phase, _ = brain
    return detect(magnitude, model=load_model(model), phases=[PhaseImage(phase, "phase.nii.gz", 20.0)])


def at(lesions, place):
    """The lesion at a place (RAS)."""
    return min(lesions, key=lambda one: np.linalg.norm(np.subtract((one.r_mm, one.a_mm, one.s_mm), place)))


def test_sure_calcium_is_dropped_with_its_reason_at_any_threshold(detection, brain):
    blood, calcium = (at(detection.lesions, place) for place in brain[2])
    assert (blood.phase, blood.status) == ("blood", "kept")
    assert (calcium.phase, calcium.status) == ("calcium", "dropped")
    assert calcium.reason.rule is Rule.CALCIUM
    assert calcium.dropped_because.startswith("calcium by its phase")
    assert at(detection.rethresholded(0.06).lesions, brain[2][1]).status == "dropped"
    assert not sitk.GetArrayFromImage(detection.labels)[sitk.GetArrayFromImage(detection.labels) == calcium.id].any()


def test_without_phase_all_is_as_before(brain, model):
    plain = detect(brain[0], model=load_model(model))
    assert {lesion.phase for lesion in plain.lesions} == {""}
    assert {at(plain.lesions, place).status for place in brain[2]} == {"kept"}
    assert plain.search.phase == ()
    assert plain.field is None


def test_verdicts_of_a_search_without_phase_have_what_a_search_with_it_says(detection, brain, model):
    plain = detect(brain[0], model=load_model(model))
    before, after = (
        CandidateField(one.candidates, one.image, one.probability, one.brain, one.rules) for one in (plain, detection)
    )
    numbers, review = Numbering(), Review(plain.rules.threshold)
    there = {(one.lesion.r_mm, one.lesion.a_mm, one.lesion.s_mm): one for one in listed(before, review, numbers)}
    decided = [there[min(there, key=lambda centre: np.linalg.norm(np.subtract(centre, place)))] for place in brain[2]]
    for one in decided:
        review = review.with_lesion(replace(one, verdict=Verdict("accepted", time=utc_now())))
    again = {one.id: one for one in listed(after, review, numbers)}
    assert [again[one.id].lesion.phase for one in decided] == ["blood", "calcium"]
    assert {again[one.id].state for one in decided} == {"accepted"}


def test_what_is_no_phase_is_noted_where_found_and_refused_where_asked_for(detection, brain):
    found = PhaseImage(brain[0], "found.nii.gz")
    given = (detection.candidates, detection.image, detection.brain)
    candidates, field, notes = told.told_by_phase(*given, [found])
    assert candidates is detection.candidates
    assert field is None
    assert "Phase was not used" in notes[0]
    with pytest.raises(InputError, match="looks like a magnitude"):
        told.told_by_phase(*given, [replace(found, asked=True)])


def test_the_report_pictures_the_field_and_says_what_it_tells(detection, brain):
    html = report_html(detection, scan_name="a")
    cards = {one[0]: one[1] for one in re.findall(r'id="number-(\d+)">(.*?)</article>', html, re.S)}
    blood, calcium = (at(detection.lesions, place) for place in brain[2])
    assert "phase: blood" in cards[str(blood.id)]
    assert "phase: calcium" in cards[str(calcium.id)]
    for card in cards.values():
        assert card.count("local phase, coronal") == (2 if "phase:" in card else 0)  # caption and description
    bare = [replace(one, phase="") for one in detection.lesions]
    without = replace(detection, field=None, search=Search(), lesions=bare)
    assert "local phase" not in report_html(without, scan_name="a")


def test_a_stored_list_keeps_what_phase_said(detection, brain, tmp_path):
    from CMBSegmentationLib.results.read_back import read_result_folder
    from CMBSegmentationLib.running.write import write_results

    write_results(detection, tmp_path / "out", "scan")
    stored = read_result_folder(tmp_path / "out", "scan").stored
    assert stored.search.phase == detection.search.phase
    again = stored.candidates.at(replace(detection.rules, threshold=0.06))
    assert at([one.lesion for one in again], brain[2][1]).reason.rule is Rule.CALCIUM


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_study_with_swi_magnitude_phase_and_projection_is_read_right_without_an_option(vendor, model, tmp_path):
    (low, high), (slope, intercept), sign = VENDORS[vendor]
    magnitude, phase, places = phase_brain(sign)
    scan = sitk.Cast(sitk.Clamp(magnitude, sitk.sitkFloat32, 0, 4000), sitk.sitkUInt16)
    turns = (sitk.GetArrayFromImage(phase).astype(float) + np.pi) / (2 * np.pi)
    stored = sitk.GetImageFromArray(np.clip(np.floor(low + turns * (high + 1 - low)), low, high).astype(np.uint16))
    stored.CopyInformation(scan)
    study = tmp_path / "study"
    maker = {"Manufacturer": vendor}
    write_series(study, scan, number=2, SeriesDescription="Mag_Images", **maker)
    rescaled = {"RescaleSlope": str(slope), "RescaleIntercept": str(intercept)}
    write_series(study, stored, number=3, SeriesDescription="Pha_Images", ImageType=PHASE, **rescaled, **maker)
    minimum = ["DERIVED", "PRIMARY", "M", "MNIP"]
    few = {"skip": tuple(range(5, scan.GetSize()[2]))}  # of a projection there are fewer
    write_series(study, scan, number=4, SeriesDescription="mIP_Images(SW)", ImageType=minimum, **few, **maker)
    write_series(
        study, scan, number=5, SeriesDescription="SWI_Images", ImageType=["ORIGINAL", "PRIMARY", "M", "SWI"], **maker
    )
    out = tmp_path / "out"
    assert cli.main(["detect", str(study), "-o", str(out), *only(model), "--dicom"]) == 0
    content = json.loads((out / "study_desc-cmb_lesions.json").read_text())
    assert any("5 'SWI_Images' was taken" in note for note in content["notes"])
    assert any("Phase was taken from series 3" in note for note in content["notes"])
    assert any("its sign was found in the scan (veins" in note for note in content["notes"])
    rows = rows_of(out / "study_desc-cmb_dseg.tsv")

    def row_at(place):
        return min(rows, key=lambda row: np.linalg.norm([float(row[k]) - p for k, p in zip(PLACE, place, strict=True)]))

    blood, calcium = (row_at(place) for place in places)
    assert (blood["phase"], blood["status"]) == ("blood", "kept")
    assert (calcium["phase"], calcium["status"]) == ("calcium", "dropped")
    report = out / "study_desc-cmb_sr.dcm"
    assert "Paramagnetic" in str(pydicom.dcmread(report))


PLACE = ("r_mm", "a_mm", "s_mm")
FIELD = re.compile(r'aria-label="[^"]*local phase, coronal[^"]*">\s*<image[^>]*href="([^"]+)"')


def test_phase_is_given_to_the_command_as_a_file(brain, model, tmp_path, capsys):
    magnitude, phase, _ = brain
    sitk.WriteImage(magnitude, str(tmp_path / "scan.nii.gz"))
    sitk.WriteImage(phase, str(tmp_path / "anything.nii.gz"))
    asked = ["detect", str(tmp_path / "scan.nii.gz"), "-o", str(tmp_path / "out"), *only(model), "--phase"]
    assert cli.main([*asked, str(tmp_path / "anything.nii.gz")]) == 0
    content = json.loads((tmp_path / "out/scan_desc-cmb_lesions.json").read_text())
    assert {row["phase"] for row in content["lesions"]} >= {"blood", "calcium"}
    assert "Phase was taken from anything.nii.gz, as asked." in content["provenance"]["phase"]
    assert re.search(r"phase .*\n.*blood", capsys.readouterr().out, re.S)
    report = tmp_path / "out/scan_desc-cmb_report.html"
    at_first = report.read_text(encoding="utf-8")
    report.unlink()
    assert cli.main(["report", str(tmp_path / "out"), "--scan", str(tmp_path / "scan.nii.gz"), "--pdf"]) == 0
    pictures = [FIELD.findall(text) for text in (at_first, report.read_text(encoding="utf-8"))]
    assert pictures[0] == pictures[1]
    assert len(set(pictures[0])) > 1
