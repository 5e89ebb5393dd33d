"""An annotation that is saved in another folder, where one of the same scan may lie already."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import slicer
from grow_sessions import a_clock, a_head, a_session, mask_in_scene, painted_in_scene, pass_seconds, saved
from painted_scan import add_head, paint
from refusals import refused
from refusing_disk import disk_refuses

from CMBScribbleGrowLib.annotation.file import read_study
from CMBScribbleGrowLib.annotation.segments_file import read_segments
from CMBScribbleGrowLib.session import GrowSession
from CMBSegmentationLib.errors import MachineError

__all__ = ["a_clock", "a_head", "a_session"]


@pytest.fixture
def begun(new_scene, a_clock):
    """Opens the head in a scene of its own, grows and accepts spots, and saves them in a folder."""
    sessions = []

    def begin(folder=None, spots="", reader="SI", *, close=False):
        new_scene()
        session = GrowSession(slicer.mrmlScene, clock=a_clock)
        sessions.append(session)
        scan = add_head()
        session.opening.open(scan, reader=reader, folder=str(folder) if folder else None)
        annotate(session, spots)
        if close:
            session.opening.close_study()
        return session

    yield begin
    for session in sessions:
        session.close()


@pytest.fixture
def places(tmp_path):
    made = [tmp_path / name for name in ("one", "two")]
    for place in made:
        place.mkdir()
    return made


def annotate(session, spots):
    for spot in spots:
        paint(session.study.nodes.scan, spot)
        for lesion in session.growing.grow():
            session.growing.accept(lesion.id)


def segments(path, session):
    return {one.name: sorted(map(tuple, one.voxels)) for one in read_segments(path, session.study.image)}


def masks(folder, session):
    (path,) = folder.glob("*_annotation.seg.nrrd")
    return segments(path, session)


def whole(folder):
    """What a folder holds, to the byte."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def kept_beside(folder):
    return sorted(folder.glob("*.other-*.json"))


def check_masks_of(records, session, reader="SI"):
    """Each mask that records name lies in the file of the same name."""
    there = segments(records.with_name(records.name.replace(".json", ".seg.nrrd")), session)
    said = read_study(records).of(reader).microbleeds
    assert said
    assert {one.grown_segment for one in said} | {one.scribble_segment for one in said} <= set(there)
    assert all(there.values())
    return there


def said(session):
    return " ".join((session.status.message, *session.status.notes))


# nothing at hand


def test_what_lies_in_a_folder_is_gone_on_with_where_nothing_is_annotated_yet(begun, places, a_clock):
    one, _ = places
    earlier = begun(one, "AB")
    paint(earlier.study.nodes.scan, "C")
    earlier.opening.close_study()
    before = whole(one)
    session = begun()
    told = []
    session.annotation_changed.connect(told.append)
    session.opening.set_parameters(folder=str(one))
    assert "Saved in" in said(session)
    assert "The annotation that was there is shown, last changed 20" in said(session)
    assert told[-1] == session.annotation
    assert len(session.annotation.microbleeds) == len(session.lesions) == 2
    assert len(mask_in_scene(session, 2))
    assert len(painted_in_scene(session)) == 2
    assert whole(one) == before

    former = masks(one, session)
    session.growing.grow()
    pass_seconds(session, a_clock, 2)
    assert [record.id for record in saved(session, one).microbleeds] == [1, 2, 3]
    now = {name: voxels for name, voxels in masks(one, session).items() if name in former}
    assert now.items() >= {name: voxels for name, voxels in former.items() if name.startswith("CMB")}.items()
    while session.undo():
        pass
    pass_seconds(session, a_clock, 2)
    assert len(saved(session, one).microbleeds) == 2  # undo takes back what was done here only
    assert kept_beside(one) == []


def test_strokes_that_nobody_has_grown_yet_are_gone_on_with_too(begun, places):
    one, _ = places
    earlier = begun(one)
    paint(earlier.study.nodes.scan, "C")
    earlier.opening.close_study()
    session = begun()
    session.opening.set_parameters(folder=str(one))
    assert "is shown" in said(session)
    assert len(painted_in_scene(session)) == 2


# something at hand


def test_what_lies_in_a_folder_is_kept_beside_with_its_masks_where_something_else_is_at_hand(begun, places, a_clock):
    one, two = places
    begun(one, "AB", close=True)
    session = begun(spots="C")
    former, here = masks(one, session), mask_in_scene(session, 1)
    session.opening.set_parameters(folder=str(one))
    (kept,) = kept_beside(one)
    assert "Another annotation of this scan by SI was there, last changed 20" in said(session)
    assert f"it is kept with its masks as {kept.name}." in said(session)
    assert check_masks_of(kept, session) == former
    assert len(session.annotation.microbleeds) == len(saved(session, one).microbleeds) == 1
    assert masks(one, session)["CMB 1 grown (SI)"] == sorted(map(tuple, here))

    session.answering.answer(session.annotation.microbleeds[0], cause="CAA")
    pass_seconds(session, a_clock, 2)
    assert session.undo()
    pass_seconds(session, a_clock, 2)
    assert kept_beside(one) == [kept]

    begun(two, "B", close=True)
    session.opening.set_parameters(folder=str(two))
    (other,) = kept_beside(two)
    check_masks_of(other, session)
    session.opening.set_parameters(folder=str(one))
    assert kept_beside(one) == [kept]  # what lies there is said at hand
    assert "was there" not in said(session)


