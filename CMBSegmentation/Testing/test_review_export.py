"""A review as a user interface sees it: exported as files, DICOM and PDF, compared with an earlier scan."""

from __future__ import annotations

import csv
import json
import re
import subprocess
from types import SimpleNamespace

import highdicom as hd
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
import slicer
import slicer.util
from dicom_series import write_series
from oblique_scan import oblique_ijk_to_ras, scan_voxels, write_detection
from pydicom.sr.codedict import codes
from refusals import refused
from review_sessions import a_clock, a_session
from test_dicom_out import assert_valid, dcmqi
from tsv_table import rows_of

from CMBSegmentationLib.reading.scan import read_scan
from CMBSegmentationLib.results.read_back import read_list
from CMBSegmentationLib.scene import lesion_rows, load_results
from CMBSegmentationLib.scene.volumes import geometry_of, set_geometry
from CMBSegmentationLib.session import ReviewSession
from CMBSegmentationLib.vocabulary.columns import COLUMNS, REVIEW_COLUMNS

__all__ = ["a_clock", "a_session"]


@pytest.fixture
def a_reviewed_series(a_scene, tmp_path):
    """A scan that came from a DICOM series, with every verdict there is; the session and the series' folder."""
    image = sitk.GetImageFromArray(scan_voxels().clip(0).astype(np.uint16))
    set_geometry(image, oblique_ijk_to_ras())
    study = tmp_path / "study"
    write_series(study, image, SeriesDescription="SWI", PatientName="Doe^Jane")
    results = write_detection(study, tmp_path / "results")
    stored = read_scan(study).image
    scan = slicer.util.addVolumeFromArray(sitk.GetArrayFromImage(stored), ijkToRAS=geometry_of(stored), name="a series")
    load_results(results, scan)
    session = ReviewSession(a_scene)
    session.said = []
    session.noticed.connect(session.said.append)
    session.reading.set(reader="SI", folder=str(tmp_path))
    session.detection.set_parameters(scan_node_id=scan.GetID())
    session.deciding.decide("accepted", lesion_id=1)
    session.deciding.decide("rejected", "vessel", lesion_id=2)
    session.deciding.decide("uncertain", lesion_id=3)
    yield session, study
    session.close()


def test_the_exported_list_is_what_was_decided(a_session, tmp_path):
    a_session.deciding.decide("rejected", "vessel", lesion_id=1)
    a_session.deciding.decide("accepted", lesion_id=2)
    a_session.deciding.decide("uncertain", lesion_id=3)
    files = a_session.exporting.export(tmp_path / "out")
    rows = {int(row["index"]): row for row in rows_of(files["table"])}
    assert [(rows[n]["status"], rows[n]["decision"]) for n in (1, 2, 3, 4)] == [
        ("kept", "rejected"),
        ("kept", "accepted"),
        ("kept", "uncertain"),
        ("dropped", "none"),
    ]
    assert [rows[1][name] for name in ("dropped_because", "reader", "mimic")] == ["", "SI", "vessel"]
    content = json.loads(files["json"].read_text(encoding="utf-8"))
    assert content["summary"]["definite"] == 1
    assert {one["id"]: one["mimic"] for one in content["lesions"]}[1] == "vessel"
    labels = sitk.GetArrayFromImage(sitk.ReadImage(str(files["labels"])))
    assert set(np.unique(labels)) == {0, 2, 3}
    assert "read by SI" in files["report"].read_text(encoding="utf-8")
    with refused("already holds results"):
        a_session.exporting.export(tmp_path / "out")


def test_an_export_says_when_the_list_was_changed_last_not_when_it_was_exported(a_session, tmp_path, monkeypatch):
    decided = "2026-02-03T04:05:06+00:00"
    for module in ("open_review", "deciding"):
        monkeypatch.setattr(f"CMBSegmentationLib.session.{module}.utc_now", lambda: decided, raising=False)
    a_session.deciding.decide("accepted", lesion_id=1)
    for name in ("at once", "a week later"):
        files = a_session.exporting.export(tmp_path / name)
        assert read_list(files["json"]).search.reviewed_at == decided


