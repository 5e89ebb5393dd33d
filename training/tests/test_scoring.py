"""Predicted masks against true ones, counted by hand."""

import csv
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from made_up_subjects import filled, grid

import evaluate
from cmbtraining.evaluation.score_files import CANDIDATE, PREDICTED, TRUE, ScoreError, read_lesions, read_subjects
from cmbtraining.evaluation.scoring import Prediction, find_prediction, score_subject

LIKE = grid((40, 40, 12), (1.0, 1.0, 3.0))
STEM = "sub-301_space-T2S_desc-masked_T2S"


def boxes(*corners, side=2, dtype=np.uint8) -> np.ndarray:
    values = np.zeros((12, 40, 40), dtype)
    for number, (z, y, x) in enumerate(corners, start=1):
        values[z : z + 1, y : y + side, x : x + side] = number if dtype != np.uint8 else 1
    return values


def write(values: np.ndarray, path: Path, like: sitk.Image = LIKE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(filled(values, like), str(path))
    return path


@pytest.fixture
def data(tmp_path) -> Path:
    """Truth: two lesions. Predicted: one on the first, one 1 mm beside the second, one in the void."""
    write(boxes((5, 10, 10), (5, 20, 20)), tmp_path / "truth/sub-301/sub-301_space-T2S_CMB.nii.gz")
    image = np.where(boxes((5, 10, 10), (5, 20, 20)) > 0, 50, 300).astype(np.float32)
    image[:, :3] = 0
    write(image, tmp_path / f"truth/sub-301/{STEM}.nii.gz")
    labels = boxes((5, 10, 11), (5, 20, 22), (8, 30, 30), dtype=np.uint16)
    write(labels, tmp_path / f"predicted/sub-301/{STEM}_desc-cmb_dseg.nii.gz")
    return tmp_path


def scored(data: Path):
    truth = data / "truth/sub-301/sub-301_space-T2S_CMB.nii.gz"
    return score_subject("sub-301", truth, find_prediction(data / "predicted", "sub-301"))


def test_both_matching_rules_are_counted_as_a_hand_does(data):
    score, lesions = scored(data)
    assert (score.n_true, score.n_pred) == (2, 3)
    assert score.n_matched == 1  # by a common voxel
    assert score.n_matched_centres == 2  # within 3 mm
    assert score.dice == pytest.approx(2 * 2 / (8 + 12))
    assert (score.cohort, score.slice_mm) == ("ALFA", 3.0)
    assert [(one.role, one.overlaps, one.within_3_mm) for one in lesions] == [
        (TRUE, True, True),
        (TRUE, False, True),
        (PREDICTED, True, True),
        (PREDICTED, False, True),
        (PREDICTED, False, False),
    ]


def test_centres_are_patient_coordinates_and_sizes_millimetres(data):
    first = scored(data)[1][0]
    expected = LIKE.TransformContinuousIndexToPhysicalPoint((10.5, 10.5, 5.0))
    assert (first.r_mm, first.a_mm, first.s_mm) == pytest.approx((-expected[0], -expected[1], expected[2]))
    assert first.diameter_mm == pytest.approx((6 * 12 / np.pi) ** (1 / 3), abs=0.01)


def test_voxels_that_touch_at_a_corner_are_one_lesion(data):
    touching = boxes((5, 10, 10), (6, 12, 12))
    write(touching, data / "truth/sub-301/sub-301_space-T2S_CMB.nii.gz")
    assert scored(data)[0].n_true == 1


def test_two_empty_masks_have_no_dice(data):
    for path in (
        data / "truth/sub-301/sub-301_space-T2S_CMB.nii.gz",
        data / f"predicted/sub-301/{STEM}_desc-cmb_dseg.nii.gz",
    ):
        write(boxes(), path)
    score, lesions = scored(data)
    assert (score.n_true, score.n_pred, score.n_matched, score.n_matched_centres) == (0, 0, 0, 0)
    assert np.isnan(score.dice)
    assert lesions == []


def test_a_lesion_list_beside_the_labels_gives_probabilities_and_candidates(data):
    columns = ["id", "status", "r_mm", "a_mm", "s_mm", "diameter_mm", "probability", "dropped_because"]
    rows = [
        [1, "accepted", 0, 0, 0, 3, 0.9, ""],
        [2, "accepted", 0, 0, 0, 3, 0.8, ""],
        [3, "accepted", 0, 0, 0, 3, 0.7, ""],
        [4, "dropped", 1, 2, 3, 3, 0.3, "probability 0.30 is below the threshold 0.50"],
        [5, "dropped", 1, 2, 3, 3, 0.9, "outside the brain mask"],
    ]
    with (data / f"predicted/sub-301/{STEM}_desc-cmb_lesions.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([columns, *rows])
    _, lesions = scored(data)
    assert [one.probability for one in lesions if one.role == PREDICTED] == [0.9, 0.8, 0.7]
    assert [(one.id, one.probability) for one in lesions if one.role == CANDIDATE] == [(4, 0.3)]


def test_scoring_leaves_tables_and_a_gallery_that_needs_nothing_else(data, capsys):
    out = data / "scores"
    told = evaluate.main(
        ["score", "--predictions", str(data / "predicted"), "--truth", str(data / "truth"), "--out", str(out)]
    )
    assert told == 0
    (row,) = read_subjects(out / "per_subject.csv")
    assert (row.subject, row.n_matched, row.n_matched_centres) == ("sub-301", 1, 2)
    assert len(read_lesions(out / "lesions.csv")) == 5
    page = (out / "gallery.html").read_text()
    for heading in ("True positives: 1", "False positives: 2", "False negatives: 1"):
        assert heading in page
    assert page.count("data:image/png") == 4 * 3
    assert "http" not in page.replace("http-equiv", "")
    assert evaluate.main(["aggregate", str(out / "per_subject.csv")]) == 0
    assert "By lesion diameter" in capsys.readouterr().out


def test_a_prediction_on_another_grid_is_refused(data):
    other = grid((40, 40, 11), (1.0, 1.0, 3.0))
    path = write(boxes()[:11], data / "other.nii.gz", other)
    with pytest.raises(ScoreError, match=r"sub-301: other\.nii\.gz is on another grid.*40 x 40 x 11 voxels against"):
        score_subject("sub-301", data / "truth/sub-301/sub-301_space-T2S_CMB.nii.gz", Prediction(path, None))


def test_a_missing_prediction_and_two_of_them_are_refused(data):
    with pytest.raises(ScoreError, match="sub-302 has no predicted mask"):
        find_prediction(data / "predicted", "sub-302")
    with pytest.raises(ScoreError, match="sub-30 has no predicted mask"):
        find_prediction(data / "predicted", "sub-30")  # sub-301's is not sub-30's
    write(boxes(), data / f"predicted/again/{STEM}_desc-cmb_dseg.nii.gz")
    with pytest.raises(ScoreError, match="sub-301 has 2 predicted masks"):
        find_prediction(data / "predicted", "sub-301")


def test_the_lesion_labels_are_taken_where_other_masks_lie_beside_them(data):
    write(boxes(), data / f"predicted/sub-301/{STEM}_desc-brain_mask.nii.gz")
    assert find_prediction(data / "predicted", "sub-301").mask.name.endswith("dseg.nii.gz")
