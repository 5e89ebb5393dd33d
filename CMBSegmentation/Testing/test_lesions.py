"""From probability to list."""

import re

import numpy as np
import pytest
import SimpleITK as sitk
from dark_spots import OBLIQUE
from hypothesis import given
from hypothesis import strategies as st
from listed_candidates import detection_in
from scipy import ndimage

from CMBSegmentationLib.detecting.lesions import COLUMNS, LesionRules, as_listed
from CMBSegmentationLib.report.page import SHOWN
from CMBSegmentationLib.vocabulary.numbers import threshold_text
from CMBSegmentationLib.vocabulary.reasons import Reason, Rule


def image_of(values, spacing=(1.0, 1.0, 1.0), direction=None):
    image = sitk.GetImageFromArray(values)
    image.SetSpacing(spacing)
    image.SetDirection(direction or np.eye(3).ravel().tolist())
    image.SetOrigin((-10.0, 4.0, 7.0))
    return image


def listed(probability, scan=None, brain=None, spacing=(1.0, 1.0, 1.0), direction=None, **rules):
    scan = np.full(probability.shape, 100.0, np.float32) if scan is None else scan
    brain = np.ones(probability.shape, np.uint8) if brain is None else brain
    images = [image_of(v, spacing, direction) for v in (probability, scan, brain)]
    found = detection_in(*images, LesionRules(**{"threshold": 0.5, **rules}))
    return found.lesions, found.labels


@pytest.fixture
def empty():
    return np.zeros((20, 22, 24), np.float32)


def test_voxels_that_touch_at_a_corner_are_one_lesion(empty):
    empty[5, 5, 5] = empty[6, 6, 6] = 0.9
    lesions, labels = listed(empty)
    assert [lesion.status for lesion in lesions] == ["kept"]
    assert sitk.GetArrayFromImage(labels).sum() == 2


def test_position_is_the_centre_in_patient_ras_of_an_oblique_anisotropic_scan(empty):
    empty[4:7, 8, 10:12] = 0.8
    spacing = (0.45, 0.45, 4.0)
    lesions, labels = listed(empty, spacing=spacing, direction=OBLIQUE)
    left, posterior, superior = labels.TransformContinuousIndexToPhysicalPoint((10.5, 8.0, 5.0))
    assert (lesions[0].r_mm, lesions[0].a_mm, lesions[0].s_mm) == pytest.approx((-left, -posterior, superior), abs=0.01)
    assert lesions[0].volume_mm3 == pytest.approx(6 * 0.45 * 0.45 * 4, abs=0.01)


def test_label_k_is_the_lesion_with_id_k_most_probable_first(empty):
    empty[3, 3, 3], empty[10, 10, 10], empty[15, 15, 15] = 0.7, 0.95, 0.6
    lesions, labels = listed(empty)
    assert [(lesion.id, round(lesion.probability, 2)) for lesion in lesions] == [(1, 0.95), (2, 0.7), (3, 0.6)]
    for lesion in lesions:
        inside = sitk.GetArrayFromImage(labels) == lesion.id
        assert empty[inside].max() == pytest.approx(lesion.probability, abs=1e-4)


def test_what_stays_below_the_threshold_is_listed_with_the_reason(empty):
    empty[5, 5, 5] = 0.3
    lesions, labels = listed(empty)
    assert lesions[0].status == "dropped"
    assert "0.30 is below the threshold 0.50" in lesions[0].dropped_because
    assert not sitk.GetArrayFromImage(labels).any()


def test_what_is_too_small_too_large_or_outside_the_brain_is_dropped_with_the_reason(empty):
    brain = np.ones(empty.shape, np.uint8)
    brain[:, :, :4] = 0
    empty[5, 5, 1:3] = 0.9
    empty[10, 10, 10] = 0.9
    empty[13:19, 12:19, 14:22] = 0.9
    lesions, _ = listed(empty, brain=brain, min_volume_mm3=1.5, max_diameter_mm=8.0)
    reasons = sorted(lesion.dropped_because for lesion in lesions)
    assert len(reasons) == 3
    assert any("outside the brain" in r for r in reasons)
    assert any("below the smallest volume" in r for r in reasons)
    assert any("larger than a microbleed" in r for r in reasons)


def test_a_candidate_above_the_threshold_is_not_listed_again_below_it(empty):
    blurred = ndimage.gaussian_filter(np.where(np.indices(empty.shape).sum(0) == 30, 0, empty), 1)
    blurred[10, 10, 10] = 1.0
    blurred = ndimage.gaussian_filter(blurred, 1.0)
    blurred *= 0.9 / blurred.max()
    lesions, _ = listed(blurred.astype(np.float32))
    assert len(lesions) == 1