def test_a_place_that_a_reader_set_is_said_to_be_his(a_session, tmp_path):
    a_session.deciding.set_place("brainstem", "left", lesion_id=1)
    a_session.deciding.decide("accepted", lesion_id=1)
    a_session.deciding.set_place("frontal", "right", lesion_id=2)
    a_session.deciding.set_place("", "", lesion_id=3)  # as the program has it
    parts = [one.id for one in a_session.editing.split(2)]
    files = a_session.exporting.export(tmp_path / "out")
    rows = json.loads(files["json"].read_text(encoding="utf-8"))["lesions"]
    assert {row["id"] for row in rows if row["place_by_reader"]} == {1, *parts}
    assert {one.id for one in read_list(files["json"]).lesions if one.place_by_reader} == {1, *parts}
    page = files["report"].read_text(encoding="utf-8")
    assert "a reader gave the region or side of 3 microbleeds" in page
    assert page.count("left brainstem, set by the reader") == 2  # in the list and beside the pictures
    a_session.deciding.set_place("", "", lesion_id=1)
    again = json.loads(a_session.exporting.export(tmp_path / "again")["json"].read_text(encoding="utf-8"))["lesions"]
    assert {row["id"] for row in again if row["place_by_reader"]} == set(parts)


def test_the_files_of_a_half_finished_review_say_the_same(a_session, tmp_path):
    a_session.deciding.decide("rejected", "vessel", lesion_id=1)
    a_session.deciding.decide("accepted", lesion_id=2)
    files = a_session.exporting.export(tmp_path / "out")
    content = json.loads(files["json"].read_text(encoding="utf-8"))
    rows = rows_of(files["table"])
    decisions = [row["decision"] for row in rows]
    summary = content["summary"]
    assert summary["microbleeds"] == summary["definite"] == decisions.count("accepted") == 1
    assert (summary["rejected"], summary["not_read"], summary["dropped"], summary["class"]) == (1, 1, 1, "1")
    assert decisions.count("none") == summary["not_read"] + summary["dropped"]
    assert tuple(rows[0]) == ("index", "name", *COLUMNS[1:], *REVIEW_COLUMNS)
    assert "not confirmed" not in json.dumps(content)
    page = files["report"].read_text(encoding="utf-8")
    assert '<div class="count">1</div>' in page
    assert '<li class="here" aria-current="true">1</li>' in page
    assert "Detected, not reviewed" in page
    assert ">Decision</th>" in page
    assert "Notes on the scan" not in page  # nothing was
    assert "1 rejected lesion and 1 dropped candidate" in page
    pdf = a_session.exporting.export_pdf(tmp_path / "report.pdf")
    told = subprocess.run(["pdftotext", "-layout", str(pdf), "-"], capture_output=True, text=True, check=True).stdout
    told = " ".join(told.split())
    for words in (page, told, a_session.listing.text):
        assert summary["sentence"] in words
    assert "Notes on the scan" not in told


def numbers_of_lesions(report: pydicom.Dataset) -> dict[str, int]:
    """The counts of a structured report by their names (TID 1501: tracking identifier and measurement)."""
    found = {}
    for container in report.ContentSequence:
        for group in container.get("ContentSequence", ()):
            words = {item.ConceptNameCodeSequence[0].CodeMeaning: item for item in group.get("ContentSequence", ())}
            if "Number of lesions" in words:
                number = words["Number of lesions"].MeasuredValueSequence[0].NumericValue
                found[words["Tracking Identifier"].TextValue] = int(number)
    return found


def test_the_archive_gets_what_was_decided(a_reviewed_series, tmp_path):
    session, study = a_reviewed_series
    files = session.exporting.export(tmp_path / "out", dicom_folder=study)
    assert_valid(files["dicom_seg"], files["dicom_sr"])
    paper = pydicom.dcmread(files["dicom_pdf"])
    assert paper.EncapsulatedDocument.startswith(b"%PDF")
    assert paper.StudyInstanceUID == pydicom.dcmread(files["dicom_sr"]).StudyInstanceUID
    written, report = pydicom.dcmread(files["dicom_seg"]), pydicom.dcmread(files["dicom_sr"])
    assert str(written.PatientName) == "Doe^Jane"
    assert "research, reviewed" in written.SeriesDescription
    kept = [one for one in session.navigation.lesions if one.counts]
    assert [one.id for one in kept] == [1, 3]
    assert len(written.SegmentSequence) == len(kept)
    numbers = [
        frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        for frame in written.PerFrameFunctionalGroupsSequence
    ]
    voxels = sorted(int(written.pixel_array[np.array(numbers) == number].sum()) for number in set(numbers))
    assert voxels == sorted(len(one.voxels) for one in kept)
    told = str(report)
    assert "SI^" in told
    assert "Equivocal" in told  # the uncertain one
    summary = json.loads(files["json"].read_text(encoding="utf-8"))["summary"]
    assert numbers_of_lesions(report) == {"All CMB": summary["microbleeds"]} == {"All CMB": 2}


