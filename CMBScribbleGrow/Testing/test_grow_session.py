"""An annotation as a user interface sees it: every step can be undone, nothing that was made is lost."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import slicer
import slicer.util
import vtk
from painted_scan import SCAN_NAME, SPOTS, add_head, head, oblique_ijk_to_ras, paint, ras_of, spot

from CMBScribbleGrowLib.annotation.file import read_study
from CMBScribbleGrowLib.annotation.words import CAA_GROUP
from CMBScribbleGrowLib.scene import (
    PAINT_SEGMENT,
    add_to_scribble,
    find_nodes,
    grid_of,
    mask_id,
    scribble_id,
    segment_ids,
    segment_on_scan,
    set_voxels,
)
from CMBScribbleGrowLib.session import GrowSession
from CMBScribbleGrowLib.study.state import State
from CMBSegmentationLib.detecting.brain_mask import brain_mask


class AClock:
    """Seconds that pass when the test says so."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def a_head(a_scene):
    return add_head()


@pytest.fixture
def a_clock():
    return AClock()


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "annotations"
    made.mkdir()
    return made


@pytest.fixture
def a_session(a_scene, a_clock):
    session = GrowSession(a_scene, clock=a_clock)
    yield session
    session.close()


@pytest.fixture
def opened(a_session, a_head, folder):
    """A session with the head open."""
    assert a_session.open(a_head, reader="SI", folder=str(folder))
    return a_session


@pytest.fixture
def grown(opened, a_head):
    """A session with one lesion, of spot A."""
    paint(a_head, "A")
    assert opened.grow()
    return opened


def mask_in_scene(session, lesion_id):
    study = session.study
    return segment_on_scan(study.nodes.masks, mask_id(lesion_id), study.grid).voxels


def painted_in_scene(session, segment=PAINT_SEGMENT):
    study = session.study
    return segment_on_scan(study.nodes.scribbles, segment, study.grid).voxels


def dice(voxels, name):
    true = spot(name)
    inside = true[tuple(voxels.T)].sum()
    return 2 * inside / (len(voxels) + true.sum())


def rows(table_node):
    table = table_node.GetTable()
    columns = [table.GetColumnByName(name) for name in ("tolerance_percent", "voxels")]
    if columns[0] is None:
        return []
    return [tuple(column.GetValue(n) for column in columns) for n in range(table.GetNumberOfRows())]


def saved(session, folder, reader="SI"):
    """What is on the disk, whenever the clock was last polled."""
    files = list(folder.glob("*_annotation.json"))
    return read_study(files[0]).of(reader) if files else None


def pass_seconds(session, clock, seconds):
    for _ in range(round(seconds * 4)):
        clock.now += 0.25
        session.poll()


def failed(session, about):
    assert session.status.state is State.FAILED
    assert about in session.status.error.message
    assert session.status.error.hint
    return True


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
    lesions = opened.grow()
    assert [lesion.id for lesion in lesions] == [1, 2, 3]
    by_place = {lesion.id: max("ABC", key=lambda name: dice(lesion.mask, name)) for lesion in lesions}
    assert sorted(by_place.values()) == ["A", "B", "C"]
    assert all(dice(lesion.mask, by_place[lesion.id]) > 0.9 for lesion in lesions)


def test_strokes_apart_are_one_group_if_the_reader_says_so(opened, a_head):
    paint(a_head, "A", "B", "C")
    opened.set_parameters(grouped=True)
    (group,) = opened.grow()
    assert len(group.strokes) == 3
    assert len(group.mask) == sum(len(stroke.mask) for stroke in group.strokes)
    (record,) = opened.annotation.microbleeds
    assert (record.grouping, record.count, record.diameter_mm) == (CAA_GROUP, 3, None)
    percent = opened.current.tolerance_percent
    assert opened.preview(max(percent - 10, 0)).grouped
    assert rows(opened.study.nodes.curve)[0][0] == 0


def test_a_scribble_that_is_painted_further_grows_its_lesion_anew(grown, a_head):
    more = np.array([np.add(SPOTS["A"], (0, 1, 0))])
    add_to_scribble(grown.study.nodes, scribble_id(1), more, grid_of(a_head))
    (lesion,) = grown.grow(scribble_id(1))
    assert lesion.id == 1
    assert len(lesion.scribble) == 3
    assert len(grown.annotation.microbleeds) == 1


