"""Results in a Slicer scene: loaded, found again, replaced, removed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import slicer
import slicer.util
import vtk
from oblique_scan import (
    LESION_PEAKS,
    SCAN_NAME,
    oblique_ijk_to_ras,
    probability_blobs,
    scan_voxels,
    write_detection,
)
from scenes import segment_names, turned

from CMBSegmentationLib.detecting.lesions import COLUMNS
from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.results.stored_list import to_json
from CMBSegmentationLib.scene import (
    candidates_of,
    export_scan,
    find_results,
    image_from_volume,
    jump_to,
    lesion_rows,
    list_of,
    load_results,
    middle_of_views,
    remove_results,
)
from CMBSegmentationLib.scene.names import LIST_ATTRIBUTE

RESULT_CLASSES = (
    "vtkMRMLSegmentationNode",
    "vtkMRMLTableNode",
    "vtkMRMLMarkupsFiducialNode",
    "vtkMRMLScalarVolumeNode",
    "vtkMRMLLabelMapVolumeNode",
)


def node_counts(scene):
    return {name: scene.GetNumberOfNodesByClass(name) for name in (*RESULT_CLASSES, "vtkMRMLDisplayNode")}


@pytest.fixture
def nothing_found(a_scan, tmp_path):
    """Results of a detection whose threshold no candidate reaches."""
    return write_detection(export_scan(a_scan, tmp_path).path, tmp_path / "nothing", threshold=0.99)


def accepted_at(nodes, threshold):
    return sum(one.lesion.status == "kept" for one in candidates_of(nodes).at(threshold))


def segment_centroid_ras(segmentation_node, name):
    """Centre of mass of a segment's own voxels, by the geometry that the segmentation stores."""
    labelmap = slicer.vtkOrientedImageData()
    segment_id = segmentation_node.GetSegmentation().GetSegmentIdBySegmentName(name)
    assert segmentation_node.GetBinaryLabelmapRepresentation(segment_id, labelmap)
    first = labelmap.GetExtent()[::2]
    shape = labelmap.GetDimensions()[::-1]
    voxels = vtk.util.numpy_support.vtk_to_numpy(labelmap.GetPointData().GetScalars()).reshape(shape)
    index = np.argwhere(voxels)[:, ::-1].mean(axis=0) + first
    matrix = vtk.vtkMatrix4x4()
    labelmap.GetImageToWorldMatrix(matrix)
    return (slicer.util.arrayFromVTKMatrix(matrix) @ [*index, 1])[:3]


def point_positions(points_node):
    return {
        points_node.GetNthControlPointLabel(n): np.array(points_node.GetNthControlPointPositionWorld(n))
        for n in range(points_node.GetNumberOfControlPoints())
    }


def value_at(volume_node, position_ras):
    """Voxel value at a position; Slicer reads a left-handed volume back with one axis flipped."""
    matrix = vtk.vtkMatrix4x4()
    volume_node.GetRASToIJKMatrix(matrix)
    i, j, k = np.rint(slicer.util.arrayFromVTKMatrix(matrix) @ [*position_ras, 1]).astype(int)[:3]
    return slicer.util.arrayFromVolume(volume_node)[k, j, i]


# into the scene


def test_each_accepted_lesion_is_a_segment_a_row_and_a_point(a_scan, a_result_folder):
    nodes = load_results(a_result_folder, a_scan)
    assert segment_names(nodes.segmentation) == ["CMB 1", "CMB 2", "CMB 3"]
    assert sorted(point_positions(nodes.points)) == ["CMB 1", "CMB 2", "CMB 3"]
    statuses = [row["status"] for row in lesion_rows(nodes.table)]
    assert statuses == ["kept"] * 3 + ["dropped"]


def test_on_an_oblique_anisotropic_scan_segment_point_and_row_lie_on_the_lesion(a_scan, a_result_folder):
    nodes = load_results(a_result_folder, a_scan)
    points = point_positions(nodes.points)
    by_probability = sorted(LESION_PEAKS, key=LESION_PEAKS.get, reverse=True)
    for row, (k, j, i) in zip(lesion_rows(nodes.table)[:3], by_probability, strict=False):
        name = f"CMB {row['id']}"
        true = (oblique_ijk_to_ras() @ [i, j, k, 1])[:3]
        assert points[name] == pytest.approx(true, abs=0.02)
        assert (row["r_mm"], row["a_mm"], row["s_mm"]) == pytest.approx(true, abs=0.02)
        assert segment_centroid_ras(nodes.segmentation, name) == pytest.approx(true, abs=0.02)


