"""The field's matching and averaging rules, against cases computed by hand, and the laws they keep."""

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from made_up_scores import scores_of
from property_tests import examples

from cmbtraining.benchmark.figures import false_by_kind
from cmbtraining.evaluation.field_rules import (
    FIELD_RULES,
    by_field_rules,
    lesion_figures,
    median_f1,
    pooled_counts,
    subject_mean,
    valdo_counts,
    without_false,
)
from cmbtraining.evaluation.metrics import Counts
from cmbtraining.evaluation.score_files import (
    PREDICTED,
    TRUE,
    LesionScore,
    ScoreError,
    counts_of,
    read_lesions,
    write_table,
)
from cmbtraining.evaluation.scoring import Prediction, kinds_of, score_subject
from cmbtraining.synthesis.mimics import CALCIFICATION, KINDS, VESSEL

FAR_MM = 1000.0
places = st.lists(st.integers(0, 60), max_size=5, unique=True).map(lambda found: [float(x) for x in found])
subjects = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.tuples(places, places), min_size=1)


def counts(n_true, n_pred, n_matched) -> Counts:
    return Counts(np.array(n_true), np.array(n_pred), np.array(n_matched), np.full(len(n_true), np.nan))


def matched(true, predicted) -> int:
    _, lesions = scores_of({"a": (true, predicted)})
    return int(valdo_counts(lesions, ["a"]).n_matched[0])


def test_valdo_matches_up_to_5_mm_and_not_at_5_mm():
    assert matched([0], [4.9]) == 1
    assert matched([0], [5.0]) == 0


def test_valdo_gives_a_prediction_to_its_nearest_lesion_only():
    assert matched([0, 6], [2, 7]) == 2
    assert matched([0, 6], [2.5, 2]) == 1  # both are nearest to 0; 6 is within 5 mm of both and stays missed


def test_valdo_takes_a_lesion_found_twice_once():
    _, lesions = scores_of({"a": ([0], [1, -1])})
    found = valdo_counts(lesions, ["a"])
    assert (found.n_true[0], found.n_pred[0], found.n_matched[0]) == (1, 2, 1)


def test_valdos_median_leaves_subjects_without_microbleeds_out_of_f1():
    # F1 by subject: 1, 2/3, 0; without microbleeds: undefined with 3 false ones, and with none
    figures = median_f1(counts([1, 1, 2, 0, 0], [1, 2, 0, 3, 0], [1, 1, 0, 0, 0]))
    assert figures["F1"] == pytest.approx(2 / 3)
    assert figures["F1 lower quartile"] == pytest.approx(1 / 3)
    assert figures["F1 upper quartile"] == pytest.approx(5 / 6)
    assert figures["difference in number"] == 1  # median of 0, 1, 2, 3, 0


def test_valdos_median_is_undefined_where_nobody_has_microbleeds():
    assert np.isnan(median_f1(counts([0, 0], [0, 4], [0, 0]))["F1"])


def test_the_subject_mean_is_what_a_hand_computes():
    figures = subject_mean(counts([4, 1, 0, 0, 2], [2, 1, 3, 0, 0], [2, 1, 0, 0, 0]))
    assert figures["recall"] == pytest.approx((2 / 4 + 1 + 0) / 3)
    assert figures["precision"] == pytest.approx((1 + 1 + 0) / 3)
    assert figures["F1"] == pytest.approx((4 / 6 + 1 + 0 + 0) / 4)


def test_the_sum_over_lesions_weighs_a_subject_by_its_lesions():
    figures = lesion_figures(counts([8, 1], [4, 2], [4, 0]))
    assert figures == pytest.approx({"recall": 4 / 9, "precision": 4 / 6, "F1": 8 / 15, "false a scan": 1.0})


def test_what_touches_is_pooled_before_it_is_counted():
    # true 0 and 4 lie under predictions 2 and 5: one pool; 30 is predicted in two parts; 50 missed, 70 false
    rows, lesions = scores_of({"a": ([0, 4, 30, 50], [2, 5, 29, 31, 70])})
    found = pooled_counts(lesions, ["a"])
    assert (found.n_true[0], found.n_pred[0], found.n_matched[0]) == (3, 3, 2)
    assert lesion_figures(counts_of(rows, "centres"))["F1"] == pytest.approx(6 / 9)
    assert lesion_figures(found)["F1"] == pytest.approx(4 / 6)


