"""Candidates at any threshold: what the slider shows is what a new search would list."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from dark_spots import OBLIQUE
from scipy import ndimage

from CMBSegmentationLib.detecting.lesions import LesionRules, find_lesions
from CMBSegmentationLib.review import CandidateField

RULES = LesionRules(0.5, min_volume_mm3=8.0, max_diameter_mm=7.0)
THRESHOLDS = (0.06, 0.3, 0.5, 0.7)


def image_of(values):
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((0.7, 1.0, 2.5))
    image.SetDirection(OBLIQUE)
    image.SetOrigin((-10.0, 4.0, 7.0))
    return image


@pytest.fixture(scope="module")
def images():
    """Probability hills of many heights that run into each other, the scan dark in them, half of it in the brain."""
    rng = np.random.default_rng(4)
    hills = ndimage.gaussian_filter(rng.normal(size=(16, 40, 44)), (0.8, 1.6, 2.0))
    probability = np.clip(hills / hills.max(), 0, 1).astype(np.float32) ** 2
    scan = (600 * (1 - 0.8 * probability) + rng.normal(0, 20, hills.shape)).astype(np.float32)
    brain = np.ones(hills.shape, np.uint8)
    brain[:, :, :15] = 0
    return image_of(probability), image_of(scan), image_of(brain)


@pytest.fixture(scope="module")
def detected(images):
    """The rows of a search at the threshold of `RULES`."""
    return find_lesions(*images, RULES)[0]


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_the_list_at_a_threshold_is_what_a_search_at_it_gives(images, detected, threshold):
    expected, _ = find_lesions(*images, replace(RULES, threshold=threshold))
    found = [one.lesion for one in CandidateField(*images, RULES, detected).at(threshold)]
    # they are numbered later, and their contrast is against the surround of the whole candidate
    assert found == [replace(lesion, id=0, contrast=one.contrast) for lesion, one in zip(expected, found, strict=True)]


def test_contrast_is_against_the_tissue_around_the_whole_candidate(images):
    field = CandidateField(*images, RULES)
    whole = {lesion.contrast for lesion in find_lesions(*images, replace(RULES, threshold=0.05))[0]}
    assert {one.lesion.contrast for one in field.at(0.05)} == whole
    scan = sitk.GetArrayViewFromImage(images[1]).ravel()
    base = max(field.at(0.05), key=lambda one: one.lesion.probability)
    (core, *_) = field.at(0.7)
    surround = scan[base.voxels].mean() / (1 - base.lesion.contrast)
    assert core.lesion.contrast == pytest.approx(1 - scan[core.voxels].mean() / surround, abs=2e-3)


def test_what_only_the_detector_knew_stays_with_its_lesion_at_every_threshold(images, detected):
    rows = [replace(row, detector=n / 100, region=f"region {n}", side="left") for n, row in enumerate(detected)]
    rows[0] = replace(rows[0], dropped_because="told by hand")
    field = CandidateField(*images, RULES, rows)
    known = {(lesion.r_mm, lesion.a_mm): lesion for lesion in (one.lesion for one in field.at(RULES.threshold))}
    for row in rows:
        lesion = known[row.r_mm, row.a_mm]
        assert (lesion.detector, lesion.region, lesion.side) == (row.detector, row.region, row.side)
    first = field.at(0.6)
    assert [one.lesion.dropped_because for one in first if one.lesion.region == "region 0"] == ["told by hand"]


def test_a_lesion_parts_at_a_higher_threshold_into_its_summits():
    probability = np.zeros((9, 12, 30), np.float32)
    probability[4, 6, 5:25] = 0.3
    probability[4, 6, 8:10], probability[4, 6, 20:23] = 0.8, 0.9
    scan = np.full(probability.shape, 100.0, np.float32)
    field = CandidateField(image_of(probability), image_of(scan), None, LesionRules(0.2))
    (whole,) = field.at(0.2)
    assert [len(part.voxels) for part in field.parts_of(whole.voxels, 0.5)] == [3, 2]
