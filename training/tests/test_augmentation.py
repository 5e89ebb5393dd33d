"""Augmentation: each change does what its name says, and none is made unasked."""

import numpy as np
import pytest
from test_sampling import subject

from cmbtraining.config.sections import Augmentation, Sampling
from cmbtraining.data.augmentation import VOID, augment, random_turn
from cmbtraining.data.dataset import PreparedSubject
from cmbtraining.data.sampling import PatchSequence, draw_patch

SIZE = (20, 24, 16)
ALL = Augmentation(rotation_degrees=30, scale=0.2, intensity=0.3, bias_field=0.3, noise=0.2, anisotropy=4)


def patch(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=SIZE).astype(np.float32)


def test_nothing_changes_that_is_not_asked_for():
    np.testing.assert_allclose(augment(patch(), Augmentation(), np.random.default_rng(0)), patch(), atol=1e-6)
    assert random_turn(Augmentation(), (1, 1, 1), np.random.default_rng(0)) is None


@pytest.mark.parametrize("name", ["intensity", "bias_field", "noise", "anisotropy"])
def test_each_change_of_intensity_changes_the_patch_and_keeps_its_form(name):
    changed = augment(patch(), Augmentation(**{name: 3.0 if name == "anisotropy" else 0.3}), np.random.default_rng(1))
    assert changed.shape == SIZE
    assert changed.dtype == np.float32
    assert np.abs(changed - patch()).max() > 0.01
    assert np.isfinite(changed).all()


def test_contrast_and_shading_leave_a_signal_void_black_and_contrast_the_mean_where_it_is():
    settings = Augmentation(intensity=0.5, bias_field=0.5)
    void = np.full(SIZE, VOID, np.float32)
    np.testing.assert_allclose(augment(void, settings, np.random.default_rng(0)), VOID, atol=1e-5)
    mean = np.zeros(SIZE, np.float32)
    np.testing.assert_allclose(augment(mean, Augmentation(intensity=0.5), np.random.default_rng(0)), 0, atol=1e-5)


def test_thick_slices_blur_along_one_axis_only():
    for seed in range(6):
        changed = augment(patch(), Augmentation(anisotropy=4), np.random.default_rng(seed))
        roughness = [
            np.abs(np.diff(changed, axis=k)).mean() / np.abs(np.diff(patch(), axis=k)).mean() for k in range(3)
        ]
        calm, *others = sorted(roughness)
        assert calm < 0.9 * min(others)


def test_a_turn_is_a_rotation_in_millimetres_and_keeps_to_the_largest_angle_and_scale():
    spacing = np.array([0.5, 1.0, 2.0])
    angles, factors = [], []
    for seed in range(20):
        turn = random_turn(ALL, tuple(spacing), np.random.default_rng(seed))
        in_mm = turn * spacing[:, None] / spacing
        factor = np.cbrt(np.linalg.det(in_mm))
        np.testing.assert_allclose(in_mm @ in_mm.T / factor**2, np.eye(3), atol=1e-9)
        factors.append(factor)
        angles.append(np.rad2deg(np.arccos(np.clip((np.trace(in_mm / factor) - 1) / 2, -1, 1))))
    assert 20 < max(angles) <= 30 + 1e-6
    assert 1 / 1.2 <= min(factors) < 0.9
    assert 1.1 < max(factors) <= 1.2


def test_a_turned_patch_shows_the_volume_turned_about_its_anchor():
    quarter = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    one = subject(shape=(41, 41, 41), lesions=((20, 20, 20),))
    one.voxels[20, 25, 20] = 99  # five voxels from the lesion
    apart = []
    for seed in range(10):
        voxels, labels = draw_patch(one, (24, 24, 24), True, np.random.default_rng(seed), turn=quarter)
        (lesion,) = np.argwhere(labels)
        apart += (np.argwhere(voxels > 90) - lesion).tolist()
    assert len(apart) >= 5  # at times it lies outside the patch
    assert apart == [[5, 0, 0]] * len(apart)


@pytest.mark.parametrize(("share", "expected"), [(0.9, 14), (0.5, 8)])
def test_proportions_stay_exact_under_augmentation(share, expected):
    sequence = PatchSequence(
        [subject()], (16, 16, 16), Sampling(16, share, flip=True), 4, 4, seed=3, augmentation=ALL, spacing_mm=(1, 1, 2)
    )
    for epoch in range(4):
        sequence.begin(epoch)
        assert sum(bool(y.any()) for k in range(4) for y in sequence[k][1]) == expected


def test_augmented_batches_are_the_same_again():
    first, second = (
        PatchSequence([subject()], (16, 16, 16), Sampling(), 2, 4, seed=5, augmentation=ALL) for _ in range(2)
    )
    np.testing.assert_array_equal(first[1][0], second[1][0])


def test_hard_negatives_lie_in_their_patches():
    base = subject(lesions=((30, 35, 25),))
    hard = np.array([[50, 10, 40]], np.int32)
    base.voxels[tuple(hard[0])] = 99
    one = PreparedSubject(
        base.name, base.voxels, base.lesions, base.lesion_centres, base.brain_positions, hard_positions=hard
    )
    sequence = PatchSequence([one], (8, 8, 8), Sampling(16, 0.5, hard_share=1.0), batch_size=16, steps=1, seed=0)
    voxels, labels = sequence[0]
    without = ~labels.any(axis=(1, 2, 3, 4))
    assert without.sum() == 8
    assert (voxels[without].max(axis=(1, 2, 3, 4)) == 99).all()


def test_processes_share_a_batch_between_them():
    whole, *parts = (
        PatchSequence([subject()], (16, 16, 16), Sampling(), 4, 4, seed=5, share=share)
        for share in ((0, 1), (0, 2), (1, 2))
    )
    for k in range(2):
        np.testing.assert_array_equal(whole[2][k], np.concatenate([part[2][k] for part in parts]))
