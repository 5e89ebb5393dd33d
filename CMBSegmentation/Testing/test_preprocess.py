"""The way to the model's grid and back."""

import numpy as np
import pytest
import SimpleITK as sitk
from dark_spots import OBLIQUE, SIDE_MM, ball_brain
from hypothesis import given
from hypothesis import strategies as st
from property_tests import examples

from CMBSegmentationLib.detecting.brain_mask import brain_mask
from CMBSegmentationLib.detecting.model_grid import prepare, resample_labels
from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.models.input_spec import InputSpec

SPEC = InputSpec("RAS", (1.0, 1.0, 2.0), "zscore-brain")
ORIENTATIONS = ["RAS", "LPS", "SRA", "AIL", "PIR", "LSA", "IAR"]


@pytest.fixture(scope="module")
def as_it_was():
    """A scan, and what is prepared of it before it is turned."""
    scan, _ = ball_brain(spacing=(0.9, 0.9, 3.0))
    return scan, prepare(scan, SPEC)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_scan_in_any_axis_order_is_prepared_to_the_same_array(as_it_was, orientation):
    scan, expected = as_it_was
    turned = prepare(sitk.DICOMOrient(scan, orientation), SPEC)
    np.testing.assert_array_equal(turned.voxels, expected.voxels)
    np.testing.assert_array_equal(turned.brain, expected.brain)


@examples(12)
@given(
    orientation=st.sampled_from(ORIENTATIONS),
    spacing=st.tuples(*[st.sampled_from([0.7, 1.0, 1.3, 3.4])] * 3),
    axes=st.sampled_from(["RAS", "LAS", "ASR"]),
)
def test_a_point_goes_to_the_model_grid_and_returns_to_its_place(orientation, spacing, axes):
    scan, spots = ball_brain(spacing=spacing, spots_mm=((10.0, -6.0, 4.0),))
    scan = sitk.DICOMOrient(scan, orientation)
    prepared = prepare(scan, InputSpec(axes, (1.0, 1.0, 1.0), "zscore-brain"))
    back = prepared.to_scan_grid(np.maximum(0, -prepared.voxels) * prepared.brain)
    assert back.GetSize() == scan.GetSize()
    assert back.GetDirection() == scan.GetDirection()
    assert back.GetOrigin() == scan.GetOrigin()

    darkness = sitk.GetArrayFromImage(back)
    ras = spots[0] * [-1, -1, 1]
    inner = sitk.GetArrayFromImage(
        sitk.BinaryErode(prepared.scan_brain, [max(1, round(8 / s)) for s in scan.GetSpacing()])
    )
    weights = np.where(inner > 0, darkness, 0.0)
    weights[weights < 0.5 * weights.max()] = 0.0
    centre = np.argwhere(weights > 0).T @ weights[weights > 0] / weights.sum()
    point = np.array(scan.TransformContinuousIndexToPhysicalPoint(centre[::-1].tolist()))
    assert np.linalg.norm(point - ras) < max(spacing)


def test_values_inside_the_brain_have_zero_mean_and_unit_variance():
    prepared = prepare(ball_brain()[0], SPEC)
    inside = prepared.voxels[prepared.brain]
    assert inside.mean() == pytest.approx(0, abs=1e-4)
    assert inside.std() == pytest.approx(1, abs=1e-4)


def test_the_scale_of_the_intensities_does_not_matter():
    scan, _ = ball_brain()
    np.testing.assert_allclose(prepare(scan * 1000.0, SPEC).voxels, prepare(scan, SPEC).voxels, atol=2e-3)


def test_the_mask_covers_a_ball_and_not_the_air():
    scan, _ = ball_brain()
    mask = sitk.GetArrayFromImage(brain_mask(scan)) > 0
    bright = sitk.GetArrayFromImage(scan) > 500
    assert mask[bright].mean() > 0.97
    assert mask[~bright].sum() < 0.45 * bright.sum()  # a margin of less than 5 mm


