"""An annotation as a user interface sees it: strokes are grown and adjusted, steps undone."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
import slicer.util
import vtk
from grow_sessions import (
    a_clock,
    a_head,
    a_session,
    dice,
    folder,
    grown,
    mask_in_scene,
    opened,
    painted_in_scene,
    pass_seconds,
)
from painted_scan import SPOTS, oblique_ijk_to_ras, paint, ras_of
from refusals import refused

from CMBScribbleGrowLib.annotation.words import CAA_GROUP
from CMBScribbleGrowLib.scene import (
    PAINT_SEGMENT,
    add_to_scribble,
    grid_of,
    scribble_id,
    segment_ids,
    set_voxels,
    take_from_scribble,
)
from CMBScribbleGrowLib.study.state import State
from CMBSegmentationLib.detecting.brain_mask import brain_mask

__all__ = ["a_clock", "a_head", "a_session", "folder", "grown", "opened"]


def rows(table_node):
    table = table_node.GetTable()
    columns = [table.GetColumnByName(name) for name in ("tolerance_percent", "voxels")]
    if columns[0] is None:
        return []
    return [tuple(column.GetValue(n) for column in columns) for n in range(table.GetNumberOfRows())]


# growing


def test_a_stroke_becomes_a_lesion_with_its_scribble_and_its_record(grown):
    (lesion,) = grown.lesions
    assert dice(lesion.mask, "A") > 0.9
    assert np.array_equal(mask_in_scene(grown, 1), lesion.mask)
    assert len(painted_in_scene(grown, scribble_id(1))) == 2
    (record,) = grown.annotation.microbleeds
    assert (record.id, record.reader, record.grouping) == (1, "SI", "single")
    assert (record.r_mm, record.a_mm, record.s_mm) == pytest.approx(ras_of(SPOTS["A"]), abs=0.5)
    assert record.growing.mode == lesion.mode
    assert record.growing.automatic
    assert grown.current is lesion
    assert "CMB 1 grown" in grown.status.message


def test_the_segment_to_paint_in_is_empty_again(grown):
    assert len(painted_in_scene(grown)) == 0
    assert segment_ids(grown.study.nodes.scribbles) == [PAINT_SEGMENT, scribble_id(1)]


def test_strokes_apart_are_a_lesion_each(opened, a_head):
    paint(a_head, "A", "B", "C")
    lesions = opened.growing.grow()
    assert [lesion.id for lesion in lesions] == [1, 2, 3]
    by_place = {lesion.id: max("ABC", key=lambda name: dice(lesion.mask, name)) for lesion in lesions}
    assert sorted(by_place.values()) == ["A", "B", "C"]
    assert all(dice(lesion.mask, by_place[lesion.id]) > 0.9 for lesion in lesions)


def test_strokes_apart_are_one_group_if_the_reader_says_so(opened, a_head):
    paint(a_head, "A", "B", "C")
    opened.opening.set_parameters(grouped=True)
    told = []
    opened.parameters_changed.connect(told.append)
    (group,) = opened.growing.grow()
    assert len(group.strokes) == 3
    assert len(group.mask) == sum(len(stroke.mask) for stroke in group.strokes)
    (record,) = opened.annotation.microbleeds
    assert (record.grouping, record.count, record.diameter_mm) == (CAA_GROUP, 3, None)
    percent = opened.current.tolerance_percent
    assert opened.growing.preview(max(percent - 10, 0)).grouped
    assert rows(opened.study.nodes.curve)[0][0] == 0
    assert told[-1].grouped is False  # what comes next is no group


@pytest.mark.parametrize("other", ["reader", "scan"])
def test_a_group_is_asked_for_of_one_reader_on_one_scan(opened, a_head, other):
    opened.opening.set_parameters(grouped=True)
    if other == "reader":
        opened.opening.set_parameters(reader="Bob")
    else:
        opened.opening.open(a_head)
    assert opened.parameters.grouped is False


def test_a_scribble_that_is_painted_further_grows_its_lesion_anew(grown, a_head):
    more = np.array([np.add(SPOTS["A"], (0, 1, 0))])
    add_to_scribble(grown.study.nodes, scribble_id(1), more, grid_of(a_head))
    (lesion,) = grown.growing.grow(scribble_id(1))
    assert lesion.id == 1
    assert len(lesion.scribble) == 3
    assert len(grown.annotation.microbleeds) == 1


def test_a_stroke_elsewhere_in_a_lesions_scribble_is_a_lesion_of_its_own(grown, a_head):
    add_to_scribble(grown.study.nodes, scribble_id(1), np.array([SPOTS["B"]]), grid_of(a_head))
    assert [lesion.id for lesion in grown.growing.grow(scribble_id(1))] == [1, 2]
    assert painted_in_scene(grown, scribble_id(2)).tolist() == [list(SPOTS["B"])]
    assert len(painted_in_scene(grown, scribble_id(1))) == 2
    grown.undo()
    assert len(painted_in_scene(grown, scribble_id(1))) == 3


def test_a_refused_stroke_stays_painted_while_the_others_grow(opened, a_head):
    block = np.argwhere(np.ones((9, 14, 14))) + (8, 35, 35)  # 1764 voxels, more than a sphere of 10 mm holds
    paint(a_head, "A")
    add_to_scribble(opened.study.nodes, PAINT_SEGMENT, block, grid_of(a_head))
    assert len(opened.growing.grow()) == 1
    assert "more than a lesion of 10 mm" in " ".join(opened.status.notes)
    assert len(painted_in_scene(opened)) == len(block)


def test_nothing_painted_is_said(opened):
    with refused("Nothing is painted"):
        opened.growing.grow()


def test_a_scribble_outside_the_scan_is_said_and_stays_painted(opened):
    nodes = opened.study.nodes
    set_voxels(nodes.scribbles, PAINT_SEGMENT, np.array([(300, 30, 30)]), oblique_ijk_to_ras())
    with refused("outside the scan"):
        opened.growing.grow()
    segment = nodes.scribbles.GetSegmentation().GetSegment(PAINT_SEGMENT)
    assert segment.GetRepresentation("Binary labelmap").GetExtent()[4] == 300


def test_the_scan_is_prepared_once_and_the_reader_is_told(opened, a_head):
    told = []
    opened.status_changed.connect(lambda status: told.append(status.state))
    for name in "AB":
        paint(a_head, name)
        opened.growing.grow()
    assert told.count(State.WORKING) == 1


def test_a_scan_whose_brain_was_found_elsewhere_grows_without_waiting(opened, a_head, monkeypatch):
    image = opened.growing.without_brain()
    opened.growing.take_brain(opened.study, image, brain_mask(image))
    monkeypatch.setattr("CMBScribbleGrowLib.session.growing.scan_to_grow", None)
    assert opened.growing.without_brain() is None
    paint(a_head, "A")
    assert len(opened.growing.grow()) == 1


def test_a_lesion_that_was_chosen_before_the_brain_was_found_has_its_curve_then(opened, a_head):
    paint(a_head, "A")
    (lesion,) = opened.growing.grow()
    opened.growing.accept()
    scan, reader, folder = a_head, opened.parameters.reader, opened.parameters.folder
    opened.opening.close_study()
    opened.growing._prepared = None
    opened.opening.open(scan, reader=reader, folder=folder)
    shown = []
    opened.current_changed.connect(shown.append)
    assert not opened.growing.select(lesion.id).strokes
    image = opened.growing.without_brain()
    opened.growing.take_brain(opened.study, image, brain_mask(image))
    assert shown[-1].id == lesion.id
    assert shown[-1].strokes


def test_the_brain_of_another_study_is_left_alone(opened, a_head):
    former, image = opened.study, opened.growing.without_brain()
    opened.opening.set_parameters(reader="KL")
    opened.growing.take_brain(former, image, brain_mask(image))
    assert opened.growing.without_brain() is not None


def test_running_out_of_memory_is_said(opened, a_head, monkeypatch):
    def too_large(image):
        raise MemoryError

    monkeypatch.setattr("CMBScribbleGrowLib.session.growing.scan_to_grow", too_large)
    paint(a_head, "A")
    with pytest.raises(MemoryError):
        opened.growing.grow()
    assert len(painted_in_scene(opened)) == 2


def test_a_scan_without_contrast_is_refused(a_session, a_scene, folder):
    flat = slicer.util.addVolumeFromArray(np.full((20, 20, 20), 7, np.int16), name="flat")
    a_session.opening.open(flat, reader="SI", folder=str(folder))
    set_voxels(a_session.study.nodes.scribbles, PAINT_SEGMENT, np.array([(9, 9, 9)]), np.eye(4))
    with refused("the same everywhere"):
        a_session.growing.grow()
    assert len(painted_in_scene(a_session)) == 1


def test_a_scan_under_a_transform_is_annotated_where_it_is_shown(a_session, a_scene, a_head, folder):
    move = vtk.vtkMatrix4x4()
    move.SetElement(0, 3, 50.0)
    transform = a_scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "moved")
    transform.SetMatrixTransformToParent(move)
    a_head.SetAndObserveTransformNodeID(transform.GetID())
    a_session.opening.open(a_head, reader="SI", folder=str(folder))
    paint(a_head, "A")
    a_session.growing.grow()
    assert a_session.annotation.microbleeds[0].r_mm == pytest.approx(ras_of(SPOTS["A"])[0] + 50, abs=0.5)


# adjusting


def test_another_tolerance_is_shown_at_once_and_kept_when_it_rests(grown, a_clock):
    before = grown.current
    shown = grown.growing.preview(90.0)
    assert shown.tolerance_percent == 90.0
    assert np.array_equal(mask_in_scene(grown, 1), shown.mask)
    assert grown.annotation.microbleeds[0].growing.tolerance_percent == before.tolerance_percent
    pass_seconds(grown, a_clock, 0.5)
    record = grown.annotation.microbleeds[0].growing
    assert (record.tolerance_percent, record.automatic) == (90.0, False)


def test_a_moved_slider_is_one_step_back(grown):
    automatic = grown.current.tolerance_percent
    for percent in (1.0, 2.0, 3.0, 4.0):
        grown.growing.preview(percent)
    grown.growing.accept()
    assert grown.current.accepted
    grown.undo()
    assert grown.current.tolerance_percent == automatic
    assert len(mask_in_scene(grown, 1)) == len(grown.current.mask)


def test_undo_while_the_slider_moves_goes_back_to_before_it_moved(grown):
    automatic = grown.current
    grown.growing.preview(1.0)
    grown.undo()
    assert grown.current.tolerance_percent == automatic.tolerance_percent
    assert np.array_equal(mask_in_scene(grown, 1), automatic.mask)


def test_the_automatic_tolerance_can_be_asked_for_again(grown):
    automatic = grown.current.tolerance_percent
    grown.growing.preview(1.0)
    again = grown.growing.preview(None)
    assert again.automatic
    assert again.tolerance_percent == automatic


@pytest.mark.parametrize("percent", [-1.0, 101.0])
def test_a_tolerance_out_of_range_is_said(grown, percent):
    with refused("Tolerance must be"):
        grown.growing.preview(percent)
    assert len(grown.lesions) == 1


def test_a_preview_without_a_lesion_is_said(opened):
    with refused("No lesion is chosen"):
        opened.growing.preview(5.0)


def test_the_mode_can_be_changed_later(grown):
    changed = grown.growing.change(1, mode="seed-mean")
    assert changed.mode == "seed-mean"
    assert grown.annotation.microbleeds[0].growing.mode == "seed-mean"
    grown.undo()
    assert grown.annotation.microbleeds[0].growing.mode != "seed-mean"


def test_answers_stay_when_a_lesion_is_grown_anew(grown):
    grown.answering.answer(grown.annotation.microbleeds[0], location="thalamus", side="left")
    grown.growing.change(1, mode="parent", connectivity=26)
    record = grown.annotation.microbleeds[0]
    assert (record.location, record.side, record.growing.connectivity) == ("thalamus", "left", 26)


def test_the_growth_curve_is_plotted_with_the_chosen_tolerance(grown):
    nodes = grown.study.nodes
    curve = rows(nodes.curve)
    assert curve[0][0] == 0
    assert [voxels for _, voxels in curve] == sorted(voxels for _, voxels in curve)
    assert rows(nodes.chosen) == [(grown.current.tolerance_percent, rows(nodes.chosen)[0][1])]
    grown.growing.preview(2.0)
    assert rows(nodes.chosen)[0][0] == 2.0
    assert rows(nodes.curve) == curve
    assert nodes.chart.GetNumberOfPlotSeriesNodes() == 2
    grown.growing.select(None)
    assert rows(nodes.curve) == []


# undo


def test_growing_is_undone_to_what_was_painted_and_done_again(grown):
    mask = grown.current.mask
    grown.undo()
    assert grown.lesions == ()
    assert grown.annotation.microbleeds == ()
    assert segment_ids(grown.study.nodes.masks) == []
    assert len(painted_in_scene(grown)) == 2
    grown.redo()
    assert np.array_equal(mask_in_scene(grown, 1), mask)
    assert len(painted_in_scene(grown)) == 0


def test_undo_takes_back_the_last_stroke_and_no_answer(grown, a_head):
    grown.answering.answer(grown.annotation.microbleeds[0], location="thalamus")
    for name, strokes in (("B", 1), ("C", 2)):
        paint(a_head, name)
        grown.poll()
        assert grown.waiting == strokes
    assert grown.undoes == "stroke painted"
    for strokes in (1, 0):
        assert grown.undo().what == "stroke painted"
        assert grown.waiting == strokes
        assert len(painted_in_scene(grown)) == 2 * strokes
    assert grown.annotation.microbleeds[0].location == "thalamus"
    assert grown.redoes == "stroke painted"
    grown.redo()
    grown.redo()
    assert len(painted_in_scene(grown)) == 4
    assert grown.redo() is None
    assert len(grown.growing.grow()) == 2


def test_undo_takes_back_a_stroke_where_nothing_else_was_done(opened, a_head):
    paint(a_head, "A")
    assert opened.undo().what == "stroke painted"
    assert not len(painted_in_scene(opened))
    assert opened.undo() is None
    with refused("Nothing is painted"):
        opened.growing.grow()


def test_what_was_erased_comes_back(opened, a_head):
    paint(a_head, "A", "B")
    opened.poll()
    study = opened.study
    erased = painted_in_scene(opened)[:2]
    take_from_scribble(study.nodes, PAINT_SEGMENT, erased, study.grid)
    opened.poll()
    assert (opened.waiting, opened.undoes) == (1, "stroke erased")
    opened.undo()
    assert (opened.waiting, len(painted_in_scene(opened))) == (2, 4)
    opened.redo()
    assert (opened.waiting, len(painted_in_scene(opened))) == (1, 2)


def test_a_grown_stroke_is_taken_back_after_its_lesion(grown, a_head):
    assert grown.waiting == 0
    assert [grown.undo().what, grown.undo().what] == ["CMB 1 grown", "stroke painted"]
    assert (grown.undo(), grown.waiting, len(painted_in_scene(grown))) == (None, 0, 0)
    grown.redo()
    grown.redo()
    assert (len(grown.lesions), len(painted_in_scene(grown))) == (1, 0)


def test_each_stroke_in_a_lesions_scribble_is_a_step(grown, a_head):
    for name in ("B", "C"):
        paint(a_head, name, segment=scribble_id(1))
        grown.poll()
    grown.undo()
    assert len(grown.lesions[0].scribble) == 4


def test_a_stroke_while_the_slider_moves_is_a_step_of_its_own(grown, a_head):
    mask = grown.current.mask
    grown.growing.preview(1.0)
    paint(a_head, "B")
    assert grown.undo().what == "stroke painted"
    assert len(painted_in_scene(grown)) == 0
    grown.undo()
    assert np.array_equal(grown.current.mask, mask)


def test_there_is_an_end_to_undo(opened):
    assert not opened.can_undo
    assert opened.undo() is None
    assert opened.redo() is None
    assert "Nothing" in opened.status.message


def test_a_word_typed_letter_by_letter_is_one_step(grown):
    record = grown.annotation.microbleeds[0]
    for text in ("v", "va", "vas"):
        grown.answering.answer(record, comment=text)
    grown.undo()
    assert grown.annotation.microbleeds[0].comment == ""


def test_a_removed_lesion_comes_back(grown):
    grown.answering.remove(grown.annotation.microbleeds[0])
    assert grown.lesions == ()
    assert grown.current is None
    grown.undo()
    assert len(mask_in_scene(grown, 1)) == len(grown.lesions[0].mask)


def test_a_step_of_tolerance_without_a_lesion_says_why_and_redo_chooses_the_lesion_again(grown):
    (lesion,) = grown.lesions
    grown.undo()
    assert grown.current is None
    with refused("No lesion is chosen"):
        grown.growing.step_tolerance(0.5)
    grown.redo()
    assert grown.current.id == lesion.id
    percent = grown.current.tolerance_percent
    assert grown.growing.step_tolerance(0.5).tolerance_percent == pytest.approx(percent + 0.5)


def test_a_tolerance_that_rests_says_what_it_is_and_what_the_region_does_there(grown, a_clock):
    grown.growing.preview(97.5)
    pass_seconds(grown, a_clock, 2)
    assert grown.status.message == "The tolerance of CMB 1 is 97.5 %."
    assert any("stopped at the size limit" in note for note in grown.status.notes)


@pytest.mark.parametrize(("percent", "step"), [(0.0, -0.5), (100.0, 0.5)])
def test_a_step_beyond_the_last_tolerance_says_that_it_goes_no_further(grown, percent, step):
    grown.growing.preview(percent)
    assert grown.growing.step_tolerance(step).tolerance_percent == percent
    assert grown.status.message == f"The tolerance of CMB 1 is {percent:.1f} %. It goes no further."
