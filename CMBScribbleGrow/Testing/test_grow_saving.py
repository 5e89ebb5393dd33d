"""An annotation as a user interface sees it: saved as one works, and what goes away."""

from __future__ import annotations

import errno
import json
import os
import re
import tempfile
from contextlib import contextmanager
from pathlib import Path

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
    failed,
    folder,
    grown,
    mask_in_scene,
    opened,
    painted_in_scene,
    pass_seconds,
    saved,
)
from painted_scan import SCAN_NAME, add_head, head, oblique_ijk_to_ras, paint
from refusals import refused
from refusing_disk import disk_refuses

from CMBScribbleGrowLib.annotation.file import read_study
from CMBScribbleGrowLib.annotation.segments_file import read_segments
from CMBScribbleGrowLib.scene import (
    find_nodes,
    scribble_id,
    segment_ids,
)
from CMBScribbleGrowLib.scene.names import STUDY_ATTRIBUTE
from CMBScribbleGrowLib.session import GrowSession
from CMBScribbleGrowLib.study.state import State
from CMBSegmentationLib.errors import InputError, MachineError
from CMBSegmentationLib.scene.annotated import read_annotated

__all__ = ["a_clock", "a_head", "a_session", "folder", "grown", "opened"]


# saving


def test_every_change_is_on_the_disk_two_seconds_later(opened, a_head, a_clock, folder):
    paint(a_head, "A")
    pass_seconds(opened, a_clock, 2)
    assert list(folder.glob("*.seg.nrrd"))
    opened.growing.grow()
    pass_seconds(opened, a_clock, 2)
    assert len(saved(opened, folder).microbleeds) == 1
    opened.growing.preview(88.0)
    pass_seconds(opened, a_clock, 2)
    assert saved(opened, folder).microbleeds[0].growing.tolerance_percent == 88.0
    opened.study.nodes.findings.AddControlPointWorld(vtk.vtkVector3d(1, 2, 3))
    pass_seconds(opened, a_clock, 2)
    assert saved(opened, folder).findings[0].r_mm == 1


def test_why_something_is_unsaved_is_known_until_it_is_saved(opened, a_head, a_clock, folder):
    told = []
    opened.saving_changed.connect(lambda error: told.append(error and error.message))

    with disk_refuses():
        for spot in "AB":
            paint(a_head, spot)
            opened.growing.grow()
            pass_seconds(opened, a_clock, 2)
            assert "disk is full" in opened.not_saved.message
    pass_seconds(opened, a_clock, 2)
    assert opened.not_saved is None
    assert opened.status.message == "Saved again."
    assert told[-1] is None
    assert len(saved(opened, folder).microbleeds) == 2


def test_what_could_not_be_saved_when_its_scan_was_closed_is_saved_later(grown, a_scene, a_clock, folder):
    with disk_refuses():
        a_scene.Clear(False)
        pass_seconds(grown, a_clock, 2)
        assert "disk is full" in grown.not_saved.message
    assert grown.study is None
    pass_seconds(grown, a_clock, 2)
    assert grown.not_saved is None
    assert grown.status.message == "Saved again."
    assert len(saved(grown, folder).microbleeds) == 1


def test_what_cannot_be_saved_is_copied_elsewhere_as_it_is_now(grown, a_head, a_clock, folder, tmp_path, monkeypatch):
    def refuse(path, target):
        if Path(target).parent == folder:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        rename(path, target)

    pass_seconds(grown, a_clock, 2)
    rename, out = os.replace, tmp_path / "out"
    out.mkdir()
    monkeypatch.setattr("CMBSegmentationLib.files.atomic_file.os.replace", refuse)
    paint(a_head, "B")
    grown.growing.grow()
    with pytest.raises(InputError):
        grown.study.disk.flush()
    grown.study.disk.copy_to(out)
    (said,) = read_study(next(out.glob("*_annotation.json"))).annotations
    assert len(said.microbleeds) == 2
    masks = read_segments(next(out.glob("*.seg.nrrd")), grown.study.image)
    assert {one.grown_segment for one in said.microbleeds} <= {one.name for one in masks}
    assert grown.study.disk.unsaved


def test_only_an_annotation_that_is_saved_is_called_so(grown):
    with disk_refuses():
        with pytest.raises(MachineError, match="disk is full"):
            grown.answering.mark_done()
        assert "is saved" not in grown.status.message
    grown.answering.mark_done()
    assert grown.status.message == "Marked as done. The annotation is saved."


