"""Classes of burden and their agreement, computed by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmbtraining.evaluation.burden import burden, burden_class, burden_table, kappa, kappas
from cmbtraining.evaluation.metrics import Counts

numbers = st.lists(st.integers(0, 80), min_size=2, max_size=30)


def counts(n_true, n_pred) -> Counts:
    nothing = np.zeros(len(n_true), int)
    return Counts(np.array(n_true), np.array(n_pred), nothing, nothing * np.nan)


def test_classes_end_where_readers_draw_the_line():
    assert burden_class(np.array([0, 1, 2, 4, 5, 10, 11, 77])).tolist() == [0, 1, 2, 2, 3, 3, 4, 4]


def test_the_table_has_truth_in_rows_and_prediction_in_columns():
    table = burden_table(np.array([0, 0, 1, 3, 12]), np.array([0, 1, 1, 6, 11]))
    assert table.tolist() == [[1, 1, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 1]]


def test_kappa_is_what_a_hand_computes():
    # observed agreement 0.7, by chance 0.5
    assert kappa(np.array([[20, 5], [10, 15]])) == pytest.approx(0.4)
    # of 10 scans two are one class apart and one two; by chance (rows and columns 4, 3, 3) 4.2 and 2.4
    table = np.array([[3, 1, 0], [0, 2, 1], [1, 0, 2]])
    assert kappa(table) == pytest.approx(1 - 3 / 6.6)
    assert kappa(table, "linear") == pytest.approx(1 - (2 + 2 * 1) / (4.2 + 2 * 2.4))
    assert kappa(table, "quadratic") == pytest.approx(1 - (2 + 4 * 1) / (4.2 + 4 * 2.4))


def test_more_than_ten_is_five_and_more_in_the_four_classes():
    found = kappas(counts([0, 1, 3, 7], [0, 1, 3, 20]))
    assert found["0, 1, 2-4, >= 5; plain"] == found["at least 1"] == 1
    assert found["more than 10"] == 0


def test_kappa_is_undefined_where_all_are_one_class():
    assert np.isnan(kappa(np.array([[5, 0], [0, 0]])))
    assert np.isnan(kappa(np.zeros((2, 2), int)))


def test_burden_comes_with_intervals():
    found = burden(counts([0, 0, 1, 3, 9, 12], [0, 1, 1, 3, 2, 12]), repeats=50)
    for name, value in found["kappas"].items():
        low, high = found["intervals_95"][name]
        assert low <= value <= high


@given(numbers.filter(lambda found: len({int(c) for c in burden_class(np.array(found))}) > 1))
def test_kappa_of_the_same_classes_is_1(found):
    table = burden_table(np.array(found), np.array(found))
    assert [kappa(table, weights) for weights in ("plain", "linear", "quadratic")] == pytest.approx([1, 1, 1])


@given(numbers, st.randoms())
def test_kappa_does_not_ask_which_side_is_the_truth(found, random):
    other = random.sample(found, len(found))
    table = burden_table(np.array(found), np.array(other))
    for weights in ("plain", "linear", "quadratic"):
        assert kappa(table, weights) == pytest.approx(kappa(table.T, weights), nan_ok=True)
        assert not kappa(table, weights) > 1
