"""The simulator's physics and its truth."""

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from cmbtraining.synthesis.contrast import CSF, GREY, WHITE, Sequence, ernst_signal
from cmbtraining.synthesis.scan import simulate
from cmbtraining.synthesis.susceptibility import dipole_field, sphere_field

B0 = np.array([0.0, 0.0, 1.0])


def ball(n: int, radius: float) -> tuple[np.ndarray, np.ndarray]:
    at = np.arange(n) - n // 2
    z, y, x = np.meshgrid(at, at, at, indexing="ij")
    return np.stack([x, y, z], -1).astype(float), (x**2 + y**2 + z**2 <= radius**2)


@pytest.mark.parametrize("b0", [B0, np.array([0.6, 0.0, 0.8])])
def test_the_dipole_kernel_gives_a_spheres_known_field(b0):
    offsets, inside = ball(96, 8)
    by_kernel = dipole_field(inside.astype(np.float32), (1, 1, 1), b0, pad=32)
    radius = (3 * inside.sum() / (4 * np.pi)) ** (1 / 3)  # of the sphere that the voxels make up
    exact = sphere_field(offsets, radius, 1.0, b0)
    shell = (np.linalg.norm(offsets, axis=-1) > 12) & (np.linalg.norm(offsets, axis=-1) < 24)
    scale = np.abs(exact[shell]).max()
    difference = ndimage.gaussian_filter(by_kernel - exact, 1.0)  # a sharp edge rings on a grid
    assert np.abs(difference)[shell].max() < 0.05 * scale
    assert np.abs(by_kernel[inside]).mean() < 0.05


def test_the_field_on_the_axis_is_twice_that_at_the_equator_and_of_other_sign():
    at = np.array([[0.0, 0.0, 5.0], [5.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    axis, equator, inside = sphere_field(at, 2.0, 1.5, B0)
    assert axis == pytest.approx(-2 * equator)
    assert axis == pytest.approx(1.5 / 3 * (2 / 5) ** 3 * 2)
    assert inside == 0


def test_blooming_grows_with_field_and_echo_time():
    assert Sequence(3.0, 0.02, 1, 18).radians_per_ppm == pytest.approx(2 * Sequence(1.5, 0.02, 1, 18).radians_per_ppm)
    assert Sequence(3.0, 0.02, 1, 18).radians_per_ppm == pytest.approx(16.05, abs=0.01)


def test_with_a_long_repetition_fluid_is_brightest_and_white_matter_darkest():
    long = Sequence(3.0, 0.021, 1.288, 18)
    csf, grey, white = (ernst_signal(tissue, long) for tissue in (CSF, GREY, WHITE))
    assert csf > grey > white


@pytest.fixture(scope="module")
def label_map(tmp_path_factory):
    """A small head of nested balls: air, bone, fluid, grey matter, white matter, ventricle."""
    n = 88
    at = np.arange(n) - n // 2
    r = np.sqrt((at[:, None, None] / 0.85) ** 2 + at[None, :, None] ** 2 + (at[None, None, :] / 0.9) ** 2)
    labels = np.zeros((n, n, n), np.int16)
    for radius, label in ((41, 515), (37, 24), (34, 3), (30, 2), (9, 4)):
        labels[r <= radius] = label
    path = tmp_path_factory.mktemp("labels") / "head.nii.gz"
    sitk.WriteImage(sitk.GetImageFromArray(labels), str(path))
    return path


@pytest.fixture(scope="module")
def scan(label_map):
    return simulate(label_map, 7, protocol="alfa", lesions=8, skull_stripped=True)


def test_the_same_seed_gives_the_same_scan(label_map, scan):
    again = simulate(label_map, 7, protocol="alfa", lesions=8, skull_stripped=True)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(again.image), sitk.GetArrayFromImage(scan.image))
    assert again.lesions == scan.lesions


def test_a_scan_has_its_protocols_geometry(scan):
    assert scan.image.GetSize()[:2] == (256, 256)
    assert scan.image.GetSpacing()[0] == pytest.approx(1.0)
    assert 3.0 <= scan.image.GetSpacing()[2] <= 4.0


def test_every_lesion_of_the_truth_is_darker_than_what_is_around_it(scan):
    values, truth = sitk.GetArrayFromImage(scan.image), sitk.GetArrayFromImage(scan.mask)
    assert len(scan.lesions) == truth.max() >= 4
    for label in range(1, truth.max() + 1):
        z, y, x = np.argwhere(truth == label).mean(axis=0).round().astype(int)
        around = values[z, max(0, y - 6) : y + 7, max(0, x - 6) : x + 7]
        assert values[truth == label].min() < 0.75 * np.percentile(around, 60)


def test_the_table_lists_where_the_mask_is(scan):
    truth = sitk.GetArrayFromImage(scan.mask)
    assert len(scan.lesions) == truth.max() > 0
    for label, row in enumerate(scan.lesions, start=1):
        index = np.argwhere(truth == label).mean(axis=0)[::-1]
        left, posterior, superior = scan.image.TransformContinuousIndexToPhysicalPoint(index.tolist())
        assert (row["r_mm"], row["a_mm"], row["s_mm"]) == pytest.approx((-left, -posterior, superior), abs=0.02)


def test_a_scan_without_lesions_has_an_empty_truth(label_map):
    healthy = simulate(label_map, 3, protocol="clinical-swi", lesions=0)
    assert healthy.lesions == []
    assert not sitk.GetArrayFromImage(healthy.mask).any()
