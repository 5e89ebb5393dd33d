"""Patches over a volume."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from property_tests import examples

from CMBSegmentationLib.detecting.sliding_window import BLENDINGS, WindowSettings, patch_starts, predict
from CMBSegmentationLib.errors import Cancelled


def pointwise(patches):
    """Lesion logit = value, background logit = 0."""
    return np.concatenate([np.zeros_like(patches), patches], axis=-1)


@examples(25)
@given(
    shape=st.tuples(*[st.integers(5, 40)] * 3),
    patch=st.tuples(*[st.integers(4, 20)] * 3),
    overlap=st.floats(0, 0.8),
    blending=st.sampled_from(BLENDINGS),
    batch=st.integers(1, 5),
)
def test_a_pointwise_network_gives_the_same_in_patches_as_whole(shape, patch, overlap, blending, batch):
    voxels = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    brain = np.ones(shape, bool)
    result = predict(voxels, brain, pointwise, WindowSettings(patch, overlap, blending, batch))
    np.testing.assert_allclose(result, 1 / (1 + np.exp(-voxels)), rtol=1e-4)


def test_patches_without_brain_are_not_run():
    brain = np.zeros((60, 60, 60), bool)
    brain[5:15, 5:15, 5:15] = True
    brain[45:55, 45:55, 45:55] = True
    starts = list(patch_starts(brain, (16, 16, 16), 0.25))
    assert 2 <= len(starts) < 20
    covered = np.zeros_like(brain)
    for i, j, k in starts:
        part = brain[max(0, i) : i + 16, max(0, j) : j + 16, max(0, k) : k + 16]
        assert part.any()
        covered[max(0, i) : i + 16, max(0, j) : j + 16, max(0, k) : k + 16] = True
    assert covered[brain].all()


def test_more_overlap_means_more_patches():
    brain = np.ones((64, 64, 64), bool)
    counts = [len(list(patch_starts(brain, (32, 32, 32), overlap))) for overlap in (0.0, 0.2, 0.5)]
    assert counts == sorted(counts)
    assert counts[0] == 8


def test_summing_follows_the_mean_logit_where_patches_disagree():
    calls = iter([1.0, 4.0])

    def network(patches):
        lesion = np.full_like(patches, next(calls))
        return np.concatenate([np.zeros_like(lesion), lesion], axis=-1)

    voxels = np.zeros((6, 4, 4), np.float32)
    result = predict(voxels, np.ones_like(voxels, bool), network, WindowSettings((4, 4, 4), 0.5, "sum"))
    logit = np.log(result / (1 - result))[:, 0, 0]
    np.testing.assert_allclose(logit, [1, 1, 2.5, 2.5, 4, 4], rtol=1e-4)


def test_progress_rises_to_one_and_can_stop_the_work():
    seen = []
    voxels = np.zeros((20, 20, 20), np.float32)
    settings_ = WindowSettings((8, 8, 8), 0.2)
    predict(voxels, voxels == 0, pointwise, settings_, lambda fraction, message: seen.append(fraction))
    assert seen == sorted(seen)
    assert seen[-1] == 1.0

    def stop(fraction, message):
        if fraction > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        predict(voxels, voxels == 0, pointwise, settings_, stop)


def test_no_brain_gives_no_probability():
    voxels = np.ones((8, 8, 8), np.float32)
    assert not predict(voxels, voxels < 0, pointwise, WindowSettings((4, 4, 4))).any()


def test_gaussian_weights_trust_a_patch_most_in_its_middle():
    calls = iter([1.0, 4.0])

    def network(patches):
        lesion = np.full_like(patches, next(calls))
        return np.concatenate([np.zeros_like(lesion), lesion], axis=-1)

    voxels = np.zeros((6, 4, 4), np.float32)
    result = predict(voxels, np.ones_like(voxels, bool), network, WindowSettings((4, 4, 4), 0.5, "gaussian"))
    logit = np.log(result / (1 - result))[:, 0, 0]
    near, far = np.exp(-0.5 * np.array([0.5, 1.5]) ** 2)  # a quarter of the patch, one voxel, is one deviation
    shared = [(near * 1 + far * 4) / (near + far), (far * 1 + near * 4) / (near + far)]
    np.testing.assert_allclose(logit, [1, 1, *shared, 4, 4], rtol=1e-4)


def test_patches_move_on_by_a_voxel_at_least_and_end_where_the_brain_ends():
    brain = np.zeros((9, 4, 4), bool)
    brain[2:8] = True
    assert list(patch_starts(brain, (4, 4, 4), 0.9)) == [(2, 0, 0), (3, 0, 0), (4, 0, 0)]