def test_the_segments_have_the_scans_grid(a_scan, a_result_folder):
    nodes = load_results(a_result_folder, a_scan)
    role = nodes.segmentation.GetReferenceImageGeometryReferenceRole()
    assert nodes.segmentation.GetNodeReference(role) is a_scan
    labelmap = slicer.vtkOrientedImageData()
    nodes.segmentation.GetBinaryLabelmapRepresentation("CMB_1", labelmap)
    matrix = vtk.vtkMatrix4x4()
    labelmap.GetImageToWorldMatrix(matrix)
    assert slicer.util.arrayFromVTKMatrix(matrix) == pytest.approx(oblique_ijk_to_ras(), abs=1e-9)


def test_lesions_share_one_layer_and_each_segment_holds_its_own_voxels(a_scan, a_result_folder):
    nodes = load_results(a_result_folder, a_scan)
    assert nodes.segmentation.GetSegmentation().GetNumberOfLayers() == 1
    labelmap = slicer.vtkOrientedImageData()
    nodes.segmentation.GetBinaryLabelmapRepresentation("CMB_2", labelmap)
    voxels = vtk.util.numpy_support.vtk_to_numpy(labelmap.GetPointData().GetScalars())
    assert np.count_nonzero(voxels) == np.count_nonzero(probability_blobs() == np.float32(0.85))


def test_the_table_has_the_lesion_columns_with_their_types(a_scan, a_result_folder):
    table = load_results(a_result_folder, a_scan).table.GetTable()
    columns = [table.GetColumn(n) for n in range(table.GetNumberOfColumns())]
    assert tuple(column.GetName() for column in columns) == COLUMNS
    types = {column.GetName(): column.GetDataType() for column in columns}
    assert types["id"] == vtk.VTK_INT
    assert {types[name] for name in ("r_mm", "volume_mm3", "probability", "detector")} == {vtk.VTK_DOUBLE}
    assert {types[name] for name in ("status", "region", "dropped_because")} == {vtk.VTK_STRING}


def test_the_table_says_what_the_list_on_disk_says(a_scan, a_result_folder):
    on_disk = json.loads(next(a_result_folder.glob("*_lesions.json")).read_text(encoding="utf-8"))["lesions"]
    for row in on_disk:
        del row["reason"], row["place_by_reader"]  # for code; the words of the first are in the table
    assert lesion_rows(load_results(a_result_folder, a_scan).table) == on_disk


def test_points_and_table_cannot_be_changed_by_accident(a_scan, a_result_folder):
    nodes = load_results(a_result_folder, a_scan)
    assert nodes.points.GetLocked()
    assert nodes.table.GetLocked()


def test_the_probability_lies_on_the_scan(a_scan, a_result_folder):
    probability = load_results(a_result_folder, a_scan).probability
    assert np.array_equal(slicer.util.arrayFromVolume(probability), probability_blobs())
    matrix = vtk.vtkMatrix4x4()
    probability.GetIJKToRASMatrix(matrix)
    assert slicer.util.arrayFromVTKMatrix(matrix) == pytest.approx(oblique_ijk_to_ras(), abs=1e-9)


def test_without_a_stored_probability_the_lesions_still_load(a_scan, a_result_folder):
    for name in ("probseg", "brain_mask"):
        next(a_result_folder.glob(f"*{name}.nii.gz")).unlink()
    nodes = load_results(a_result_folder, a_scan)
    assert nodes.probability is None
    assert nodes.brain is None
    assert len(segment_names(nodes.segmentation)) == 3
    with pytest.raises(InputError, match="no stored probability"):
        candidates_of(nodes)


