"""What scans look like in numbers, on arrays made by hand."""

import json

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from property_tests import examples
from scipy import ndimage

from cmbtraining.describing.scan_statistics import (
    against_surroundings,
    contrast_of,
    dark_voxels,
    flatness,
    lesion_shapes,
    lesions_per_scan,
    on_cubic_grid,
    on_half_millimetre_grid,
    outside,
    scan_dark_voxels,
    sphericity,
)
from cmbtraining.describing.scan_tables import dark_table, lesion_table, scan_figures, scans_in

SIDE = 28


def ellipsoid(radii: tuple[float, float, float], n: int = 41) -> np.ndarray:
    at = np.arange(n) - n // 2
    z, y, x = np.meshgrid(at, at, at, indexing="ij")
    return (z / radii[0]) ** 2 + (y / radii[1]) ** 2 + (x / radii[2]) ** 2 <= 1


def tissue_with(spots: list[tuple[int, int, int]], value: float) -> np.ndarray:
    values = np.full((SIDE,) * 3, 100.0, np.float32)
    for z, y, x in spots:
        values[z : z + 2, y : y + 2, x : x + 2] = value
    return values


def everywhere() -> np.ndarray:
    return np.ones((SIDE,) * 3, bool)


def test_even_tissue_has_no_dark_voxels():
    dark = dark_voxels(tissue_with([], 0), everywhere())
    assert dark.quantiles == (1, 1, 1)
    assert dark.shares == (0, 0)
    assert dark.spots == (0, 0)


def test_dark_spots_are_counted_at_the_levels_that_they_reach():
    values = tissue_with([(4, 4, 4), (14, 14, 14)], 50) + tissue_with([(22, 8, 20)], 70) - 100
    dark = dark_voxels(values, everywhere())
    assert dark.spots == (2, 3)
    assert dark.shares == pytest.approx((16 / SIDE**3, 24 / SIDE**3))


def test_a_vessel_through_the_brain_is_dark_but_no_compact_spot():
    values = tissue_with([], 0)
    values[:, 10:12, 10:12] = 30
    dark = dark_voxels(values, everywhere())
    assert dark.shares[0] == pytest.approx(4 * SIDE / SIDE**3)
    assert dark.spots == (0, 0)


@examples(10)
@given(gain=st.floats(0.01, 1000), seed=st.integers(0, 99))
def test_dark_voxels_do_not_depend_on_the_scanners_units(gain, seed):
    values = np.random.default_rng(seed).uniform(1, 2, (10, 10, 10)).astype(np.float32)
    where = np.ones(values.shape, bool)
    np.testing.assert_allclose(
        against_surroundings(values * np.float32(gain), where), against_surroundings(values, where), rtol=1e-4
    )


def test_the_median_is_that_of_the_whole_cube():
    values = np.random.default_rng(1).uniform(1, 2, (12, 12, 12)).astype(np.float32)
    expected = values / ndimage.median_filter(values, 7, mode="nearest")
    where = np.ones(values.shape, bool)
    np.testing.assert_allclose(against_surroundings(values, where), expected[where], rtol=1e-6)


def test_an_empty_brain_is_refused():
    with pytest.raises(ValueError, match="no voxel"):
        dark_voxels(tissue_with([], 0), np.zeros((SIDE,) * 3, bool))


def test_a_hole_in_the_brain_is_not_outside():
    values = np.pad(np.ones((9, 9, 9)), 3)
    values[7, 7, 7] = 0
    away = outside(values)
    assert away[0, 0, 0]
    assert not away[7, 7, 7]
    assert (~away).sum() == 9**3


def test_what_a_stripped_scan_leaves_out_is_not_taken_for_dark():
    ball = ellipsoid((18, 18, 18))
    image = sitk.GetImageFromArray(np.where(ball, 100.0, 0.0).astype(np.float32))
    mask = sitk.GetImageFromArray(np.ones(ball.shape, np.uint8))
    assert scan_dark_voxels(image, mask).shares == (0, 0)


def test_a_ball_is_round_and_a_disc_is_flat():
    ball, disc = ellipsoid((12, 12, 12)), ellipsoid((3, 12, 12))
    assert flatness(ball) == pytest.approx(1, abs=0.01)
    assert flatness(disc) == pytest.approx(0.25, abs=0.03)
    assert 0.9 < sphericity(ball) <= 1
    assert sphericity(disc) < 0.8


def test_a_single_voxel_is_round():
    assert flatness(np.pad(np.ones((1, 1, 1), bool), 1)) == pytest.approx(1)


