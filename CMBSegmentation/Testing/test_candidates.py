"""A candidate is measured once: one mask and one score, whatever the threshold and whoever lists it."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from dark_spots import OBLIQUE
from hypothesis import example, given
from hypothesis import strategies as st
from listed_candidates import detection_in
from property_tests import examples
from scipy import ndimage

from CMBSegmentationLib.detecting.candidates.grid import grid_of
from CMBSegmentationLib.detecting.candidates.hills import MASK_SHARE, find_hills
from CMBSegmentationLib.detecting.candidates.listing import candidates_in
from CMBSegmentationLib.detecting.candidates.masks import masks_in, masks_on_scan
from CMBSegmentationLib.detecting.lesions import LesionRules
from CMBSegmentationLib.detecting.model_grid import prepare
from CMBSegmentationLib.detecting.search import Search
from CMBSegmentationLib.files.fields import Fields
from CMBSegmentationLib.models.input_spec import InputSpec
from CMBSegmentationLib.results.stored_list import StoredList, from_json, to_json
from CMBSegmentationLib.review import CandidateField
from CMBSegmentationLib.review.edits import split
from CMBSegmentationLib.review.lesion_list import Numbering, Review, ReviewedLesion
from CMBSegmentationLib.vocabulary.operating_points import operating_points
from CMBSegmentationLib.vocabulary.reasons import Rule

RULES = LesionRules(0.5, min_volume_mm3=8.0, max_diameter_mm=7.0)
MEASURES = (
    "r_mm", "a_mm", "s_mm", "volume_mm3", "diameter_mm", "elongation", "contrast", "probability", "detector",
)  # fmt: skip


def image_of(values, spacing=(0.7, 1.0, 2.5)):
    image = sitk.GetImageFromArray(values)
    image.SetSpacing(spacing)
    image.SetDirection(OBLIQUE)
    image.SetOrigin((-10.0, 4.0, 7.0))
    return image


def hilly(seed):
    """Probability hills of many heights that run into each other, the scan dark in them, half of it in the brain."""
    rng = np.random.default_rng(seed)
    hills = ndimage.gaussian_filter(rng.normal(size=(16, 40, 44)), (0.8, 1.6, 2.0))
    ranks = hills.ravel().argsort().argsort().reshape(hills.shape)
    probability = (((ranks + 1) / hills.size) ** 12).astype(np.float32)  # no two that count are equal
    scan = (600 * (1 - 0.8 * probability) + rng.normal(0, 20, hills.shape)).astype(np.float32)
    brain = np.ones(hills.shape, np.uint8)
    brain[:, :, :15] = 0
    return image_of(probability), image_of(scan), image_of(brain)


@pytest.fixture(scope="module")
def found():
    """What is found in `hilly`; not to be changed."""
    return detection_in(*hilly(4), RULES, Search(operating_points=operating_points(None, RULES.threshold)))


def two_balls(apart_mm, width_mm=1.0, heights=(0.9, 0.9)):
    """The higher of two bell-shaped probabilities in each voxel of 0.5 mm, and that probability's image."""
    points = np.indices((21, 21, 61)).transpose(1, 2, 3, 0) * 0.5
    centres = [(5.0, 5.0, 15 - apart_mm / 2), (5.0, 5.0, 15 + apart_mm / 2)]
    bells = [
        height * np.exp(-((points - centre) ** 2).sum(axis=-1) / (2 * width_mm**2))
        for height, centre in zip(heights, centres, strict=True)
    ]
    return np.minimum(np.add(*bells), 1).astype(np.float32)


