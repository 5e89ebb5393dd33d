"""A lesion has one name, in the list and among the scribbles of the same scan, whichever came first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from desk import FAINT, FIRST, SECOND, a_desk, number_at
from oblique_scan import oblique_ijk_to_ras
from slicer_scene import a_scene, new_scene

from CMBScribbleGrowLib.scene import PAINT_SEGMENT, add_to_scribble
from CMBScribbleGrowLib.scene.names import STUDY_ATTRIBUTE
from CMBScribbleGrowLib.session import GrowSession
from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.review import Verdict, edits, following, from_text
from CMBSegmentationLib.scene import read_review
from CMBSegmentationLib.scene.names import ANNOTATED_ATTRIBUTE
from CMBSegmentationLib.vocabulary.places import LOCATIONS, REGIONS_OF, location_of, region_in
from CMBSegmentationLib.vocabulary.regions import ASSIGNABLE, LOBE_UNKNOWN, group_of

__all__ = ["a_desk", "a_scene", "new_scene"]

LATER = "2031-01-01T00:00:00+00:00"


def test_a_missed_lesion_has_a_number_of_its_own_and_keeps_it_on_the_list(a_desk):
    a_desk.detect()
    number = a_desk.grow(FAINT)
    assert number == 5  # the list has given 1 to 4
    assert a_desk.accept().id == number
    assert number_at(a_desk, FAINT) == number


def test_a_scribble_in_a_lesion_of_the_list_has_its_number(a_desk):
    a_desk.detect()
    second = number_at(a_desk, SECOND)
    assert a_desk.grow(SECOND) == second
    assert a_desk.accept().state == "accepted"
    assert [one.id for one in a_desk.list.navigation.lesions] == [1, 2, 3]


def test_a_scribble_in_a_rejected_lesion_has_its_number_and_is_not_put_back(a_desk):
    a_desk.detect()
    second = number_at(a_desk, SECOND)
    a_desk.list.deciding.decide("rejected", "vessel", lesion_id=second)
    assert a_desk.grow(SECOND) == second
    with pytest.raises(InputError, match=f"CMB {second} is rejected"):
        a_desk.accept()
    assert a_desk.list.review.find(second).state == "rejected"
    assert not a_desk.scribbles.current.accepted  # nor is it said of it there


def test_what_was_accepted_as_a_scribble_and_is_rejected_on_the_list_is_told_when_the_annotation_is_finished(a_desk):
    a_desk.detect()
    second = a_desk.grow(SECOND)
    a_desk.accept()
    a_desk.scribbles.answering.mark_done()
    contradiction = f"CMB {second} is rejected in the list"
    assert contradiction not in a_desk.scribbles.status.notes
    a_desk.list.deciding.decide("rejected", "vessel", lesion_id=second)
    a_desk.scribbles.answering.mark_done()
    assert contradiction in a_desk.scribbles.status.notes


@pytest.mark.parametrize(("decision", "ticked"), [("uncertain", False), ("accepted", True)])
def test_what_is_certain_in_one_of_list_and_annotation_only_is_told_when_it_is_finished(a_desk, decision, ticked):
    a_desk.detect()
    number = a_desk.grow(SECOND)
    a_desk.accept()
    (entry,) = a_desk.scribbles.annotation.microbleeds
    a_desk.scribbles.answering.answer(entry, uncertain=ticked)
    a_desk.list.deciding.decide(decision, lesion_id=number)
    a_desk.scribbles.answering.mark_done()
    here = "uncertain" if ticked else "certain"
    assert f"CMB {number} is {decision} in the list, {here} here" in a_desk.scribbles.status.notes
    a_desk.list.deciding.decide("uncertain" if ticked else "accepted", lesion_id=number)
    a_desk.scribbles.answering.mark_done()
    assert not [note for note in a_desk.scribbles.status.notes if "in the list" in note]


def test_of_place_and_side_only_what_the_lists_reader_has_set_stays(a_desk):
    a_desk.detect()
    number = a_desk.grow(SECOND)
    a_desk.accept()
    region = a_desk.list.review.find(number).lesion.region
    a_desk.list.deciding.set_place(region, "midline", lesion_id=number)
    (entry,) = a_desk.scribbles.annotation.microbleeds
    a_desk.scribbles.answering.answer(entry, location="thalamus", side="left")
    a_desk.list.deciding.decide("uncertain", lesion_id=number)
    listed = a_desk.list.review.find(number).lesion
    assert (listed.region, listed.side) == ("thalamus", "midline")
    kept = from_text(read_review(a_desk.list.detection.results), "the scene").review
    assert kept.places == {number: (None, "midline")}


def test_a_place_that_differs_in_list_and_annotation_is_told_when_it_is_finished(a_desk):
    a_desk.detect()
    number = a_desk.grow(SECOND)
    a_desk.accept()

    def told(location="", side=""):
        (entry,) = a_desk.scribbles.annotation.microbleeds
        a_desk.scribbles.answering.answer(entry, location=location, side=side)
        a_desk.scribbles.answering.mark_done()
        return [note for note in a_desk.scribbles.status.notes if "in the list" in note]

    a_desk.list.deciding.set_place("frontal", "left", lesion_id=number)
    assert told() == []  # nothing is said here
    assert told("thalamus", "left") == [f"CMB {number}: frontal in the list, thalamus here"]
    assert told("subcortical white matter", "right") == [f"CMB {number}: left in the list, right here"]
    assert told("subcortical white matter", "left") == []


def test_accepting_what_is_accepted_is_no_step(a_desk):
    a_desk.detect()
    number = a_desk.grow(SECOND)
    a_desk.accept()
    assert a_desk.accept().state == "accepted"
    assert a_desk.scribbles.status.message == f"CMB {number} is accepted already."
    assert a_desk.scribbles.undo().what == f"CMB {number} accepted"
    assert a_desk.scribbles.undo().what == f"CMB {number} grown"


def test_a_detection_after_the_scribble_names_it_as_the_scribble_is_named(a_desk):
    assert a_desk.grow(SECOND) == 1
    assert a_desk.grow(FAINT) == 2
    a_desk.detect()
    assert number_at(a_desk, SECOND) == 1
    assert number_at(a_desk, FAINT) == 2
    assert number_at(a_desk, FIRST) == 3


def test_a_lesion_added_to_the_list_has_no_number_of_a_scribble(a_desk):
    a_desk.detect()
    assert a_desk.grow(FAINT) == 5
    elsewhere = np.array([(3, 5, 5), (3, 5, 6)])
    assert a_desk.list.editing.add_voxels(elsewhere).id == 6
    assert a_desk.accept().id == 5


def test_a_lesion_accepted_again_with_another_mask_is_the_same_one_on_the_list(a_desk):
    a_desk.detect()
    a_desk.grow(FAINT)
    a_desk.accept()
    a_desk.list.deciding.set_place("thalamus", "left", lesion_id=5)
    again = a_desk.list.editing.add_voxels(a_desk.scribbles.current.mask[:9], number=5)
    assert (again.id, again.state, len(again.voxels)) == (5, "accepted", 9)
    assert (again.lesion.region, again.lesion.side) == ("thalamus", "left")
    assert [one.id for one in a_desk.list.navigation.lesions] == [1, 2, 3, 5]


def ras_of(place):
    k, j, i = place
    return tuple((oblique_ijk_to_ras() @ [i, j, k, 1])[:3])


def test_a_lesion_accepted_as_a_scribble_keeps_its_place_side_and_cause_on_the_list(a_desk):
    a_desk.detect()
    for place in (FAINT, SECOND):  # one that the detector missed, one that it found
        number = a_desk.grow(place)
        record = next(one for one in a_desk.scribbles.annotation.microbleeds if one.id == number)
        a_desk.scribbles.answering.answer(record, location="thalamus", side="left", cause="hypertension")
        lesion = a_desk.accept()
        said = lesion.as_lesion()
        assert (said.region, said.side, said.cause, said.decision) == ("thalamus", "left", "hypertension", "accepted")
        kept = from_text(read_review(a_desk.list.detection.results), "the scene").review.find(lesion.id)
        assert kept.as_lesion() == said


def test_a_lesion_of_the_list_that_is_grown_by_another_keeps_its_verdict(a_desk):
    a_desk.detect()
    number = a_desk.grow(SECOND)
    a_desk.list.reading.set(reader="KH")
    a_desk.list.deciding.decide("uncertain", lesion_id=number)
    given = a_desk.list.review.find(number).verdict
    a_desk.list.reading.set(reader="Xavier")
    (record,) = a_desk.scribbles.annotation.microbleeds
    a_desk.scribbles.answering.answer(record, cause="CAA")
    said = []
    a_desk.list.noticed.connect(lambda notice: said.append(notice.message))
    assert a_desk.accept().verdict == given
    assert said == [f"CMB {number} stays as it is on the list: uncertain by KH."]


def test_an_answer_that_comes_after_accepting_reaches_the_list_by_itself(a_desk):
    a_desk.detect()
    number = a_desk.grow(SECOND)
    a_desk.accept()
    (record,) = a_desk.scribbles.annotation.microbleeds

    def said(**answers):
        a_desk.scribbles.answering.answer(record, **answers)
        a_desk.list.poll()
        lesion = a_desk.list.review.find(number).as_lesion()
        return lesion.region, lesion.side, lesion.cause

    assert said(location="thalamus") == ("thalamus", "", "")
    assert said(side="left", cause="CAA") == ("thalamus", "left", "CAA")
    assert said(location="subcortical white matter") == (LOBE_UNKNOWN, "left", "CAA")
    assert said(location="brainstem") == ("brainstem", "left", "CAA")
    a_desk.list.deciding.set_place("external capsule", "right", lesion_id=number)  # the list's own reader
    assert said(location="cerebellum", cause="trauma") == ("external capsule", "right", "trauma")
    assert a_desk.accept().as_lesion().region == "external capsule"


def listed(desk, number):
    """What files say of a lesion on the list, after the list has followed."""
    desk.list.poll()
    lesion = desk.list.review.find(number)
    said = lesion and lesion.as_lesion()
    return said and (said.decision, said.region, said.side, said.cause)


def test_answers_that_are_taken_back_leave_the_list_as_it_was(a_desk):
    a_desk.detect()
    number = number_at(a_desk, SECOND)
    before = listed(a_desk, number)
    a_desk.grow(SECOND)
    a_desk.accept()
    (record,) = a_desk.scribbles.annotation.microbleeds
    answer = a_desk.scribbles.answering.answer
    answer(record, location="cerebellum", side="right", cause="CAA")
    assert listed(a_desk, number) == ("accepted", "cerebellum", "right", "CAA")
    answer(record, location="", cause="")
    assert listed(a_desk, number) == ("accepted", before[1], "right", "")
    a_desk.scribbles.undo()
    assert listed(a_desk, number) == ("accepted", "cerebellum", "right", "CAA")
    while a_desk.scribbles.undo().what != f"CMB {number} accepted":
        pass
    assert listed(a_desk, number) == before
    a_desk.scribbles.redo()
    assert listed(a_desk, number) == ("accepted", *before[1:])
    a_desk.scribbles.answering.remove(record)
    assert listed(a_desk, number) == before


def test_what_the_lists_reader_had_said_comes_back_when_the_annotation_is_removed(a_desk):
    a_desk.detect()
    number, deciding = number_at(a_desk, SECOND), a_desk.list.deciding
    deciding.set_place("insula", "left", lesion_id=number)
    a_desk.list.navigation.select(number)
    deciding.decide("uncertain", lesion_id=number, advance=False)
    deciding.set_cause("trauma")
    own = listed(a_desk, number)
    assert own == ("uncertain", "insula", "left", "trauma")
    a_desk.grow(SECOND)
    a_desk.accept()
    (record,) = a_desk.scribbles.annotation.microbleeds
    a_desk.scribbles.answering.answer(record, cause="CAA", uncertain=False)
    assert listed(a_desk, number) == ("accepted", "insula", "left", "CAA")
    deciding.set_cause("DAI")
    a_desk.scribbles.answering.answer(record, comment="seen")
    assert listed(a_desk, number) == ("accepted", "insula", "left", "DAI")
    a_desk.scribbles.answering.remove(record)
    assert listed(a_desk, number) == ("uncertain", "insula", "left", "DAI")


def test_a_lesion_that_the_annotation_added_goes_and_comes_with_it_and_undo_acts_on_what_was_done(a_desk):
    a_desk.detect()
    number = a_desk.grow(FAINT)
    a_desk.accept()
    first = number_at(a_desk, FIRST)
    a_desk.list.deciding.decide("rejected", "vessel", lesion_id=first)
    (record,) = a_desk.scribbles.annotation.microbleeds
    a_desk.scribbles.answering.remove(record)
    assert listed(a_desk, number) is None
    a_desk.scribbles.undo()
    assert listed(a_desk, number)[0] == "accepted"
    a_desk.scribbles.answering.answer(record, side="left")
    assert listed(a_desk, number)[2] == "left"
    assert a_desk.list.deciding.undo() == f"CMB {first} rejected (vessel)"
    assert listed(a_desk, number)[2] == "left"
    a_desk.scribbles.growing.select(number)
    a_desk.scribbles.growing.preview(a_desk.scribbles.current.tolerance_percent - 0.5)
    a_desk.scribbles.answering.answer(record, comment="another mask")
    assert not a_desk.scribbles.current.accepted
    assert listed(a_desk, number)[0] == "accepted"  # the mask that was accepted stays until another is
    assert a_desk.list.deciding.undo() == f"CMB {number} added"
    assert listed(a_desk, number) is None


def test_a_review_that_is_opened_again_still_knows_what_it_had_before_the_annotation(a_desk, a_scene):
    a_desk.detect()
    number = number_at(a_desk, SECOND)
    before = listed(a_desk, number)
    a_desk.grow(SECOND)
    a_desk.accept()
    (record,) = a_desk.scribbles.annotation.microbleeds
    a_desk.scribbles.answering.answer(record, location="thalamus", cause="CAA")
    assert listed(a_desk, number)[1:] == ("thalamus", "", "CAA")
    a_desk.list.close()
    a_desk.scribbles.answering.answer(record, cause="")
    a_desk.open_list(a_scene)
    assert listed(a_desk, number) == ("accepted", "thalamus", "", "")
    a_desk.scribbles.answering.remove(record)
    assert listed(a_desk, number) == before


def test_what_the_lists_reader_has_merged_or_deleted_is_no_longer_the_annotations(a_desk, monkeypatch):
    monkeypatch.setattr(edits, "MERGED_WITHIN_MM", 10.0)  # the two are 7 mm apart
    a_desk.detect()
    first, second = number_at(a_desk, FIRST), number_at(a_desk, SECOND)
    for place in (FIRST, SECOND):
        a_desk.grow(place)
        a_desk.accept()
    parts = [a_desk.list.review.find(number) for number in (first, second)]
    merged = a_desk.list.editing.merge([first, second])
    a_desk.list.deciding.decide("uncertain", lesion_id=merged.id)
    for record in a_desk.scribbles.annotation.microbleeds:
        a_desk.scribbles.answering.remove(record)
    assert listed(a_desk, merged.id)[0] == "uncertain"
    assert len(a_desk.list.review.find(merged.id).voxels) == sum(len(one.voxels) for one in parts)
    number = a_desk.grow(FAINT)
    a_desk.accept()
    a_desk.list.editing.delete(number)
    record = a_desk.scribbles.annotation.microbleeds[-1]
    a_desk.scribbles.answering.answer(record, cause="CAA")
    assert listed(a_desk, number) is None
    assert a_desk.accept().as_lesion().cause == "CAA"


def test_an_annotation_that_is_lost_takes_nothing_off_the_list(a_desk, a_scene):
    a_desk.detect()
    number = a_desk.grow(FAINT)
    a_desk.accept()
    a_desk.list.close()
    scribbles = a_desk.open().nodes.scribbles
    a_desk.scribbles.opening.close_study()
    for file in a_desk.folder.glob("*_annotation.*"):
        file.unlink()
    scribbles.RemoveAttribute(STUDY_ATTRIBUTE)
    a_desk.scan.RemoveAttribute(ANNOTATED_ATTRIBUTE)
    a_desk.scribbles = GrowSession(a_scene)
    a_desk.open_list(a_scene)
    a_desk.open()
    assert a_desk.scribbles.annotation.microbleeds == ()
    assert listed(a_desk, number)[0] == "accepted"


def test_what_was_removed_a_moment_ago_is_in_no_export(a_desk):
    a_desk.detect()
    number = a_desk.grow(FAINT)
    a_desk.accept()
    a_desk.scribbles.answering.remove(a_desk.scribbles.annotation.microbleeds[0])
    a_desk.list.exporting.export(str(a_desk.folder / "out"))
    assert a_desk.list.review.find(number) is None


def test_another_readers_annotation_takes_nothing_off_the_list(a_desk):
    a_desk.detect()
    number = a_desk.grow(FAINT)
    a_desk.accept()
    a_desk.scribbles.opening.open(a_desk.scan, reader="XY", folder=str(a_desk.folder))
    assert a_desk.scribbles.annotation.microbleeds == ()
    assert listed(a_desk, number)[0] == "accepted"


def test_uncertain_is_the_same_in_the_annotation_and_on_the_list(a_desk):
    a_desk.detect()
    for place in (FAINT, SECOND):
        number = a_desk.grow(place)
        record = next(one for one in a_desk.scribbles.annotation.microbleeds if one.id == number)
        a_desk.scribbles.answering.answer(record, uncertain=True)
        assert a_desk.accept().state == "uncertain"
        a_desk.scribbles.answering.answer(record, uncertain=False)
        assert listed(a_desk, number)[0] == "accepted"
        a_desk.scribbles.answering.answer(record, uncertain=True)
        assert listed(a_desk, number)[0] == "uncertain"
        assert a_desk.list.deciding.decide("accepted", lesion_id=number).state == "accepted"
        assert listed(a_desk, number)[0] == "accepted"  # the list's own reader, later


def test_a_verdict_that_its_readers_annotation_changes_has_the_time_of_the_change(a_desk, monkeypatch):
    a_desk.detect()
    number = number_at(a_desk, SECOND)
    a_desk.list.deciding.decide("accepted", lesion_id=number)
    given = a_desk.list.review.find(number).verdict
    a_desk.grow(SECOND)
    a_desk.accept()
    (record,) = a_desk.scribbles.annotation.microbleeds

    def verdict(**answers):
        a_desk.scribbles.answering.answer(record, **answers)
        a_desk.list.poll()
        return a_desk.list.review.find(number).verdict

    monkeypatch.setattr(following, "utc_now", lambda: LATER)
    assert verdict(cause="CAA") == replace(given, cause="CAA")  # naming a cause is no change of it
    assert verdict(uncertain=True) == Verdict("uncertain", "", "SI", LATER, "CAA")
    saved = from_text(read_review(a_desk.list.detection.results), "the scene").review.find(number)
    assert (saved.as_lesion().reader, saved.as_lesion().decided_at) == ("SI", LATER)
    a_desk.scribbles.answering.remove(record)
    assert listed(a_desk, number)[0] == "accepted"
    assert a_desk.list.review.find(number).verdict == given


def as_reader(desk, name):
    """Have somebody read, on the list and in the annotation."""
    desk.list.reading.set(reader=name)
    study = desk.scribbles.opening.open(desk.scan, reader=name, folder=str(desk.folder))
    image = desk.scribbles.growing.without_brain()
    if image is not None:
        desk.scribbles.growing.take_brain(study, image, sitk.Cast(image > 0, sitk.sitkUInt8))


def signed(desk, number):
    """What files say of a lesion on the list, and who says it since when."""
    said = listed(desk, number)
    lesion = desk.list.review.find(number).as_lesion()
    return (*said, lesion.reader, lesion.decided_at)


def described(desk, place, **answers):
    """Scribble a lesion, accept it in the annotation, and answer; give its record."""
    number = desk.grow(place)
    desk.scribbles.growing.accept()
    record = next(one for one in desk.scribbles.annotation.microbleeds if one.id == number)
    desk.scribbles.answering.answer(record, **answers)
    return record


BOBS = {"location": "brainstem", "side": "midline", "cause": "CAA", "uncertain": True}


def test_an_annotation_says_nothing_of_a_lesion_with_another_readers_verdict(a_desk):
    a_desk.detect()
    number = number_at(a_desk, SECOND)
    as_reader(a_desk, "Lea")
    a_desk.list.navigation.select(number)
    a_desk.list.deciding.decide("accepted", advance=False)
    a_desk.list.deciding.set_cause("trauma")
    a_desk.list.deciding.set_place("frontal", "left")
    leas = signed(a_desk, number)
    assert leas[4] == "Lea"
    as_reader(a_desk, "Bob")
    record = described(a_desk, SECOND, **BOBS)
    assert a_desk.accept().id == number
    assert signed(a_desk, number) == leas
    a_desk.scribbles.answering.mark_done()
    assert [note for note in a_desk.scribbles.status.notes if "in the list" in note] == [
        f"CMB {number} is accepted in the list, uncertain here",
        f"CMB {number}: frontal in the list, brainstem here",
        f"CMB {number}: left in the list, midline here",
        f"CMB {number}: trauma in the list, CAA here",
    ]
    a_desk.scribbles.answering.remove(record)
    assert signed(a_desk, number) == leas


def test_another_readers_mask_does_not_replace_that_of_a_lesion_that_was_added(a_desk):
    a_desk.detect()
    as_reader(a_desk, "Lea")
    number = a_desk.grow(FAINT)
    before = a_desk.accept()
    as_reader(a_desk, "Bob")
    assert a_desk.grow(FAINT) == number
    a_desk.scribbles.growing.preview(0.0)
    a_desk.scribbles.poll()
    assert len(a_desk.scribbles.current.mask) < len(before.voxels)
    assert a_desk.accept() is a_desk.list.review.find(number)
    assert np.array_equal(a_desk.list.review.find(number).voxels, before.voxels)
    assert a_desk.list.review.find(number).verdict == before.verdict


def test_going_from_one_reader_to_another_and_back_changes_nothing_on_the_list(a_desk):
    a_desk.detect()
    number = number_at(a_desk, SECOND)
    as_reader(a_desk, "Lea")
    measured = a_desk.list.deciding.decide("accepted", lesion_id=number).lesion
    described(a_desk, SECOND, location="thalamus", side="left", cause="other")
    leas = signed(a_desk, number)
    assert leas[:5] == ("accepted", "thalamus", "left", "other", "Lea")
    as_reader(a_desk, "Bob")
    described(a_desk, SECOND, **BOBS)
    assert signed(a_desk, number) == leas
    as_reader(a_desk, "Lea")
    assert signed(a_desk, number) == leas
    (record,) = a_desk.scribbles.annotation.microbleeds
    a_desk.scribbles.answering.answer(record, location="", side="", cause="")
    assert signed(a_desk, number) == ("accepted", measured.region, measured.side, "", *leas[4:])
    (link,) = a_desk.list.review.review.links.values()
    assert (link.reader, link.own.verdict.reader, link.own.verdict.cause) == ("Lea", "Lea", "")


def test_a_verdict_takes_nothing_of_another_readers_annotation(a_desk):
    a_desk.detect()
    number = number_at(a_desk, SECOND)
    measured = a_desk.list.review.find(number).lesion
    as_reader(a_desk, "Bob")
    described(a_desk, SECOND, **BOBS)
    a_desk.list.reading.set(reader="Lea")
    a_desk.list.deciding.decide("accepted", lesion_id=number)
    assert signed(a_desk, number)[:5] == ("accepted", measured.region, measured.side, "", "Lea")
    a_desk.list.reading.set(reader=" Bob ")
    a_desk.list.deciding.decide("accepted", lesion_id=number)
    assert signed(a_desk, number)[:5] == ("accepted", "brainstem", "midline", "CAA", "Bob")


def test_a_verdict_of_another_reader_loses_what_the_annotation_had_brought_and_undo_brings_it_back(a_desk):
    a_desk.detect()
    number = number_at(a_desk, SECOND)
    measured = a_desk.list.review.find(number).lesion
    as_reader(a_desk, "Lea")
    described(a_desk, SECOND, location="thalamus", side="left", cause="CAA")
    a_desk.accept()
    leas = signed(a_desk, number)
    a_desk.list.reading.set(reader="Bob")
    a_desk.list.deciding.decide("accepted", lesion_id=number)
    assert signed(a_desk, number)[:5] == ("accepted", measured.region, measured.side, "", "Bob")
    a_desk.list.deciding.undo()
    assert signed(a_desk, number) == leas


def test_a_verdict_that_is_given_while_anothers_annotation_is_open_stays_as_ones_own_comes_back(a_desk):
    a_desk.detect()
    number = number_at(a_desk, SECOND)
    as_reader(a_desk, "Lea")
    a_desk.list.deciding.decide("accepted", lesion_id=number)
    record = described(a_desk, SECOND, location="thalamus", cause="CAA")
    assert listed(a_desk, number)[:2] == ("accepted", "thalamus")
    a_desk.scribbles.opening.open(a_desk.scan, reader="Bob", folder=str(a_desk.folder))
    a_desk.list.deciding.decide("uncertain", lesion_id=number)
    given = signed(a_desk, number)
    assert (given[0], given[1], given[3]) == ("uncertain", "thalamus", "CAA")
    as_reader(a_desk, "Lea")
    assert signed(a_desk, number) == given
    a_desk.scribbles.answering.answer(record, cause="")
    assert signed(a_desk, number)[3] == ""
    a_desk.scribbles.opening.open(a_desk.scan, reader="Bob", folder=str(a_desk.folder))
    a_desk.list.deciding.decide("rejected", "vessel", lesion_id=number)
    a_desk.list.deciding.decide("accepted", lesion_id=number)
    as_reader(a_desk, "Lea")
    assert listed(a_desk, number)[:2] == ("accepted", "thalamus")


def test_a_review_with_a_tie_to_another_readers_annotation_opens(a_desk, a_scene):
    a_desk.detect()
    number = number_at(a_desk, SECOND)
    as_reader(a_desk, "Lea")
    a_desk.list.deciding.decide("accepted", lesion_id=number)
    described(a_desk, SECOND, cause="CAA")
    a_desk.list.poll()
    leas = signed(a_desk, number)
    review = a_desk.list.review.review
    old = review.with_link(number, replace(review.links[number], reader="Bob"))
    a_desk.list.review.do(old, "as version 0.2.0 was once", number)
    a_desk.list.close()
    a_desk.open_list(a_scene)
    assert signed(a_desk, number) == leas
    as_reader(a_desk, "Bob")
    assert signed(a_desk, number) == leas


def test_a_cause_that_differs_in_list_and_annotation_is_told_when_it_is_finished(a_desk):
    a_desk.detect()
    number = number_at(a_desk, SECOND)
    a_desk.list.navigation.select(number)
    a_desk.list.deciding.decide("accepted", advance=False)
    described(a_desk, SECOND, cause="CAA")
    a_desk.list.poll()
    assert not [note for note in a_desk.scribbles.answering.left_open if "in the list" in note]
    a_desk.list.deciding.set_cause("trauma")
    assert f"CMB {number}: trauma in the list, CAA here" in a_desk.scribbles.answering.left_open


def test_a_group_is_no_lesion_of_the_list(a_desk):
    a_desk.detect()
    study = a_desk.open()
    a_desk.scribbles.opening.set_parameters(grouped=True)
    painted = np.array([place for one in (SECOND, FAINT) for place in (one, np.add(one, (0, 0, 1)))])
    add_to_scribble(study.nodes, PAINT_SEGMENT, painted, study.grid)
    (group,) = a_desk.scribbles.growing.grow()
    assert group.id == 5  # not that of the lesion of the list that it takes in
    with pytest.raises(InputError, match="group"):
        a_desk.accept()
    (note,) = a_desk.scribbles.status.notes
    assert note.startswith("A group of 2 is in the annotation, not on the list")
    assert listed(a_desk, group.id) is None
    assert [one.state for one in a_desk.list.navigation.lesions] == ["unreviewed"] * 3


def test_a_lesion_that_becomes_a_group_leaves_the_list_and_comes_back_as_a_lesion(a_desk):
    a_desk.detect()
    for place, before in ((FAINT, None), (SECOND, listed(a_desk, number_at(a_desk, SECOND)))):
        number = a_desk.grow(place)
        a_desk.accept()
        record = next(one for one in a_desk.scribbles.annotation.microbleeds if one.id == number)
        a_desk.scribbles.answering.answer(record, grouping="CAA group", count=12)
        assert listed(a_desk, number) == before
        a_desk.scribbles.answering.answer(record, grouping="single")
        assert listed(a_desk, number)[0] == "accepted"


def test_a_scribble_on_a_lesion_of_the_list_is_described_as_the_list_does(a_desk):
    a_desk.detect()
    second = number_at(a_desk, SECOND)
    a_desk.list.deciding.set_place("internal capsule", "right", lesion_id=second)
    a_desk.list.deciding.decide("uncertain", lesion_id=second)
    a_desk.grow(SECOND)
    (record,) = a_desk.scribbles.annotation.microbleeds
    assert (record.location, record.side, record.uncertain) == ("internal and external capsule", "right", True)
    a_desk.list.deciding.set_place("frontal", "left", lesion_id=number_at(a_desk, FIRST))
    number = a_desk.grow(FIRST)
    record = next(one for one in a_desk.scribbles.annotation.microbleeds if one.id == number)
    assert (record.location, record.side) == ("", "left")  # a lobe does not say whether it is cortex


def test_a_scribble_is_not_described_by_what_another_reader_decided_on_the_list(a_desk):
    a_desk.detect()
    second = number_at(a_desk, SECOND)
    a_desk.list.reading.set(reader="Lea")
    a_desk.list.deciding.set_place("thalamus", "right", lesion_id=second)
    a_desk.list.deciding.decide("uncertain", lesion_id=second)
    a_desk.list.deciding.set_cause("CAA", lesion_id=second)
    a_desk.grow(SECOND)
    (record,) = a_desk.scribbles.annotation.microbleeds
    assert (record.reader, record.id) == (a_desk.scribbles.parameters.reader, second)
    assert (record.location, record.side, record.cause, record.uncertain) == ("", "", "", False)


def test_a_mimic_is_the_same_on_the_list_and_as_a_point(a_desk):
    a_desk.detect()
    first, second = number_at(a_desk, FIRST), number_at(a_desk, SECOND)
    a_desk.list.deciding.decide("rejected", "artefact", lesion_id=second)
    a_desk.open()
    assert a_desk.scribbles.answering.add_mimic(ras_of(SECOND)).type == "artefact"
    a_desk.scribbles.answering.add_mimic(ras_of(FIRST), type="cavernoma")
    assert a_desk.list.deciding.decide("rejected", lesion_id=first).verdict.mimic == "cavernoma"


@pytest.mark.parametrize("location", LOCATIONS)
def test_every_location_has_regions_and_comes_back_where_it_has_one(location):
    regions = REGIONS_OF[location]
    assert set(regions) <= set(ASSIGNABLE)
    assert [region_in(location, region) for region in regions] == list(regions)
    assert all(location_of(region) in (location, "") for region in regions)
    found = region_in(location, "corpus callosum")
    assert found in regions
    assert found == (LOBE_UNKNOWN if group_of(found) == "lobar" else regions[0])
    assert {group_of(one) for one in regions} == {group_of(found)}
