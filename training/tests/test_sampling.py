"""Patches: exact proportions, even places, and fast enough for a GPU not to wait."""

import time

import numpy as np
import pytest
from scipy import stats

from cmbtraining.config.sections import Sampling
from cmbtraining.data.dataset import PreparedSubject
from cmbtraining.data.sampling import PatchSequence, draw_patch


def subject(shape=(60, 70, 50), lesions=((30, 35, 25), (5, 60, 44)), name="sub-1") -> PreparedSubject:
    rng = np.random.default_rng(1)
    mask = np.zeros(shape, np.uint8)
    for at in lesions:
        mask[at] = 1
    brain = rng.integers(0, shape, (5000, 3), dtype=np.int32)
    voxels = rng.normal(size=shape).astype(np.float16)
    return PreparedSubject(name, voxels, mask, np.array(lesions, np.int32).reshape(-1, 3), brain)


@pytest.mark.parametrize(("share", "expected"), [(0.9, 14), (0.5, 8), (0.0, 0), (1.0, 16)])
def test_of_sixteen_patches_as_many_hold_a_lesion_as_the_share_says(share, expected):
    sequence = PatchSequence([subject()], (16, 16, 16), Sampling(16, share), batch_size=4, steps=4, seed=3)
    for epoch in range(5):
        sequence.begin(epoch)
        assert sum(bool(y.any()) for k in range(4) for y in sequence[k][1]) == expected


def test_a_subject_without_lesions_gives_background_only():
    both = [subject(), subject(lesions=(), name="sub-2")]
    sequence = PatchSequence(both, (16, 16, 16), Sampling(16, 0.9), batch_size=4, steps=8, seed=3)
    assert sum(bool(y.any()) for k in range(8) for y in sequence[k][1]) == 14


def test_a_lesion_is_as_likely_at_every_place_of_its_patch():
    one = subject(lesions=((30, 35, 25),))
    rng = np.random.default_rng(0)
    places = []
    for _ in range(3200):
        _, labels = draw_patch(one, (8, 8, 8), True, rng)
        places.append(np.argwhere(labels)[0])
    for axis in np.array(places).T:
        counts = np.bincount(axis, minlength=8)
        assert stats.chisquare(counts).pvalue > 0.001


def test_each_lesion_of_a_subject_is_drawn_as_often():
    rng = np.random.default_rng(0)
    two = subject()
    two.voxels[two.lesions > 0] = (50, 99)
    drawn = [draw_patch(two, (4, 4, 4), True, rng)[0].max() for _ in range(400)]
    assert stats.binomtest(drawn.count(50), 400).pvalue > 0.001


def test_patch_and_labels_are_cut_at_the_same_place():
    rng = np.random.default_rng(0)
    marked = subject(lesions=((30, 35, 25),))
    marked.voxels[marked.lesions > 0] = 99
    for _ in range(50):
        voxels, labels = draw_patch(marked, (24, 16, 8), True, rng)
        assert labels.sum() == 1
        np.testing.assert_array_equal(voxels == 99, labels > 0)


def test_a_volume_smaller_than_the_patch_is_padded_around():
    small = subject(shape=(10, 12, 9), lesions=((4, 5, 3),))
    voxels, labels = draw_patch(small, (32, 32, 32), True, np.random.default_rng(0))
    assert voxels.shape == labels.shape == (32, 32, 32)
    assert labels.sum() == 1


def test_twenty_patches_a_second_are_drawn_from_disk(tmp_path):
    """At the paper's size: 0.5 mm brains and patches of 80³ (measured: about 300 a second of one core)."""
    shape = (290, 350, 280)
    rng = np.random.default_rng(0)
    np.save(tmp_path / "voxels.npy", np.zeros(shape, np.float16))
    np.save(tmp_path / "lesions.npy", np.zeros(shape, np.uint8))
    voxels, lesions = (np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in ("voxels", "lesions"))
    places = rng.integers(40, 240, (2000, 3)).astype(np.int32)
    big = PreparedSubject("sub-1", voxels, lesions, places[:3], places)
    sequence = PatchSequence([big], (80, 80, 80), Sampling(16, 0.9, flip=True), batch_size=4, steps=20, seed=1)
    begin = time.process_time()
    for k in range(len(sequence)):
        sequence[k]
    assert 4 * len(sequence) / (time.process_time() - begin) > 20
