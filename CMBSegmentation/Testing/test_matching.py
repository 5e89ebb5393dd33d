"""Which found lesion is which true one."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from property_tests import examples

from CMBSegmentationLib.compare.match import match_centres

points = st.lists(st.tuples(*[st.integers(0, 6)] * 3), max_size=4)


def best_by_trying_all(predicted, true, within_mm):
    """The most pairs, and the least total distance among pairings with as many."""
    few, many = sorted((predicted, true), key=len)
    best = (0, 0.0)
    for order in permutations(range(len(many)), len(few)):
        distances = [np.linalg.norm(np.subtract(few[n], many[k])) for n, k in enumerate(order)]
        near = [d for d in distances if d <= within_mm]
        best = min(best, (-len(near), sum(near)))
    return best


def test_a_lesion_is_matched_once_however_many_were_found_on_it():
    assert match_centres([[0, 0, 0], [0, 0, 1]], [[0, 0, 0.9]]) == [(1, 0)]


def test_more_pairs_come_before_nearer_ones():
    # 1 is nearest to 0, but then 0 would be left without a partner
    assert match_centres([[0, 0, 0], [0, 0, 2.5]], [[0, 0, 2.6], [0, 0, 5]]) == [(0, 0), (1, 1)]


def test_the_distance_given_still_matches_and_one_beyond_does_not():
    assert match_centres([[0, 0, 0]], [[0, 0, 3]], within_mm=3.0) == [(0, 0)]
    assert match_centres([[0, 0, 0]], [[0, 0, 3.001]], within_mm=3.0) == []


def test_nothing_matches_nothing():
    assert match_centres([], [[1, 2, 3]]) == match_centres(np.empty((0, 3)), np.empty((0, 3))) == []


@examples(100)
@given(points, points, st.sampled_from([0.5, 1.0, 3.0, 20.0]))
def test_no_other_pairing_has_more_pairs_or_as_many_at_less_distance(predicted, true, within_mm):
    pairs = match_centres(predicted, true, within_mm)
    assert len({p for p, _ in pairs}) == len({t for _, t in pairs}) == len(pairs)
    total = sum(np.linalg.norm(np.subtract(predicted[p], true[t])) for p, t in pairs)
    assert (-len(pairs), total) == pytest.approx(best_by_trying_all(predicted, true, within_mm))
