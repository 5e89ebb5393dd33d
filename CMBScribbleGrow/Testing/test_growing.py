"""Region growing: the fast way gives what Algorithm 1 gives, tolerance by tolerance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from plain_growing import plain_growth, plain_sweep
from property_tests import examples

from CMBScribbleGrowLib.growing.region import MODES, PATH_MODES, Voxels, breadth_first
from CMBScribbleGrowLib.growing.tolerance import STEPS, SWEEP_STEP, Growth, grow_at_every_tolerance

RANGE = 40.0
THRESHOLDS = np.arange(STEPS + 1) * (RANGE / STEPS)
STRIDE = {"parent": 1, "seed-mean": 1, "running-mean": SWEEP_STEP}


def mask_of(region, shape) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[tuple(region.T)] = True
    return mask


def grown(volume, seeds, mode, connectivity, limit) -> Growth:
    return grow_at_every_tolerance(Voxels(volume, connectivity), seeds, mode, intensity_range=RANGE, limit_voxels=limit)


volumes = hnp.arrays(
    st.sampled_from([np.dtype("int16"), np.dtype("float32"), np.dtype("uint8")]),
    st.tuples(*[st.integers(2, 6)] * 3),
    elements=st.integers(0, 45),
)


@given(
    volume=volumes,
    mode=st.sampled_from(MODES),
    connectivity=st.sampled_from([6, 18, 26]),
    limit=st.integers(3, 60),
    data=st.data(),
)
@examples(60)
def test_every_tolerance_gives_what_the_plain_sweep_gives(volume, mode, connectivity, limit, data) -> None:
    places = st.tuples(*(st.integers(0, n - 1) for n in volume.shape))
    seeds = np.array(data.draw(st.lists(places, min_size=1, max_size=3, unique=True)))
    growth = grown(volume, seeds, mode, connectivity, limit)
    elbow = round(growth.elbow_percent * 10)
    for step in {*range(0, elbow, 19 * SWEEP_STEP), elbow}:  # some of the thousand: the plain way is slow
        plain, _ = plain_growth(volume, seeds, mode, THRESHOLDS[step], connectivity, limit + 1)
        assert (mask_of(growth.at(step / 10), volume.shape) == plain).all(), step / 10
    if elbow < STEPS:
        beyond = THRESHOLDS[elbow + STRIDE[mode]]
        assert plain_growth(volume, seeds, mode, beyond, connectivity, limit + 1)[1] > limit


@pytest.mark.parametrize("mode", MODES)
def test_the_elbow_is_where_the_plain_sweep_first_exceeds_the_limit(mode) -> None:
    rng = np.random.default_rng(3)
    volume = rng.integers(0, 40, (9, 9, 9)).astype(np.int16)
    seeds, limit = np.array([[4, 4, 4]]), 50
    regions = plain_sweep(volume, seeds, mode, 6, limit, THRESHOLDS[:: STRIDE[mode]])
    growth = grown(volume, seeds, mode, 6, limit)
    assert round(growth.elbow_percent * 10) == STRIDE[mode] * (len(regions) - 2)
    assert (mask_of(growth.at(growth.elbow_percent), volume.shape) == regions[-2]).all()


@pytest.mark.parametrize("mode", PATH_MODES)
def test_the_curve_never_falls(mode) -> None:
    volume = np.random.default_rng(0).normal(20, 5, (12, 12, 12))
    growth = grown(volume, np.array([[6, 6, 6]]), mode, 6, 200)
    assert (np.diff(growth.voxels) > 0).all()
    assert growth.voxels[0] == 1
    assert growth.percent[0] == 0
    assert growth.voxels[-1] == growth.limit_voxels + 1


def test_a_dark_ball_in_a_bright_surround_is_grown_whole_and_nothing_else() -> None:
    z, y, x = np.ogrid[:21, :21, :21]
    ball = (z - 10) ** 2 + (y - 10) ** 2 + (x - 10) ** 2 <= 9
    volume = np.where(ball, 5, 35).astype(np.int16)
    for mode in MODES:
        growth = grown(volume, np.array([[10, 10, 10]]), mode, 6, 500)
        assert (mask_of(growth.at(growth.elbow_percent), volume.shape) == ball).all()
        assert growth.elbow_percent == pytest.approx(75.0)  # the step of 30 in a range of 40


def test_a_constant_neighbourhood_leaves_the_seeds_alone() -> None:
    volume = np.full((30, 30, 30), 7, np.int16)
    for mode in MODES:
        growth = grown(volume, np.array([[15, 15, 15]]), mode, 6, 100)
        assert growth.elbow_percent == 0
        assert len(growth.at(0)) == 1


def test_growth_stays_in_the_volume_from_a_seed_in_its_corner() -> None:
    volume = np.zeros((4, 5, 6), np.float32)
    growth = grown(volume, np.array([[3, 4, 5], [0, 0, 0]]), "parent", 26, 1000)
    region = growth.at(100)
    assert len(region) == volume.size
    assert not growth.exceeds_limit
    assert growth.elbow_percent == 100


def test_two_tolerances_with_the_same_decisions_are_known_to_give_the_same_region() -> None:
    volume = np.array([[[10, 12, 20, 22]]])
    region = breadth_first(Voxels(volume, 6), np.array([[0, 0, 0]]), "running-mean", 3.0, 99)
    assert len(region.index) == 2
    assert region.next_tolerance == 9.0  # 20 against the mean of 10 and 12