def test_another_folder_mends_what_could_not_be_saved(grown, a_head, a_clock, tmp_path):
    with disk_refuses(errno.EROFS):
        pass_seconds(grown, a_clock, 2)
        assert "not writable" in grown.not_saved.message
    grown.opening.set_parameters(folder=str(tmp_path / "other"))
    assert grown.not_saved is None
    paint(a_head, "B")
    pass_seconds(grown, a_clock, 2)
    assert grown.status.message != "Saved again."


def test_a_study_is_resumed_in_a_fresh_scene(grown, new_scene, a_clock, folder):
    grown.answering.answer(grown.annotation.microbleeds[0], cause="CAA", location="cerebellum")
    grown.answering.add_mimic((1, 2, 3), type="vessel")
    paint(grown.study.nodes.scan, "B")
    grown.growing.change(1, largest_diameter_mm=9.0)
    mask, tolerance = grown.current.mask, grown.current.tolerance_percent
    grown.opening.close_study()

    new_scene()
    again = GrowSession(slicer.mrmlScene, clock=a_clock)
    again.opening.open(add_head(), reader="SI", folder=str(folder))
    assert again.annotation.microbleeds[0].cause == "CAA"
    assert again.lesions[0].settings.largest_diameter_mm == 9.0
    assert sorted(map(tuple, mask_in_scene(again, 1))) == sorted(map(tuple, mask))
    assert len(painted_in_scene(again)) == 2
    assert again.study.nodes.mimics.GetNumberOfControlPoints() == 1
    again.growing.select(1)
    assert again.growing.preview(None).tolerance_percent == tolerance
    (second,) = again.growing.grow()
    assert second.id == 2
    again.close()


def test_what_was_not_accepted_is_so_in_a_fresh_scene(grown, new_scene, a_clock, folder):
    paint(grown.study.nodes.scan, "B")
    grown.growing.grow()
    grown.growing.accept(1)
    paint(grown.study.nodes.scan, "C")
    (third,) = grown.growing.grow()
    grown.growing.accept(third.id)
    grown.growing.change(third.id, largest_diameter_mm=9.0)
    states = [(1, True, True), (2, False, False), (3, False, True)]
    assert [(one.id, one.accepted, one.was_accepted) for one in grown.lesions] == states
    grown.opening.close_study()
    said = [one.acceptance for one in saved(grown, folder).microbleeds]
    assert said == ["accepted", "not accepted", "changed since"]

    new_scene()
    again = GrowSession(slicer.mrmlScene, clock=a_clock)
    again.opening.open(add_head(), reader="SI", folder=str(folder))
    assert [(one.id, one.accepted, one.was_accepted) for one in again.lesions] == states
    told = read_annotated(again.study.nodes.scan)
    assert [told.lesions[number].accepted for number in (1, 2, 3)] == [True, False, True]
    image = again.study.image
    again.answering.mark_done()
    left = [note for note in again.status.notes if note.endswith("not accepted")]
    assert left == ["CMB 2: not accepted", "CMB 3: not accepted"]
    again.close()
    tags = {one.name: one.accepted for one in read_segments(next(folder.glob("*.seg.nrrd")), image)}
    assert tags == {
        "CMB 1 grown (SI)": True, "CMB 2 grown (SI)": False, "CMB 3 grown (SI)": False,
        "CMB 1 scribble (SI)": None, "CMB 2 scribble (SI)": None, "CMB 3 scribble (SI)": None,
    }  # fmt: skip


def test_a_scene_of_a_version_that_did_not_say_so_in_records_tells_by_its_segments(
    grown, a_scene, reopened, a_clock, folder
):
    node = grown.study.nodes.scribbles
    paint(grown.study.nodes.scan, "B")
    grown.growing.grow()
    grown.growing.accept()
    text = node.GetAttribute(STUDY_ATTRIBUTE)
    old = json.loads(text)
    for record in old["annotations"][0]["microbleeds"]:
        del record["acceptance"]
    grown.close()
    node.SetAttribute(STUDY_ATTRIBUTE, json.dumps(old))
    for file in folder.iterdir():
        file.unlink()
    scan = reopened(a_scene).GetFirstNodeByName(SCAN_NAME)
    again = GrowSession(slicer.mrmlScene, clock=a_clock)
    again.opening.open(scan, reader="SI")
    assert [one.accepted for one in again.lesions] == [False, True]
    assert [one.acceptance for one in again.annotation.microbleeds] == ["not accepted", "accepted"]
    again.close()


