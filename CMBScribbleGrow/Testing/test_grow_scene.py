"""The scene: scribbles come out where they are, masks stay linked to them, points and curve say what was found."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
import slicer.util
import vtk
from painted_scan import SPOTS, add_head, oblique_ijk_to_ras, ras_of
from vtk.util import numpy_support

from CMBScribbleGrowLib.growing.settings import GrowSettings
from CMBScribbleGrowLib.scene import (
    PAINT_SEGMENT,
    Landmark,
    add_to_scribble,
    ensure_nodes,
    ensure_paint_segment,
    find_nodes,
    give_own_boxes,
    grid_of,
    mask_id,
    name_landmark,
    read_landmarks,
    read_lesions,
    remove_nodes,
    scribble_id,
    segment_ids,
    segment_on_scan,
    show_landmarks,
    show_lesion,
    take_from_scribble,
)
from CMBScribbleGrowLib.study.linked_lesion import LinkedLesion
from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.scene.segment_voxels import BINARY, add_segment, set_voxels


@pytest.fixture
def a_head(a_scene):
    return add_head()


@pytest.fixture
def nodes(a_head):
    made = ensure_nodes(a_head)
    ensure_paint_segment(made)
    return made


def voxels(*index):
    return np.array(index, np.intp).reshape(-1, 3)


def a_lesion(number=1, at=SPOTS["A"], **other):
    block = np.argwhere(np.ones((3, 3, 3))) - 1 + at
    settings = GrowSettings(mode="parent", tolerance_percent=12.5, largest_diameter_mm=8, connectivity=18)
    return LinkedLesion(number, voxels(at), block, settings, "parent", 12.5, **other)


def extent(segmentation_node, segment_id):
    return segmentation_node.GetSegmentation().GetSegment(segment_id).GetRepresentation(BINARY).GetExtent()


def centre_ras(segmentation_node, segment_id):
    """Centre of mass of a segment's voxels, by the geometry that the segmentation itself stores."""
    labelmap = slicer.vtkOrientedImageData()
    assert segmentation_node.GetBinaryLabelmapRepresentation(segment_id, labelmap)
    scalars = numpy_support.vtk_to_numpy(labelmap.GetPointData().GetScalars())
    index = np.argwhere(scalars.reshape(labelmap.GetDimensions()[::-1])) + labelmap.GetExtent()[::2][::-1]
    matrix = vtk.vtkMatrix4x4()
    labelmap.GetImageToWorldMatrix(matrix)
    return (slicer.util.arrayFromVTKMatrix(matrix) @ [*index.mean(axis=0)[::-1], 1])[:3]


def turned(scene, degrees=20.0):
    transform = vtk.vtkTransform()
    transform.Translate(5, -3, 8)
    transform.RotateX(degrees)
    node = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "to atlas")
    node.SetMatrixTransformToParent(transform.GetMatrix())
    return node


def painted_on(nodes, matrix, index):
    """Paint on a grid of its own, as in a segmentation that was made on another volume."""
    set_voxels(nodes.scribbles, PAINT_SEGMENT, voxels(*index), matrix)


# nodes


def test_all_nodes_belong_to_the_scan_and_are_made_once(a_scene, a_head, nodes):
    count = a_scene.GetNumberOfNodes()
    assert ensure_nodes(a_head) == nodes
    assert find_nodes(a_head) == nodes
    assert a_scene.GetNumberOfNodes() == count
    assert nodes.complete


def test_another_scan_has_nodes_of_its_own(a_head, nodes):
    other = add_head("another")
    assert find_nodes(other) is None
    assert ensure_nodes(other).scribbles is not nodes.scribbles


def test_removed_nodes_leave_the_scan_and_nothing_else(a_scene):
    scan = add_head()
    before = a_scene.GetNumberOfNodes()
    ensure_nodes(scan)
    remove_nodes(scan)
    assert a_scene.GetNumberOfNodes() == before
    assert find_nodes(scan) is None
    assert find_nodes(None) is None


