"""A parcellation of one's own in place of the map of regions: its labels on the scan, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from dark_spots import ball_brain, write_dark_voxel_model
from made_up_parcellation import made_up_parcellation, middle_of

from CMBCommand import cli
from CMBSegmentationLib.batch.bids import BidsScan
from CMBSegmentationLib.batch.jobs import Job, do_scan
from CMBSegmentationLib.batch.parcellations import check_pattern, parcellation_of
from CMBSegmentationLib.detecting.parcellation.given import checked_parcellation, read_parcellation
from CMBSegmentationLib.detecting.parcellation.mapping import map_parcellation
from CMBSegmentationLib.detecting.regions import region_name, side_of
from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.models.loaded_models import StageChoice
from CMBSegmentationLib.results.read_back import read_list
from CMBSegmentationLib.running.find import find_microbleeds
from CMBSegmentationLib.vocabulary.published.freesurfer import FLUID, NO_REGION, REGION_OF, SIDE_OF, WHITE_MATTER
from CMBSegmentationLib.vocabulary.regions import ASSIGNABLE, LOBE_UNKNOWN, REGIONS

FACING_AWAY = sitk.Euler3DTransform((0.0, 0.0, 0.0), 0.3, -0.2, 0.5)
PLACES = {  # R, A, S mm from the middle: region and side
    (-12.0, 26.0, 8.0): ("frontal", "left"),
    (14.0, -26.0, 3.0): ("occipital", "right"),
    (20.0, 0.0, 22.0): ("parietal", "right"),
    (-28.0, 0.0, -10.0): ("temporal", "left"),
    (-16.5, 16.0, 9.0): ("frontal", "left"),  # white matter, 3 mm below the cortex
    (13.0, -4.0, 12.0): ("deep and periventricular white matter", "right"),
    (9.0, 3.0, 4.0): ("thalamus", "right"),
    (-14.0, -4.0, -24.0): ("cerebellum", "left"),
    (1.0, 1.0, -26.0): ("brainstem", "midline"),
}


@pytest.fixture(scope="module")
def a_head():
    """A small oblique head and its brain. Not to be changed."""
    scan = ball_brain(spacing=(2.0, 2.0, 3.0))[0]
    return scan, sitk.Cast(sitk.DiscreteGaussian(scan, 1.0) > 500, sitk.sitkUInt8)


def place_in(mapped, scan, offset) -> tuple[str, str]:
    """Region and side of a place in a map, by its voxel."""
    place = middle_of(scan) + offset
    region = region_name(mapped.tissue[mapped.tissue.TransformPhysicalPointToIndex((place * [-1, -1, 1]).tolist())])
    return region, side_of(tuple(place), region, mapped.midplane)


@pytest.mark.parametrize(
    "grid",
    [{}, {"orientation": "PIR"}, {"turned": FACING_AWAY, "spacing": (1.3, 2.1, 2.4)}, {"spacing": (0.7, 1.9, 2.0)}],
    ids=["shifted", "other axes", "oblique", "fine"],
)
def test_labels_become_regions_and_sides_whatever_their_grid(a_head, grid):
    scan, brain = a_head
    mapped = map_parcellation(checked_parcellation(made_up_parcellation(middle_of(scan), **grid), "a"), scan, brain)
    assert {offset: place_in(mapped, scan, offset) for offset in PLACES} == PLACES
    middle = mapped.fluid.TransformPhysicalPointToIndex((middle_of(scan) * [-1, -1, 1]).tolist())
    assert (mapped.fluid[middle], mapped.parenchyma[middle]) == (1.0, 0.0)
    assert mapped.tissue.GetSize() == scan.GetSize()
    assert np.unique(sitk.GetArrayViewFromImage(mapped.tissue)).max() <= len(REGIONS) + 1


def test_without_lobes_a_lesion_is_lobar_and_no_more_is_guessed(a_head):
    scan, brain = a_head
    given = checked_parcellation(made_up_parcellation(middle_of(scan), lobes=False), "aseg.nii.gz")
    assert not given.has_lobes
    assert "does not tell lobes apart" in given.notes[0]
    mapped = map_parcellation(given, scan, brain)
    found = {offset: place_in(mapped, scan, offset) for offset in PLACES}
    lobar = {"frontal", "parietal", "temporal", "occipital"}
    assert found == {at: (LOBE_UNKNOWN if region in lobar else region, side) for at, (region, side) in PLACES.items()}


@pytest.mark.parametrize(
    ("shift_mm", "said"),
    [((0.0, 14.0, 0.0), "does not fit the scan's brain"), ((300.0, 0.0, 0.0), "does not lie in the scan")],
)
def test_a_parcellation_of_another_head_or_space_is_refused(a_head, shift_mm, said):
    scan, brain = a_head
    given = checked_parcellation(made_up_parcellation(middle_of(scan), shift_mm=shift_mm), "aseg.nii.gz")
    with pytest.raises(InputError, match=said) as told:
        map_parcellation(given, scan, brain)
    assert f"{round(np.linalg.norm(shift_mm))} mm apart" in told.value.message
    assert "must be registered first" in told.value.hint


def test_a_mirrored_parcellation_is_refused(a_head):
    scan, brain = a_head
    labels = made_up_parcellation(middle_of(scan))
    image = sitk.GetImageFromArray(sitk.GetArrayViewFromImage(labels)[..., ::-1])
    image.CopyInformation(labels)
    with pytest.raises(InputError, match="left labels do not lie on the patient's left"):
        map_parcellation(checked_parcellation(image, "aseg.nii.gz"), scan, brain)


def changed(values: np.ndarray, how: str) -> np.ndarray:
    if how == "empty":
        return values * 0
    if how == "interpolated":
        return values + 0.4 * (values > 0)
    if how == "gaps":
        return np.where(values == 0, np.nan, values.astype(float))
    if how == "another atlas":
        return (values > 0) * (1 + values % 7)
    if how == "Destrieux":
        return np.where(values > 1000, values + 10100, values)
    if how == "far numbers":
        return np.where(values > 1000, values + 500000, values)
    if how == "one side":
        return np.where(np.isin(values, (2, 4, 8, 10, 16)) | ((values > 1000) & (values < 2000)), values, 0)
    if how == "a stray of the other side":
        one = changed(values, "one side")
        one.flat[np.flatnonzero(values == 49)[:1]] = 49
        return one
    return np.where(values == 10, 10, np.where(values == 49, 49, 0))  # too little


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("empty", "is empty: it has no labels"),
        ("interpolated", "values between whole numbers"),
        ("gaps", "values between whole numbers"),
        ("another atlas", "none of FreeSurfer's"),
        ("Destrieux", "Destrieux's atlas"),
        ("far numbers", "none of FreeSurfer's"),
        ("one side", "labels of left structures only"),
        ("a stray of the other side", "labels of left structures only"),
        ("too little", "too little to be a parcellation"),
    ],
)
def test_what_is_no_parcellation_is_refused_with_what_it_is(a_head, how, said):
    labels = made_up_parcellation(middle_of(a_head[0]))
    image = sitk.GetImageFromArray(changed(sitk.GetArrayFromImage(labels), how))
    image.CopyInformation(labels)
    with pytest.raises(InputError, match=said) as told:
        checked_parcellation(image, "a.nii.gz")
    assert told.value.hint.startswith("Give ")


def test_whole_numbers_stored_as_floats_are_read_and_a_few_odd_labels_left_out_and_told(a_head):
    labels = sitk.Cast(made_up_parcellation(middle_of(a_head[0])), sitk.sitkFloat32)
    for column in range(4):
        labels[20 + column, 20, 20] = 517
    given = checked_parcellation(labels, "a.nii.gz")
    assert "labels that are not known were left out (517" in given.notes[0]
    assert 517 not in sitk.GetArrayViewFromImage(given.labels)
    assert given.has_lobes


def test_freesurfers_own_format_is_told_how_to_convert(tmp_path):
    with pytest.raises(InputError) as told:
        read_parcellation(tmp_path / "aseg.mgz")
    assert "mri_convert" in told.value.hint


def test_every_label_has_a_place_that_the_program_knows_and_pairs_are_the_same():
    assert set(REGION_OF.values()) <= {*ASSIGNABLE, WHITE_MATTER, FLUID, NO_REGION}
    assert {"frontal", "parietal", "temporal", "occipital", "insula"} == {
        REGION_OF[1000 + parcel] for parcel in range(1, 36) if parcel != 4
    }
    for parcel in range(36):
        of_parcel = {REGION_OF[base + parcel] for base in (1000, 2000, 3000, 4000)}
        assert len(of_parcel) == 1
    assert [SIDE_OF[label] for label in (1035, 2035, 17, 53, 16)] == ["left", "right", "left", "right", ""]


@pytest.fixture(scope="module")
def searched(a_head, tmp_path_factory):
    """`cmb detect --parcellation` on the head, and where its results are. Not to be changed."""
    folder = tmp_path_factory.mktemp("parcellation")
    sitk.WriteImage(a_head[0], str(folder / "sub-1_T2starw.nii.gz"))
    sitk.WriteImage(a_head[1], str(folder / "mask.nii.gz"))
    sitk.WriteImage(made_up_parcellation(middle_of(a_head[0])), str(folder / "aparc+aseg.nii.gz"))
    write_dark_voxel_model(folder / "dark.onnx")
    assert detect(folder, folder / "out", "--save-probability") == 0
    return folder


def detect(folder: Path, out: Path, *options: str, parcellation: str = "aparc+aseg.nii.gz") -> int:
    call = ["detect", str(folder / "sub-1_T2starw.nii.gz"), "-o", str(out), "--model", str(folder / "dark.onnx")]
    call += ["--mask", str(folder / "mask.nii.gz"), "--device", "cpu"]
    return cli.main([*call, "--verifier", "none", "--parcellation", str(folder / parcellation), *options])


def test_lesions_of_a_search_have_the_parcellations_regions_and_it_is_recorded(searched):
    out, stem = searched / "out", "sub-1_space-T2starw_desc-"
    content = json.loads((out / f"{stem}cmb_lesions.json").read_text())
    kept = {(row["region"], row["side"]) for row in content["lesions"] if row["status"] == "kept"}
    assert kept == {("frontal", "left"), ("frontal", "right")} or len(kept) == 2
    assert all(region for region, _ in kept)
    assert content["provenance"]["parcellation"]["file"] == "aparc+aseg.nii.gz"
    stored = read_list(out / f"{stem}cmb_lesions.json")
    given = read_parcellation(searched / "aparc+aseg.nii.gz")
    assert stored.search.parcellation.sha256 == given.sha256 != ""
    assert stored.search.parcellation.has_lobes
    assert stored.search.regions is None
    assert stored.search.midplane is not None
    assert LOBE_UNKNOWN in (out / f"{stem}regions_dseg.tsv").read_text()
    assert "parcellation aparc+aseg.nii.gz" in (out / f"{stem}cmb_report.html").read_text()


def test_the_same_comes_of_the_python_call_and_no_file_is_named_without_names(searched, tmp_path):
    found = find_microbleeds(
        searched / "sub-1_T2starw.nii.gz",
        model=str(searched / "dark.onnx"),
        verifier="none",
        device="cpu",
        mask=sitk.ReadImage(str(searched / "mask.nii.gz")),
        parcellation=sitk.ReadImage(str(searched / "aparc+aseg.nii.gz")),
    )
    stored = read_list(searched / "out" / "sub-1_space-T2starw_desc-cmb_lesions.json")
    assert [(one.region, one.side) for one in found.listed] == [
        (one.region, one.side) for one in stored.lesions if one.status == "kept"
    ]
    (tmp_path / "salt").write_text("0123456789abcdef0123456789abcdef")
    (tmp_path / "salt").chmod(0o600)
    assert detect(searched, tmp_path / "out", "--deidentify", "--salt", str(tmp_path / "salt")) == 0
    assert all(b"aparc" not in path.read_bytes() for path in (tmp_path / "out").iterdir())


def test_a_map_and_a_parcellation_together_are_refused_and_so_is_a_wrong_file(searched, tmp_path, capsys):
    assert detect(searched, tmp_path / "out", "--regions", "other.onnx") == 2
    assert "--parcellation takes the place of --regions" in capsys.readouterr().err
    assert detect(searched, tmp_path / "out", parcellation="none.nii.gz") == 2
    assert "none.nii.gz" in capsys.readouterr().err
    assert detect(searched, tmp_path / "out", parcellation="sub-1_T2starw.nii.gz") == 2
    assert "values between whole numbers" in capsys.readouterr().err
    assert not any((tmp_path / "out").iterdir())


def test_a_batch_finds_the_parcellation_of_each_scan_by_its_pattern(tmp_path):
    scan = BidsScan(tmp_path / "sub-1" / "ses-2" / "swi" / "sub-1_ses-2_swi.nii.gz", "1", "2", Path("sub-1/ses-2/swi"))
    aseg = tmp_path / "derivatives" / "fs" / "sub-1_ses-2" / "mri" / "aparc+aseg.nii.gz"
    aseg.parent.mkdir(parents=True)
    aseg.write_bytes(b"")
    for pattern in (
        "derivatives/fs/sub-{subject}_ses-{session}/mri/aparc+aseg.nii.gz",
        str(tmp_path / "derivatives/fs/sub-{subject}_ses-{session}/mri/aparc*.nii.gz"),
    ):
        assert parcellation_of(scan, check_pattern(pattern)) == aseg
    for wrong, said in (("aseg.nii.gz", "one file for all"), ("{sub}.nii.gz", "not known"), ("{", "cannot be read")):
        with pytest.raises(InputError, match=said):
            check_pattern(wrong)


def test_a_scan_of_a_batch_without_its_parcellation_is_one_failed_row(tmp_path):
    path = tmp_path / "data" / "sub-1" / "anat" / "sub-1_T2starw.nii.gz"
    path.parent.mkdir(parents=True)
    sitk.WriteImage(sitk.Image([9, 9, 9], sitk.sitkFloat32), str(path))
    scan = BidsScan(path, "1", "", Path("sub-1/anat"))
    model = str(write_dark_voxel_model(tmp_path / "dark.onnx"))
    job = Job(scan, tmp_path / "out", model, "cpu", StageChoice("none", "none"), parcellation="fs/{subject}.nii.gz")
    row = do_scan(job)
    assert f"There is no parcellation {tmp_path / 'data' / 'fs' / '1.nii.gz'}" in row.error
    assert row.lesions is None


@pytest.mark.parametrize("pattern", ["{subject:d}", "{subject!z}", "{subject:>{session}}"])
def test_a_field_with_a_format_is_refused_before_any_scan(pattern):
    with pytest.raises(InputError, match="a field with a format"):
        check_pattern(f"fs/{pattern}.nii.gz")


@pytest.mark.parametrize("pattern", ["fs/{subject}*.nii.gz", "f*/{subject}_aseg.nii.gz", "fs/{subject}_aseg.nii.gz"])
def test_a_folder_may_have_any_name(tmp_path, pattern):
    dataset = tmp_path / "study [2024] a?b"
    (dataset / "fs").mkdir(parents=True)
    (dataset / "fs" / "1_aseg.nii.gz").write_text("")
    scan = BidsScan(dataset / "sub-1" / "anat" / "sub-1_T2starw.nii.gz", "1", "", Path("sub-1/anat"))
    assert parcellation_of(scan, check_pattern(pattern)) == dataset / "fs" / "1_aseg.nii.gz"


def test_an_image_in_memory_of_several_values_or_volumes_is_refused(a_head):
    labels = made_up_parcellation(middle_of(a_head[0]))
    for image in (sitk.Compose(labels, labels), sitk.JoinSeries([labels, labels])):
        with pytest.raises(InputError, match="not a 3D image with one label a voxel"):
            checked_parcellation(image, "a")


def test_an_empty_brain_is_told(a_head):
    scan, brain = a_head
    given = checked_parcellation(made_up_parcellation(middle_of(scan)), "a")
    with pytest.raises(InputError, match="No brain was found"):
        map_parcellation(given, scan, brain * 0)


def test_what_is_labelled_keeps_a_margin_in_millimetres(a_head):
    fine = sitk.Expand(made_up_parcellation(middle_of(a_head[0])), [3, 1, 1], sitk.sitkNearestNeighbor)
    cut = checked_parcellation(fine, "a").labels
    first = np.flatnonzero(sitk.GetArrayViewFromImage(cut).any(axis=(0, 1)))[0]
    assert first * cut.GetSpacing()[0] >= 3.0
