"""Thresholds by how many false ones a scan they allow, and what the FROC curve is summed up by."""

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from property_tests import examples

from CMBSegmentationLib.vocabulary.operating_points import BALANCED, LOWEST, SENSITIVE, SPECIFIC, operating_points
from cmbtraining.benchmark.threshold_choice import ALLOWED_FALSE, choose_thresholds, manifest_metrics
from cmbtraining.evaluation.froc import FALSE_A_SCAN, full_curve
from cmbtraining.evaluation.score_files import CANDIDATE, PREDICTED, TRUE, LesionScore


def lesion(subject, role, x, probability=None) -> LesionScore:
    return LesionScore(subject, role, 1, x, 0.0, 0.0, 3.0, probability, False, False)


def by_hand():
    """Two scans, three lesions; called in the order found, false, found, false, false."""
    return full_curve(
        [
            *(lesion(subject, TRUE, x) for subject, x in (("a", 0.0), ("a", 20.0), ("b", 0.0))),
            lesion("a", PREDICTED, 1.0, 0.9),
            lesion("a", PREDICTED, 90.0, 0.8),
            lesion("b", PREDICTED, 2.0, 0.7),
            lesion("b", CANDIDATE, 50.0, 0.4),
            lesion("a", CANDIDATE, 60.0, 0.1234),
        ],
        ["a", "b"],
    )


called = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 40), st.floats(0.05, 1).map(lambda p: round(p, 4))), max_size=25
)
true = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 40)), min_size=1, max_size=8)


def curve(true_ones, called_ones):
    lesions = [lesion(subject, TRUE, float(x)) for subject, x in true_ones]
    return full_curve([*lesions, *(lesion(s, PREDICTED, float(x), p) for s, x, p in called_ones)], ["a", "b", "c"])


def test_the_curve_is_what_a_hand_computes():
    found = by_hand()
    assert found.found.tolist() == [1, 1, 2, 2, 2]
    assert found.false.tolist() == [0, 1, 1, 2, 3]
    assert [found.at(threshold) for threshold in (0.95, 0.8, 0.75, 0.05)] == [(0, 0), (1, 1), (1, 1), (2, 3)]
    assert found.average_precision() == pytest.approx((1 + 2 / 3) / 3)
    assert [found.recall_at(rate) for rate in (0, 0.5, 20)] == pytest.approx([1 / 3, 2 / 3, 2 / 3])


def test_the_lowest_threshold_within_the_allowance_is_taken():
    chosen = choose_thresholds(by_hand())
    assert list(chosen) == [SPECIFIC, BALANCED, SENSITIVE]
    assert [chosen[name].threshold for name in chosen] == [0.401, 0.124, LOWEST]
    specific = chosen[SPECIFIC]
    assert (specific.found, specific.false) == (2, 1)
    assert (specific.recall, specific.precision, specific.f1) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert specific.false_a_scan == 0.5


def test_a_point_that_no_threshold_reaches_is_left_out():
    sure = full_curve([lesion("a", TRUE, 0.0), *(lesion("a", PREDICTED, 50.0 + x, 0.99) for x in (0, 20))], ["a"])
    assert list(choose_thresholds(sure)) == [SENSITIVE]


def test_a_curve_without_lists_chooses_the_lowest_threshold():
    nothing = full_curve([lesion("a", TRUE, 0.0)], ["a"])
    assert {point.threshold for point in choose_thresholds(nothing).values()} == {LOWEST}
    assert nothing.average_precision() == 0
    assert np.isnan(full_curve([], ["a"]).average_precision())


def test_the_manifest_form_is_read_back_by_the_core():
    found = by_hand()
    metrics = json.loads(json.dumps(manifest_metrics(found, choose_thresholds(found), "2 simulated scans")))
    assert operating_points(metrics["operating_points"], 0.3) == {
        "sensitive": LOWEST,
        "balanced": 0.124,
        "specific": 0.401,
    }
    assert metrics["figures"]["TPR"] == pytest.approx(2 / 3, abs=1e-3)  # what export.py looks for
    assert metrics["default_point"] == BALANCED
    assert metrics["validation"][SPECIFIC] == "2 of 3 found (recall 0.67), 0.50 false a scan (allowed: 0.5)"
    assert "simulated" in metrics["data"]


@examples(50)
@given(true, called)
def test_thresholds_fall_as_more_false_ones_are_allowed(true_ones, called_ones):
    found = curve(true_ones, called_ones)
    chosen = choose_thresholds(found, {str(rate): rate for rate in FALSE_A_SCAN})
    in_order = [chosen[str(rate)] for rate in FALSE_A_SCAN if str(rate) in chosen]
    assert all(a.threshold >= b.threshold and a.recall <= b.recall for a, b in pairwise(in_order))
    for name, point in choose_thresholds(found).items():
        assert point.false_a_scan <= ALLOWED_FALSE[name]


@examples(50)
@given(true, called, st.floats(0.05, 1))
def test_a_false_detection_more_never_raises_average_precision_or_recall(true_ones, called_ones, probability):
    before, after = (curve(true_ones, ones) for ones in (called_ones, [*called_ones, ("a", 1000, probability)]))
    assert after.average_precision() <= before.average_precision() + 1e-12
    for rate in FALSE_A_SCAN:
        assert after.recall_at(rate) <= before.recall_at(rate)


@given(true, called)
def test_found_and_false_only_rise_as_the_threshold_falls(true_ones, called_ones):
    found = curve(true_ones, called_ones)
    assert (np.diff(found.thresholds) < 0).all()
    assert (np.diff(found.found) >= 0).all()
    assert (np.diff(found.false) >= 0).all()
    assert 0 <= found.average_precision() <= 1
