"""Which scans of a BIDS dataset are searched."""

from __future__ import annotations

from pathlib import Path

import pytest
from batches import make_dataset

from CMBSegmentationLib.batch.bids import find_scans, left_out
from CMBSegmentationLib.errors import InputError


def test_every_place_for_a_t2star_or_swi_scan_is_known_and_nothing_else(tmp_path, a_small_head):
    dataset = make_dataset(tmp_path / "data", a_small_head, 4)
    for extra in ("sub-001/swi/sub-001_part-phase_swi", "sub-001/anat/sub-001_desc-x_swi", "derivatives/sub-9_swi"):
        path = dataset / f"{extra}.nii.gz"
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text("")
    scans = find_scans(dataset)
    assert [(s.subject, s.session, s.stem) for s in scans] == [
        ("001", "", "sub-001_part-mag_swi"),
        ("002", "1", "sub-002_ses-1_GRE"),
        ("003", "1", "sub-003_swi"),
        ("004", "", "sub-004_T2starw"),
    ]
    assert scans[1].folder == Path("sub-002/ses-1/anat")


def files(dataset: Path, *names: str) -> Path:
    for name in names:
        path = dataset / name[:6] / "anat" / f"{name}.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    return dataset


@pytest.mark.parametrize(
    ("names", "taken"),
    [
        (["sub-01_echo-1_part-mag_MEGRE", "sub-01_echo-2_part-mag_MEGRE", "sub-01_echo-2_part-phase_MEGRE"], [1]),
        (["sub-01_T2star"], [0]),
        (["sub-01_T2starmap"], []),
        (["sub-01_echo-2_T2starw", "sub-01_echo-10_T2starw", "sub-01_echo-9_T2starw"], [1]),
        (["sub-01_run-1_echo-1_T2starw", "sub-01_run-2_echo-1_T2starw"], [0, 1]),
        (
            ["sub-01_swi", "sub-01_acq-mIP_swi", "sub-01_rec-mIP_swi", "sub-01_acq-pha_swi", "sub-01_rec-minIP10_swi"],
            [0],
        ),
        (["sub-01_acq-minTE_swi", "sub-01_acq-SWImIP_swi", "sub-01_rec-phaseMap_swi", "sub-01_acq-SWIphase_swi"], [0]),
        (["sub-01_acq-highres_swi", "sub-01_acq-qsm_swi", "sub-01_part-real_swi"], [0]),
        (["sub-01_T2starw", "sub-01_swi"], [0, 1]),
    ],
)
def test_of_an_acquisition_one_magnitude_is_taken_and_the_others_are_named(tmp_path, names, taken):
    dataset = files(tmp_path, *names, "sub-02_swi")
    scans = find_scans(dataset)
    assert {scan.stem for scan in scans} == {*(names[k] for k in taken), "sub-02_swi"}
    expected = {name for k, name in enumerate(names) if k not in taken and not name.endswith("map")}
    assert {name.removesuffix(".nii.gz") for name in left_out(dataset, scans)} == expected


def test_the_longest_echo_is_told_by_the_echo_time_where_that_is_known(tmp_path):
    dataset = files(tmp_path, "sub-01_echo-1_T2starw", "sub-01_echo-2_T2starw")
    for echo, seconds in ((1, 0.03), (2, 0.01)):
        (tmp_path / "sub-01" / "anat" / f"sub-01_echo-{echo}_T2starw.json").write_text(f'{{"EchoTime": {seconds}}}')
    assert find_scans(dataset)[0].stem == "sub-01_echo-1_T2starw"


@pytest.mark.parametrize(
    ("folders", "reason"), [(None, "not a folder"), (["x"], "not a BIDS dataset"), (["sub-1/anat"], "no T2")]
)
def test_a_folder_that_is_no_dataset_is_refused(tmp_path, folders, reason):
    for folder in folders or []:
        (tmp_path / "data" / folder).mkdir(parents=True)
    with pytest.raises(InputError, match=reason):
        find_scans(tmp_path / "data")