def test_a_scan_without_lesions_gets_an_empty_segmentation_and_an_explained_table(a_scan, nothing_found):
    nodes = load_results(nothing_found, a_scan)
    assert segment_names(nodes.segmentation) == []
    assert point_positions(nodes.points) == {}
    reasons = [row["dropped_because"] for row in lesion_rows(nodes.table)]
    assert len(reasons) == len(LESION_PEAKS)
    assert all("below the threshold 0.99" in reason for reason in reasons)


def test_results_of_a_scan_under_a_transform_lie_where_the_scan_is_shown(a_scene, a_scan, tmp_path):
    a_scan.SetAndObserveTransformNodeID(turned(a_scene).GetID())
    folder = write_detection(export_scan(a_scan, tmp_path).path, tmp_path / "results")
    nodes = load_results(folder, a_scan)
    to_world = vtk.vtkMatrix4x4()
    a_scan.GetParentTransformNode().GetMatrixTransformToWorld(to_world)
    k, j, i = max(LESION_PEAKS, key=LESION_PEAKS.get)
    true = slicer.util.arrayFromVTKMatrix(to_world) @ oblique_ijk_to_ras() @ [i, j, k, 1]
    assert point_positions(nodes.points)["CMB 1"] == pytest.approx(true[:3], abs=0.02)
    assert segment_centroid_ras(nodes.segmentation, "CMB 1") == pytest.approx(true[:3], abs=0.02)
    assert accepted_at(nodes, 0.2) == 4


# refusals leave the scene alone


def test_a_scan_that_was_moved_meanwhile_is_refused(a_scene, a_scan, a_result_folder):
    before = node_counts(a_scene)
    a_scan.SetAndObserveTransformNodeID(turned(a_scene).GetID())
    with pytest.raises(InputError, match="moved or resampled"):
        load_results(a_result_folder, a_scan)
    assert node_counts(a_scene) == before


@pytest.mark.parametrize("ending", ["lesions.json", "dseg.nii.gz"])
def test_a_missing_file_is_named_or_told(a_scene, a_scan, a_result_folder, ending):
    before = node_counts(a_scene)
    next(a_result_folder.glob(f"*{ending}")).unlink()
    with pytest.raises(InputError, match=r"dseg\.nii\.gz is missing|no result list"):
        load_results(a_result_folder, a_scan)
    assert node_counts(a_scene) == before


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema_version": 1, "lesions": [{}], "provenance": {}}'])
def test_a_damaged_list_is_told(a_scan, a_result_folder, text):
    next(a_result_folder.glob("*_lesions.json")).write_text(text)
    with pytest.raises(InputError, match="is damaged"):
        load_results(a_result_folder, a_scan)


def test_a_list_of_another_version_is_told(a_scan, a_result_folder):
    file = next(a_result_folder.glob("*_lesions.json"))
    file.write_text(json.dumps({**json.loads(file.read_text(encoding="utf-8")), "schema_version": 4}))
    with pytest.raises(InputError, match="schema version 4"):
        load_results(a_result_folder, a_scan)


# found again


def test_results_are_found_from_the_scan_and_only_from_this_scan(a_scene, a_scan, a_result_folder):
    other = slicer.util.addVolumeFromArray(scan_voxels(), name="another")
    nodes = load_results(a_result_folder, a_scan)
    assert find_results(a_scan) == nodes
    assert find_results(other) is None
    assert find_results(None) is None


def test_a_saved_scene_reopens_with_everything_to_be_found_from_the_scan(a_scene, a_scan, a_result_folder, reopened):
    nodes = load_results(a_result_folder, a_scan)
    rows, stored, points = lesion_rows(nodes.table), to_json(list_of(nodes)), point_positions(nodes.points)
    centroid = segment_centroid_ras(nodes.segmentation, "CMB 2")

    opened = reopened(a_scene)
    scan = opened.GetFirstNodeByName(SCAN_NAME)
    again = find_results(scan)

    assert again is not None
    assert lesion_rows(again.table) == rows
    assert to_json(list_of(again)) == stored
    assert segment_names(again.segmentation) == ["CMB 1", "CMB 2", "CMB 3"]
    assert segment_centroid_ras(again.segmentation, "CMB 2") == pytest.approx(centroid, abs=1e-3)
    assert point_positions(again.points) == {name: pytest.approx(at, abs=1e-3) for name, at in points.items()}
    assert again.points.GetLocked()
    for (k, j, i), peak in LESION_PEAKS.items():
        assert value_at(again.probability, (oblique_ijk_to_ras() @ [i, j, k, 1])[:3]) == pytest.approx(peak)