def test_touching_components_share_a_pool_in_the_masks(tmp_path):
    true, predicted = np.zeros((6, 20, 20), np.uint8), np.zeros((6, 20, 20), np.uint8)
    true[2, 2, 2], true[2, 2, 4] = 1, 1  # two lesions
    predicted[2, 3, 3] = 1  # at a corner of both
    true[4, 10, 10], predicted[4, 10, 15] = 1, 1  # apart
    for name, values in (("true", true), ("predicted", predicted)):
        sitk.WriteImage(sitk.GetImageFromArray(values), str(tmp_path / f"{name}.nii.gz"))
    _, lesions = score_subject("a", tmp_path / "true.nii.gz", Prediction(tmp_path / "predicted.nii.gz", None))
    assert [(one.role, one.overlaps) for one in lesions] == [(TRUE, False)] * 3 + [(PREDICTED, False)] * 2
    found = pooled_counts(lesions, ["a"])
    assert (found.n_true[0], found.n_pred[0], found.n_matched[0]) == (2, 2, 1)


def test_pooling_needs_a_table_with_pools(tmp_path):
    write_table([LesionScore("a", TRUE, 1, 0, 0, 0, 3.0, None, True, True)], LesionScore, tmp_path / "lesions.csv")
    header, row = (tmp_path / "lesions.csv").read_text().splitlines()
    older = [",".join(line.split(",")[:-2]) for line in (header, row)]  # as written before pools and kinds
    (tmp_path / "lesions.csv").write_text("\n".join(older) + "\n")
    with pytest.raises(ScoreError, match="score again"):
        pooled_counts(read_lesions(tmp_path / "lesions.csv"), ["a"])


def test_pools_and_kinds_survive_the_table(tmp_path):
    lesions = [LesionScore("a", PREDICTED, 1, 0.5, 0, 0, 3.0, 0.5, False, False, 7, CALCIFICATION)]
    write_table(lesions, LesionScore, tmp_path / "lesions.csv")
    assert read_lesions(tmp_path / "lesions.csv") == lesions


def test_a_component_is_of_the_kind_it_covers_most_of():
    components = np.array([[1, 1, 1, 0, 2, 2, 0, 3]])
    vessel, calcium = 1 + KINDS.index(VESSEL), 1 + KINDS.index(CALCIFICATION)
    mimics = np.array([[vessel, calcium, calcium, 0, 0, 0, vessel, vessel]])
    assert kinds_of(components, mimics) == [CALCIFICATION, "", VESSEL]
    assert kinds_of(components, None) == ["", "", ""]


def test_false_calcifications_are_counted_apart():
    rows, lesions = scores_of({"a": ([0], [0, 20]), "b": ([], [40, 60])})
    kinds = {0.0: CALCIFICATION, 20.0: CALCIFICATION, 40.0: VESSEL}  # the one at 0 is a true one all the same
    lesions = [
        LesionScore(**{**vars(one), "kind": kinds.get(one.r_mm, "")}) if one.role == PREDICTED else one
        for one in lesions
    ]
    assert false_by_kind(lesions) == {VESSEL: 1, CALCIFICATION: 1, "cavernoma": 0, "lacune": 0, "other": 1}
    all_of_them = counts_of(rows, "centres")
    without = without_false(all_of_them, lesions, ["a", "b"], CALCIFICATION)
    assert without.n_pred.tolist() == [1, 2]
    assert lesion_figures(all_of_them)["precision"] == pytest.approx(1 / 4)
    assert lesion_figures(without)["precision"] == pytest.approx(1 / 3)
    assert lesion_figures(without)["recall"] == lesion_figures(all_of_them)["recall"] == 1


@examples(50)
@given(subjects, st.sampled_from(["a", "b", "c"]))
def test_a_false_detection_more_never_raises_precision_or_f1(made, where):
    more = {
        name: (true, [*predicted, FAR_MM] if name == where else predicted) for name, (true, predicted) in made.items()
    }
    for name, rule in FIELD_RULES.items():
        before, after = (rule.figures(rule.count(*scores_of(given))) for given in (made, more))
        for figure in ("precision", "F1"):
            if not np.isnan(before.get(figure, np.nan)):
                assert after[figure] <= before[figure] + 1e-12, name


@examples(50)
@given(subjects)
def test_a_perfect_list_is_perfect_by_every_rule(made):
    rows, lesions = scores_of({name: (true, true) for name, (true, _) in made.items()})
    for name, found in by_field_rules(rows, lesions, repeats=2).items():
        assert found["figures"]["F1"] == 1 or np.isnan(found["figures"]["F1"]), name


@examples(50)
@given(subjects)
def test_no_rule_finds_more_than_there_is(made):
    rows, lesions = scores_of(made)
    for rule in FIELD_RULES.values():
        found = rule.count(rows, lesions)
        assert (found.n_matched <= np.minimum(found.n_true, found.n_pred)).all()