def test_shading_by_a_surface_coil_does_not_hollow_the_mask():
    scan, _ = ball_brain(direction=np.eye(3).ravel().tolist())
    values = sitk.GetArrayFromImage(scan)
    z, y, x = (np.indices(values.shape) - (SIDE_MM - 1) / 2) / 35.0
    shaded = sitk.GetImageFromArray((values * (0.25 + 0.75 * np.minimum(1, x**2 + y**2 + z**2))).astype(np.float32))
    shaded.CopyInformation(scan)
    mask = sitk.GetArrayFromImage(brain_mask(shaded)) > 0
    assert mask[values > 500].mean() > 0.97


def test_an_image_without_an_object_is_searched_everywhere():
    rng = np.random.default_rng(0)
    noise = sitk.GetImageFromArray(rng.normal(100, 1, (6, 6, 6)).astype(np.float32))
    assert sitk.GetArrayFromImage(brain_mask(noise)).any()


def test_labels_land_on_the_model_grid_where_the_scan_does():
    scan, _ = ball_brain(spacing=(0.9, 0.9, 3.0), direction=OBLIQUE)
    labels = sitk.Cast(scan < 100, sitk.sitkUInt8)
    prepared = prepare(scan, SPEC)
    on_model = resample_labels(labels, prepared)
    assert on_model.shape == prepared.voxels.shape
    inside = prepared.brain & (on_model > 0)
    assert prepared.voxels[inside].mean() < prepared.voxels[prepared.brain & (on_model == 0)].mean() - 1


@pytest.mark.parametrize("wrong", ["size", "empty"])
def test_a_mask_that_does_not_fit_is_refused(wrong):
    scan, _ = ball_brain()
    mask = sitk.Image([10, 10, 10] if wrong == "size" else scan.GetSize(), sitk.sitkUInt8)
    with pytest.raises(InputError, match="brain mask"):
        prepare(scan, SPEC, mask)


def a_plain_scan(values, spacing=(1.0, 2.0, 3.0)):
    """An image (z, y, x) whose axes run right, anterior, superior."""
    image = sitk.GetImageFromArray(values)
    image.SetSpacing(spacing)
    image.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))
    return image


def test_a_given_mask_with_any_labels_is_the_brain_and_four_millimetres_around_it_are_kept():
    scan = a_plain_scan(np.random.default_rng(0).normal(100, 10, (20, 30, 40)).astype(np.float32))
    labels = np.zeros((20, 30, 40), np.uint8)
    labels[8:12, 10:20, 9:20], labels[8:12, 10:20, 20:31] = 1, 2
    prepared = prepare(scan, InputSpec("RAS", scan.GetSpacing(), "zscore-brain"), a_plain_scan(labels))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(prepared.scan_brain), labels > 0)
    np.testing.assert_array_equal(prepared.brain, (labels > 0)[6:14, 8:22, 5:35].transpose(2, 1, 0))


@pytest.mark.parametrize("normalization", ["zscore", "zscore-brain"])
def test_a_scan_of_one_intensity_is_zero_everywhere(normalization):
    scan = a_plain_scan(np.full((8, 8, 8), 100, np.float32))
    assert not prepare(scan, InputSpec("RAS", (1.0, 1.0, 1.0), normalization), scan > 0).voxels.any()


@pytest.mark.parametrize("axes", ["RAS", "LPS", "SRA"])
def test_a_position_in_the_patient_leads_to_its_voxel_of_the_model_grid(axes):
    values = np.zeros((20, 30, 40), np.float32)
    values[7:10, 11:16, 20:25] = 1
    scan = a_plain_scan(values)
    scan.SetDirection(OBLIQUE)
    scan.SetOrigin((31.0, -42.0, 17.0))
    prepared = prepare(scan, InputSpec(axes, (0.7, 0.8, 1.5), "zscore"), scan >= 0)
    left, posterior, superior = scan.TransformIndexToPhysicalPoint((22, 13, 8))
    found = prepared.ras_to_index() @ [-left, -posterior, superior, 1]
    bright = prepared.voxels - prepared.voxels.min()
    centre = np.tensordot(np.indices(bright.shape), bright, 3) / bright.sum()
    assert found[:3] == pytest.approx(centre, abs=0.1)