def test_a_stroke_elsewhere_in_a_lesions_scribble_is_a_lesion_of_its_own(grown, a_head):
    add_to_scribble(grown.study.nodes, scribble_id(1), np.array([SPOTS["B"]]), grid_of(a_head))
    assert [lesion.id for lesion in grown.grow(scribble_id(1))] == [1, 2]
    assert painted_in_scene(grown, scribble_id(2)).tolist() == [list(SPOTS["B"])]
    assert len(painted_in_scene(grown, scribble_id(1))) == 2
    grown.undo()
    assert len(painted_in_scene(grown, scribble_id(1))) == 3


def test_a_refused_stroke_stays_painted_while_the_others_grow(opened, a_head):
    block = np.argwhere(np.ones((9, 14, 14))) + (8, 35, 35)  # 1764 voxels, more than a sphere of 10 mm holds
    paint(a_head, "A")
    add_to_scribble(opened.study.nodes, PAINT_SEGMENT, block, grid_of(a_head))
    assert len(opened.grow()) == 1
    assert "more than a lesion of 10 mm" in " ".join(opened.status.notes)
    assert len(painted_in_scene(opened)) == len(block)


def test_nothing_painted_is_said(opened):
    assert opened.grow() is None
    assert failed(opened, "Nothing is painted")


def test_a_scribble_outside_the_scan_is_said_and_stays_painted(opened):
    nodes = opened.study.nodes
    set_voxels(nodes.scribbles, PAINT_SEGMENT, np.array([(300, 30, 30)]), oblique_ijk_to_ras())
    assert opened.grow() is None
    assert failed(opened, "outside the scan")
    segment = nodes.scribbles.GetSegmentation().GetSegment(PAINT_SEGMENT)
    assert segment.GetRepresentation("Binary labelmap").GetExtent()[4] == 300


def test_the_scan_is_prepared_once_and_the_reader_is_told(opened, a_head):
    told = []
    opened.status_changed.connect(lambda status: told.append(status.state))
    for name in "AB":
        paint(a_head, name)
        opened.grow()
    assert told.count(State.WORKING) == 1


def test_a_scan_whose_brain_was_found_elsewhere_grows_without_waiting(opened, a_head, monkeypatch):
    image = opened.without_brain()
    opened.take_brain(opened.study, image, brain_mask(image))
    monkeypatch.setattr("CMBScribbleGrowLib.session.study_session.scan_to_grow", None)
    assert opened.without_brain() is None
    paint(a_head, "A")
    assert len(opened.grow()) == 1


def test_the_brain_of_another_study_is_left_alone(opened, a_head):
    former, image = opened.study, opened.without_brain()
    opened.set_parameters(reader="KL")
    opened.take_brain(former, image, brain_mask(image))
    assert opened.without_brain() is not None


def test_running_out_of_memory_is_said(opened, a_head, monkeypatch):
    def too_large(image):
        raise MemoryError

    monkeypatch.setattr("CMBScribbleGrowLib.session.study_session.scan_to_grow", too_large)
    paint(a_head, "A")
    assert opened.grow() is None
    assert failed(opened, "not enough memory")
    assert len(painted_in_scene(opened)) == 2


def test_a_scan_without_contrast_is_refused(a_session, a_scene, folder):
    flat = slicer.util.addVolumeFromArray(np.full((20, 20, 20), 7, np.int16), name="flat")
    a_session.open(flat, reader="SI", folder=str(folder))
    set_voxels(a_session.study.nodes.scribbles, PAINT_SEGMENT, np.array([(9, 9, 9)]), np.eye(4))
    assert a_session.grow() is None
    assert failed(a_session, "the same everywhere")
    assert len(painted_in_scene(a_session)) == 1


def test_a_scan_under_a_transform_is_annotated_where_it_is_shown(a_session, a_scene, a_head, folder):
    move = vtk.vtkMatrix4x4()
    move.SetElement(0, 3, 50.0)
    transform = a_scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "moved")
    transform.SetMatrixTransformToParent(move)
    a_head.SetAndObserveTransformNodeID(transform.GetID())
    a_session.open(a_head, reader="SI", folder=str(folder))
    paint(a_head, "A")
    a_session.grow()
    assert a_session.annotation.microbleeds[0].r_mm == pytest.approx(ras_of(SPOTS["A"])[0] + 50, abs=0.5)


