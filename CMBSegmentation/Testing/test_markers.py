"""Markers in the 3D views: they follow the verdicts, and the chosen lesion's is told apart."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from oblique_scan import LESION_PEAKS

from CMBSegmentationLib.scene import load_results, remove_results
from CMBSegmentationLib.scene.names import CHOSEN, MARKERS, RESULT_ATTRIBUTE
from CMBSegmentationLib.session import ReviewSession
from CMBSegmentationLib.vocabulary.looks import REVIEW_COLOURS


@pytest.fixture
def a_session(a_scene, a_scan, a_result_folder, tmp_path):
    load_results(a_result_folder, a_scan)
    session = ReviewSession(a_scene)
    session.reading.set(reader="SI", folder=str(tmp_path), advance=False)
    session.detection.set_parameters(scan_node_id=a_scan.GetID())
    yield session
    session.close()


def nodes(scene):
    """The markers' nodes by kind."""
    all_points = [
        scene.GetNthNodeByClass(n, "vtkMRMLMarkupsFiducialNode")
        for n in range(scene.GetNumberOfNodesByClass("vtkMRMLMarkupsFiducialNode"))
    ]
    kinds = {node.GetAttribute(RESULT_ATTRIBUTE) or "": node for node in all_points}
    return {kind.removeprefix(MARKERS): node for kind, node in kinds.items() if kind.startswith(MARKERS)}


def labels(scene):
    """What is marked, by kind."""
    found = {
        kind: [node.GetNthControlPointLabel(n) for n in range(node.GetNumberOfControlPoints())]
        for kind, node in nodes(scene).items()
    }
    return {kind: names for kind, names in found.items() if names}


def test_markers_have_the_colour_of_the_verdict(a_scene, a_session):
    a_session.navigation.select(None)
    assert labels(a_scene) == {"unreviewed": ["CMB 1", "CMB 2", "CMB 3"]}
    a_session.deciding.decide("accepted", lesion_id=1)
    a_session.deciding.decide("rejected", "vessel", lesion_id=2)
    assert labels(a_scene) == {"accepted": ["CMB 1"], "rejected": ["CMB 2"], "unreviewed": ["CMB 3"]}
    for state in labels(a_scene):
        colour = nodes(a_scene)[state].GetDisplayNode().GetSelectedColor()
        assert colour == pytest.approx(REVIEW_COLOURS[state])
    a_session.deciding.undo()
    assert labels(a_scene) == {"accepted": ["CMB 1"], CHOSEN: ["CMB 2"], "unreviewed": ["CMB 3"]}


def test_the_chosen_one_is_larger_and_keeps_its_colour(a_scene, a_session):
    a_session.deciding.decide("uncertain", lesion_id=2)
    a_session.navigation.select(2)
    assert labels(a_scene) == {CHOSEN: ["CMB 2"], "unreviewed": ["CMB 1", "CMB 3"]}
    chosen, others = (nodes(a_scene)[kind].GetDisplayNode() for kind in (CHOSEN, "unreviewed"))
    assert chosen.GetSelectedColor() == pytest.approx(REVIEW_COLOURS["uncertain"])
    assert chosen.GetGlyphScale() > 1.5 * others.GetGlyphScale()
    assert chosen.GetTextScale() > others.GetTextScale()
    a_session.deciding.decide("accepted")
    assert chosen.GetSelectedColor() == pytest.approx(REVIEW_COLOURS["accepted"])
    a_session.navigation.select(3)
    assert labels(a_scene) == {CHOSEN: ["CMB 3"], "accepted": ["CMB 2"], "unreviewed": ["CMB 1"]}


def test_what_is_added_or_joined_is_the_chosen_one(a_scene, a_session):
    a_session.navigation.select(3)
    added = a_session.editing.add_voxels(np.array([(3, 5, 5), (3, 5, 6)]))
    assert labels(a_scene)[CHOSEN] == [f"CMB {added.id}"]
    parts = a_session.editing.split(1)
    a_session.navigation.select(3)
    a_session.editing.merge([one.id for one in parts])
    assert labels(a_scene)[CHOSEN] == ["CMB 1"]
    a_session.editing.delete(added.id)
    a_session.navigation.select(None)
    a_session.deciding.undo()
    assert labels(a_scene)[CHOSEN] == [f"CMB {added.id}"]


def test_labels_stay_behind_the_brain_and_nothing_covers_a_lesion_in_the_slices(a_scene, a_session):
    a_session.listing.set_threshold(0.2)
    assert len(LESION_PEAKS) == sum(len(names) for names in labels(a_scene).values())
    for node in nodes(a_scene).values():
        display = node.GetDisplayNode()
        assert display.GetOccludedVisibility()
        assert display.GetOccludedOpacity() == 1.0
        assert not display.GetVisibility2D()
        assert display.GetVisibility3D()
    assert not a_session.detection.results.points.GetDisplayNode().GetVisibility3D()  # else each would have two


def test_markers_are_in_no_list_of_nodes_nor_saved_and_go_with_the_results(a_scene, a_session, a_scan, reopened):
    assert all(node.GetHideFromEditors() and not node.GetSaveWithScene() for node in nodes(a_scene).values())
    a_session.close()
    again = reopened(a_scene)
    assert nodes(again) == {}
    session = ReviewSession(again)
    (scan,) = [n for n in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") if n.GetName() == "sub-01 swi"]
    session.detection.set_parameters(scan_node_id=scan.GetID())
    assert len(labels(again)["unreviewed"]) == 3
    session.close()
    remove_results(scan)
    assert nodes(again) == {}
