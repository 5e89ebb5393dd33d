"""Scans out of a Slicer scene."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
import slicer.util
import vtk
from oblique_scan import (
    oblique_ijk_to_ras,
    scan_voxels,
)
from scenes import turned

from CMBSegmentationLib.errors import InputError, MachineError
from CMBSegmentationLib.reading.scan import read_scan
from CMBSegmentationLib.scene import (
    export_mask,
    export_scan,
    image_from_volume,
)

# out of the scene


def test_an_exported_scan_has_the_voxels_and_the_oblique_geometry_of_its_node(a_scan, tmp_path):
    scan = read_scan(export_scan(a_scan, tmp_path).path)
    assert np.array_equal(sitk.GetArrayFromImage(scan.image), scan_voxels())
    for index in [(0, 0, 0), (47, 43, 19), (10, 0, 5)]:
        left, posterior, superior = scan.image.TransformIndexToPhysicalPoint(index)
        expected = (oblique_ijk_to_ras() @ [*index, 1])[:3]
        assert (-left, -posterior, superior) == pytest.approx(expected, abs=1e-6)


def test_an_exported_scan_is_named_after_its_node(a_scan, tmp_path):
    assert export_scan(a_scan, tmp_path).path.name == "sub-01_swi.nrrd"
    a_scan.SetName("7: Größe/*")
    assert export_scan(a_scan, tmp_path).path.name == "7_Gr_e.nrrd"
    a_scan.SetName("磁化率")
    assert export_scan(a_scan, tmp_path).path.name == "scan.nrrd"


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64])
def test_voxels_of_any_type_are_exported_as_they_are(a_scan, dtype):
    slicer.util.updateVolumeFromArray(a_scan, (scan_voxels() // 4).astype(dtype))
    image, _ = image_from_volume(a_scan)
    assert sitk.GetArrayViewFromImage(image).dtype == dtype
    assert np.array_equal(sitk.GetArrayViewFromImage(image), scan_voxels() // 4)


def test_a_scan_under_a_transform_is_exported_where_it_is_shown_and_the_user_is_told(a_scene, a_scan, tmp_path):
    transform = turned(a_scene)
    a_scan.SetAndObserveTransformNodeID(transform.GetID())
    exported = export_scan(a_scan, tmp_path)
    left, posterior, superior = read_scan(exported.path).image.TransformIndexToPhysicalPoint((3, 5, 7))
    to_world = vtk.vtkMatrix4x4()
    transform.GetMatrixTransformToWorld(to_world)
    expected = slicer.util.arrayFromVTKMatrix(to_world) @ oblique_ijk_to_ras() @ [3, 5, 7, 1]
    assert (-left, -posterior, superior) == pytest.approx(expected[:3], abs=1e-6)
    assert "to atlas" in exported.notes[0]


def test_a_scan_without_a_transform_needs_no_note(a_scan, tmp_path):
    assert export_scan(a_scan, tmp_path).notes == ()


def test_a_cropped_image_whose_indices_do_not_start_at_zero_keeps_its_place(a_scan):
    cropped = vtk.vtkImageData()
    cropped.DeepCopy(a_scan.GetImageData())
    cropped.Crop([4, 40, 6, 40, 2, 18])
    a_scan.SetAndObserveImageData(cropped)
    image, _ = image_from_volume(a_scan)
    left, posterior, superior = image.GetOrigin()
    assert (-left, -posterior, superior) == pytest.approx((oblique_ijk_to_ras() @ [4, 6, 2, 1])[:3])
    assert np.array_equal(sitk.GetArrayViewFromImage(image), scan_voxels()[2:19, 6:41, 4:41])


@pytest.mark.parametrize(
    ("node_class", "what"),
    [
        ("vtkMRMLLabelMapVolumeNode", "label map"),
        ("vtkMRMLVectorVolumeNode", "vector"),
        ("vtkMRMLDiffusionTensorVolumeNode", "diffusion"),
        ("vtkMRMLStreamingVolumeNode", "stream"),
    ],
)
def test_another_kind_of_volume_is_refused_by_its_name(a_scene, node_class, what, tmp_path):
    node = a_scene.AddNewNodeByClass(node_class, "other")
    with pytest.raises(InputError, match=what) as caught:
        export_scan(node, tmp_path)
    assert "other" in caught.value.message
    assert caught.value.hint
    assert not list(tmp_path.glob("*.nrrd"))


def test_a_volume_with_several_values_a_voxel_is_refused(a_scan):
    image_data = vtk.vtkImageData()
    image_data.SetDimensions(8, 8, 8)
    image_data.AllocateScalars(vtk.VTK_SHORT, 3)
    a_scan.SetAndObserveImageData(image_data)
    with pytest.raises(InputError, match="3 values a voxel"):
        image_from_volume(a_scan)


def test_an_empty_volume_is_refused(a_scene):
    with pytest.raises(InputError, match="no voxels"):
        image_from_volume(a_scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "empty"))


def test_no_volume_at_all_is_refused():
    with pytest.raises(InputError, match="No scan"):
        image_from_volume(None)


def test_a_sheared_volume_is_refused(a_scan):
    sheared = oblique_ijk_to_ras()
    sheared[:3, 2] += 0.5 * sheared[:3, 1]
    a_scan.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(sheared))
    with pytest.raises(InputError, match="right angles"):
        image_from_volume(a_scan)


def test_rounded_direction_cosines_are_no_shear(a_scan):
    rounded = oblique_ijk_to_ras()
    rounded[:3, :3] = np.round(rounded[:3, :3] / (0.8, 0.8, 3.0), 5) * (0.8, 0.8, 3.0)
    a_scan.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(rounded))
    direction = np.array(image_from_volume(a_scan)[0].GetDirection()).reshape(3, 3)
    assert direction.T @ direction == pytest.approx(np.eye(3), abs=1e-12)


def test_a_volume_under_a_warp_is_refused(a_scene, a_scan):
    warp = vtk.vtkThinPlateSplineTransform()
    node = a_scene.AddNewNodeByClass("vtkMRMLTransformNode", "warp")
    node.SetAndObserveTransformToParent(warp)
    a_scan.SetAndObserveTransformNodeID(node.GetID())
    with pytest.raises(InputError, match="warp"):
        image_from_volume(a_scan)


def test_what_cannot_be_written_for_the_search_is_named(a_scene, a_scan, tmp_path):
    mask = a_scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "brain")
    mask.SetAndObserveImageData(a_scan.GetImageData())
    nowhere = tmp_path / "removed meanwhile"
    with pytest.raises(MachineError, match="The scan could not be written"):
        export_scan(a_scan, nowhere)
    with pytest.raises(MachineError, match="The brain mask could not be written"):
        export_mask(mask, a_scan, nowhere)