# adjusting


def test_another_tolerance_is_shown_at_once_and_kept_when_it_rests(grown, a_clock):
    before = grown.current
    shown = grown.preview(90.0)
    assert shown.tolerance_percent == 90.0
    assert np.array_equal(mask_in_scene(grown, 1), shown.mask)
    assert grown.annotation.microbleeds[0].growing.tolerance_percent == before.tolerance_percent
    pass_seconds(grown, a_clock, 0.5)
    record = grown.annotation.microbleeds[0].growing
    assert (record.tolerance_percent, record.automatic) == (90.0, False)


def test_a_moved_slider_is_one_step_back(grown):
    automatic = grown.current.tolerance_percent
    for percent in (1.0, 2.0, 3.0, 4.0):
        grown.preview(percent)
    grown.accept()
    assert grown.current.accepted
    grown.undo()
    assert grown.current.tolerance_percent == automatic
    assert len(mask_in_scene(grown, 1)) == len(grown.current.mask)


def test_undo_while_the_slider_moves_goes_back_to_before_it_moved(grown):
    automatic = grown.current
    grown.preview(1.0)
    grown.undo()
    assert grown.current.tolerance_percent == automatic.tolerance_percent
    assert np.array_equal(mask_in_scene(grown, 1), automatic.mask)


def test_the_automatic_tolerance_can_be_asked_for_again(grown):
    automatic = grown.current.tolerance_percent
    grown.preview(1.0)
    again = grown.preview(None)
    assert again.automatic
    assert again.tolerance_percent == automatic


@pytest.mark.parametrize("percent", [-1.0, 101.0])
def test_a_tolerance_out_of_range_is_said(grown, percent):
    assert grown.preview(percent) is None
    assert failed(grown, "Tolerance must be")
    assert len(grown.lesions) == 1


def test_a_preview_without_a_lesion_is_said(opened):
    assert opened.preview(5.0) is None
    assert failed(opened, "No lesion is chosen")


def test_the_mode_can_be_changed_later(grown):
    changed = grown.change(1, mode="seed-mean")
    assert changed.mode == "seed-mean"
    assert grown.annotation.microbleeds[0].growing.mode == "seed-mean"
    grown.undo()
    assert grown.annotation.microbleeds[0].growing.mode != "seed-mean"


def test_answers_stay_when_a_lesion_is_grown_anew(grown):
    grown.answer(grown.annotation.microbleeds[0], location="thalamus", side="left")
    grown.change(1, mode="parent", connectivity=26)
    record = grown.annotation.microbleeds[0]
    assert (record.location, record.side, record.growing.connectivity) == ("thalamus", "left", 26)


def test_the_growth_curve_is_plotted_with_the_chosen_tolerance(grown):
    nodes = grown.study.nodes
    curve = rows(nodes.curve)
    assert curve[0][0] == 0
    assert [voxels for _, voxels in curve] == sorted(voxels for _, voxels in curve)
    assert rows(nodes.chosen) == [(grown.current.tolerance_percent, rows(nodes.chosen)[0][1])]
    grown.preview(2.0)
    assert rows(nodes.chosen)[0][0] == 2.0
    assert rows(nodes.curve) == curve
    assert nodes.chart.GetNumberOfPlotSeriesNodes() == 2
    grown.select(None)
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


def test_undo_keeps_what_was_painted_meanwhile(grown, a_head):
    paint(a_head, "B")
    grown.undo()
    assert len(painted_in_scene(grown)) == 4
    grown.redo()
    assert len(painted_in_scene(grown)) == 2


def test_there_is_an_end_to_undo(opened):
    assert not opened.can_undo
    assert opened.undo() is None
    assert opened.redo() is None
    assert "Nothing" in opened.status.message


def test_a_word_typed_letter_by_letter_is_one_step(grown):
    record = grown.annotation.microbleeds[0]
    for text in ("v", "va", "vas"):
        grown.answer(record, comment=text)
    grown.undo()
    assert grown.annotation.microbleeds[0].comment == ""