@examples(40)
@given(st.integers(0, 10**6), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_size_contrast_and_shape_do_not_depend_on_the_threshold(seed, one, other):
    candidates = detection_in(*hilly(seed), RULES).candidates
    lists = [{c.peak: c for c in candidates.at(replace(RULES, threshold=t))} for t in (one, other)]
    assert lists[0].keys() == lists[1].keys()
    for peak, first in lists[0].items():
        second = lists[1][peak]
        assert first.lesion.as_row(MEASURES) == second.lesion.as_row(MEASURES)
        assert np.array_equal(first.voxels, second.voxels)
        for rule in (Rule.TOO_SMALL, Rule.TOO_LARGE, Rule.OUTSIDE_BRAIN):  # a threshold acts on the score alone
            reasons = [c.lesion.reason is not None and c.lesion.reason.rule is rule for c in (first, second)]
            assert reasons[0] == reasons[1]


@examples(40)
@given(st.integers(0, 10**6))
def test_each_candidate_has_a_mask_and_a_peak_of_its_own(seed):
    every = candidates_in(*hilly(seed)).every
    voxels = np.concatenate([one.voxels for one in every])
    assert len(np.unique(voxels)) == len(voxels)
    assert all(one.peak in one.voxels for one in every)
    assert [one.lesion.probability for one in every] == sorted((c.lesion.probability for c in every), reverse=True)


@examples(25)
@example(seed=692, order=[0, 1, 2], flips=(False, False, True))  # two saddles in one voxel
@given(seed=st.integers(0, 10**6), order=st.permutations(range(3)), flips=st.tuples(*[st.booleans()] * 3))
def test_a_scan_in_another_order_of_axes_has_the_same_candidates(seed, order, flips):
    images = hilly(seed)
    turned = [sitk.Flip(sitk.PermuteAxes(image, order), flips) for image in images]
    plain, other = candidates_in(*images), candidates_in(*turned)
    moved = other.on_grid(plain.grid)
    assert moved is not None
    assert {one.peak: one.voxels.tolist() for one in moved.every} == {
        one.peak: one.voxels.tolist() for one in plain.every
    }
    sizes = {one.peak: one.lesion.as_row(("volume_mm3", "diameter_mm", "probability")) for one in plain.every}
    assert {one.peak: one.lesion.as_row(("volume_mm3", "diameter_mm", "probability")) for one in moved.every} == sizes


@pytest.mark.parametrize(("apart_mm", "number"), [(0.0, 1), (2.0, 1), (2.4, 1), (3.0, 2), (4.0, 2), (6.0, 2)])
def test_neighbours_are_two_candidates_where_a_real_dip_parts_their_peaks(apart_mm, number):
    assert len(find_hills(two_balls(apart_mm))) == number


def test_a_faint_neighbour_parted_by_a_dip_is_a_candidate_of_its_own():
    hills = find_hills(two_balls(5.0, heights=(0.95, 0.2)))
    assert [round(hill.peak, 2) for hill in hills] == [0.95, 0.2]


def test_ripples_on_a_slope_are_no_candidates():
    ripples = two_balls(0.0, width_mm=2.0, heights=(0.45, 0.45))
    ripples *= 1 - 0.15 * (np.indices(ripples.shape).sum(axis=0) % 2)
    assert len(find_hills(ripples.astype(np.float32))) == 1


def test_a_plateau_of_any_shape_is_one_candidate():
    probability = np.zeros((12, 30, 30), np.float32)
    probability[5, 3:27, 5] = probability[5, 3:27, 25] = probability[6, 26, 5:26] = 0.4
    (hill,) = find_hills(probability)
    assert len(hill.voxels[0]) == np.count_nonzero(probability)
    assert find_hills(np.zeros((4, 4, 4), np.float32)) == []


@pytest.mark.parametrize("height", [0.08, 0.3, 0.95])
def test_a_faint_and_a_strong_lesion_of_one_shape_measure_the_same(height):
    image = image_of(two_balls(0.0, heights=(height / 2, height / 2)), (0.5, 0.5, 0.5))
    (mask,) = masks_in(image, find_hills(sitk.GetArrayViewFromImage(image)))
    radius_mm = (2 * np.log(1 / MASK_SHARE)) ** 0.5  # where a bell of 1 mm falls to that share
    seen = 2 * (3 * len(mask.voxels) * 0.5**3 / (4 * np.pi)) ** (1 / 3)
    if height * MASK_SHARE >= 0.05:
        assert seen == pytest.approx(2 * radius_mm, rel=0.1)
    else:  # below the candidate level there is nothing to cut
        assert seen < 2 * radius_mm


@pytest.mark.parametrize("spacing", [(0.5, 0.5, 4.0), (1.0, 1.0, 1.0), (0.45, 0.45, 1.5), (2.0, 2.0, 5.0)])
def test_no_candidate_is_lost_between_the_voxels_of_a_scan(spacing):
    size = [round(64 / s) for s in spacing]
    scan = sitk.GetImageFromArray(np.full(size[::-1], 100, np.float32))
    scan.SetSpacing(spacing)
    prepared = prepare(scan, InputSpec("RAS", (0.6, 0.6, 1.0), "zscore-brain"), scan > 0)
    probability = np.zeros(prepared.voxels.shape, np.float32)
    rng = np.random.default_rng(0)
    for place in rng.permutation(np.argwhere(np.ones(np.array(probability.shape) // 10)))[:60] * 10 + 5:
        probability[tuple(place)] = rng.uniform(0.06, 1)  # single voxels
    hills = find_hills(probability)
    masks = masks_on_scan(prepared, prepared.to_scan_grid(probability), probability.shape, hills)
    assert len(hills) == 60
    assert all(mask is not None for mask in masks)
    to_ras, grid = np.linalg.inv(prepared.ras_to_index()), grid_of(scan)
    for hill, mask in zip(hills, masks, strict=True):
        at = to_ras[:3, :3] @ hill.centre + to_ras[:3, 3]
        assert np.abs(grid.ras_mm(grid.zyx(mask.voxels)) - at).max() <= 0.5 + max(spacing)


@pytest.mark.parametrize("threshold", [0.06, 0.3, 0.5, 0.7])
def test_a_review_lists_what_the_search_lists(found, threshold):
    field = CandidateField(found.candidates, found.image, found.probability, found.brain, found.rules)
    assert [one.lesion for one in field.at(threshold)] == found.rethresholded(threshold).lesions


def test_what_was_stored_is_listed_the_same(found):
    stored = StoredList(tuple(found.lesions), found.rules, found.search, ("a note",), found.candidates)
    again = from_json(Fields(to_json(stored)), 3, "a list")
    assert to_json(again) == to_json(stored)
    for threshold in (0.06, 0.5, 0.9):
        rules = replace(RULES, threshold=threshold)
        lists = [
            [(c.lesion, c.peak, c.voxels.tolist()) for c in of.at(rules)] for of in (found.candidates, again.candidates)
        ]
        assert lists[0] == lists[1]


def test_another_threshold_is_listed_in_milliseconds(found):
    assert len(found.candidates.every) > 50
    started = time.perf_counter()
    for threshold in np.linspace(0.06, 0.95, 20):
        found.candidates.at(replace(RULES, threshold=float(threshold)))
    assert (time.perf_counter() - started) / 20 < 0.05


def test_a_reader_splits_a_lesion_where_its_probability_falls_apart():
    probability = np.zeros((9, 12, 30), np.float32)
    probability[4, 6, 5:25] = 0.7
    probability[4, 6, 8:10], probability[4, 6, 20:23] = 0.85, 0.9
    images = image_of(probability), image_of(np.full(probability.shape, 100, np.float32))
    field = CandidateField(candidates_in(*images, None), images[1], images[0], None, LesionRules(0.2))
    (whole,) = field.at(0.2)
    lesion = ReviewedLesion(1, whole.voxels, whole.lesion, whole.peak)
    _, parts = split(Review(0.2), field, Numbering(last=1), lesion)
    assert sorted(len(part.voxels) for part in parts) == [10, 10]
    assert {part.lesion.probability for part in parts} == {0.9}  # the candidate's score: a mask has no other
