"""Images that lie together: which of them may be the scan."""

from __future__ import annotations

import json

import pytest

from CMBSegmentationLib.reading.phase.several_files import images_among, kind_of_name, scans_among


def put(folder, *names, **sidecars):
    for name in names:
        (folder / name).write_bytes(b"1")
    for stem, content in sidecars.items():
        (folder / f"{stem}.json").write_text(json.dumps(content))
    return [path.name for path in scans_among(images_among(list(folder.iterdir())))]


@pytest.mark.parametrize(
    ("scan", "others"),
    [
        ("sub-01_part-mag_T2starw.nii.gz", ["sub-01_part-phase_T2starw.nii.gz"]),
        ("sub-1_swi.nii.gz", ["sub-1_minIP.nii.gz", "sub-1_part-phase_GRE.nii.gz"]),
        ("head_mag.nii.gz", ["head_ph.nii.gz", "head_phase.nii.gz", "head_mIP.nii.gz"]),
        ("SWI.nii", ["SWI_phase.nii", "SWI_mask.nii", "._SWI.nii", "README.txt"]),
        ("sub-1_T2starw.nii.gz", ["sub-1_T2starw_desc-cmb_dseg.nii.gz", "sub-1_desc-brain_mask.nii.gz"]),
    ],
)
def test_what_is_plainly_no_scan_is_left_out(tmp_path, scan, others):
    assert put(tmp_path, scan, *others) == [scan]


def test_a_sidecar_tells_phase_and_projection(tmp_path):
    told = {"b": {"ImageType": ["ORIGINAL", "PRIMARY", "P"]}, "c": {"ImageType": ["DERIVED", "PRIMARY", "MNIP"]}}
    assert put(tmp_path, "a.nii", "b.nii", "c.nii", **told) == ["a.nii"]


def test_what_may_be_a_scan_stays_and_what_is_alone_is_meant(tmp_path):
    scans = ["sub-1_echo-1_MEGRE.nii", "sub-1_echo-2_MEGRE.nii", "sub-1_swi.nii"]
    assert put(tmp_path, *scans) == scans
    assert scans_among([tmp_path / "sub-1_part-phase_swi.nii"]) == [tmp_path / "sub-1_part-phase_swi.nii"]
    assert kind_of_name("lesion_with_many_words_T2starw.nrrd") == ""