def test_a_removed_lesion_comes_back(grown):
    grown.remove(grown.annotation.microbleeds[0])
    assert grown.lesions == ()
    assert grown.current is None
    grown.undo()
    assert len(mask_in_scene(grown, 1)) == len(grown.lesions[0].mask)


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
    grown.add_mimic((1, 2, 3), type="vessel")
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
    opened.answer(mimic, type="cavernoma")
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
    opened.add_mimic((1, 2, 3), type="basal-ganglia calcification", side="right")
    opened.add_finding((4, 5, 6), text="lacune")
    nodes = opened.study.nodes
    assert nodes.mimics.GetNthControlPointDescription(0) == "basal-ganglia calcification"
    assert nodes.findings.GetNthControlPointDescription(0) == "lacune"
    assert nodes.findings.GetNthControlPointPositionWorld(0) == pytest.approx((4, 5, 6))


def test_an_answer_that_is_no_longer_asked_for_is_emptied(opened):
    mimic = opened.add_mimic((1, 2, 3), type="basal-ganglia calcification", side="right")
    assert opened.answer(mimic, type="vessel").side == ""


def test_a_wrong_answer_is_said_and_changes_nothing(grown):
    record = grown.annotation.microbleeds[0]
    assert grown.answer(record, location="spleen") is None
    assert failed(grown, "location")
    assert grown.answer(record, id=7) is None
    assert grown.annotation.microbleeds == (record,)


def test_study_and_series_are_assessed(opened):
    opened.assess(included=False, why_not="no SWI", quality="insufficient T2*/SWI")
    opened.rate_series("SWI", flags=("blurry", "metal"))
    said = opened.annotation
    assert (said.assessment.why_not, said.series[0].flags) == ("no SWI", ("blurry", "metal"))
    opened.assess(included=True)
    assert opened.annotation.assessment.why_not == ""


def test_marking_as_done_saves_and_tells_what_is_missing(grown, folder):
    assert grown.mark_done()
    assert saved(grown, folder).done
    notes = " ".join(grown.status.notes)
    assert "CMB 1: not accepted" in notes
    assert "no location" in notes
    assert "included" in notes


# saving


def test_every_change_is_on_the_disk_two_seconds_later(opened, a_head, a_clock, folder):
    paint(a_head, "A")
    pass_seconds(opened, a_clock, 2)
    assert list(folder.glob("*.seg.nrrd"))
    opened.grow()
    pass_seconds(opened, a_clock, 2)
    assert len(saved(opened, folder).microbleeds) == 1
    opened.preview(88.0)
    pass_seconds(opened, a_clock, 2)
    assert saved(opened, folder).microbleeds[0].growing.tolerance_percent == 88.0
    opened.study.nodes.findings.AddControlPointWorld(vtk.vtkVector3d(1, 2, 3))
    pass_seconds(opened, a_clock, 2)
    assert saved(opened, folder).findings[0].r_mm == 1


def test_a_study_is_resumed_in_a_fresh_scene(grown, new_scene, a_clock, folder):
    grown.answer(grown.annotation.microbleeds[0], cause="CAA", location="cerebellum")
    grown.add_mimic((1, 2, 3), type="vessel")
    paint(grown.study.nodes.scan, "B")
    grown.change(1, largest_diameter_mm=9.0)
    mask, tolerance = grown.current.mask, grown.current.tolerance_percent
    assert grown.close_study()

    new_scene()
    again = GrowSession(slicer.mrmlScene, clock=a_clock)
    again.open(add_head(), reader="SI", folder=str(folder))
    assert again.annotation.microbleeds[0].cause == "CAA"
    assert again.lesions[0].settings.largest_diameter_mm == 9.0
    assert sorted(map(tuple, mask_in_scene(again, 1))) == sorted(map(tuple, mask))
    assert len(painted_in_scene(again)) == 2
    assert again.study.nodes.mimics.GetNumberOfControlPoints() == 1
    again.select(1)
    assert again.preview(None).tolerance_percent == tolerance
    (second,) = again.grow()
    assert second.id == 2
    again.close()


