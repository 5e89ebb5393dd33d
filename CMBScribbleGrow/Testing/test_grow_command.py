"""`cmb grow`: scribbles in, masks, curves and pictures out; wrong input gets a clear word."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from dark_lesions import CENTRES, head_with_lesions, lesion_masks, scribbles_in
from PIL import Image
from scipy import ndimage

from CMBCommand.cli import main

sys.path.append(str(Path(__file__).resolve().parents[2] / "CMBSegmentation" / "Testing"))
from dicom_series import write_series

TILT = np.deg2rad(20)
OBLIQUE = np.array([[1, 0, 0], [0, np.cos(TILT), -np.sin(TILT)], [0, np.sin(TILT), np.cos(TILT)]])
STEM = "head_T2starw_desc-cmbgrown"


@pytest.fixture
def scan(tmp_path):
    image = head_with_lesions(OBLIQUE)
    sitk.WriteImage(image, str(tmp_path / "head_T2starw.nii.gz"))
    return image


@pytest.fixture
def grow_and_draw(tmp_path, scan, capsys):
    """Runs the command on the scan; gives its exit code and all it said."""

    def run(scribbles=None, *options):
        path = tmp_path / "scribbles.nii.gz"
        sitk.WriteImage(scribbles_in(scan) if scribbles is None else scribbles, str(path))
        given = [str(tmp_path / "head_T2starw.nii.gz"), "--scribbles", str(path), "-o", str(tmp_path / "out")]
        code = main(["grow", *given, *options])
        said = capsys.readouterr()
        return code, " ".join((said.out + said.err).split())

    return run


@pytest.fixture
def grow(grow_and_draw, monkeypatch):
    """`grow_and_draw` without rendering the figures that it makes, which takes longer than all the rest."""
    monkeypatch.setattr("CMBScribbleGrowLib.scribbles.pictures._save", lambda figure, path: path.write_bytes(b""))
    return grow_and_draw


def dice(a, b) -> float:
    return 2 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b))


@pytest.mark.parametrize(
    ("mode", "least"),
    [
        ("auto", 0.8),
        ("parent", 0.8),
        ("seed-mean", 0.2),  # takes in the dark tail of the noise long before it reaches the size limit
        ("running-mean", 0.8),
        ("random-walker", 0.8),
        ("confidence-connected", 0.8),
    ],
)
def test_every_mode_gives_one_component_for_each_scribbled_lesion(grow, tmp_path, scan, mode, least) -> None:
    code, _ = grow(None, "--mode", mode)
    assert code == 0
    image = sitk.ReadImage(str(tmp_path / "out" / f"{STEM}_dseg.nii.gz"))
    assert np.allclose(image.GetDirection(), scan.GetDirection(), atol=1e-6)
    labels = sitk.GetArrayFromImage(image)
    assert set(np.unique(labels)) == {0, 1, 2, 3}
    for label, truth in enumerate(lesion_masks(), 1):
        assert ndimage.label(labels == label, np.ones((3, 3, 3)))[1] == 1
        assert dice(labels == label, truth) > least


def test_the_list_holds_the_curve_and_the_tolerance_of_each_lesion(grow, tmp_path, scan) -> None:
    code, said = grow()
    assert code == 0
    assert "Grown lesions" in said
    content = json.loads((tmp_path / "out" / f"{STEM}_lesions.json").read_text())
    assert content["schema_version"] == 1
    assert len(content["lesions"]) == len(CENTRES)
    for row, (k, j, i) in zip(content["lesions"], CENTRES, strict=True):
        voxels = dict(zip(row["curve"]["tolerance_percent"], row["curve"]["voxels"], strict=True))
        assert voxels[0.0] == 2
        assert row["tolerance_percent"] == row["elbow_percent"]
        assert max(row["curve"]["voxels"]) == row["limit_voxels"] + 1
        left, posterior, superior = scan.TransformIndexToPhysicalPoint([i, j, k])
        found = np.array([row["r_mm"], row["a_mm"], row["s_mm"]])
        assert np.linalg.norm(found - [-left, -posterior, superior]) < 1.0
        assert row["diameter_mm"] == pytest.approx(5.2, abs=0.6)


def test_the_listed_tolerance_gives_the_same_masks_again(grow, tmp_path) -> None:
    assert grow(None, "--mode", "parent")[0] == 0
    labels = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "out" / f"{STEM}_dseg.nii.gz")))
    row = json.loads((tmp_path / "out" / f"{STEM}_lesions.json").read_text())["lesions"][1]
    assert grow(None, "--mode", "parent", "--tolerance", str(row["tolerance_percent"]), "--overwrite")[0] == 0
    again = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "out" / f"{STEM}_dseg.nii.gz")))
    assert ((again == 2) == (labels == 2)).all()


def test_there_is_a_picture_of_each_curve_and_of_each_mask(grow_and_draw, tmp_path) -> None:
    assert grow_and_draw()[0] == 0
    for kind in ("curve", "mask"):
        for number in (1, 2, 3):
            picture = np.asarray(Image.open(tmp_path / "out" / f"{STEM}_{kind}-{number}.png").convert("RGB"))
            assert picture.shape[0] > 200
            coloured = (np.ptp(picture.astype(int), axis=2) > 60).sum()
            assert coloured > 50  # a line or an outline is drawn in colour


def test_strokes_that_are_apart_are_a_lesion_each_or_one_group_if_asked(grow, tmp_path, scan) -> None:
    one_label = scribbles_in(scan) > 0
    assert grow(one_label)[0] == 0
    path = tmp_path / "out" / f"{STEM}_dseg.nii.gz"
    assert set(np.unique(sitk.GetArrayFromImage(sitk.ReadImage(str(path))))) == {0, 1, 2, 3}
    assert grow(one_label, "--group", "--overwrite")[0] == 0
    labels = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    assert set(np.unique(labels)) == {0, 1}
    assert ndimage.label(labels, np.ones((3, 3, 3)))[1] == 3


def test_scribbles_on_another_grid_are_put_on_the_scans_and_that_is_said(grow, tmp_path, scan) -> None:
    finer = sitk.Resample(
        scribbles_in(scan),
        [2 * n for n in scan.GetSize()],
        sitk.Transform(),
        sitk.sitkNearestNeighbor,
        scan.GetOrigin(),
        [s / 2 for s in scan.GetSpacing()],
        scan.GetDirection(),
    )
    code, said = grow(finer)
    assert code == 0
    assert "another grid" in said
    labels = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "out" / f"{STEM}_dseg.nii.gz")))
    for label, truth in enumerate(lesion_masks(), 1):
        assert dice(labels == label, truth) > 0.8


def test_scribbles_saved_by_slicer_keep_their_names(tmp_path, scan, capsys) -> None:
    from CMBScribbleGrowLib.annotation.segments_file import segment_of, write_segments

    labels = sitk.GetArrayFromImage(scribbles_in(scan))
    path = tmp_path / "painted.seg.nrrd"
    write_segments(path, [segment_of("left thalamus", "", labels == 1), segment_of("pons", "", labels == 3)], scan)
    out = tmp_path / "out"
    assert main(["grow", str(tmp_path / "head_T2starw.nii.gz"), "--scribbles", str(path), "-o", str(out)]) == 0
    rows = json.loads((out / f"{STEM}_lesions.json").read_text())["lesions"]
    assert [row["name"] for row in rows] == ["left thalamus", "pons"]


def test_a_scribble_at_the_border_is_grown_and_that_is_said(grow, scan) -> None:
    labels = np.zeros(scan.GetSize()[::-1], np.uint8)
    labels[0, 48, 48] = 1
    image = sitk.GetImageFromArray(labels)
    image.CopyInformation(scan)
    code, said = grow(image)
    assert code == 0
    assert "touches the border" in said


def empty(scan):
    return scribbles_in(scan) * 0


def outside(scan):
    moved = scribbles_in(scan)
    moved.SetOrigin([o + 500 for o in moved.GetOrigin()])
    return moved


def huge(scan):
    labels = np.zeros(scan.GetSize()[::-1], np.uint8)
    labels[10:25, 30:60, 30:60] = 1
    image = sitk.GetImageFromArray(labels)
    image.CopyInformation(scan)
    return image


def a_scan_by_mistake(scan):
    return scan


def a_scan_of_whole_numbers(scan):
    return sitk.Cast(sitk.RescaleIntensity(scan, 0, 4095), sitk.sitkUInt16)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (empty, "holds no scribble"),
        (outside, "lies outside the scan"),
        (huge, "more than a lesion of 10 mm can have"),
        (a_scan_by_mistake, "not a label image"),
        (a_scan_of_whole_numbers, "different values"),
    ],
)
def test_wrong_scribbles_are_told_and_nothing_is_written(grow, tmp_path, scan, make, said) -> None:
    code, told = grow(make(scan))
    assert code == 2
    assert said in told
    assert not list((tmp_path / "out").glob("*"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--mode", "magic"], "Unknown mode 'magic'"),
        (["--tolerance", "130"], "between 0 and 100 %, not 130 %"),
        (["--mode", "random-walker", "--tolerance", "5"], "has no tolerance"),
        (["--connectivity", "7"], "Unknown connectivity 7"),
        (["--max-diameter", "0"], "not 0 mm"),
    ],
)
def test_wrong_settings_are_told(grow, options, said) -> None:
    code, told = grow(None, *options)
    assert code == 2
    assert said in told


def test_earlier_results_are_kept_unless_told_otherwise(grow, tmp_path) -> None:
    assert grow()[0] == 0
    before = (tmp_path / "out" / f"{STEM}_lesions.json").read_bytes()
    code, said = grow()
    assert code == 2
    assert "--overwrite" in said
    assert (tmp_path / "out" / f"{STEM}_lesions.json").read_bytes() == before


def test_a_missing_scribble_file_is_told(tmp_path, scan, capsys) -> None:
    given = [str(tmp_path / "head_T2starw.nii.gz"), "--scribbles", str(tmp_path / "no.nii.gz"), "-o", str(tmp_path)]
    assert main(["grow", *given]) == 2
    assert "does not exist" in capsys.readouterr().err


def test_of_two_equally_suitable_dicom_series_one_can_be_chosen(tmp_path, capsys) -> None:
    image = sitk.Cast(sitk.RescaleIntensity(head_with_lesions(np.eye(3)), 0, 900), sitk.sitkUInt16)
    for number in (14, 15):
        write_series(tmp_path / "study", image, number=number, SeriesDescription="SWI")
    labels = scribbles_in(head_with_lesions(np.eye(3)))
    sitk.WriteImage(labels, str(tmp_path / "scribbles.nii.gz"))
    given = ["grow", str(tmp_path / "study"), "--scribbles", str(tmp_path / "scribbles.nii.gz")]
    assert main([*given, "-o", str(tmp_path / "out")]) == 2
    assert "--series" in capsys.readouterr().err
    assert main([*given, "-o", str(tmp_path / "out"), "--series", "15"]) == 0
    assert (tmp_path / "out" / "study_series-15_desc-cmbgrown_lesions.json").exists()


def test_nan_voxels_are_cleaned_and_that_is_said(grow, tmp_path, scan) -> None:
    values = sitk.GetArrayFromImage(scan)
    values[0, :5, :5] = np.nan
    broken = sitk.GetImageFromArray(values)
    broken.CopyInformation(scan)
    sitk.WriteImage(broken, str(tmp_path / "head_T2starw.nii.gz"))
    code, said = grow()
    assert code == 0
    assert "NaN" in said
