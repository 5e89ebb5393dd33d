"""Which scans of a BIDS dataset are searched."""

from __future__ import annotations

from pathlib import Path

import pytest
from batches import make_dataset

from CMBSegmentationLib.batch.bids import find_scans, left_out
from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.results.names import first_part, scan_of


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
    assert (scans[2].folder, scans[2].source) == (Path("sub-003/ses-1/anat"), "sub-003/ses-1/swi/sub-003_swi.nii.gz")


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
    said = [path.name for paths in left_out(dataset, scans).values() for path in paths]
    assert sorted(name.removesuffix(".nii.gz") for name in said) == sorted(expected)


def test_the_longest_echo_is_told_by_the_echo_time_where_that_is_known(tmp_path):
    dataset = files(tmp_path, "sub-01_echo-1_T2starw", "sub-01_echo-2_T2starw")
    for echo, seconds in ((1, 0.03), (2, 0.01)):
        (tmp_path / "sub-01" / "anat" / f"sub-01_echo-{echo}_T2starw.json").write_text(f'{{"EchoTime": {seconds}}}')
    assert find_scans(dataset)[0].stem == "sub-01_echo-1_T2starw"


def test_what_is_left_out_is_said_by_what_it_is(tmp_path):
    names = {
        "phase that goes with its scan": "sub-01_part-phase_swi",
        "phase": "sub-01_acq-other_part-phase_swi",
        "projection": "sub-01_minIP",
        "shorter echo": "sub-01_echo-1_T2starw",
        "map": "sub-01_acq-qsm_swi",
        "real or imaginary part": "sub-01_part-imag_swi",
        "derived image": "sub-01_desc-x_swi",
    }
    dataset = files(tmp_path, "sub-01_part-mag_swi", "sub-01_echo-2_T2starw", *names.values())
    said = {kind: [path.name for path in paths] for kind, paths in left_out(dataset, find_scans(dataset)).items()}
    assert said == {kind: [f"{name}.nii.gz"] for kind, name in names.items()}


@pytest.mark.parametrize(
    ("scan", "first"),
    [
        ("sub-01_T2starw", "sub-01_space-T2starw"),
        ("sub-01_ses-2_acq-a_run-1_echo-2_part-mag_MEGRE", "sub-01_ses-2_acq-a_run-1_echo-2_part-mag_space-MEGRE"),
        ("sub-01_chunk-1_swi", "sub-01_space-swi_chunk-1"),  # the order that BIDS has for entities
        ("sub-01_space-T2S_desc-masked_T2S", "sub-01_space-T2S_desc-masked_T2S"),  # no raw file
        ("sub-1a2b_ses-3c4d", "sub-1a2b_ses-3c4d"),  # a pseudonym
        ("head_T2starw", "head_T2starw"),
    ],
)
def test_the_names_of_results_are_those_of_bids_and_lead_back_to_the_scan(scan, first):
    assert first_part(scan) == first
    assert scan_of(first) == scan


@pytest.mark.parametrize(
    ("folders", "reason"), [(None, "not a folder"), (["x"], "not a BIDS dataset"), (["sub-1/anat"], "no T2")]
)
def test_a_folder_that_is_no_dataset_is_refused(tmp_path, folders, reason):
    for folder in folders or []:
        (tmp_path / "data" / folder).mkdir(parents=True)
    with pytest.raises(InputError, match=reason):
        find_scans(tmp_path / "data")