def test_a_saved_scene_reopens_and_the_tolerance_is_changed_again(grown, a_scene, reopened, a_clock, folder):
    grown.change(1, mode="parent", largest_diameter_mm=7.0)
    grown.preview(3.0)
    small = grown.accept().mask
    grown.close()
    scan = reopened(a_scene).GetFirstNodeByName(SCAN_NAME)

    again = GrowSession(slicer.mrmlScene, clock=a_clock)
    again.open(scan, reader="SI", folder=str(folder))
    (lesion,) = again.lesions
    assert (lesion.mode, lesion.tolerance_percent, lesion.accepted) == ("parent", 3.0, True)
    assert lesion.settings.largest_diameter_mm == 7.0
    assert len(lesion.mask) == len(small)
    again.select(1)
    wide = again.preview(None)
    assert dice_in_scene(again, 1, "A") > 0.9
    assert wide.tolerance_percent > 3.0
    again.undo()
    assert again.current.tolerance_percent == 3.0
    again.close()


def dice_in_scene(session, lesion_id, name):
    """Overlap by positions: Slicer reads a left-handed volume back with one axis flipped."""
    study = session.study
    index = np.c_[mask_in_scene(session, lesion_id)[:, ::-1], np.ones(len(mask_in_scene(session, lesion_id)))]
    ras = index @ study.grid.ijk_to_ras.T
    back = np.rint(ras @ np.linalg.inv(oblique_ijk_to_ras()).T).astype(int)[:, 2::-1]
    return dice(back, name)


def test_a_saved_scene_is_whole_without_the_files_beside_the_scan(grown, a_scene, reopened, a_clock, folder):
    grown.answer(grown.annotation.microbleeds[0], cause="hypertension")
    grown.close()
    scan = reopened(a_scene).GetFirstNodeByName(SCAN_NAME)
    for file in folder.iterdir():
        file.unlink()
    again = GrowSession(slicer.mrmlScene, clock=a_clock)
    again.open(scan, reader="SI", folder=str(folder))
    assert again.annotation.microbleeds[0].cause == "hypertension"
    pass_seconds(again, a_clock, 2)
    assert saved(again, folder).microbleeds[0].cause == "hypertension"
    again.close()


def test_two_readers_work_on_one_scan_and_see_their_own_only(grown, a_head, folder):
    grown.set_parameters(reader="AB")
    assert grown.lesions == ()
    assert segment_ids(grown.study.nodes.masks) == []
    paint(a_head, "B")
    grown.grow()
    grown.set_parameters(reader="SI")
    assert dice(grown.lesions[0].mask, "A") > 0.9
    study = read_study(next(folder.glob("*.json")))
    assert study.readers == ("SI", "AB")


def test_a_scan_without_a_folder_is_annotated_and_saved_once_there_is_one(a_session, a_head, folder):
    a_session.open(a_head, reader="SI")
    assert "folder" in " ".join(a_session.status.notes)
    paint(a_head, "A")
    a_session.grow()
    assert a_session.close_study() is None
    assert failed(a_session, "no folder")
    assert len(a_session.lesions) == 1
    assert a_session.set_parameters(folder=str(folder))
    assert len(saved(a_session, folder).microbleeds) == 1
    assert a_session.close_study()


NOBODY = 65534


@contextmanager
def bound_by_permissions():
    """Whom permissions bind: root, who may write anywhere, is nobody for the time."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


@pytest.fixture
def a_readers_home():
    """A folder that another user than root reaches, too; pytest's own are closed to others."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        home.chmod(0o755)
        if os.geteuid() == 0:
            os.chown(home, NOBODY, -1)
        yield home


@pytest.mark.skipif(os.name != "posix", reason="platform: permissions are POSIX's")
def test_a_read_only_folder_is_said_once_and_nothing_is_lost(a_session, a_head, a_clock, a_readers_home):
    with bound_by_permissions():
        folder = a_readers_home / "annotations"
        folder.mkdir()
        a_session.open(a_head, reader="SI", folder=str(folder))
        paint(a_head, "A")
        assert a_session.grow()
        folder.chmod(0o500)
        check_that_nothing_is_lost(a_session, a_clock, a_readers_home)
        assert list(folder.iterdir()) == []
        folder.chmod(0o700)


def test_a_folder_that_is_gone_is_said_once_and_nothing_is_lost(grown, a_clock, folder, tmp_path):
    folder.rmdir()
    folder.write_text("a file in its place")
    check_that_nothing_is_lost(grown, a_clock, tmp_path)