def test_a_scene_without_lesions_is_saved_and_reopened(a_scene, a_scan, nothing_found, reopened):
    load_results(nothing_found, a_scan)
    scan = reopened(a_scene).GetFirstNodeByName(SCAN_NAME)
    nodes = find_results(scan)
    assert segment_names(nodes.segmentation) == []
    assert len(lesion_rows(nodes.table)) == len(LESION_PEAKS)
    assert accepted_at(nodes, 0.5) == 3


@pytest.mark.parametrize("text", ["{", "[]", '{"schema_version": 3}', '{"schema_version": "3", "lesions": 4}'])
def test_a_scene_whose_list_is_damaged_says_so(a_scan, a_result_folder, text):
    nodes = load_results(a_result_folder, a_scan)
    nodes.table.SetAttribute(LIST_ATTRIBUTE, text)
    with pytest.raises(InputError, match="is damaged"):
        candidates_of(nodes)


def test_a_reopened_scene_takes_another_threshold(a_scene, a_scan, a_result_folder, reopened):
    load_results(a_result_folder, a_scan)
    scan = reopened(a_scene).GetFirstNodeByName(SCAN_NAME)
    assert accepted_at(find_results(scan), 0.2) == 4


def test_results_are_gone_once_the_scan_is(a_scene, a_scan, a_result_folder):
    load_results(a_result_folder, a_scan)
    a_scene.RemoveNode(a_scan)
    assert find_results(a_scan) is None
    assert find_results(slicer.util.addVolumeFromArray(scan_voxels(), name="new")) is None


# replaced, re-listed, removed


def test_a_second_detection_replaces_the_first_in_the_same_nodes(a_scene, a_scan, a_result_folder, tmp_path):
    first = load_results(a_result_folder, a_scan)
    before = node_counts(a_scene)
    folder = write_detection(export_scan(a_scan, tmp_path).path, tmp_path / "second", threshold=0.8)
    second = load_results(folder, a_scan)
    assert second == first
    assert node_counts(a_scene) == before
    assert segment_names(second.segmentation) == ["CMB 1", "CMB 2"]
    assert sorted(point_positions(second.points)) == ["CMB 1", "CMB 2"]
    assert list_of(second).rules.threshold == 0.8


def test_a_detection_without_probability_takes_the_old_one_away(a_scene, a_scan, a_result_folder):
    load_results(a_result_folder, a_scan)
    next(a_result_folder.glob("*probseg.nii.gz")).unlink()
    before = node_counts(a_scene)
    assert load_results(a_result_folder, a_scan).probability is None
    after = node_counts(a_scene)
    assert before["vtkMRMLScalarVolumeNode"] - after["vtkMRMLScalarVolumeNode"] == 1


@pytest.mark.parametrize(("threshold", "count"), [(0.2, 4), (0.5, 3), (0.8, 2), (0.9, 1)])
def test_another_threshold_lists_the_lesions_anew(a_scan, a_result_folder, threshold, count):
    nodes = load_results(a_result_folder, a_scan)
    assert accepted_at(nodes, threshold) == count
    assert len(candidates_of(nodes).at(threshold)) == 4


def test_a_scan_that_got_other_voxels_since_cannot_be_relisted(a_scan, a_result_folder):
    load_results(a_result_folder, a_scan)
    slicer.util.updateVolumeFromArray(a_scan, scan_voxels()[:15])
    with pytest.raises(InputError, match="moved or resampled"):
        candidates_of(find_results(a_scan))


def test_a_scan_that_was_moved_since_cannot_be_relisted(a_scene, a_scan, a_result_folder):
    load_results(a_result_folder, a_scan)
    a_scan.SetAndObserveTransformNodeID(turned(a_scene).GetID())
    with pytest.raises(InputError, match="moved or resampled"):
        candidates_of(find_results(a_scan))