# from the scene onto the scan


def test_what_is_painted_on_the_scans_grid_comes_out_voxel_by_voxel(a_head, nodes):
    painted = voxels(SPOTS["A"], SPOTS["B"])
    add_to_scribble(nodes, PAINT_SEGMENT, painted, grid_of(a_head))
    on_scan = segment_on_scan(nodes.scribbles, PAINT_SEGMENT, grid_of(a_head))
    assert sorted(map(tuple, on_scan.voxels)) == sorted(map(tuple, painted))
    assert on_scan.notes == ()


def test_axes_that_are_flipped_as_after_saving_are_no_other_grid(a_head, nodes):
    flipped = oblique_ijk_to_ras() @ np.array([[-1, 0, 0, 59], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    painted_on(nodes, flipped, [(12, 30, 59 - 28)])
    on_scan = segment_on_scan(nodes.scribbles, PAINT_SEGMENT, grid_of(a_head))
    assert on_scan.voxels.tolist() == [list(SPOTS["A"])]
    assert on_scan.notes == ()


def test_a_scribble_on_a_coarser_grid_is_resampled_and_the_reader_is_told(a_head, nodes):
    coarse = oblique_ijk_to_ras() @ np.diag([2.0, 2.0, 1.0, 1.0])  # its voxels hold 3 x 3 centres, two of four edges
    painted_on(nodes, coarse, [(12, 15, 14)])
    on_scan = segment_on_scan(nodes.scribbles, PAINT_SEGMENT, grid_of(a_head))
    assert list(SPOTS["A"]) in on_scan.voxels.tolist()
    assert 1 <= len(on_scan.voxels) <= 9
    assert np.ptp(on_scan.voxels, axis=0).max() <= 2
    assert "resampled" in on_scan.notes[0]


def test_a_stroke_finer_than_the_scans_voxels_is_not_lost(a_head, nodes):
    fine = oblique_ijk_to_ras() @ np.diag([0.25, 0.25, 0.25, 1.0])
    painted_on(nodes, fine, [(12 * 4 + 1, 30 * 4 + 1, 28 * 4 + 1)])  # holds no centre of a scan's voxel
    on_scan = segment_on_scan(nodes.scribbles, PAINT_SEGMENT, grid_of(a_head))
    assert on_scan.voxels.tolist() == [list(SPOTS["A"])]


def test_a_scribble_under_a_transform_counts_where_it_is_shown(a_scene, a_head, nodes):
    transform = turned(a_scene)
    to_world = vtk.vtkMatrix4x4()
    transform.GetMatrixTransformToWorld(to_world)
    painted_on(nodes, np.linalg.inv(slicer.util.arrayFromVTKMatrix(to_world)) @ oblique_ijk_to_ras(), [SPOTS["A"]])
    nodes.scribbles.SetAndObserveTransformNodeID(transform.GetID())
    assert segment_on_scan(nodes.scribbles, PAINT_SEGMENT, grid_of(a_head)).voxels.tolist() == [list(SPOTS["A"])]


def test_a_scribble_outside_the_scan_is_refused(a_head, nodes):
    painted_on(nodes, oblique_ijk_to_ras(), [(200, 30, 28)])
    with pytest.raises(InputError, match="outside the scan") as caught:
        segment_on_scan(nodes.scribbles, PAINT_SEGMENT, grid_of(a_head))
    assert caught.value.hint


def test_a_scribble_partly_outside_the_scan_is_cut_and_the_reader_is_told(a_head, nodes):
    painted_on(nodes, oblique_ijk_to_ras(), [SPOTS["A"], (24, 30, 28)])
    on_scan = segment_on_scan(nodes.scribbles, PAINT_SEGMENT, grid_of(a_head))
    assert on_scan.voxels.tolist() == [list(SPOTS["A"])]
    assert "Left out: 1 voxel of" in on_scan.notes[0]


def test_nothing_painted_is_no_voxels(a_head, nodes):
    assert len(segment_on_scan(nodes.scribbles, PAINT_SEGMENT, grid_of(a_head)).voxels) == 0


def test_a_stroke_can_be_taken_back_while_another_stays(a_head, nodes):
    grid = grid_of(a_head)
    add_to_scribble(nodes, PAINT_SEGMENT, voxels(SPOTS["A"], SPOTS["B"]), grid)
    take_from_scribble(nodes, PAINT_SEGMENT, voxels(SPOTS["A"]), grid)
    assert segment_on_scan(nodes.scribbles, PAINT_SEGMENT, grid).voxels.tolist() == [list(SPOTS["B"])]


# lesions


def test_mask_and_scribble_lie_on_the_lesion_of_an_oblique_scan(a_head, nodes):
    show_lesion(nodes, a_lesion(), grid_of(a_head), "SI")
    assert centre_ras(nodes.masks, mask_id(1)) == pytest.approx(ras_of(SPOTS["A"]), abs=1e-6)
    assert centre_ras(nodes.scribbles, scribble_id(1)) == pytest.approx(ras_of(SPOTS["A"]), abs=1e-6)


def test_a_mask_takes_its_own_box_and_not_the_volume(a_head, nodes):
    show_lesion(nodes, a_lesion(), grid_of(a_head), "SI")
    assert extent(nodes.masks, mask_id(1)) == (27, 29, 29, 31, 11, 13)


def test_writing_one_mask_leaves_the_others_alone(a_head, nodes):
    grid = grid_of(a_head)
    show_lesion(nodes, a_lesion(1), grid, "SI")
    show_lesion(nodes, a_lesion(2, SPOTS["B"]), grid, "SI")
    nodes.masks.GetSegmentation().CollapseBinaryLabelmaps(False)  # as Slicer does when it saves
    assert nodes.masks.GetSegmentation().GetNumberOfLayers() == 1
    set_voxels(nodes.masks, mask_id(1), voxels(SPOTS["C"]), grid.ijk_to_ras)
    assert centre_ras(nodes.masks, mask_id(1)) == pytest.approx(ras_of(SPOTS["C"]), abs=1e-6)
    assert centre_ras(nodes.masks, mask_id(2)) == pytest.approx(ras_of(SPOTS["B"]), abs=1e-6)
    assert len(segment_on_scan(nodes.masks, mask_id(2), grid).voxels) == 27


def test_masks_that_share_a_layer_as_after_saving_get_boxes_of_their_own(a_head, nodes):
    for number, name in enumerate("ABC", 1):
        show_lesion(nodes, a_lesion(number, SPOTS[name]), grid_of(a_head), "SI")
    nodes.masks.GetSegmentation().CollapseBinaryLabelmaps(False)
    give_own_boxes(nodes.masks)
    assert nodes.masks.GetSegmentation().GetNumberOfLayers() == 3
    assert extent(nodes.masks, mask_id(1)) == (27, 29, 29, 31, 11, 13)
    for number, name in enumerate("ABC", 1):
        assert centre_ras(nodes.masks, mask_id(number)) == pytest.approx(ras_of(SPOTS[name]), abs=1e-6)
        assert len(segment_on_scan(nodes.masks, mask_id(number), grid_of(a_head)).voxels) == 27


def test_how_a_mask_was_grown_is_read_back_from_its_tags(a_head, nodes):
    show_lesion(nodes, a_lesion(3, accepted=True), grid_of(a_head), "SI")
    (lesion,) = read_lesions(nodes, grid_of(a_head))
    assert (lesion.id, lesion.mode, lesion.tolerance_percent) == (3, "parent", 12.5)
    assert lesion.settings == a_lesion().settings
    assert lesion.accepted
    assert not lesion.grouped
    assert np.array_equal(lesion.mask, a_lesion().mask)
    assert np.array_equal(lesion.scribble, a_lesion().scribble)


def test_a_mode_without_tolerance_is_read_back_too(a_head, nodes):
    settings = GrowSettings(mode="random-walker")
    lesion = LinkedLesion(1, voxels(SPOTS["A"]), a_lesion().mask, settings, "random-walker", None, grouped=True)
    show_lesion(nodes, lesion, grid_of(a_head), "SI")
    (again,) = read_lesions(nodes, grid_of(a_head))
    assert again.tolerance_percent is None
    assert again.settings == settings
    assert again.grouped


@pytest.mark.parametrize(("tag", "value"), [("CMB.Id", "x"), ("CMB.AskedMode", "guess"), ("CMB.Connectivity", "7")])
def test_a_segment_with_damaged_tags_is_a_segment_like_any_other(a_head, nodes, tag, value):
    show_lesion(nodes, a_lesion(), grid_of(a_head), "SI")
    nodes.masks.GetSegmentation().GetSegment(mask_id(1)).SetTag(tag, value)
    add_segment(nodes.masks, "drawn", "drawn by hand", (1, 1, 1))
    assert read_lesions(nodes, grid_of(a_head)) == ()
    assert segment_ids(nodes.masks) == [mask_id(1), "drawn"]


def test_lesions_are_read_back_from_a_saved_scene(a_scene, a_head, nodes, reopened):
    for number, name in enumerate("ABC", 1):
        show_lesion(nodes, a_lesion(number, SPOTS[name]), grid_of(a_head), "SI")
    scan = reopened(a_scene).GetFirstNodeByName("sub-01 swi")
    again = find_nodes(scan)
    lesions = read_lesions(again, grid_of(scan))
    assert [lesion.id for lesion in lesions] == [1, 2, 3]
    assert [lesion.settings for lesion in lesions] == [a_lesion().settings] * 3
    for number, name in enumerate("ABC", 1):
        assert centre_ras(again.masks, mask_id(number)) == pytest.approx(ras_of(SPOTS[name]), abs=1e-3)


# landmarks


def test_points_lie_where_their_records_say(a_head, nodes):
    show_landmarks(nodes.mimics, [Landmark(1, (1, 2, 3), "Mimic 1", "vessel")], a_head.GetID())
    (point,) = read_landmarks(nodes.mimics)
    assert point.id == 1
    assert point.ras_mm == pytest.approx((1, 2, 3))
    assert (point.label, point.text) == ("Mimic 1", "vessel")
    assert nodes.mimics.GetNthControlPointAssociatedNodeID(0) == a_head.GetID()


def test_a_point_that_the_reader_placed_has_no_record_until_it_is_named(a_head, nodes):
    show_landmarks(nodes.mimics, [Landmark(4, (1, 2, 3))], a_head.GetID())
    nodes.mimics.AddControlPointWorld(vtk.vtkVector3d(7, 8, 9))
    known, new = read_landmarks(nodes.mimics)
    assert (known.id, new.id) == (4, None)
    name_landmark(nodes.mimics, new, 5)
    assert [point.id for point in read_landmarks(nodes.mimics)] == [4, 5]


def test_points_follow_their_records(a_head, nodes):
    show_landmarks(nodes.findings, [Landmark(1, (1, 2, 3)), Landmark(2, (4, 5, 6))], a_head.GetID())
    show_landmarks(nodes.findings, [Landmark(2, (4, 5, 7)), Landmark(3, (0, 0, 0))], a_head.GetID())
    assert {point.id: point.ras_mm[2] for point in read_landmarks(nodes.findings)} == {2: 7, 3: 0}


def test_points_of_a_saved_scene_know_their_records(a_scene, a_head, nodes, reopened):
    show_landmarks(nodes.mimics, [Landmark(2, (1, 2, 3), "Mimic 2"), Landmark(7, (4, 5, 6))], a_head.GetID())
    scan = reopened(a_scene).GetFirstNodeByName("sub-01 swi")
    assert [point.id for point in read_landmarks(find_nodes(scan).mimics)] == [2, 7]
