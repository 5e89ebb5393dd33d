"""Which lesions a reader could tell from what lies around them."""

import numpy as np
import pytest

from cmbtraining.synthesis.conspicuity import noise_level, told_by_a_reader

SPACING = np.array([0.5, 0.5, 3.0])


@pytest.fixture
def brain():
    """Tissue at 100 beside a dark sulcus, with noise of 2; every voxel counts as brain."""
    scan = np.full((6, 80, 80), 100.0, np.float32)
    scan[:, :, :12] = 20
    scan += 2 * np.random.default_rng(0).standard_normal(scan.shape).astype(np.float32)
    return scan, np.ones(scan.shape, bool)


def put(scan, lesions, label, x, y, level):
    lesions[2:4, y : y + 4, x : x + 4] = label
    scan[2:4, y : y + 4, x : x + 4] = level


def test_what_is_dark_on_all_sides_is_told(brain):
    scan, where = brain
    lesions = np.zeros(scan.shape, np.uint8)
    put(scan, lesions, 1, 40, 20, 30)  # plain
    put(scan, lesions, 2, 40, 50, 97)  # lost in the noise
    put(scan, lesions, 3, 13, 40, 22)  # one with the sulcus
    assert told_by_a_reader(scan, lesions, where, SPACING) == [1]


def test_contrast_counts_in_units_of_the_brains_own(brain):
    scan, where = brain
    lesions = np.zeros(scan.shape, np.uint8)
    put(scan, lesions, 1, 40, 20, 70)
    assert told_by_a_reader(scan, lesions, where, SPACING) == [1]
    assert told_by_a_reader(1000 * scan, lesions, where, SPACING) == [1]
    mottled = scan + 100 * (np.indices(scan.shape)[1] // 20 % 2)  # the same lesion in a brain of greater contrast
    assert told_by_a_reader(mottled, lesions, where, SPACING) == []


def test_other_lesions_are_not_its_surroundings(brain):
    scan, where = brain
    lesions = np.zeros(scan.shape, np.uint8)
    put(scan, lesions, 1, 40, 20, 30)
    put(scan, lesions, 2, 46, 20, 30)
    assert told_by_a_reader(scan, lesions, where, SPACING) == [1, 2]


def test_noise_is_measured_beside_edges(brain):
    scan, where = brain
    assert noise_level(scan, where) == pytest.approx(2.0, rel=0.05)
