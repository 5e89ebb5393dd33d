"""Which segmentation shows the lesions, and that what a reader has made in one is never lost."""

from __future__ import annotations

import pytest
import slicer
import slicer.util
from oblique_scan import oblique_ijk_to_ras, scan_voxels
from scenes import segment_names

from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.scene import OWN_NEW, check_output, find_results, load_results, readers_segments, remove_results
from CMBSegmentationLib.scene.segment_voxels import add_segment
from CMBSegmentationLib.session import ReviewSession

LESIONS = ["CMB 1", "CMB 2", "CMB 3"]


@pytest.fixture
def a_readers_own(a_scene):
    node = a_scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "mine")
    add_segment(node, "mine_1", "infarct", (1.0, 0.0, 0.0))
    return node


def test_the_lesions_go_to_the_chosen_segmentation_and_the_former_one_stays(a_scan, a_result_folder, a_readers_own):
    former = load_results(a_result_folder, a_scan).segmentation
    nodes = load_results(a_result_folder, a_scan, a_readers_own.GetID())
    assert nodes.segmentation is a_readers_own
    assert find_results(a_scan).segmentation is a_readers_own
    assert segment_names(a_readers_own) == segment_names(former) == LESIONS
    assert readers_segments(former) == LESIONS  # nothing changes them any longer
    assert readers_segments(a_readers_own) == []


def test_a_new_segmentation_is_made_on_demand(a_scan, a_result_folder):
    former = load_results(a_result_folder, a_scan).segmentation
    again = load_results(a_result_folder, a_scan, OWN_NEW).segmentation
    assert again is not former
    assert load_results(a_result_folder, a_scan).segmentation is again  # unless it is asked for: in place


def test_segments_of_a_reader_beside_the_lesions_stay(a_scene, a_scan, a_result_folder):
    nodes = load_results(a_result_folder, a_scan)
    add_segment(nodes.segmentation, "mine_1", "infarct", (1.0, 0.0, 0.0))
    load_results(a_result_folder, a_scan)
    assert sorted(segment_names(nodes.segmentation)) == [*LESIONS, "infarct"]
    session = ReviewSession(a_scene)
    session.detection.set_parameters(scan_node_id=a_scan.GetID())  # opens the review
    session.deciding.decide("rejected", lesion_id=1)
    assert sorted(segment_names(nodes.segmentation)) == ["CMB 2", "CMB 3", "infarct"]
    session.close()
    remove_results(a_scan)
    assert segment_names(nodes.segmentation) == ["infarct"]
    assert nodes.segmentation.GetScene() is a_scene


def test_a_segmentation_with_another_scans_lesions_is_refused(a_scan, a_result_folder):
    nodes = load_results(a_result_folder, a_scan)
    other = slicer.util.addVolumeFromArray(scan_voxels(), ijkToRAS=oblique_ijk_to_ras(), name="other")
    check_output(nodes.segmentation, a_scan)
    with pytest.raises(InputError, match="shows the microbleeds of sub-01 swi"):
        check_output(nodes.segmentation, other)
