"""Follow-up: the head has moved and lesions have come and gone; each is called what it is."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from CMBSegmentationLib.compare.align import (
    GONE,
    NEW,
    NOT_SEEN,
    STABLE,
    STILL_THERE,
    THERE_BEFORE,
    Visit,
    compare,
    register,
)
from CMBSegmentationLib.compare.signal_at import signal_loss_at
from CMBSegmentationLib.detecting.brain_mask import brain_mask
from CMBSegmentationLib.detecting.lesions import Lesion
from CMBSegmentationLib.files.bundled import sample_scan
from CMBSegmentationLib.vocabulary.reasons import Reason, Rule


def a_lesion(number: int, lps, because: str = "") -> Lesion:
    r, a, s = -lps[0], -lps[1], lps[2]
    reason = Reason(Rule.OTHER, said=because) if because else None
    return Lesion(number, "dropped" if because else "kept", r, a, s, 14, 3, 1, 0.6, 0.9, reason=reason)


@pytest.fixture(scope="module")
def a_movement() -> sitk.Transform:
    """Six degrees about each axis and some millimetres."""
    return sitk.Euler3DTransform((0.0, 0.0, 0.0), 0.1, -0.08, 0.11, (6.0, -5.0, 8.0))


@pytest.fixture(scope="module")
def two_scans(a_movement):
    """The sample scan with wider voxels, and the same head moved, on another grid, with noise of its own."""
    image = sitk.BinShrink(sitk.ReadImage(str(sample_scan()), sitk.sitkFloat32), [2, 2, 1])
    brain = brain_mask(image)
    grid = sitk.Image([110, 120, 60], sitk.sitkFloat32)
    grid.SetSpacing((2.0, 2.0, 3.0))
    middle = image.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in image.GetSize()])
    grid.SetOrigin([m - (n - 1) / 2 * s for m, n, s in zip(middle, grid.GetSize(), grid.GetSpacing(), strict=True)])
    back = a_movement.GetInverse()
    moved = sitk.Resample(image, grid, back, sitk.sitkLinear, 0.0)
    moved = sitk.AdditiveGaussianNoise(moved, float(sitk.GetArrayViewFromImage(image).std()) * 0.05, 0.0, 3)
    return image, brain, moved, sitk.Resample(brain, grid, back, sitk.sitkNearestNeighbor, 0)


@pytest.fixture(scope="module")
def places(two_scans) -> list:
    """Twenty places well apart, inside the brain."""
    image, brain, *_ = two_scans
    inside = np.argwhere(sitk.GetArrayFromImage(sitk.BinaryErode(brain, [2, 2, 1])) > 0)
    chosen: list = []
    for at in np.random.default_rng(5).permutation(inside):
        point = np.array(image.TransformIndexToPhysicalPoint(tuple(map(int, at[::-1]))))
        if all(np.linalg.norm(point - other) > 8 for other in chosen):
            chosen.append(point)
        if len(chosen) == 20:
            return chosen
    raise AssertionError("the brain is too small")


@pytest.fixture(scope="module")
def found(two_scans, a_movement) -> sitk.Transform:
    image, brain, moved, moved_brain = two_scans
    return register(Visit(image, brain, ()), Visit(moved, moved_brain, ()))


def test_the_movement_is_found_to_a_millimetre(places, found, a_movement):
    for point in places:
        assert np.linalg.norm(np.subtract(found.TransformPoint(point), a_movement.TransformPoint(point))) < 1.0


def test_lesions_that_came_went_and_stayed_are_called_so(two_scans, places, found, a_movement):
    image, brain, moved, moved_brain = two_scans
    rng = np.random.default_rng(2)
    first = [a_lesion(n + 1, places[n]) for n in range(15)]
    second = [a_lesion(n + 1, a_movement.TransformPoint(places[n] + rng.normal(0, 0.4, 3))) for n in range(5, 20)]
    changes = compare(Visit(image, brain, first), Visit(moved, moved_brain, second), found)
    right = sum(
        (change.status == STABLE and change.first.id == change.second.id)
        or (change.status == GONE and change.first.id <= 5)
        or (change.status == NEW and change.second.id > 15)
        for change in changes
    )
    assert len(changes) == 20
    assert right >= 18


def test_a_lesion_that_the_other_scan_could_not_show_is_not_called_gone_or_new(two_scans, places, found, a_movement):
    image, brain, moved, moved_brain = two_scans
    cut = moved_brain * 0
    dropped = a_lesion(1, a_movement.TransformPoint(places[0]), "probability 0.30 is below the threshold 0.50")
    seen = Visit(image, brain, [a_lesion(1, places[0])])
    (change,) = compare(seen, Visit(moved, moved_brain, [dropped]), found)
    assert change.status == NOT_SEEN
    assert "second scan: a candidate there was dropped by the program (probability 0.30" in change.why
    (change,) = compare(seen, Visit(moved, cut, []), found)
    assert (change.status, change.why) == (NOT_SEEN, "second scan: its place is outside the brain")
    there = moved_brain.TransformPhysicalPointToIndex(a_movement.TransformPoint(places[0]))
    hole = moved_brain + 0
    hole[there] = 0  # a sulcus, or the lesion that was
    (change,) = compare(seen, Visit(moved, hole, []), found)
    assert change.status == GONE


def with_spots(image: sitk.Image, spots, radius_mm: float = 2.0, loss: float = 0.6) -> sitk.Image:
    """The same with dark balls."""
    values = sitk.GetArrayFromImage(image)
    z, y, x = np.indices(values.shape)
    index = np.stack([x, y, z], -1) * np.array(image.GetSpacing())
    points = index @ np.array(image.GetDirection()).reshape(3, 3).T + np.array(image.GetOrigin())
    for spot in spots:
        values[np.linalg.norm(points - spot, axis=-1) <= radius_mm] *= 1 - loss
    darker = sitk.GetImageFromArray(values)
    darker.CopyInformation(image)
    return darker


@pytest.fixture(scope="module")
def even_places(two_scans) -> list:
    """Four places with nothing dark within 7 mm, far apart, where a spot is plain to see."""
    image, brain, *_ = two_scans
    values = sitk.GetArrayFromImage(sitk.Median(image, [1, 1, 0]))
    reach = [int(7 / spacing) for spacing in image.GetSpacing()[::-1]]
    least = ndimage.minimum_filter(values, [2 * n + 1 for n in reach])
    chosen: list = []
    for at in np.argwhere((least > 100) & (sitk.GetArrayViewFromImage(brain) > 0)):
        point = np.array(image.TransformIndexToPhysicalPoint(tuple(map(int, at[::-1]))))
        if all(np.linalg.norm(point - other) > 16 for other in chosen):
            chosen.append(point)
        if len(chosen) == 4:
            return chosen
    raise AssertionError("the scan is too dark")


def test_a_lesion_whose_spot_was_dark_before_is_not_called_new_nor_gone_where_it_still_is(
    two_scans, even_places, found, a_movement
):
    image, brain, moved, moved_brain = two_scans
    always, once = even_places[:2], even_places[2:]
    before = with_spots(image, always)
    after = with_spots(moved, [a_movement.TransformPoint(one) for one in even_places], radius_mm=2.5)
    detected = [a_lesion(n, a_movement.TransformPoint(one)) for n, one in enumerate(even_places, start=1)]
    changes = compare(Visit(before, brain, []), Visit(after, moved_brain, detected), found)
    assert [change.status for change in changes] == [THERE_BEFORE] * len(always) + [NEW] * len(once)
    assert all("a dark spot is there" in change.why for change in changes[: len(always)])
    detected = [a_lesion(n, one) for n, one in enumerate(even_places, start=1)]
    all_before = with_spots(image, even_places)
    some_after = with_spots(moved, [a_movement.TransformPoint(one) for one in always], radius_mm=2.5)
    changes = compare(Visit(all_before, brain, detected), Visit(some_after, moved_brain, []), found)
    assert [change.status for change in changes] == [STILL_THERE] * len(always) + [GONE] * len(once)


@pytest.mark.parametrize(
    ("off_the_list", "status", "why"),
    [
        (
            {"reason": Reason(Rule.BELOW_THRESHOLD, 0.3, 0.5)},
            THERE_BEFORE,
            "; a candidate there was dropped by the pro",
        ),
        ({"reason": Reason(Rule.TOO_SMALL, 0.8, 1.0)}, THERE_BEFORE, "a dark spot is there"),
        ({"reason": Reason(Rule.CALCIUM, 9.0, 4.0)}, NOT_SEEN, "dropped by the program (calcium by its phase"),
        ({"decision": "rejected", "reader": "KH", "mimic": "vessel"}, NOT_SEEN, "there was rejected by KH: vessel"),
        ({"decision": "rejected"}, NOT_SEEN, "first scan: a candidate there was rejected by a reader"),
    ],
    ids=["score", "size", "calcium", "rejected", "rejected by nobody named"],
)
def test_a_spot_that_was_dropped_for_its_score_was_there_and_one_that_was_called_something_else_was_not(
    two_scans, even_places, off_the_list, status, why
):
    image, brain, *_ = two_scans
    dark = with_spots(image, even_places[:1])
    first = replace(a_lesion(7, even_places[0], "for a reason"), **{"reason": None} | off_the_list)
    visits = Visit(dark, brain, [first]), Visit(dark, brain, [a_lesion(1, even_places[0])])
    (change,) = compare(*visits, sitk.Euler3DTransform())
    assert change.status == status
    assert why in change.why


def test_the_signal_loss_of_a_ball_is_measured_wherever_it_lies_in_any_geometry():
    image = sitk.Image([60, 50, 30], sitk.sitkFloat32) + 100.0
    image.SetSpacing((0.8, 1.0, 1.5))
    image.SetOrigin((-20.0, 30.0, 5.0))
    image.SetDirection(sitk.Euler3DTransform((0.0, 0.0, 0.0), 0.2, -0.1, 0.3).GetMatrix())
    middle = np.array(image.TransformContinuousIndexToPhysicalPoint((30.0, 25.0, 15.0)))
    for spot in (middle, middle + (8.0, -6.0, 5.0)):
        dark = with_spots(image, [spot], radius_mm=3.0)
        assert signal_loss_at(dark, spot + (0.5, -0.5, 0.5), 6.0) == pytest.approx(0.6, abs=0.05)
        assert signal_loss_at(dark, spot + (12.0, 0.0, 0.0), 6.0) == 0.0
    assert signal_loss_at(image, middle + 500.0, 6.0) is None


def test_a_vessel_that_goes_on_is_no_spot():
    values = np.full((40, 40, 40), 100.0, np.float32)
    values[:, 19:22, 19:22] = 30.0
    vessel = sitk.GetImageFromArray(values)
    assert signal_loss_at(vessel, (20.0, 20.0, 20.0), 3.0) == 0.0


def test_a_scan_compared_with_itself_is_stable(two_scans, places):
    image, brain, *_ = two_scans
    visit = Visit(image, brain, [a_lesion(n + 1, point) for n, point in enumerate(places)])
    changes = compare(visit, visit, sitk.Euler3DTransform())
    assert Counter(change.status for change in changes) == {STABLE: 20}