def test_what_is_kept_beside_a_second_time_has_a_name_of_its_own(begun, places):
    one, _ = places
    begun(one, "AB", close=True)
    for spots in ("C", "B"):
        session = begun(spots=spots)
        session.opening.set_parameters(folder=str(one))
        session.opening.close_study()
    session = begun(one)
    kept = kept_beside(one)
    assert [len(check_masks_of(path, session)) for path in kept] in ([4, 2], [2, 4])


def test_what_lies_in_a_folder_is_gone_on_with_where_it_says_all_that_is_at_hand_and_more(begun, places):
    one, two = places
    session = begun(one, "A", close=True)
    for path in one.iterdir():
        (two / path.name).write_bytes(path.read_bytes())
    begun(two, "B", close=True)
    session = begun(one)
    assert len(session.lesions) == 1
    session.opening.set_parameters(folder=str(two))
    assert len(session.lesions) == len(masks(two, session)) / 2 == 2
    assert "is shown" in said(session)
    assert kept_beside(two) == []


def test_masks_go_along_without_being_changed(begun, places, a_clock):
    one, two = places
    begun(one, "B", reader="XY", close=True)
    begun(one, "A", close=True)
    session = begun(one)
    session.opening.set_parameters(folder=str(two))
    assert masks(two, session) == masks(one, session)
    assert len(masks(two, session)) == 4
    session.answering.answer(session.annotation.microbleeds[0], cause="CAA")
    pass_seconds(session, a_clock, 2)
    assert read_study(*two.glob("*_annotation.json")).readers == ("XY", "SI")
    assert len(masks(two, session)) == 4


def test_other_readers_records_and_masks_stay_where_they_are(begun, places, a_clock):
    one, _ = places
    begun(one, "AB", reader="XY", close=True)
    begun(one, "A", close=True)
    session = begun(spots="C")
    former = masks(one, session)
    theirs = read_study(*one.glob("*_annotation.json")).of("XY")
    session.opening.set_parameters(folder=str(one))
    annotate(session, "B")
    pass_seconds(session, a_clock, 2)
    assert read_study(*one.glob("*_annotation.json")).of("XY") == theirs
    now = masks(one, session)
    assert {name: now[name] for name in former if "(XY)" in name} == {n: v for n, v in former.items() if "(XY)" in n}
    (kept,) = kept_beside(one)
    check_masks_of(kept, session)
    check_masks_of(kept, session, "XY")


def test_what_another_reader_said_elsewhere_is_told(begun, places):
    one, two = places
    begun(one, "AB", reader="XY", close=True)
    begun(two, "C", reader="XY", close=True)
    session = begun(two)
    session.opening.set_parameters(folder=str(one))
    assert f"Of XY the folder has another annotation; what was shown here stays in {two}." in said(session)
    assert len(session.study.disk.study.of("XY").microbleeds) == 2
    assert len(read_study(*two.glob("*_annotation.json")).of("XY").microbleeds) == 1


# where it fails


@pytest.mark.parametrize("ending", ["", "_annotation.json", "_annotation.seg.nrrd", ".other-"])
def test_a_disk_that_fills_up_on_the_way_leaves_both_as_they_are(begun, places, a_clock, monkeypatch, ending):
    one, two = places
    begun(one, "AB", close=True)
    session = begun(two, "C")
    pass_seconds(session, a_clock, 2)
    before, lesions, replace = whole(one), session.lesions, os.replace

    def refuse(path, target):
        if ending in Path(target).name:
            with disk_refuses():
                os.replace(path, target)
        replace(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", refuse)
        with pytest.raises(MachineError, match="disk is full"):
            session.opening.set_parameters(folder=str(one))
    assert whole(one) == before
    assert session.lesions == lesions
    assert session.parameters.folder == str(two)
    annotate(session, "B")
    pass_seconds(session, a_clock, 2)
    assert len(saved(session, two).microbleeds) == 2

    session.opening.set_parameters(folder=str(one))
    assert len(kept_beside(one)) == 1


def test_an_annotation_of_another_scan_in_the_folder_is_left_alone(begun, places):
    one, _ = places
    begun(one, "A", close=True)
    before = whole(one)
    session = begun(spots="C")
    image = session.study.image
    image.SetOrigin([value + 1000 for value in image.GetOrigin()])
    with refused("another grid"):
        session.opening.set_parameters(folder=str(one))
    assert whole(one) == before
