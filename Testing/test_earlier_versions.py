"""What earlier versions wrote still opens: results, reviews, scenes and annotations, as they were stored then.

``stored/VERSION`` holds the files of a small made-up scan, written by that version.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import SimpleITK as sitk
import slicer.util
from slicer_scene import a_scene, new_scene

from CMBScribbleGrowLib.annotation.file import read_study
from CMBScribbleGrowLib.annotation.segments_file import read_segments
from CMBSegmentationLib import read_detection, read_scan
from CMBSegmentationLib.results.counts import counts_of
from CMBSegmentationLib.scene import load_results
from CMBSegmentationLib.scene.volumes import geometry_of
from CMBSegmentationLib.session import ReviewSession
from CMBSegmentationLib.vocabulary.reasons import Reason, Rule

__all__ = ["a_scene", "new_scene"]

VERSIONS = sorted(path for path in (Path(__file__).parent / "stored").iterdir() if path.is_dir())
SCAN, VERDICTS = "sub-01_swi.nrrd", {1: "accepted", 2: "rejected", 3: "uncertain", 5: "accepted"}

WITH_ANNOTATIONS = [path for path in VERSIONS if (path / "annotations").is_dir()]
REASON = Reason(Rule.BELOW_THRESHOLD, 0.3, 0.5)

of_each_version = pytest.mark.parametrize("stored", VERSIONS, ids=lambda path: path.name)


def decided(session: ReviewSession) -> dict[int, str]:
    return {one.id: one.state for one in session.navigation.lesions if one.verdict}


@of_each_version
def test_results(stored):
    found = read_detection(stored / "results", stored / SCAN).detection
    assert [(lesion.id, lesion.status, lesion.decision) for lesion in found.lesions] == [
        (1, "kept", "none"),
        (2, "kept", "none"),
        (3, "kept", "none"),
        (4, "dropped", "none"),
    ]
    assert all(5 < lesion.diameter_mm < 7 for lesion in found.listed)
    assert found.labels.GetSize() == found.image.GetSize() == (48, 44, 20)
    assert found.lesions[3].reason == REASON  # of its sentence
    assert (found.search.detector.name, found.search.device) == ("none", "cpu")


@of_each_version
def test_results_at_another_threshold(stored):
    found = read_detection(stored / "results", stored / SCAN).detection
    measures = ("r_mm", "a_mm", "s_mm", "diameter_mm", "probability")
    for threshold, kept in ((0.2, 4), (0.5, 3), (0.9, 1)):
        again = found.rethresholded(threshold)
        assert len(again.listed) == kept
        assert [one.as_row(measures) for one in again.lesions] == [one.as_row(measures) for one in found.lesions]


@of_each_version
def test_a_list_with_what_the_verifier_and_the_map_of_regions_said(stored, tmp_path):
    results = shutil.copytree(stored / "results", tmp_path / "results")
    (path,) = results.glob("*_lesions.json")
    content = json.loads(path.read_text(encoding="utf-8"))
    rows = dict(enumerate(content["lesions"]))
    rows[3]["dropped_because"] = "probability 0.30 is below the threshold 0.50; the verifier takes it for: vessel"
    rows[3].update(region="temporal", side="left", detector=0.97)
    rows[2].update(status="dropped", dropped_because="told by hand")
    about = {"name": "second", "version": "1", "candidates": [{"r_mm": 1, "a_mm": 2, "s_mm": 3, "score": 0.1}]}
    content["provenance"] |= {"verifier": about, "regions": {"name": "map", "midplane_ras": [1, 0, 0, 0]}}
    path.write_text(json.dumps(content), encoding="utf-8")
    found = read_detection(results, stored / SCAN).detection
    assert (found.search.verifier.title, found.search.midplane) == ("second 1", (1, 0, 0, 0))
    assert found.lesions[3].reason == Reason(Rule.BELOW_THRESHOLD, 0.3, 0.5, "vessel")
    assert found.lesions[2].dropped_because == "told by hand"
    (again,) = (one for one in found.rethresholded(0.4).lesions if one.probability == found.lesions[3].probability)
    assert (again.region, again.side, again.detector) == ("temporal", "left", 0.97)
    assert again.reason == Reason(Rule.BELOW_THRESHOLD, 0.3, 0.4, "vessel")


@of_each_version
def test_results_that_were_reviewed(stored, tmp_path):
    results = shutil.copytree(stored / "results", tmp_path / "results")
    (path,) = results.glob("*_lesions.json")
    content = json.loads(path.read_text(encoding="utf-8"))
    who = {"reader": "SI", "decided_at": "2026-11-25T23:30:53+00:00", "origin": "detected"}
    accepted, rejected, unread, dropped = content["lesions"]  # as that version wrote them
    accepted.update(who, decision="accepted", mimic="")
    rejected.update(
        who, decision="rejected", mimic="vessel", status="dropped", dropped_because="rejected by SI: vessel"
    )
    for row in (unread, dropped):
        row.update(decision="", mimic="", reader="", decided_at="", origin="detected")
    path.write_text(json.dumps(content), encoding="utf-8")
    found = read_detection(results, stored / SCAN).detection
    assert [(one.status, one.decision, one.certainty) for one in found.lesions] == [
        ("kept", "accepted", "definite"),
        ("kept", "rejected", ""),
        ("kept", "none", "detected"),
        ("dropped", "none", ""),
    ]
    assert found.lesions[1].why_not_listed == "rejected by SI: vessel"
    counts = counts_of(found.lesions)
    assert (counts.microbleeds, counts.rejected, counts.not_read, counts.dropped) == (1, 1, 1, 1)


@of_each_version
def test_a_review_beside_its_scan(stored, a_scene, tmp_path):
    for name in (SCAN, "sub-01_swi_desc-cmb_review.json"):
        shutil.copy(stored / name, tmp_path)
    image = read_scan(tmp_path / SCAN).image
    scan = slicer.util.addVolumeFromArray(sitk.GetArrayFromImage(image), ijkToRAS=geometry_of(image), name="sub-01 swi")
    load_results(stored / "results", scan)
    session = ReviewSession(a_scene)
    session.reading.set(reader="AB", folder=str(tmp_path))
    session.detection.set_parameters(scan_node_id=scan.GetID())
    assert decided(session) == VERDICTS
    assert {one.verdict.reader for one in session.navigation.lesions if one.verdict} == {"SI"}
    session.close()


@of_each_version
def test_a_saved_scene(stored, a_scene, tmp_path):
    shutil.copy(stored / "reviewed.mrb", tmp_path)
    assert a_scene.ReadFromMRB(str(tmp_path / "reviewed.mrb"), True)
    session = ReviewSession(a_scene)
    session.reading.set(folder=str(tmp_path))
    session.detection.set_parameters(scan_node_id=slicer.util.getNode("sub-01 swi").GetID())
    assert decided(session) == VERDICTS
    session.close()


@pytest.mark.parametrize("stored", WITH_ANNOTATIONS, ids=lambda path: path.name)
def test_an_annotation(stored):
    (file,) = (stored / "annotations").glob("*_annotation.json")
    study = read_study(file)
    assert study.readers == ("SI",)
    (bleed,) = study.annotations[0].microbleeds
    assert bleed.growing is not None
    assert bleed.accepted  # its files do not say
    image = read_scan(stored / "annotations" / "scan.nrrd").image
    segments = read_segments(file.with_name(file.name.replace(".json", ".seg.nrrd")), image)
    assert {one.reader for one in segments} == {"SI"}
    assert all(len(one.voxels) for one in segments)
    assert {one.accepted for one in segments} == {None}