def test_removed_results_leave_the_scan_and_nothing_else(a_scene, a_scan, a_result_folder):
    before = node_counts(a_scene)
    load_results(a_result_folder, a_scan)
    remove_results(a_scan)
    assert find_results(a_scan) is None
    assert node_counts(a_scene) == before


def test_a_result_is_no_scan_to_search(a_scan, a_result_folder):
    nodes = load_results(a_result_folder, a_scan)
    with pytest.raises(InputError, match="result of a detection"):
        image_from_volume(nodes.probability)


def test_the_views_jump_to_a_lesion(a_scene, a_scan, a_result_folder):
    slice_node = slicer.vtkMRMLSliceNode()
    slice_node.SetLayoutName("Red")
    a_scene.AddNode(slice_node)
    row = lesion_rows(load_results(a_result_folder, a_scan).table)[0]
    position = (row["r_mm"], row["a_mm"], row["s_mm"])
    jump_to(a_scene, position)
    centre = [slice_node.GetSliceToRAS().GetElement(axis, 3) for axis in range(3)]
    assert centre == pytest.approx(position)


def test_oblique_slices_cross_where_they_are_seen_to(a_scene):
    assert middle_of_views(a_scene) is None
    turn = np.radians(20.0)
    across = {  # normals of three slices at right angles, turned about the A axis
        "Red": (np.sin(turn), 0.0, np.cos(turn)), "Yellow": (np.cos(turn), 0.0, -np.sin(turn)), "Green": (0.0, 1.0, 0.0)
    }  # fmt: skip
    crossing = np.array([12.0, -7.0, 40.0])
    for number, (name, normal) in enumerate(across.items()):
        view = slicer.vtkMRMLSliceNode()
        view.SetLayoutName(name)
        a_scene.AddNode(view)
        within = list(across.values())[number - 1]  # any point of the plane will do
        to_ras = np.eye(4)
        to_ras[:3, 2], to_ras[:3, 3] = normal, crossing + 30.0 * np.array(within)
        view.GetSliceToRAS().DeepCopy(slicer.util.vtkMatrixFromArray(to_ras))
    assert middle_of_views(a_scene) == pytest.approx(crossing)


def test_a_result_folder_of_two_scans_is_refused(a_scan, a_result_folder):
    list_file = next(Path(a_result_folder).glob("*_lesions.json"))
    (a_result_folder / "other_desc-cmb_lesions.json").write_bytes(list_file.read_bytes())
    a_scan.SetName("neither")
    with pytest.raises(InputError, match="2 scans"):
        load_results(a_result_folder, a_scan)


def test_of_many_results_in_a_folder_the_scans_own_are_loaded(a_scan, a_result_folder):
    (own,) = a_result_folder.glob("*_lesions.json")
    stem = own.name.removesuffix("_desc-cmb_lesions.json")
    wanted = len(lesion_rows(load_results(a_result_folder, a_scan).table))
    for path in list(a_result_folder.iterdir()):
        shutil.copy(path, path.with_name(path.name.replace(stem, "sub-09_swi")))
    other = a_result_folder / "sub-09_swi_desc-cmb_lesions.json"
    other.write_text(json.dumps({**json.loads(other.read_text()), "lesions": []}))
    a_scan.SetName("neither")
    with pytest.raises(InputError, match="results of 2 scans"):
        load_results(a_result_folder, a_scan)
    a_scan.SetName(stem.replace("_", " "))  # as the node of the scene is called, and its files are not
    assert len(lesion_rows(load_results(a_result_folder, a_scan).table)) == wanted > 0


def test_each_segment_says_what_it_shows_in_slicers_words(a_scan, a_result_folder):
    from CMBSegmentationLib.vocabulary.looks import TERMINOLOGY

    segmentation = load_results(a_result_folder, a_scan).segmentation.GetSegmentation()
    assert segmentation.GetNumberOfSegments() > 0
    for number in range(segmentation.GetNumberOfSegments()):
        value = vtk.reference("")
        assert segmentation.GetNthSegment(number).GetTag("TerminologyEntry", value)
        assert str(value) == TERMINOLOGY