def test_a_saved_scene_reopens_and_the_tolerance_is_changed_again(grown, a_scene, reopened, a_clock, folder):
    grown.growing.change(1, mode="parent", largest_diameter_mm=7.0)
    grown.growing.preview(3.0)
    small = grown.growing.accept().mask
    grown.close()
    scan = reopened(a_scene).GetFirstNodeByName(SCAN_NAME)

    again = GrowSession(slicer.mrmlScene, clock=a_clock)
    again.opening.open(scan, reader="SI", folder=str(folder))
    (lesion,) = again.lesions
    assert (lesion.mode, lesion.tolerance_percent, lesion.accepted) == ("parent", 3.0, True)
    assert lesion.settings.largest_diameter_mm == 7.0
    assert len(lesion.mask) == len(small)
    again.growing.select(1)
    wide = again.growing.preview(None)
    assert dice_in_scene(again, 1, "A") > 0.9
    assert wide.tolerance_percent > 3.0
    again.undo()
    assert again.current.tolerance_percent == 3.0
    again.close()


def test_what_only_an_older_scene_says_is_kept_beside(grown, a_scene, reopened, a_clock, folder):
    file = folder / "sub-01_swi_desc-cmb_annotation.json"
    grown.opening.close_study()
    scene = reopened(a_scene)
    text = file.read_text().replace('"location": ""', '"location": "thalamus"')
    file.write_text(re.sub(r'"time": "20', '"time": "21', text))
    again = GrowSession(scene, clock=a_clock)
    again.opening.open(scene.GetFirstNodeByName(SCAN_NAME), reader="SI", folder=str(folder))
    told = " ".join(again.status.notes)
    assert again.annotation.microbleeds[0].location == "thalamus"
    again.close()
    (name,) = (path.name for path in folder.glob("*.other-*.json"))
    assert f"that of the scene is kept as {name}" in told
    kept = read_study(folder / name).of("SI")
    assert kept.microbleeds[0].location == ""
    assert len(list(folder.glob("*.other-*.seg.nrrd"))) == 1


def test_another_readers_annotation_that_only_the_scene_has_is_saved_before_it_is_replaced(
    grown, a_scene, reopened, a_clock, tmp_path
):
    there = len(grown.lesions[0].mask)
    grown.opening.close_study()
    scene = reopened(a_scene)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    scan, again = scene.GetFirstNodeByName(SCAN_NAME), GrowSession(scene, clock=a_clock)
    again.opening.open(scan, reader="XY", folder=str(elsewhere))
    assert again.lesions == ()
    again.opening.open(scan, reader="SI", folder=str(elsewhere))
    assert [len(one.mask) for one in again.lesions] == [there]
    again.close()
    assert list(read_study(*elsewhere.glob("*_annotation.json")).readers)[:1] == ["SI"]


@pytest.mark.parametrize("name", ["5%3a T2%2a GRE", "5: T2* GRE"])
def test_an_annotation_under_a_former_name_is_found_and_renamed(a_session, a_head, a_clock, folder, name):
    a_head.SetName("5: T2* GRE")
    a_session.opening.open(a_head, reader="SI", folder=str(folder))
    paint(a_head, "A")
    assert a_session.growing.grow()
    a_session.opening.close_study()
    written = sorted(path.name for path in folder.iterdir())
    assert all(one.startswith("5_T2_GRE_desc-cmb_annotation") for one in written)
    for path in list(folder.iterdir()):
        path.rename(path.with_name(path.name.replace("5_T2_GRE", name)))
    find_nodes(a_head).scribbles.RemoveAttribute(STUDY_ATTRIBUTE)
    again = GrowSession(a_head.GetScene(), clock=a_clock)
    again.opening.open(a_head, reader="SI", folder=str(folder))
    assert len(again.lesions) == 1
    assert sorted(path.name for path in folder.iterdir()) == written
    assert f"was found as {name}" in " ".join(again.status.notes)
    again.close()