def test_a_lesion_has_its_number_in_the_archive_too(a_reviewed_series, tmp_path):
    session, study = a_reviewed_series
    files = session.exporting.export(tmp_path / "out", dicom_folder=study)
    kept = {one.id: one for one in session.review.lesions if one.counts}
    assert list(kept) == [1, 3]
    written = pydicom.dcmread(files["dicom_seg"])
    assert [(one.SegmentNumber, one.SegmentLabel, one.TrackingID) for one in written.SegmentSequence] == [
        (1, "CMB 1", "CMB 1"),
        (2, "CMB 3", "CMB 3"),
    ]
    dcmqi("segimage2itkimage", "--inputDICOM", files["dicom_seg"], "--outputDirectory", tmp_path)
    dcmqi("tid1500reader", "--inputDICOM", files["dicom_sr"], "--outputMetadata", tmp_path / "sr.json")
    measured = json.loads((tmp_path / "sr.json").read_text())["Measurements"]
    referring = {one["TrackingIdentifier"]: one["ReferencedSegment"] for one in measured if "ReferencedSegment" in one}
    assert referring == {"CMB 1": 1, "CMB 3": 2}
    values = sitk.ReadImage(str(files["labels"]))
    for number, segment in zip(kept, (1, 2), strict=True):
        read = sitk.ReadImage(str(tmp_path / f"{segment}.nrrd"))
        places = [
            read.TransformIndexToPhysicalPoint([int(i) for i in at[::-1]])
            for at in np.argwhere(sitk.GetArrayViewFromImage(read))
        ]
        assert {values[values.TransformPhysicalPointToIndex(place)] for place in places} == {number}
        assert len(places) == len(kept[number].voxels)
    said = hd.sr.srread(files["dicom_sr"]).content.get_planar_roi_measurement_groups()
    assert [one.tracking_identifier for one in said] == ["CMB 1", "CMB 3"]


def test_the_archive_says_what_readers_made_whom_it_was_and_what_they_suspect(a_reviewed_series, tmp_path):
    session, study = a_reviewed_series
    session.reading.set(reader="KH")
    session.deciding.decide("accepted", lesion_id=3, advance=False)
    session.navigation.select(3)
    session.deciding.set_cause("trauma-DAI")
    session.reading.set(reader="Xavier")
    session.editing.split(1)
    added = session.editing.add_voxels(np.array([(3, 5, 5), (3, 5, 6)]))
    files = session.exporting.export(tmp_path / "out", dicom_folder=study)
    assert_valid(files["dicom_seg"], files["dicom_sr"])

    made = {one.SegmentLabel: one for one in pydicom.dcmread(files["dicom_seg"]).SegmentSequence}
    types = {name: one.SegmentAlgorithmType for name, one in made.items()}
    by_reader = {"CMB 1", "CMB 5", f"CMB {added.id}"}
    assert types == {"CMB 3": "AUTOMATIC"} | dict.fromkeys(by_reader, "SEMIAUTOMATIC")
    assert made["CMB 3"].SegmentAlgorithmName != made[f"CMB {added.id}"].SegmentAlgorithmName == "slicer-cmb"

    report = hd.sr.srread(files["dicom_sr"])
    for group in report.content.get_volumetric_roi_measurement_groups():
        name = group.tracking_identifier
        measured = {one.name.meaning for one in group.get_measurements()}
        words = {item.ConceptNameCodeSequence[0].CodeMeaning: item for item in group[0].ContentSequence}
        assert ("Probability" in measured) == ("Algorithm Name" in words) == (name not in by_reader)
        cause = words["Suspected cause"].ConceptCodeSequence[0].CodeMeaning if "Suspected cause" in words else ""
        assert cause == ("trauma-DAI" if name == "CMB 3" else "")
    comments = [
        item.value
        for group in report.content.get_planar_roi_measurement_groups()
        for item in group[0].ContentSequence
        if item.name == codes.DCM.Comment
    ]
    assert [one.split(", ")[2].split()[0] for one in comments] == ["split", "probability", "split", "added"]
    assert not any("probability 0.00" in one for one in comments)
    observers = [item.value for item in report.content[0].ContentSequence if item.name == codes.DCM.PersonObserverName]
    assert observers == ["SI^", "KH^", "Xavier^"]


