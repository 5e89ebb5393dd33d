"""What earlier versions wrote still opens: results, reviews, scenes and annotations, as they were stored then.

``stored/VERSION`` holds the files of a small made-up scan, written by that version.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import SimpleITK as sitk
import slicer.util
from slicer_scene import a_scene, new_scene

from CMBScribbleGrowLib.annotation.file import read_study
from CMBScribbleGrowLib.annotation.segments_file import read_segments
from CMBSegmentationLib import read_detection, read_scan
from CMBSegmentationLib.scene import load_results
from CMBSegmentationLib.scene.volumes import geometry_of
from CMBSegmentationLib.session import ReviewSession

__all__ = ["a_scene", "new_scene"]

VERSIONS = sorted(path for path in (Path(__file__).parent / "stored").iterdir() if path.is_dir())
SCAN, VERDICTS = "sub-01_swi.nrrd", {1: "accepted", 2: "rejected", 3: "uncertain", 5: "accepted"}

pytestmark = pytest.mark.parametrize("stored", VERSIONS, ids=lambda path: path.name)


def decided(session: ReviewSession) -> dict[int, str]:
    return {one.id: one.state for one in session.lesions if one.verdict}


def test_results(stored):
    found = read_detection(stored / "results", stored / SCAN).detection
    assert [lesion.id for lesion in found.accepted] == [1, 2, 3]
    assert all(5 < lesion.diameter_mm < 7 for lesion in found.accepted)
    assert found.labels.GetSize() == found.image.GetSize() == (48, 44, 20)


def test_a_review_beside_its_scan(stored, a_scene, tmp_path):
    for name in (SCAN, "sub-01_swi_desc-cmb_review.json"):
        shutil.copy(stored / name, tmp_path)
    image = read_scan(tmp_path / SCAN).image
    scan = slicer.util.addVolumeFromArray(sitk.GetArrayFromImage(image), ijkToRAS=geometry_of(image), name="sub-01 swi")
    load_results(stored / "results", scan)
    session = ReviewSession(a_scene)
    session.set_reading(reader="AB", folder=str(tmp_path))
    session.set_parameters(scan_node_id=scan.GetID())
    assert decided(session) == VERDICTS
    assert {one.verdict.reader for one in session.lesions if one.verdict} == {"SI"}
    session.close()


def test_a_saved_scene(stored, a_scene, tmp_path):
    shutil.copy(stored / "reviewed.mrb", tmp_path)
    assert a_scene.ReadFromMRB(str(tmp_path / "reviewed.mrb"), True)
    session = ReviewSession(a_scene)
    session.set_reading(folder=str(tmp_path))
    session.set_parameters(scan_node_id=slicer.util.getNode("sub-01 swi").GetID())
    assert decided(session) == VERDICTS
    session.close()


def test_an_annotation(stored):
    (file,) = (stored / "annotations").glob("*_annotation.json")
    study = read_study(file)
    assert study.readers == ("SI",)
    (bleed,) = study.annotations[0].microbleeds
    assert bleed.growing is not None
    image = read_scan(stored / "annotations" / "scan.nrrd").image
    segments = read_segments(file.with_name(file.name.replace(".json", ".seg.nrrd")), image)
    assert {one.reader for one in segments} == {"SI"}
    assert all(len(one.voxels) for one in segments)
