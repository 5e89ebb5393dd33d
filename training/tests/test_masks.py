"""Masks are brought to 0 and 1 whatever they come as."""

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

from cmbtraining.data.masks import MaskError, clean_mask, grid_difference, read_mask

TRUE = np.zeros((6, 7, 8), np.uint8)
TRUE[2:4, 3:5, 1:3] = 1


@pytest.mark.parametrize(
    ("values", "repairs"),
    [
        (TRUE, ()),
        (TRUE * 255, ()),
        (1 - TRUE, ("inverted",)),
        (TRUE * np.float32(0.9), ("fractional",)),
        (1 - TRUE * np.float32(0.7), ("fractional", "inverted")),
        (TRUE.astype(bool), ()),
    ],
)
def test_a_mask_is_read_as_it_is_meant(values, repairs):
    mask, told = clean_mask(values)
    np.testing.assert_array_equal(mask, TRUE)
    assert told == repairs


def test_what_is_no_number_is_background():
    values = TRUE.astype(float)
    values[0, :2] = np.nan
    mask, repairs = clean_mask(values)
    np.testing.assert_array_equal(mask, TRUE)
    assert repairs == ("nan",)


def test_numbered_lesions_stay_lesions():
    numbered = TRUE.astype(np.int16)
    numbered[0, 0, 0] = 7
    assert clean_mask(numbered)[0].sum() == TRUE.sum() + 1


def test_a_blurred_edge_is_cut_at_its_half():
    edge = np.array([0, 0, 0, 0, 0, 0.2, 0.49, 0.51, 1.0])
    np.testing.assert_array_equal(clean_mask(edge)[0], [0, 0, 0, 0, 0, 0, 0, 1, 1])


def test_a_mask_of_one_value_is_empty():
    assert not clean_mask(np.ones((3, 3)))[0].any()
    assert not clean_mask(np.zeros((3, 3)))[0].any()
    assert not clean_mask(np.full((3, 3), np.nan))[0].any()


@given(st.lists(st.booleans(), min_size=3, max_size=60), st.floats(0.01, 1e5), st.floats(-1e4, 1e4))
def test_scaling_and_shifting_a_masks_values_changes_nothing(bits, scale, shift):
    values = np.array(bits, float)
    if 2 * sum(bits) == len(bits):
        values = values[:-1]  # no majority: not defined
    np.testing.assert_array_equal(clean_mask(values)[0], clean_mask(values * scale + shift)[0])


def image(size=(8, 7, 6), spacing=(0.5, 0.5, 4.0), origin=(0.0, 0.0, 0.0)) -> sitk.Image:
    made = sitk.Image(size, sitk.sitkUInt8)
    made.SetSpacing(spacing)
    made.SetOrigin(origin)
    return made


def test_a_grid_that_differs_by_rounding_is_the_same():
    assert grid_difference(image(), image(spacing=(0.50001, 0.5, 4.0), origin=(0.01, 0, 0))) == ""


def test_another_grid_is_described():
    assert grid_difference(image(), image(size=(8, 7, 5))) == "8 x 7 x 6 voxels against 8 x 7 x 5"
    assert grid_difference(image(), image(origin=(0, 5.0, 0))) == "the same number of voxels, but 5.0 mm apart"


def test_a_file_that_is_no_image_is_named(tmp_path):
    (tmp_path / "mask.nii.gz").write_bytes(b"no image")
    with pytest.raises(MaskError, match=r"mask\.nii\.gz cannot be read"):
        read_mask(tmp_path / "mask.nii.gz")
