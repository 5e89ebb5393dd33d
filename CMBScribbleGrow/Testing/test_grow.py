"""From one scribble to one lesion: its mode, its measures, and what a reader is told of it."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from CMBScribbleGrowLib.growing.alternatives import confidence_connected, random_walk
from CMBScribbleGrowLib.growing.lesion import grow
from CMBScribbleGrowLib.growing.refine import refine
from CMBScribbleGrowLib.growing.scan import ScanToGrow, scan_to_grow
from CMBScribbleGrowLib.growing.settings import GrowSettings
from CMBSegmentationLib.errors import InputError

SHAPE, SPACING_MM = (16, 34, 36), (0.5, 0.6, 1.2)  # z, y, x; x, y, z
MIDDLE = np.array([[8, 17, 18]])


def a_scan(diameter_mm: float, noise: float = 0.0, shape: tuple[int, int, int] = SHAPE) -> ScanToGrow:
    """Bright tissue with a dark ball in its middle."""
    away_mm = np.linalg.norm(
        (np.indices(shape).transpose(1, 2, 3, 0) - np.array(shape) // 2) * SPACING_MM[::-1], axis=-1
    )
    values = np.where(away_mm < diameter_mm / 2, 100.0, 500.0) + np.random.default_rng(2).normal(0, noise, shape)
    values[0] = 0  # black: a tolerance of 100 % takes in the tissue too
    image = sitk.GetImageFromArray(values.astype(np.float32))
    image.SetSpacing(SPACING_MM)
    return scan_to_grow(image, image > -1000)


def test_a_lesions_volume_diameter_and_centre_are_those_of_its_voxels_in_millimetres() -> None:
    scan = a_scan(6.0)
    lesion = grow(scan, MIDDLE, GrowSettings())
    assert len(lesion.mask) == (scan.array == 100).sum()
    assert lesion.volume_mm3 == pytest.approx(len(lesion.mask) * 0.5 * 0.6 * 1.2)
    assert lesion.diameter_mm == pytest.approx(6.0, abs=0.2)
    assert lesion.centre_mm == pytest.approx([-18 * 0.5, -17 * 0.6, 8 * 1.2])


@pytest.mark.parametrize(("diameter_mm", "mode"), [(7.0, "running-mean"), (9.0, "parent")])
def test_auto_takes_a_region_of_more_than_half_the_size_limit_for_a_leak(diameter_mm, mode) -> None:
    assert grow(a_scan(diameter_mm), MIDDLE, GrowSettings("auto")).mode == mode


def test_each_comparison_grows_by_the_method_of_its_name() -> None:
    scan, settings = a_scan(5.0, noise=60), GrowSettings("random-walker")
    walked = refine(random_walk(scan, MIDDLE, 10.0), MIDDLE, SHAPE)
    connected = refine(confidence_connected(scan, MIDDLE, scan.limit_voxels(10.0)), MIDDLE, SHAPE)
    assert len(walked) != len(connected)
    assert np.array_equal(grow(scan, MIDDLE, settings).mask, walked)
    assert np.array_equal(grow(scan, MIDDLE, GrowSettings("confidence-connected")).mask, connected)


@pytest.mark.parametrize("place", [(16, 17, 18), (8, 34, 18), (8, 17, -1)])
def test_a_scribble_one_voxel_outside_the_scan_is_refused(place) -> None:
    with pytest.raises(InputError, match="outside the scan"):
        grow(a_scan(5.0), np.array([*MIDDLE, place]), GrowSettings())


@pytest.mark.parametrize(
    ("shape", "place", "tolerance_percent", "said"),
    [
        (SHAPE, MIDDLE, None, []),
        (SHAPE, MIDDLE, 100, ["stopped at the size limit"]),
        (SHAPE, MIDDLE * (1, 1, 0) + (0, 0, 33), None, ["no contrast"]),
        ((6, 8, 8), np.array([[3, 4, 4]]), None, ["touches the border", "never exceeds"]),
    ],
    ids=["a clear lesion", "a high tolerance", "beside the lesion", "a small scan"],
)
def test_a_reader_is_told_what_is_unusual_of_a_lesion_and_nothing_else(shape, place, tolerance_percent, said) -> None:
    notes = grow(a_scan(3.0, shape=shape), place, GrowSettings("parent", tolerance_percent)).notes
    assert len(notes) == len(said)
    assert all(words in note for words, note in zip(said, notes, strict=True))