def test_an_annotation_whose_files_follow_the_scans_name_says_that_name(a_session, a_head, a_clock, folder):
    a_head.SetName("pat_T2starw")
    a_session.opening.open(a_head, reader="SI", folder=str(folder))
    paint(a_head, "A")
    assert a_session.growing.grow()
    a_session.answering.rate_series("pat_T2starw", flags=("blurry",))
    a_session.opening.close_study()
    for path in list(folder.iterdir()):  # as the page does when the same voxels are opened as another file
        path.rename(path.with_name(path.name.replace("pat_T2starw", "series")))
    find_nodes(a_head).scribbles.RemoveAttribute(STUDY_ATTRIBUTE)
    a_head.SetName("series")
    again = GrowSession(a_head.GetScene(), clock=a_clock)
    again.opening.open(a_head, reader="EX", folder=str(folder))
    study = read_study(folder / "series_desc-cmb_annotation.json")  # at once: it may be exported as it lies there
    assert study.scan == again.study.disk.study.scan == "series"
    assert [one.series for one in study.of("SI").series] == ["series"]
    again.close()
    a_head.SetName("series_1")  # as Slicer calls what is loaded twice: the file has the name that counts
    once_more = GrowSession(a_head.GetScene(), clock=a_clock)
    once_more.opening.open(a_head, reader="SI", folder=str(folder))
    assert read_study(folder / "series_desc-cmb_annotation.json").scan == "series"
    once_more.close()


def test_an_annotation_keeps_its_name_in_a_saved_scene(a_session, a_head, a_scene, reopened, a_clock, folder):
    a_head.SetName("5: T2* GRE")
    a_session.opening.open(a_head, reader="SI", folder=str(folder))
    paint(a_head, "A")
    assert a_session.growing.grow()
    a_session.opening.close_study()
    scan = reopened(a_scene).GetFirstNodeByName("5: T2* GRE")
    again = GrowSession(scan.GetScene(), clock=a_clock)
    again.opening.open(scan, reader="SI")
    assert again.study.disk.files.stem == "5_T2_GRE"
    assert again.study.disk.files.folder == folder
    again.close()


def dice_in_scene(session, lesion_id, name):
    """Overlap by positions: Slicer reads a left-handed volume back with one axis flipped."""
    study = session.study
    index = np.c_[mask_in_scene(session, lesion_id)[:, ::-1], np.ones(len(mask_in_scene(session, lesion_id)))]
    ras = index @ study.grid.ijk_to_ras.T
    back = np.rint(ras @ np.linalg.inv(oblique_ijk_to_ras()).T).astype(int)[:, 2::-1]
    return dice(back, name)


def test_a_saved_scene_is_whole_without_the_files_beside_the_scan(grown, a_scene, reopened, a_clock, folder):
    grown.answering.answer(grown.annotation.microbleeds[0], cause="hypertension")
    grown.close()
    scan = reopened(a_scene).GetFirstNodeByName(SCAN_NAME)
    for file in folder.iterdir():
        file.unlink()
    again = GrowSession(slicer.mrmlScene, clock=a_clock)
    again.opening.open(scan, reader="SI", folder=str(folder))
    assert again.annotation.microbleeds[0].cause == "hypertension"
    pass_seconds(again, a_clock, 2)
    assert saved(again, folder).microbleeds[0].cause == "hypertension"
    again.close()


def test_two_readers_work_on_one_scan_and_see_their_own_only(grown, a_head, folder):
    grown.opening.set_parameters(reader="AB")
    assert grown.lesions == ()
    assert segment_ids(grown.study.nodes.masks) == []
    paint(a_head, "B")
    grown.growing.grow()
    grown.opening.set_parameters(reader="SI")
    assert dice(grown.lesions[0].mask, "A") > 0.9
    study = read_study(next(folder.glob("*.json")))
    assert study.readers == ("SI", "AB")


def test_a_scan_without_a_folder_is_annotated_and_saved_once_there_is_one(a_session, a_head, folder):
    a_session.opening.open(a_head, reader="SI")
    assert "folder" in " ".join(a_session.status.notes)
    paint(a_head, "A")
    a_session.growing.grow()
    with refused("no folder"):
        a_session.opening.close_study()
    assert len(a_session.lesions) == 1
    a_session.opening.set_parameters(folder=str(folder))
    assert len(saved(a_session, folder).microbleeds) == 1
    a_session.opening.close_study()


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
        a_session.opening.open(a_head, reader="SI", folder=str(folder))
        paint(a_head, "A")
        assert a_session.growing.grow()
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
    with refused(""):
        session.opening.close_study()
    assert len(session.lesions) == 1
    other = tmp_path / "other"
    other.mkdir()
    session.opening.set_parameters(folder=str(other))
    assert len(saved(session, other).microbleeds) == 1