def test_a_rod_is_long_and_a_ball_is_not(empty):
    z, y, x = np.indices(empty.shape)
    empty[((z - 6) ** 2 + (y - 6) ** 2 + (x - 6) ** 2) <= 9] = 0.9
    empty[15, 15, 4:20] = 0.9
    ball, rod = sorted(listed(empty, max_diameter_mm=20)[0], key=lambda lesion: lesion.elongation)
    assert ball.elongation < 1.2
    assert rod.elongation > 5


def test_contrast_is_the_share_of_signal_lost_against_the_surround(empty):
    scan = np.full(empty.shape, 200.0, np.float32)
    scan[9:12, 9:12, 9:12] = 50.0
    empty[9:12, 9:12, 9:12] = 0.9
    assert listed(empty, scan=scan)[0][0].contrast == pytest.approx(0.75, abs=0.01)


def test_a_row_has_the_columns_of_the_design_in_their_order(empty):
    empty[5, 5, 5] = 0.9
    assert tuple(listed(empty)[0][0].as_row()) == COLUMNS


def test_a_box_measures_its_longest_side_over_its_shortest_in_millimetres_and_the_ball_of_its_volume(empty):
    empty[5:7, 4:8, 6:18] = 0.9
    (box,) = listed(empty, spacing=(0.5, 1.0, 2.0), max_diameter_mm=20)[0]
    assert box.elongation == pytest.approx(6.0 / 4.0, abs=0.01)
    assert box.diameter_mm == pytest.approx((6 * 4 * 4 * 6 / np.pi) ** (1 / 3), abs=0.01)
    empty[5:7, 5:8] = 0
    (rod,) = listed(empty, spacing=(0.5, 1.0, 2.0), max_diameter_mm=20)[0]
    assert rod.elongation == pytest.approx(6.0, abs=0.01)


def test_contrast_is_against_the_tissue_within_three_millimetres_and_no_farther(empty):
    away = np.linalg.norm(np.indices(empty.shape).transpose(1, 2, 3, 0) - (10, 11, 12), axis=-1)
    scan = np.select([away < 1, away <= 2.5, away <= 4], [50, 1000, 100], 9000).astype(np.float32)
    empty[10, 11, 12] = 0.9
    assert listed(empty, scan=scan)[0][0].contrast == pytest.approx(0.5)


@pytest.mark.parametrize(("signal", "contrast"), [(-500.0, 1.0), (5000.0, -1.0)])
def test_contrast_stays_between_minus_one_and_one(empty, signal, contrast):
    scan = np.full(empty.shape, 200.0, np.float32)
    scan[10, 10, 10] = signal
    empty[10, 10, 10] = 0.9
    assert listed(empty, scan=scan)[0][0].contrast == contrast


def test_a_candidate_that_just_reaches_the_threshold_is_accepted_and_listed_once(empty):
    empty[10, 10, 10] = 0.5
    assert [lesion.status for lesion in listed(empty, threshold=0.5)[0]] == ["kept"]


@pytest.mark.parametrize("threshold", [0.12, 0.45, 0.7, 0.123])  # none is a 32-bit number
def test_a_probability_of_just_the_threshold_is_kept_once(empty, threshold):
    empty[10, 10, 10] = threshold
    (found,), _ = listed(empty, threshold=threshold)
    assert found.status == "kept"
    assert found.probability == threshold


@given(peak=st.floats(0.0625, 0.9375, width=32), thousandths=st.integers(60, 950), near=st.booleans())
def test_what_is_below_a_threshold_reads_as_below_it_wherever_it_is_written(peak, thousandths, near):
    threshold = thousandths / 1000
    if near:
        peak = float(np.nextafter(np.float32(threshold), np.float32(0)))
    in_the_list = as_listed(peak)
    if not peak < np.float32(threshold):
        assert in_the_list >= threshold
        return
    words = Reason(Rule.BELOW_THRESHOLD, in_the_list, threshold).words
    written = [float(number) for number in re.findall(r"0\.\d+", words)]
    assert written[0] < written[1] == threshold
    assert in_the_list < threshold
    for column in ("probability", "detector"):
        assert float(SHOWN[column].text(in_the_list)) < float(threshold_text(threshold))


@pytest.mark.parametrize(
    ("threshold", "words"), [(0.5, "0.50"), (0.123, "0.123"), (0.45000000000000001, "0.45"), (0.1 + 0.2, "0.30")]
)
def test_a_threshold_is_written_with_all_its_decimals(threshold, words):
    assert threshold_text(threshold) == words


@pytest.mark.parametrize(("side", "status"), [(8, "kept"), (9, "dropped")])
def test_without_other_rules_what_is_larger_than_a_ball_of_ten_millimetres_is_dropped(empty, side, status):
    empty[4 : 4 + side, 4 : 4 + side, 4 : 4 + side] = 0.9  # 512 and 729 mm³; the ball has 524
    assert [lesion.status for lesion in listed(empty)[0]] == [status]
