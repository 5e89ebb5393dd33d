"""Masks on disk: 3D Slicer finds every segment by name with its voxels, overlapping or not."""

import os

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
import slicer.util
import vtk
from annotated_study import SHAPE, small_scan
from vtk.util import numpy_support

from CMBScribbleGrowLib.annotation import segments_file
from CMBScribbleGrowLib.annotation.segments_file import (
    Segment,
    grown_name,
    read_segments,
    replace_segments,
    scribble_name,
    segment_of,
    write_segments,
)
from CMBSegmentationLib.errors import InputError, MachineError
from CMBSegmentationLib.files import atomic_file as safe_write
from CMBSegmentationLib.files.atomic_file import DamagedFileError


def mask_of(*voxels):
    mask = np.zeros(SHAPE, bool)
    mask[tuple(np.array(voxels).T)] = True
    return mask


SCRIBBLE = mask_of((4, 5, 6), (4, 5, 7))
GROWN = mask_of((4, 5, 6), (4, 5, 7), (4, 6, 6), (5, 5, 6))
ELSEWHERE = mask_of((0, 0, 0), (11, 19, 23))


def segments(reader="SI"):
    return [
        segment_of(scribble_name(1, reader), reader, SCRIBBLE),
        segment_of(grown_name(1, reader), reader, GROWN),
        segment_of(scribble_name(2, reader), reader, ELSEWHERE),
    ]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sub-01_desc-cmb_annotation.seg.nrrd"


def read_masks(path, scan):
    return {segment.name: segment.mask(scan) for segment in read_segments(path, scan)}


def in_slicer(path):
    scene = slicer.vtkMRMLScene()
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    storage = scene.AddNewNodeByClass("vtkMRMLSegmentationStorageNode")
    storage.SetFileName(str(path))
    assert storage.ReadData(node)
    return scene, node, storage


def ras_of_voxels(node, segment_id):
    labelmap = slicer.vtkOrientedImageData()
    node.GetBinaryLabelmapRepresentation(segment_id, labelmap)
    shape = labelmap.GetDimensions()[::-1]
    values = numpy_support.vtk_to_numpy(labelmap.GetPointData().GetScalars()).reshape(shape)
    matrix = vtk.vtkMatrix4x4()
    labelmap.GetImageToWorldMatrix(matrix)
    index = np.argwhere(values)[:, ::-1] + labelmap.GetExtent()[::2]
    return (slicer.util.arrayFromVTKMatrix(matrix) @ np.column_stack([index, np.ones(len(index))]).T)[:3].T


def ras_of_mask(mask, scan):
    points = [scan.TransformIndexToPhysicalPoint(tuple(map(int, v[::-1]))) for v in np.argwhere(mask)]
    return np.array(points) * [-1, -1, 1]


def test_slicer_finds_the_segments_with_names_readers_and_voxels_where_they_are(path):
    scan = small_scan()
    write_segments(path, segments(), scan)
    scene, node, _ = in_slicer(path)
    segmentation = node.GetSegmentation()
    expected = {scribble_name(1, "SI"): SCRIBBLE, grown_name(1, "SI"): GROWN, scribble_name(2, "SI"): ELSEWHERE}
    assert segmentation.GetNumberOfSegments() == len(expected)
    for name, mask in expected.items():
        segment_id = segmentation.GetSegmentIdBySegmentName(name)
        reader = vtk.reference("")
        assert segmentation.GetSegment(segment_id).GetTag("CMB.Reader", reader)
        assert str(reader) == "SI"
        found, true = ras_of_voxels(node, segment_id), ras_of_mask(mask, scan)
        assert found[np.lexsort(found.T)] == pytest.approx(true[np.lexsort(true.T)], abs=1e-4)
    scene.Clear(True)


def test_masks_that_overlap_keep_all_their_voxels(path):
    scan = small_scan()
    write_segments(path, segments(), scan)
    masks = read_masks(path, scan)
    assert np.array_equal(masks[scribble_name(1, "SI")], SCRIBBLE)
    assert np.array_equal(masks[grown_name(1, "SI")], GROWN)
    assert sitk.ReadImage(str(path)).GetNumberOfComponentsPerPixel() == 2  # the third shares the first's layer


