"""An annotation as a user interface sees it: Slicer's own tools, and what the reader says."""

from __future__ import annotations

import numpy as np
import pytest
import vtk
from grow_sessions import a_clock, a_head, a_session, folder, grown, mask_in_scene, opened, saved
from painted_scan import SPOTS, paint, ras_of
from refusals import refused

from CMBScribbleGrowLib.scene import (
    mask_id,
    set_voxels,
)
from CMBScribbleGrowLib.study.state import State
from CMBSegmentationLib.errors import InputError

__all__ = ["a_clock", "a_head", "a_session", "folder", "grown", "opened"]


# Slicer's own tools


def test_a_mask_corrected_by_hand_is_measured_anew(grown):
    record = grown.annotation.microbleeds[0]
    more = np.concatenate([mask_in_scene(grown, 1), [np.add(SPOTS["A"], (0, 0, 9))]])
    set_voxels(grown.study.nodes.masks, mask_id(1), more, grown.study.grid.ijk_to_ras)
    grown.poll()
    assert grown.annotation.microbleeds[0].diameter_mm > record.diameter_mm
    assert len(grown.lesions[0].mask) == len(more)
    grown.undo()
    assert len(mask_in_scene(grown, 1)) == len(more) - 1


def test_a_mask_deleted_by_hand_takes_its_record_along_and_both_come_back(grown):
    grown.study.nodes.masks.GetSegmentation().RemoveSegment(mask_id(1))
    grown.poll()
    assert grown.annotation.microbleeds == ()
    grown.undo()
    assert len(grown.annotation.microbleeds) == 1
    assert len(mask_in_scene(grown, 1)) == len(grown.lesions[0].mask)


def test_nodes_deleted_by_hand_are_made_anew_with_what_they_held(a_scene, grown):
    grown.answering.add_mimic((1, 2, 3), type="vessel")
    for node in (grown.study.nodes.masks, grown.study.nodes.mimics):
        a_scene.RemoveNode(node)
    grown.poll()
    assert len(mask_in_scene(grown, 1)) == len(grown.lesions[0].mask)
    assert grown.study.nodes.mimics.GetNumberOfControlPoints() == 1
    assert len(grown.annotation.microbleeds) == 1


def test_a_point_placed_with_the_mouse_is_a_mimic_and_can_be_moved_and_deleted(opened):
    points = opened.study.nodes.mimics
    points.AddControlPointWorld(vtk.vtkVector3d(*ras_of(SPOTS["C"])))
    opened.poll()
    (mimic,) = opened.annotation.mimics
    assert (mimic.r_mm, mimic.a_mm, mimic.s_mm) == pytest.approx(ras_of(SPOTS["C"]), abs=1e-3)
    opened.answering.answer(mimic, type="cavernoma")
    assert points.GetNthControlPointDescription(0) == "cavernoma"
    points.SetNthControlPointPositionWorld(0, 1.0, 2.0, 3.0)
    opened.poll()
    assert opened.annotation.mimics[0].r_mm == 1.0
    assert opened.annotation.mimics[0].type == "cavernoma"
    points.RemoveNthControlPoint(0)
    opened.poll()
    assert opened.annotation.mimics == ()
    opened.undo()
    assert opened.annotation.mimics[0].type == "cavernoma"
    assert points.GetNumberOfControlPoints() == 1


# what the reader says


def test_mimics_and_findings_are_points_with_their_type(opened):
    opened.answering.add_mimic((1, 2, 3), type="basal-ganglia calcification", side="right")
    opened.answering.add_finding((4, 5, 6), text="lacune")
    nodes = opened.study.nodes
    assert nodes.mimics.GetNthControlPointDescription(0) == "basal-ganglia calcification"
    assert nodes.findings.GetNthControlPointDescription(0) == "lacune"
    assert nodes.findings.GetNthControlPointPositionWorld(0) == pytest.approx((4, 5, 6))


def test_an_answer_that_is_no_longer_asked_for_is_emptied(opened):
    mimic = opened.answering.add_mimic((1, 2, 3), type="basal-ganglia calcification", side="right")
    assert opened.answering.answer(mimic, type="vessel").side == ""


def test_a_wrong_answer_is_said_and_changes_nothing(grown):
    record = grown.annotation.microbleeds[0]
    with refused("location"):
        grown.answering.answer(record, location="spleen")
    with refused("id"):
        grown.answering.answer(record, id=7)
    assert grown.annotation.microbleeds == (record,)


def test_study_and_series_are_assessed(opened):
    opened.answering.assess(included=False, why_not="no SWI", quality="insufficient T2*/SWI")
    opened.answering.rate_series("SWI", flags=("blurry", "metal"))
    said = opened.annotation
    assert (said.assessment.why_not, said.series[0].flags) == ("no SWI", ("blurry", "metal"))
    opened.answering.assess(included=True)
    assert opened.annotation.assessment.why_not == ""


def test_marking_as_done_saves_and_tells_what_is_missing(grown, folder):
    grown.answering.mark_done()
    assert saved(grown, folder).done
    notes = " ".join(grown.status.notes)
    assert "CMB 1: not accepted" in notes
    assert "no location" in notes
    assert "included" in notes


def test_marking_as_done_names_what_is_painted_and_not_grown(grown, a_head):
    paint(a_head, "B", "C")
    grown.answering.mark_done()
    assert grown.status.notes[:2] == ("2 strokes painted, not grown", "CMB 1: not accepted")
    assert grown.answering.left_open == list(grown.status.notes)
    grown.growing.grow()
    assert "not grown" not in " ".join(grown.answering.left_open)


def test_opening_tells_what_is_accepted_apart_from_what_is_not(grown, a_head, folder):
    paint(a_head, "B")
    grown.growing.grow()
    grown.growing.accept(1)
    grown.opening.close_study()
    grown.opening.open(a_head, reader="SI", folder=str(folder))
    assert grown.status.message == "sub-01 swi: 1 microbleed accepted by SI, 1 not accepted."


def test_an_answer_clears_what_was_told_before_and_tells_it_not_again(grown):
    told = []
    grown.status_changed.connect(told.append)
    (record,) = grown.annotation.microbleeds
    grown.refuse("The moon is no place.")
    for answer in ({"location": "thalamus"}, {"location": "thalamus"}):  # said again, too
        grown.answering.answer(record, **answer)
        assert told.pop().message == ""
    grown.answering.assess(included=True)
    assert told.pop().message == ""


def test_a_stroke_ends_a_refusal_and_leaves_what_was_done_told(grown, a_head):
    paint(a_head, "B")
    grown.poll()
    assert grown.status.message == "CMB 1 grown."
    grown.refuse("The moon is no place.")
    paint(a_head, "C")
    grown.poll()
    assert (grown.status.state, grown.status.message) == (State.READY, "")


@pytest.mark.parametrize(
    ("scan", "reader", "hint"),
    [
        (False, "", "Choose a scan and name the reader."),
        (False, "SI", "Choose a scan."),
        (True, "", "Type the reader's name or initials."),
    ],
)
def test_only_what_is_missing_is_asked_for_before_an_annotation_is_opened(a_session, a_head, scan, reader, hint):
    a_session.opening.set_parameters(scan_node_id=a_head.GetID() if scan else None, reader=reader)
    assert a_session.status.message == (hint if scan or reader else "")  # nothing was chosen: nothing is told
    with pytest.raises(InputError, match="No annotation is open") as said:
        a_session.answering.assess(quality="good")
    assert said.value.hint == hint