def test_a_folder_that_cannot_be_written_is_not_taken(grown, a_clock, folder, tmp_path):
    (tmp_path / "a file").write_text("")
    with refused("could not be saved"):
        grown.opening.set_parameters(folder=str(tmp_path / "a file"))
    assert grown.parameters.folder == str(folder)
    pass_seconds(grown, a_clock, 2)
    assert len(saved(grown, folder).microbleeds) == 1


@pytest.mark.skipif(os.name != "posix", reason="platform: permissions are POSIX's")
def test_a_read_only_folder_is_not_taken_also_where_nothing_is_annotated_yet(a_session, a_head, a_readers_home):
    with bound_by_permissions():
        first, second = (a_readers_home / name for name in ("annotations", "read-only"))
        first.mkdir()
        second.mkdir(0o500)
        a_session.opening.open(a_head, reader="SI", folder=str(first))
        with refused(f"could not be saved: {second} is not writable"):
            a_session.opening.set_parameters(folder=str(second))
        assert a_session.parameters.folder == str(first)
        second.chmod(0o700)
        a_session.opening.set_parameters(folder=str(second))
        assert list(second.iterdir()) == []  # nothing to save yet


def test_a_damaged_file_is_set_aside_and_the_reader_is_told(a_session, a_head, folder):
    file = folder / "sub-01_swi_desc-cmb_annotation.json"
    file.write_text("{half")
    a_session.opening.open(a_head, reader="SI", folder=str(folder))
    assert "set aside" in " ".join(a_session.status.notes)
    assert [path.read_text() for path in folder.glob("*damaged*")] == ["{half"]


def test_a_file_of_a_newer_version_is_refused_and_left_alone(a_session, a_head, folder):
    file = folder / "sub-01_swi_desc-cmb_annotation.json"
    file.write_text('{"schema_version": 99}')
    with refused("newer version"):
        a_session.opening.open(a_head, reader="SI", folder=str(folder))
    assert file.read_text() == '{"schema_version": 99}'


# what goes away


def test_a_volume_removed_while_the_slider_moves_loses_nothing(grown, a_scene, a_head, folder):
    grown.growing.preview(2.0)
    a_scene.RemoveNode(a_head)
    with refused("was closed"):
        grown.growing.preview(3.0)
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
    with refused("moved or resampled"):
        grown.growing.preview(3.0)
    a_head.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(oblique_ijk_to_ras()))
    assert grown.growing.preview(3.0)


def test_new_intensities_are_measured_anew(grown, a_head):
    told = []
    grown.status_changed.connect(lambda status: told.append(status.state))
    slicer.util.updateVolumeFromArray(a_head, head() + 1)
    paint(a_head, "B")
    grown.growing.grow()
    assert State.WORKING in told


def test_no_scan_and_no_reader_are_said(a_session, a_head, a_scene):
    with refused("No scan"):
        a_session.opening.open(None)
    with refused("No reader"):
        a_session.opening.open(a_head)
    with refused("No annotation is open"):
        a_session.growing.grow()
    labels = a_scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
    with refused("label map"):
        a_session.opening.open(labels, reader="SI")


def test_a_scan_can_be_chosen_again_after_another_was_refused(grown, a_head, a_scene):
    labels = a_scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
    with refused("label map"):
        grown.opening.set_parameters(scan_node_id=labels.GetID())
    grown.opening.set_parameters(scan_node_id=a_head.GetID())
    assert len(grown.lesions) == 1


def test_a_scene_saved_while_one_annotates_is_gone_on_with(grown, a_scene, a_head, tmp_path):
    assert a_scene.WriteToMRB(str(tmp_path / "meanwhile.mrb"))  # puts all segments into one layer
    paint(a_head, "B")
    (second,) = grown.growing.grow()
    assert dice(second.mask, "B") > 0.9
    assert dice(mask_in_scene(grown, 1), "A") > 0.9
    assert len(painted_in_scene(grown, scribble_id(1))) == 2


def test_another_scan_has_an_annotation_of_its_own(grown, folder):
    other = add_head("sub-02 swi")
    grown.opening.open(other)
    assert grown.lesions == ()
    assert find_nodes(other) is not None
    assert saved(grown, folder).microbleeds
