"""Region growing held against true masks, on made-up subjects in VALDO's layout."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from dark_lesions import head_with_lesions, lesion_masks

import evaluate_growing
from cmbtraining.data.dataset import find_subjects
from cmbtraining.evaluation.growing_evaluation import GrownDice, evaluate_subject, median_dice, true_lesions


@pytest.fixture(scope="module")
def valdo(tmp_path_factory):
    """Two subjects with three lesions each."""
    place = tmp_path_factory.mktemp("valdo")
    image = head_with_lesions()
    mask = sitk.GetImageFromArray(np.any(lesion_masks(), axis=0).astype(np.uint8))
    mask.CopyInformation(image)
    for name in ("sub-101", "sub-301"):
        folder = place / name
        folder.mkdir()
        sitk.WriteImage(image, str(folder / f"{name}_space-T2S_desc-masked_T2S.nii.gz"))
        sitk.WriteImage(mask, str(folder / f"{name}_space-T2S_CMB.nii.gz"))
    return place


def test_every_lesion_is_grown_from_its_middle_in_every_mode(valdo) -> None:
    rows = evaluate_subject(find_subjects(valdo)[0], ["auto", "parent"])
    assert [(row.lesion, row.mode) for row in rows] == [(n, m) for n in (1, 2, 3) for m in ("auto", "parent")]
    assert {row.cohort for row in rows} == {"SABRE"}
    assert all(row.dice > 0.8 for row in rows)
    assert {row.used_mode for row in rows if row.mode == "auto"} == {"running-mean"}


def test_a_seed_lies_in_its_lesion_even_where_the_centre_of_mass_does_not() -> None:
    mask = np.zeros((3, 9, 9), np.uint8)
    mask[1, 1:8, 1] = mask[1, 1:8, 7] = mask[1, 1, 1:8] = 1  # a horseshoe
    lesion = true_lesions(mask, np.ones(3))[0]
    assert mask[tuple(lesion.seed[0])] == 1


def test_the_interval_comes_from_drawing_whole_subjects() -> None:
    def row(subject, dice):
        return GrownDice(subject, "", 1, 9, "auto", "parent", 1.0, 9, dice)

    alike = [row("a", 0.5), row("a", 0.5), row("b", 0.5)]
    assert median_dice(alike) == (0.5, (0.5, 0.5))
    median, (low, high) = median_dice([row("a", 0.2), row("b", 0.9), row("b", 0.9)])
    assert (median, low, high) == (0.9, 0.2, 0.9)
    assert np.isnan(median_dice([])[0])


def test_the_script_writes_the_table_and_the_figures(valdo, tmp_path) -> None:
    options = ["--out", str(tmp_path / "out"), "--modes", "auto", "parent", "--processes", "1"]
    assert evaluate_growing.main(["--scans", str(valdo), *options]) == 0
    page = (tmp_path / "out" / "README.md").read_text()
    assert "| ALFA | 3 |" in page
    assert "| all of 4 voxels or more | 6 |" in page
    for name in ("dice_against_size.png", "growth_curve.png", "triptych.png"):
        assert sitk.ReadImage(str(tmp_path / "out" / name)).GetSize()[0] > 300
    assert len((tmp_path / "out" / "lesions.csv").read_text().splitlines()) == 1 + 6 * 2


def test_a_folder_without_masks_is_told(valdo, tmp_path, capsys) -> None:
    call = ["--scans", str(valdo), "--masks", str(tmp_path / "no"), "--out", str(tmp_path / "out")]
    assert evaluate_growing.main(call) == 2
    assert "does not exist" in capsys.readouterr().err
