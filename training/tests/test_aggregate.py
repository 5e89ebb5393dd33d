"""From a table of subjects to Table V, its intervals and its groups."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import evaluate
from cmbtraining.evaluation.bootstrap import intervals
from cmbtraining.evaluation.breakdown import by_size, cohort_of
from cmbtraining.evaluation.froc import froc
from cmbtraining.evaluation.metrics import Counts, table_v
from cmbtraining.evaluation.score_files import (
    CANDIDATE,
    PREDICTED,
    TRUE,
    LesionScore,
    ScoreError,
    SubjectScore,
    read_subjects,
    write_table,
)

# Model 3's 22 subjects give Table V's row for it (Docs/paper.md, section 6): counts and Dice as the paper published.
MODEL_3 = """subject,n_true,n_pred,n_matched,dice
sub-104,0,0,0,
sub-106,3,5,3,0.605
sub-202,0,0,0,
sub-204,0,0,0,
sub-206,0,1,0,0.0
sub-208,1,1,1,0.7857142857142857
sub-213,1,0,0,0.0
sub-214,0,1,0,0.0
sub-217,1,0,0,0.0
sub-219,0,0,0,
sub-221,11,16,10,0.5981182795698925
sub-222,11,8,4,0.21234119782214156
sub-226,0,0,0,
sub-229,1,1,0,0.0
sub-232,1,1,1,0.7586206896551724
sub-302,1,6,1,0.5598621877691645
sub-303,1,2,1,0.4731182795698925
sub-307,1,2,1,0.607773851590106
sub-309,1,5,1,0.32
sub-311,1,6,1,0.5655608214849921
sub-312,2,5,2,0.5793871866295265
sub-314,1,2,1,0.24675324675324675
"""


@pytest.fixture
def model_3(tmp_path) -> Path:
    path = tmp_path / "per_subject.csv"
    path.write_text(MODEL_3)
    return path


def counts(n_true, n_pred, n_matched, dice=None) -> Counts:
    dice = np.full(len(n_true), np.nan) if dice is None else np.array(dice, float)
    return Counts(np.array(n_true), np.array(n_pred), np.array(n_matched), dice)


def test_the_papers_counts_give_the_papers_table(model_3, capsys):
    assert evaluate.main(["aggregate", str(model_3)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "TPR PPV F1 TPavg FPavg FPmedian FP/cmb FNavg Dice" in lines
    assert "0.71 0.44 0.54 1.23 1.59 1.0 0.92 0.50 0.37" in lines
    assert "0.87 0.87 0.87 0.71 0.82" in lines


def test_json_holds_the_same_figures_and_their_intervals(model_3, capsys):
    assert evaluate.main(["aggregate", str(model_3), "--json", "--repeats", "200"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["figures"]["TPR"] == pytest.approx(27 / 38)
    for name, value in told["figures"].items():
        low, high = told["intervals_95"][name]
        assert low <= value <= high


def test_the_figures_are_what_a_hand_computes():
    figures = table_v(counts([2, 0, 1], [3, 1, 0], [2, 0, 0], [0.5, 0.0, 0.0]))
    assert figures["TPR"] == pytest.approx(2 / 3)
    assert figures["PPV"] == pytest.approx(2 / 4)
    assert figures["F1"] == pytest.approx(4 / 7)
    assert (figures["TPavg"], figures["FPavg"], figures["FPmedian"]) == pytest.approx((2 / 3, 2 / 3, 1))
    assert (figures["FP/cmb"], figures["FNavg"], figures["Dice"]) == pytest.approx((2 / 3, 1 / 3, 0.5 / 3))
    assert (figures["TPR*"], figures["PPV*"], figures["TNR*"], figures["ACC*"]) == pytest.approx((0.5, 0.5, 0, 1 / 3))


def test_what_is_undefined_is_not_a_number_and_no_crash():
    figures = table_v(counts([0], [0], [0]))
    assert np.isnan([figures["TPR"], figures["PPV"], figures["F1"], figures["Dice"]]).all()
    assert figures["TNR*"] == figures["ACC*"] == 1


def test_equal_subjects_leave_no_room_in_the_interval():
    same = counts([2] * 5, [4] * 5, [1] * 5, [0.3] * 5)
    assert intervals(table_v, same, repeats=50)["TPR"] == (0.5, 0.5)


def test_the_interval_is_near_the_normal_one_where_that_holds():
    found = np.random.default_rng(1).integers(0, 2, 400)
    low, high = intervals(table_v, counts(np.ones(400, int), found, found))["TPR"]
    half = 1.96 * np.sqrt(found.mean() * (1 - found.mean()) / 400)
    assert (low, high) == pytest.approx((found.mean() - half, found.mean() + half), abs=0.01)


def test_cohorts_and_slices_are_told_apart(tmp_path, capsys):
    rows = [
        SubjectScore("sub-101", 1, 1, 1, 0.5, 1, "SABRE", 4.0),
        SubjectScore("sub-201", 1, 0, 0, 0.0, 0, "RSS", 0.8),
    ]
    write_table(rows, SubjectScore, tmp_path / "per_subject.csv")
    assert read_subjects(tmp_path / "per_subject.csv") == rows
    evaluate.main(["aggregate", str(tmp_path / "per_subject.csv"), "--json", "--repeats", "5", "--rule", "centres"])
    told = json.loads(capsys.readouterr().out)
    assert told["by_cohort"]["SABRE"]["TPR"] == 1
    assert told["by_cohort"]["RSS"]["TPR"] == 0
    assert list(told["by_slice"]) == ["3.75 mm and more", "below 1.5 mm"]


def test_a_subjects_name_tells_its_cohort():
    assert [cohort_of(name) for name in ("sub-101", "sub-214", "sub-303", "sub-x1", "patient")] == [
        "SABRE", "RSS", "ALFA", "", "",
    ]  # fmt: skip


def lesion(subject, role, x, diameter=3.0, probability=None, matched=False) -> LesionScore:
    return LesionScore(subject, role, 1, x, 0.0, 0.0, diameter, probability, matched, matched)


def test_sensitivity_is_told_by_size():
    lesions = [
        lesion("a", TRUE, 0, 2.0),
        lesion("a", TRUE, 9, 2.4, matched=True),
        lesion("a", TRUE, 20, 6.0, matched=True),
        lesion("a", PREDICTED, 20, 6.0, matched=True),
        lesion("a", PREDICTED, 30, 3.0),
    ]
    table = by_size(lesions, "overlap")
    assert [row["size"] for row in table] == ["below 2.5 mm", "2.5 to 3.5 mm", "3.5 to 5 mm", "5 mm and more"]
    assert [row["TPR"] for row in table][::3] == [0.5, 1.0]
    assert [row["false"] for row in table] == [0, 1, 0, 0]


def test_the_froc_curve_is_what_a_hand_computes():
    lesions = [
        lesion("a", TRUE, 0),
        lesion("b", TRUE, 50),
        lesion("a", PREDICTED, 1, probability=0.9),
        lesion("a", PREDICTED, 90, probability=0.8),
        lesion("b", CANDIDATE, 52, probability=0.3),
        lesion("c", CANDIDATE, 7, probability=0.2),
    ]
    curve = [(p["threshold"], p["TPR"], p["FPavg"]) for p in froc(lesions, ["a", "b", "c", "d"])]
    assert curve == [(0.9, 0.5, 0.0), (0.8, 0.5, 0.25), (0.3, 1.0, 0.25), (0.2, 1.0, 0.5)]
    assert froc(lesions[:2], ["a", "b"]) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.replace("n_matched", "matched"), "no column n_matched"),
        (lambda t: t.replace("sub-208,1,1", "sub-208,one,1"), "n_true is 'one'"),
        (lambda t: t.replace("sub-208,1,1", "sub-208,-1,1"), "a count was expected"),
        (lambda t: t.replace("sub-208", "sub-206"), "sub-206 stands twice"),
        (lambda t: t.replace("sub-208,1,1,1", "sub-208,1,1,2"), "more matched lesions"),
        (lambda t: t.splitlines()[0] + "\n", "lists no subject"),
    ],
)
def test_a_wrong_table_is_refused_by_what_is_wrong(model_3, change, message, capsys):
    model_3.write_text(change(MODEL_3))
    with pytest.raises(ScoreError, match=re.escape(message)):
        read_subjects(model_3)
    assert evaluate.main(["aggregate", str(model_3)]) == 2
    assert message in capsys.readouterr().err


def test_a_rule_that_the_table_was_not_scored_by_is_refused(model_3, capsys):
    assert evaluate.main(["aggregate", str(model_3), "--rule", "centres"]) == 2
    assert "score again" in capsys.readouterr().err


def test_a_table_that_is_not_there_is_told(tmp_path, capsys):
    assert evaluate.main(["aggregate", str(tmp_path / "none.csv")]) == 2
    assert "cannot be read" in capsys.readouterr().err
