"""Scans whose headers contradict themselves, shear, or lie nowhere; masks and results that must lie on them."""

from __future__ import annotations

import re
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from property_tests import examples

from CMBSegmentationLib.detecting.model_grid import prepare
from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.models.input_spec import InputSpec
from CMBSegmentationLib.reading.right_angles import with_right_angles
from CMBSegmentationLib.reading.scan import checked_scan, read_label_image, read_scan
from CMBSegmentationLib.results.folder import write_image

SHAPE = (20, 24, 12)
SPEC = InputSpec("RAS", (1.0, 1.0, 2.0), "zscore-brain")


@pytest.fixture
def values():
    return np.random.default_rng(5).normal(100, 20, SHAPE).astype(np.float32)


def affine_of(sizes=(2.0, 2.0, 4.0), at=(-20.0, -24.0, -20.0)):
    affine = np.diag([*sizes, 1.0])
    affine[:3, 3] = at
    return affine


def saved(path, values, sform=None, qform=None, kind=nib.Nifti1Image, codes=(2, 1)):
    image = kind(values, None)
    image.header.set_sform(sform, codes[0]) if sform is not None else image.header.set_sform(None, 0)
    image.header.set_qform(qform, codes[1]) if qform is not None else image.header.set_qform(None, 0)
    if sform is not None and qform is None:
        image.header["pixdim"][1:4] = np.linalg.norm(sform[:3, :3], axis=0)
    nib.save(image, path)
    return path


def ras_of(image, index):
    left, posterior, superior = image.TransformContinuousIndexToPhysicalPoint([float(i) for i in index])
    return np.array([-left, -posterior, superior])


def test_where_sform_and_qform_differ_the_sform_counts_and_that_is_said(tmp_path, values):
    moved = affine_of(at=(-10, -4, 10))
    scan = read_scan(saved(tmp_path / "scan.nii.gz", values, moved, affine_of()))
    np.testing.assert_allclose(ras_of(scan.image, (3, 5, 7)), (moved @ (3, 5, 7, 1))[:3], atol=1e-4)
    assert re.search(r"sform and qform, are 37\.4 mm apart", scan.notes[0])


def test_where_they_agree_nothing_is_said(tmp_path, values):
    assert read_scan(saved(tmp_path / "scan.nii.gz", values, affine_of(), affine_of())).notes == ()


@pytest.mark.parametrize("which", ["sform", "qform"])
def test_the_one_that_is_there_counts(tmp_path, values, which):
    scan = read_scan(saved(tmp_path / "scan.nii.gz", values, **{which: affine_of(at=(1, 2, 3))}))
    np.testing.assert_allclose(ras_of(scan.image, (0, 0, 0)), (1, 2, 3), atol=1e-4)
    assert scan.notes == ()


def test_without_either_it_lies_as_for_nibabel_and_sides_are_called_uncertain(tmp_path, values):
    path = saved(tmp_path / "scan.nii.gz", values)
    scan = read_scan(path)
    np.testing.assert_allclose(ras_of(scan.image, (3, 5, 7)), (nib.load(path).affine @ (3, 5, 7, 1))[:3], atol=1e-4)
    assert "left and right" in scan.notes[0]


def test_two_voxel_sizes_are_noticed(tmp_path, values):
    path = saved(tmp_path / "scan.nii", values, affine_of((2, 2, 4)))
    raw = bytearray(path.read_bytes())
    raw[80:84] = np.float32(3.0).tobytes()  # pixdim[1]
    path.write_bytes(raw)
    assert "3 x 2 x 4 mm (pixdim) and 2 x 2 x 4 mm (sform)" in read_scan(path).notes[0]


@given(
    shift=st.tuples(*[st.floats(-80, 80)] * 3),
    codes=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    axes=st.sampled_from(["LPS", "RAS", "SPL", "AIR"]),
)
@examples(15)
def test_results_carry_the_scans_own_sform_and_qform(tmp_path_factory, shift, codes, axes):
    folder = tmp_path_factory.mktemp("results")
    values = np.random.default_rng(1).normal(100, 20, SHAPE).astype(np.float32)
    orientation = nib.orientations.axcodes2ornt(axes)
    qform = affine_of() @ nib.orientations.inv_ornt_aff(orientation, SHAPE)
    sform = qform.copy()
    sform[:3, 3] += shift
    path = saved(folder / "scan.nii.gz", values, sform, qform, codes=codes)
    scan = read_scan(path)
    write_image(scan.image > 110, folder / "labels.nii.gz", scan.header)
    source, result = nib.load(path), nib.load(folder / "labels.nii.gz")
    np.testing.assert_allclose(result.affine, source.affine, atol=1e-4)
    for form in ("get_sform", "get_qform"):
        (own, own_code), (other, other_code) = getattr(source, form)(True), getattr(result, form)(True)
        assert own_code == other_code
        assert own is None or np.allclose(own, other, atol=1e-4)
    np.testing.assert_array_equal(np.asanyarray(result.dataobj), np.asanyarray(source.dataobj) > 110)


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64])
def test_voxels_are_read_as_stored(tmp_path, kind, dtype):
    values = np.random.default_rng(2).integers(0, 200, SHAPE).astype(dtype)
    image = kind(values, affine_of())
    nib.save(image, tmp_path / "scan.nii.gz")
    read = sitk.GetArrayFromImage(read_scan(tmp_path / "scan.nii.gz").image)
    assert read.dtype == dtype
    np.testing.assert_array_equal(read.T, values)