def test_the_report_says_what_readers_made_and_suspect(a_session, tmp_path):
    a_session.deciding.decide("accepted", lesion_id=1, advance=False)
    a_session.navigation.select(1)
    a_session.deciding.set_cause("CAA")
    a_session.editing.split(2)
    added = a_session.editing.add_voxels(np.array([(3, 5, 5), (3, 5, 6)]))
    assert added.lesion.probability == 0
    page = a_session.exporting.export(tmp_path / "out")["report"].read_text(encoding="utf-8")
    pdf = a_session.exporting.export_pdf(tmp_path / "report.pdf")
    told = subprocess.run(["pdftotext", "-layout", str(pdf), "-"], capture_output=True, text=True, check=True).stdout
    for words in (page, told):
        for said in ("suspected cause: CAA", "added by a reader", "split by a reader"):
            assert said in " ".join(words.split())
    (card,) = re.findall(f'<article class="[^"]*" id="number-{added.id}">.*?</article>', page, re.DOTALL)
    assert "added by a reader" in card
    assert "Probability" not in card
    assert "Detector" not in card
    (row,) = (row for row in re.findall(r"<tr>.*?</tr>", page, re.DOTALL) if f'<a href="#number-{added.id}">' in row)
    assert ">added</td>" in row
    assert "0.00" not in row


def test_the_archive_is_told_what_was_not_read(a_reviewed_series, tmp_path):
    session, study = a_reviewed_series
    session.deciding.undo()  # the third
    files = session.exporting.export(tmp_path / "out", dicom_folder=study)
    report = pydicom.dcmread(files["dicom_sr"])
    assert numbers_of_lesions(report) == {"All CMB": 1, "Detected, not read": 1}
    for one in (report, pydicom.dcmread(files["dicom_seg"])):
        assert "research, partly reviewed" in one.SeriesDescription
    assert_valid(files["dicom_seg"], files["dicom_sr"])


def test_dicom_without_a_series_is_refused_and_the_other_results_are_there(a_session, tmp_path):
    (tmp_path / "empty").mkdir()
    with refused("DICOM"):
        a_session.exporting.export(tmp_path / "out", dicom_folder=tmp_path / "empty")
    assert list(tmp_path.glob("out/*_desc-cmb_lesions.json"))
    assert not list(tmp_path.glob("out/*.dcm"))


def test_the_report_of_a_review_is_written_as_pdf(a_session, tmp_path):
    a_session.deciding.decide("accepted", lesion_id=1)
    path = tmp_path / "report.pdf"
    assert a_session.exporting.export_pdf(path) == path
    before = path.read_bytes()
    assert before.startswith(b"%PDF")
    with refused("is there already"):
        a_session.exporting.export_pdf(path)
    a_session.deciding.decide("rejected", lesion_id=1)
    assert a_session.exporting.export_pdf(path, overwrite=True) == path
    assert path.read_bytes() != before
    assert not list(tmp_path.glob(".draft-*"))


@pytest.mark.parametrize(("name", "reason"), [("report", "no name for a PDF"), ("none/report.pdf", "is no folder")])
def test_a_pdf_that_cannot_be_written_is_told(a_session, tmp_path, name, reason):
    with refused(reason):
        a_session.exporting.export_pdf(tmp_path / name)


def an_earlier_visit(tmp_path):
    """The same head before: the third lesion was not detected; noise of its own in the scan."""
    folder = tmp_path / "earlier"
    folder.mkdir()
    scan = next(tmp_path.glob("*.nrrd"))
    image = sitk.AdditiveGaussianNoise(sitk.ReadImage(str(scan), sitk.sitkFloat32), 4.0, 0.0, 3)
    sitk.WriteImage(image, str(folder / scan.name))
    results = write_detection(folder / scan.name, folder / "results")
    path = next(results.glob("*_lesions.json"))
    content = json.loads(path.read_text(encoding="utf-8"))
    content["lesions"] = [row for row in content["lesions"] if row["id"] != 3]
    path.write_text(json.dumps(content), encoding="utf-8")
    return results