def test_half_millimetre_voxels_keep_the_volume():
    mask = np.zeros((4, 8, 8), bool)
    mask[1, 2:4, 3:5] = True
    assert on_half_millimetre_grid(mask, (4.0, 0.5, 1.0)).sum() * 0.125 == pytest.approx(4 * 4.0 * 0.5)


def test_contrast_is_what_is_lost_against_the_ring():
    values = np.full((9, 21, 21), 80.0)
    own = np.zeros(values.shape, bool)
    own[4, 10, 9:11] = True
    values[4, 10, 9], values[4, 10, 10] = 20, 40
    assert contrast_of(values, own, own, (1.0, 1.0, 1.0)) == (60, 50)


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    """A folder in VALDO's layout: a ball of tissue with microbleeds of 2 and 4 mm, voxels of 1 x 1 x 2 mm."""
    ball = ellipsoid((12, 19, 19))
    values = np.where(ball, 500.0, 0.0).astype(np.float32)
    values[20, 2, 20] = 0
    mask = np.zeros(ball.shape, np.uint8)
    mask[20, 15:17, 15:17] = mask[18:20, 24:28, 24:28] = 1
    values[mask > 0] = 300
    values[22, 20, 20] = 1000
    folder = tmp_path_factory.mktemp("set") / "sub-101"
    folder.mkdir()
    for name, array in (("desc-masked_T2S", values.astype(np.int16)), ("CMB", mask)):
        image = sitk.GetImageFromArray(array)
        image.SetSpacing((1.0, 1.0, 2.0))
        sitk.WriteImage(image, str(folder / f"sub-101_space-T2S_{name}.nii.gz"))
    truth = {"lesions": [{"place": "deep grey"}, {"place": "infratentorial"}]}
    (folder / "sub-101_truth.json").write_text(json.dumps(truth))
    return folder


def test_lesions_are_measured_in_millimetres_and_of_the_brains_maximum(subject):
    image = sitk.ReadImage(str(subject / "sub-101_space-T2S_desc-masked_T2S.nii.gz"))
    mask = sitk.ReadImage(str(subject / "sub-101_space-T2S_CMB.nii.gz"))
    large, small = lesion_shapes(image, mask, sitk.GetArrayFromImage(image) > 0)
    assert small.volume_mm3 == pytest.approx(2 * 2 * 2)
    assert small.diameter_mm == pytest.approx(2.48, abs=0.01)
    assert (small.slices, large.slices) == (2, 4)
    assert small.peak_contrast == small.mean_contrast == pytest.approx(0.2)


def test_a_set_is_told_in_two_tables_with_the_real_figures_first(subject):
    figures = {"mine": [scan_figures(scan) for scan in scans_in(subject.parent)]}
    assert figures["mine"][0].places == ["deep grey", "infratentorial"]
    dark, lesions = dark_table(figures).splitlines(), lesion_table(figures).splitlines()
    assert [line.split(" | ")[0].strip("| ") for line in dark[2:]] == [
        "real SWI 3T, 1 mm",
        "real GRE 3T TE 25, 1 mm",
        "mine",
    ]
    assert lesions[2] == "| lesions | 957 in 206 scans | 2 in 1 scans |"
    assert any(line.endswith("| 38 / 39 / 16 / 7 | 0 / 0 / 50 / 50 |") for line in lesions)


def test_a_scan_alone_has_no_lesion_figures(subject, tmp_path):
    alone = tmp_path / "scan.nii.gz"
    alone.write_bytes((subject / "sub-101_space-T2S_desc-masked_T2S.nii.gz").read_bytes())
    assert scan_figures(alone).lesions is None


def test_lesions_per_scan_counts_positive_scans_only():
    assert lesions_per_scan([0, 1, 1, 5, 0]) == (pytest.approx(0.4), 1, 5)
    assert lesions_per_scan([0, 0]) == (1, 0, 0)
    assert lesions_per_scan([]) == (0, 0, 0)


def test_a_cubic_grid_covers_the_same_box():
    image = sitk.GetImageFromArray(np.zeros((5, 10, 20), np.float32))
    image.SetSpacing((0.5, 0.5, 4.0))
    image.SetOrigin((7, 8, 9))
    cubic = on_cubic_grid(image, 1.0, sitk.sitkLinear)
    assert cubic.GetSize() == (10, 5, 20)
    corners = [i.TransformContinuousIndexToPhysicalPoint((-0.5, -0.5, -0.5)) for i in (image, cubic)]
    np.testing.assert_allclose(*corners)