def check_that_nothing_is_lost(session, clock, tmp_path):
    told = []
    session.status_changed.connect(told.append)
    pass_seconds(session, clock, 4)
    assert [status.state for status in told] == [State.FAILED]
    assert told[0].error.hint
    assert session.close_study() is None
    assert len(session.lesions) == 1
    other = tmp_path / "other"
    other.mkdir()
    assert session.set_parameters(folder=str(other))
    assert len(saved(session, other).microbleeds) == 1


def test_a_folder_that_cannot_be_written_is_not_taken(grown, a_clock, folder, tmp_path):
    (tmp_path / "a file").write_text("")
    assert grown.set_parameters(folder=str(tmp_path / "a file")) is None
    assert failed(grown, "could not be saved")
    assert grown.parameters.folder == str(folder)
    pass_seconds(grown, a_clock, 2)
    assert len(saved(grown, folder).microbleeds) == 1


def test_a_damaged_file_is_set_aside_and_the_reader_is_told(a_session, a_head, folder):
    file = folder / "sub-01_swi_desc-cmb_annotation.json"
    file.write_text("{half")
    a_session.open(a_head, reader="SI", folder=str(folder))
    assert "set aside" in " ".join(a_session.status.notes)
    assert [path.read_text() for path in folder.glob("*damaged*")] == ["{half"]


def test_a_file_of_a_newer_version_is_refused_and_left_alone(a_session, a_head, folder):
    file = folder / "sub-01_swi_desc-cmb_annotation.json"
    file.write_text('{"schema_version": 99}')
    assert a_session.open(a_head, reader="SI", folder=str(folder)) is None
    assert failed(a_session, "newer version")
    assert file.read_text() == '{"schema_version": 99}'


# what goes away


def test_a_volume_removed_while_the_slider_moves_loses_nothing(grown, a_scene, a_head, folder):
    grown.preview(2.0)
    a_scene.RemoveNode(a_head)
    assert grown.preview(3.0) is None
    assert failed(grown, "was closed")
    assert saved(grown, folder).microbleeds[0].growing.tolerance_percent == 2.0
    assert grown.annotation is None
    grown.poll()


def test_a_closed_scene_is_saved(grown, a_scene, folder):
    a_scene.Clear(False)
    grown.poll()
    assert failed(grown, "was closed")
    assert len(saved(grown, folder).microbleeds) == 1


def test_a_scan_that_was_moved_or_changed_is_refused(grown, a_head):
    matrix = oblique_ijk_to_ras()
    matrix[0, 3] += 9
    a_head.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(matrix))
    assert grown.preview(3.0) is None
    assert failed(grown, "moved or changed")
    a_head.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(oblique_ijk_to_ras()))
    assert grown.preview(3.0)


def test_new_intensities_are_measured_anew(grown, a_head):
    told = []
    grown.status_changed.connect(lambda status: told.append(status.state))
    slicer.util.updateVolumeFromArray(a_head, head() + 1)
    paint(a_head, "B")
    grown.grow()
    assert State.WORKING in told


def test_no_scan_and_no_reader_are_said(a_session, a_head, a_scene):
    assert a_session.open(None) is None
    assert failed(a_session, "No scan")
    assert a_session.open(a_head) is None
    assert failed(a_session, "No reader")
    assert a_session.grow() is None
    labels = a_scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
    assert a_session.open(labels, reader="SI") is None
    assert failed(a_session, "label map")


def test_a_scan_can_be_chosen_again_after_another_was_refused(grown, a_head, a_scene):
    labels = a_scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
    assert grown.set_parameters(scan_node_id=labels.GetID()) is None
    assert failed(grown, "label map")
    assert grown.set_parameters(scan_node_id=a_head.GetID())
    assert len(grown.lesions) == 1


def test_a_scene_saved_while_one_annotates_is_gone_on_with(grown, a_scene, a_head, tmp_path):
    assert a_scene.WriteToMRB(str(tmp_path / "meanwhile.mrb"))  # puts all segments into one layer
    paint(a_head, "B")
    (second,) = grown.grow()
    assert dice(second.mask, "B") > 0.9
    assert dice(mask_in_scene(grown, 1), "A") > 0.9
    assert len(painted_in_scene(grown, scribble_id(1))) == 2


def test_another_scan_has_an_annotation_of_its_own(grown, folder):
    other = add_head("sub-02 swi")
    grown.open(other)
    assert grown.lesions == ()
    assert find_nodes(other) is not None
    assert saved(grown, folder).microbleeds