def test_a_review_is_compared_with_an_earlier_scan(a_session, tmp_path):
    a_session.deciding.decide("rejected", lesion_id=2)
    a_session.deciding.decide("uncertain", lesion_id=3)
    files = a_session.exporting.compare_with(an_earlier_visit(tmp_path), tmp_path / "changes")
    rows = list(csv.DictReader(files["table"].open(encoding="utf-8")))
    called = {(row["status"], row["first_id"], row["second_id"]) for row in rows}
    assert called == {("stable", "1", "1"), ("there before, not detected", "", "3"), ("not seen", "2", "")}
    (missed,) = (row for row in rows if row["second_id"] == "3")
    assert re.match(
        r"first scan: a dark spot is there, \d+\s% darker than what is around it \(the lesion: \d+\s%\)", missed["why"]
    )
    (rejected,) = (row for row in rows if row["first_id"] == "2")
    assert "rejected by SI" in rejected["why"]
    page = files["page"].read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    cells = re.findall(r'<td class="text">(uncertain|not reviewed|rejected)</td>', page)
    assert sorted(cells) == ["not reviewed"] * 3 + ["uncertain"]  # 1 in both scans, 2 in the first; 3 in the second
    assert re.search(r"Second: CMB 3, [\d.]+ mm, uncertain<", page)
    with refused("already holds"):
        a_session.exporting.compare_with(tmp_path / "earlier" / "results", tmp_path / "changes")


def test_a_comparison_says_whose_the_scan_under_review_is(a_session, a_scan, tmp_path, monkeypatch):
    write_series(tmp_path / "study")
    file = next((tmp_path / "study").iterdir())
    database = SimpleNamespace(fileForInstance={"1.2.3": str(file)}.get)
    monkeypatch.setattr(slicer, "dicomDatabase", database, raising=False)
    a_scan.SetAttribute("DICOM.instanceUIDs", "1.2.3")
    files = a_session.exporting.compare_with(an_earlier_visit(tmp_path), tmp_path / "changes")
    assert "id-4711, 2026-01-02" in files["page"].read_text(encoding="utf-8")


def test_a_comparison_without_the_earlier_scan_or_with_itself_is_refused(a_session, tmp_path, a_result_folder):
    with refused("no result list"):
        a_session.exporting.compare_with(tmp_path, tmp_path / "changes")
    scan = next(tmp_path.glob("*.nrrd"))
    with refused("under review"):
        a_session.exporting.compare_with(a_result_folder, tmp_path / "changes")
    scan.rename(tmp_path / "renamed.nrrd")
    with refused("neither there nor beside it"):
        a_session.exporting.compare_with(a_result_folder, tmp_path / "changes")
    with refused("under review"):
        a_session.exporting.compare_with(a_result_folder, tmp_path / "c", earlier_scan=tmp_path / "renamed.nrrd")


def test_no_file_gives_a_probability_to_what_a_reader_made(a_session, tmp_path):
    added = a_session.editing.add_voxels(np.array([(12, 34, 34), (12, 34, 35)])).id
    a_session.deciding.decide("rejected", lesion_id=1)
    files = a_session.exporting.export(tmp_path / "out")
    (row,) = [one for one in rows_of(files["table"]) if one["index"] == str(added)]
    assert (row["origin"], row["probability"], row["detector"]) == ("added", "", "")  # n/a in the file
    listed = json.loads(files["json"].read_text(encoding="utf-8"))["lesions"]
    (row,) = [one for one in listed if one["id"] == added]
    assert (row["probability"], row["detector"]) == (None, None)
    (again,) = [one for one in read_list(files["json"]).lesions if one.id == added]
    assert (again.origin, again.probability) == ("added", None)
    (in_scene,) = [one for one in lesion_rows(a_session.review.nodes.table) if one["id"] == added]
    assert (in_scene["probability"], in_scene["detector"]) == (None, None)
    page = files["report"].read_text(encoding="utf-8")
    assert ">Origin</th>" in page
    assert {"added", "detected"} <= set(re.findall(r'<td class="text">(added|detected)</td>', page))