def test_scaled_voxels_are_scaled(tmp_path):
    values = np.random.default_rng(2).integers(0, 200, SHAPE).astype(np.int16)
    path = saved(tmp_path / "scan.nii", values, affine_of())
    raw = bytearray(path.read_bytes())
    raw[112:120] = np.array([0.5, -3.0], np.float32).tobytes()  # scl_slope, scl_inter
    path.write_bytes(raw)
    np.testing.assert_allclose(sitk.GetArrayFromImage(read_scan(path).image).T, values * 0.5 - 3)


def sheared(values, shear, suffix, folder):
    """A scan whose second and third axis lean."""
    affine = affine_of() @ np.array([[1, shear, 0, 0], [0, 1, shear, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    if suffix == ".nii.gz":
        return saved(folder / "scan.nii.gz", values, affine), affine
    to_lps = np.diag([-1.0, -1.0, 1.0]) @ affine[:3, :3]
    image = sitk.GetImageFromArray(values.T)
    spacing = np.linalg.norm(to_lps, axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetOrigin((np.diag([-1.0, -1.0, 1.0]) @ affine[:3, 3]).tolist())
    image.SetDirection((to_lps / spacing).ravel().tolist())
    sitk.WriteImage(image, str(folder / f"scan{suffix}"))
    return folder / f"scan{suffix}", affine


@pytest.mark.parametrize("suffix", [".nii.gz", ".mha", ".nrrd"])
def test_a_rounding_of_the_axes_is_taken_off_and_no_voxel_moves_by_a_tenth(tmp_path, values, suffix):
    path, affine = sheared(values, 0.008, suffix, tmp_path)  # 0.16 mm if turned about the middle
    scan = read_scan(path)
    assert "corrected" in scan.notes[0]
    np.testing.assert_array_equal(sitk.GetArrayFromImage(scan.image).T, values)
    for corner in np.ndindex(2, 2, 2):
        index = np.array(corner) * (np.array(SHAPE) - 1)
        assert np.linalg.norm(ras_of(scan.image, index) - (affine @ [*index, 1])[:3]) < 0.2


@pytest.mark.parametrize("suffix", [".nii.gz", ".mha", ".nrrd"])
def test_a_sheared_scan_is_resampled_so_that_each_place_keeps_its_value(tmp_path, suffix):
    i, j, k = np.indices(SHAPE)
    values = (100 + 3 * i + 2 * j + 5 * k).astype(np.float32)  # linear: what resampling gives is known everywhere
    path, affine = sheared(values, 0.06, suffix, tmp_path)
    scan = read_scan(path)
    assert re.search(r"degrees off\): it was resampled", scan.notes[-1])
    assert scan.header is None
    for index in [(10, 12, 6), (4, 5, 2), (15, 18, 9)]:
        left, posterior, superior = (np.diag([-1, -1, 1, 1.0]) @ affine @ [*index, 1])[:3]
        there = scan.image.TransformPhysicalPointToContinuousIndex((left, posterior, superior))
        np.testing.assert_allclose(scan.image.EvaluateAtContinuousIndex(there), values[index], atol=0.1)


BAD_GEOMETRY = {
    "axis of length 3": dict(direction=(3, 0, 0, 0, 3, 0, 0, 0, 3)),
    "axes in one plane": dict(direction=(1, 0.999, 0, 0, 0.045, 0, 0, 0, 1)),
    "no number": dict(direction=(1, 0, 0, 0, float("nan"), 0, 0, 0, 1)),
    "far away": dict(origin=(0, 1e300, 0)),
    "infinitely far": dict(origin=(0, float("inf"), 0)),
}


@pytest.mark.parametrize("kind", BAD_GEOMETRY)
def test_a_geometry_that_cannot_be_is_refused(kind):
    class Wrong:
        """An image as a careless writer leaves it; SimpleITK lets nobody make one."""

        def GetDirection(self):  # noqa: N802
            return BAD_GEOMETRY[kind].get("direction", (1, 0, 0, 0, 1, 0, 0, 0, 1))

        def GetOrigin(self):  # noqa: N802
            return BAD_GEOMETRY[kind].get("origin", (0, 0, 0))

    with pytest.raises(InputError, match=r"says? where it lies|contradicts itself|right angles|away from|not say"):
        with_right_angles(Wrong(), "scan")


@pytest.mark.parametrize("sizes", [(np.inf, 2, 2), (1e-30, 2, 2), (np.nan, 2, 2), (-1, 2, 2), (0, 2, 2)])
@pytest.mark.parametrize("form", ["sform", "qform"])
def test_voxels_of_no_size_are_refused(tmp_path, values, sizes, form):
    path = saved(tmp_path / "scan.nii", values, **{form: affine_of()})
    raw = bytearray(path.read_bytes())
    raw[80:92] = np.array(sizes, np.float32).tobytes()
    path.write_bytes(raw)
    if form == "sform" and sizes[0] == 1e-30:  # a size of its own, and the sform knows better
        assert "sform was used" in read_scan(path).notes[0]
    else:
        with pytest.raises(InputError, match="mm"):
            read_scan(path)


def test_an_sform_that_is_no_number_is_refused(tmp_path, values):
    path = saved(tmp_path / "scan.nii", values, affine_of())
    raw = bytearray(path.read_bytes())
    raw[280:284] = np.float32(np.nan).tobytes()  # srow_x[0]
    path.write_bytes(raw)
    with pytest.raises(InputError, match="does not say where it lies"):
        read_scan(path)


@pytest.mark.parametrize("shape", [(50,), (20, 0, 12), (20, 24)])
def test_a_nifti_file_of_too_few_axes_or_voxels_is_refused(tmp_path, shape):
    image = nib.Nifti1Image(np.zeros(shape, np.int16), np.eye(4))
    nib.save(image, tmp_path / "scan.nii")
    with pytest.raises(InputError, match=r"too few voxels|2D"):
        read_scan(tmp_path / "scan.nii")


def test_a_file_of_surface_values_is_told_from_a_scan(tmp_path):
    series = nib.cifti2.SeriesAxis(0, 1, 3)
    surface = nib.cifti2.BrainModelAxis.from_mask(np.ones(8, bool), name="cortex_left")
    nib.save(nib.Cifti2Image(np.zeros((3, 8), np.float32), (series, surface)), tmp_path / "x.dtseries.nii")
    with pytest.raises(InputError, match="holds no volume"):
        read_scan(tmp_path / "x.dtseries.nii")


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_labels_on_sheared_axes_are_never_resampled(tmp_path, suffix):
    labels = np.zeros(SHAPE, np.uint8)
    labels[10, 12, 6] = 5
    path, _ = sheared(labels, 0.06, suffix, tmp_path)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(read_label_image(path)).T, labels)


@pytest.mark.parametrize("axes", ["SPL", "RAI", "LPS"])
def test_a_mask_in_another_order_of_axes_is_the_same_mask(axes, tmp_path):
    scan, mask = a_scan_and_half_of_it()
    sitk.WriteImage(sitk.DICOMOrient(mask, axes), str(tmp_path / "mask.nii.gz"))
    given = read_label_image(tmp_path / "mask.nii.gz")
    np.testing.assert_array_equal(prepare(scan, SPEC, given).brain, prepare(scan, SPEC, mask).brain)


def test_a_mask_that_lies_elsewhere_is_refused():
    scan, mask = a_scan_and_half_of_it()
    mask.SetOrigin([o + 30.0 for o in mask.GetOrigin()])
    with pytest.raises(InputError, match=r"another grid|outside the scan"):
        prepare(scan, SPEC, mask)


def test_a_mask_of_everything_searches_everything_and_one_of_nothing_is_refused(tmp_path):
    scan, mask = a_scan_and_half_of_it()
    sitk.WriteImage(mask * 0 + 1, str(tmp_path / "all.nii.gz"))
    sitk.WriteImage(mask * 0, str(tmp_path / "none.nii.gz"))
    assert prepare(scan, SPEC, read_label_image(tmp_path / "all.nii.gz")).brain.all()
    with pytest.raises(InputError, match="brain mask is empty"):
        prepare(scan, SPEC, read_label_image(tmp_path / "none.nii.gz"))


def a_scan_and_half_of_it():
    values = np.random.default_rng(3).normal(100, 20, SHAPE[::-1]).astype(np.float32)
    scan = sitk.GetImageFromArray(values)
    scan.SetSpacing((2, 2, 4))
    scan.SetOrigin((-20, -24, -20))
    half = np.zeros(values.shape, np.uint8)
    half[:, :, :9] = 1
    mask = sitk.GetImageFromArray(half)
    mask.CopyInformation(scan)
    return scan, mask


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dimensions", [3, 4])
def test_what_is_not_a_number_outside_becomes_background_and_inside_what_lies_beside_it(tmp_path, wrong, dimensions):
    values = np.full(SHAPE, 100.0, np.float32)
    values[::2] += 5
    values[:4], values[10, 10, 5:7] = wrong, wrong
    stored = values if dimensions == 3 else values[..., None]
    scan = read_scan(saved(tmp_path / "scan.nii.gz", stored, affine_of()))
    cleaned = sitk.GetArrayFromImage(scan.image).T
    assert (cleaned[:4] == 0).all()
    assert (np.abs(cleaned[10, 10, 5:7] - 102.5) < 3).all()
    assert "around the head were set to background (0)" in scan.notes[0]
    assert "2 inside it" in scan.notes[0]


def test_where_values_are_negative_background_is_the_lowest():
    values = np.random.default_rng(4).normal(0, 1, SHAPE[::-1]).astype(np.float32)
    values[0] = np.nan
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((2, 2, 4))
    cleaned = sitk.GetArrayFromImage(checked_scan(image, Path("scan.nrrd")).image)
    assert (cleaned[0] == np.nanmin(values)).all()