def test_what_slicer_saves_again_is_read_on_the_scans_grid(path):
    scan = small_scan()
    write_segments(path, segments(), scan)
    scene, node, storage = in_slicer(path)
    storage.SetCropToMinimumExtent(True)
    saved = path.with_name("saved.seg.nrrd")
    storage.SetFileName(str(saved))
    assert storage.WriteData(node)
    scene.Clear(True)
    assert {name: mask.tolist() for name, mask in read_masks(saved, scan).items()} == {
        name: mask.tolist() for name, mask in read_masks(path, scan).items()
    }
    assert {segment.reader for segment in read_segments(saved, scan)} == {"SI"}


@pytest.mark.parametrize("axes", ["RAS", "LPI", "SAL"])
def test_a_file_with_its_axes_swapped_or_flipped_holds_the_same_voxels(path, axes):
    scan = sitk.GetImageFromArray(np.zeros(SHAPE, np.float32))
    scan.SetSpacing((0.8, 0.9, 3.0))
    write_segments(path, segments()[:1], scan)
    written = sitk.ReadImage(str(path))
    turned = sitk.DICOMOrient(written, axes)
    for key in written.GetMetaDataKeys():
        if key.startswith("Segment"):
            turned.SetMetaData(key, written.GetMetaData(key))
    sitk.WriteImage(turned, str(path))
    assert np.array_equal(read_masks(path, scan)[scribble_name(1, "SI")], SCRIBBLE)


def test_a_mask_without_voxels_and_more_masks_than_a_byte_counts_survive(path):
    scan = small_scan()
    many = [Segment(f"CMB {n}", "SI", np.array([[n % 12, n // 12 % 20, n // 240]])) for n in range(300)]
    write_segments(path, [*many, Segment("empty", "SI", np.empty((0, 3), int))], scan)
    found = read_segments(path, scan)
    assert [segment.voxels.tolist() for segment in found] == [segment.voxels.tolist() for segment in many] + [[]]


def test_another_readers_segments_stay_when_one_readers_are_replaced(path):
    scan = small_scan()
    replace_segments(path, "SI", segments("SI"), scan)
    replace_segments(path, "AB", segments("AB"), scan)
    replace_segments(path, "SI", segments("SI")[:1], scan)
    assert sorted(segment.name for segment in read_segments(path, scan)) == sorted(
        [scribble_name(1, "SI"), *(segment.name for segment in segments("AB"))]
    )
    replace_segments(path, "SI", [], scan)
    replace_segments(path, "AB", [], scan)
    assert not path.exists()
    assert read_segments(path, scan) == ()


def test_a_mask_of_another_grid_is_refused(path):
    scan = small_scan()
    write_segments(path, segments(), scan)
    for change in (lambda s: s.SetSpacing((1, 1, 3)), lambda s: s.SetOrigin((0.2, 0.3, 0.4))):
        other = small_scan()
        change(other)
        with pytest.raises(InputError, match="another grid"):
            read_segments(path, other)
    with pytest.raises(InputError, match="outside the scan"):
        read_segments(path, scan[:12])


def test_wrong_segments_are_refused(path):
    scan = small_scan()
    with pytest.raises(InputError, match="Two segments are named"):
        write_segments(path, segments() * 2, scan)
    with pytest.raises(InputError, match="outside"):
        write_segments(path, [Segment("a", "SI", np.array([[0, 0, 24]]))], scan)
    assert not path.exists()


@pytest.mark.parametrize("content", [b"", b"NRRD0004\ntype: nonsense\n\n", b"no image"])
def test_a_damaged_file_is_told_as_such(path, content):
    path.write_bytes(content)
    with pytest.raises(DamagedFileError, match="cannot be read"):
        read_segments(path, small_scan())


def test_a_cut_off_or_refused_write_leaves_the_former_file(path, monkeypatch):
    scan = small_scan()
    write_segments(path, segments(), scan)
    before = path.read_bytes()
    write = sitk.WriteImage

    def cut_off(image, name, *other):
        write(image, name, *other)
        os.truncate(name, os.path.getsize(name) - 20)

    monkeypatch.setattr(segments_file.sitk, "WriteImage", cut_off)
    with pytest.raises(MachineError):
        write_segments(path, segments()[:1], scan)
    monkeypatch.undo()

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(safe_write.os, "replace", refuse)
    with pytest.raises(InputError, match="is not writable"):
        write_segments(path, segments()[:1], scan)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]
