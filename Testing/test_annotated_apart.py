"""An annotation and a list of one scan that were made apart, and meet later: in the scene or on the disk."""

from __future__ import annotations

import pytest
from desk import FAINT, FIRST, SECOND, THIRD, a_desk, number_at
from slicer_scene import a_scene, new_scene

from CMBScribbleGrowLib.annotation import answers
from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.scene import find_results
from CMBSegmentationLib.scene.names import ANNOTATED_ATTRIBUTE

__all__ = ["a_desk", "a_scene", "new_scene"]

EARLIER, LATER = "2021-01-01T00:00:00Z", "2031-01-01T00:00:00Z"
SAID = {"location": "thalamus", "side": "right", "cause": "CAA", "uncertain": True}


def listed(desk, number):
    """What the list says of a lesion."""
    one = desk.list.review.find(number).as_lesion()
    return one.decision, one.region, one.side, one.cause


def annotate(desk, place, **said):
    """Scribble a lesion, accept it, and answer, in the annotation alone; give its record."""
    number = desk.grow(place)
    desk.scribbles.growing.accept()
    record = next(one for one in desk.scribbles.annotation.microbleeds if one.id == number)
    return desk.scribbles.answering.answer(record, **said)


def without_list(desk):
    """Take the list out of the scene, as one that was not saved."""
    desk.list.close()
    for node in vars(find_results(desk.scan)).values():
        if node is not None and node is not desk.scan:
            desk.scan.GetScene().RemoveNode(node)


def test_a_number_that_means_another_lesion_says_nothing_of_it(a_desk):
    annotate(a_desk, SECOND)
    a_desk.scribbles.opening.close_study()
    a_desk.scan.RemoveAttribute(ANNOTATED_ATTRIBUTE)
    a_desk.detect()
    assert (number_at(a_desk, FIRST), number_at(a_desk, SECOND)) == (1, 2)
    a_desk.list.deciding.decide("accepted", lesion_id=1)
    before, told = listed(a_desk, 1), []
    a_desk.list.noticed.connect(lambda notice: told.append(notice.message))
    a_desk.scribbles.opening.open(a_desk.scan, reader="SI", folder=str(a_desk.folder))
    (record,) = a_desk.scribbles.annotation.microbleeds
    assert record.id == 1
    a_desk.scribbles.answering.answer(record, **SAID)
    a_desk.list.poll()
    assert listed(a_desk, 1) == before
    assert any("CMB 1: another lesion has this number in the annotation" in one for one in told)
    told_here = [one for one in a_desk.scribbles.answering.left_open if "in the list" in one]
    assert told_here == ["CMB 1 is another lesion in the list, accepted here"]
    assert a_desk.scribbles.listed_verdicts == {}
    with pytest.raises(InputError, match="That is CMB 2"):
        a_desk.list.editing.add_voxels(a_desk.scribbles.lesions[0].mask, number=1)
    assert listed(a_desk, 1) == before


def test_a_scan_with_a_review_on_the_disk_is_scribbled_in_its_numbers(a_desk, a_scene):
    storage = a_scene.AddNewNodeByClass("vtkMRMLVolumeArchetypeStorageNode")
    storage.SetFileName(str(a_desk.folder / "sub-01_swi.nrrd"))
    a_desk.scan.SetAndObserveStorageNodeID(storage.GetID())
    a_desk.detect()
    first, third = number_at(a_desk, FIRST), number_at(a_desk, THIRD)
    a_desk.list.deciding.decide("rejected", "vessel", lesion_id=first)
    without_list(a_desk)
    assert a_desk.grow(THIRD) == third  # which nobody has reviewed
    assert a_desk.grow(FIRST) == first
    assert a_desk.scribbles.listed_verdicts == {first: "rejected (vessel)"}
    assert a_desk.grow(FAINT) == 4  # a candidate that was dropped


def test_what_is_taken_back_leaves_a_rejected_lesion_too(a_desk):
    a_desk.detect()
    first = number_at(a_desk, FIRST)
    a_desk.list.deciding.decide("accepted", lesion_id=first)
    place = listed(a_desk, first)[1:3]
    record = annotate(a_desk, FIRST)
    record = a_desk.scribbles.answering.answer(record, location="brainstem", side="right")
    a_desk.list.poll()
    assert listed(a_desk, first)[1:3] == ("brainstem", "right") != place
    a_desk.list.deciding.decide("rejected", "vessel", lesion_id=first)
    a_desk.scribbles.answering.answer(record, location="", side="")
    a_desk.list.poll()
    assert listed(a_desk, first) == ("rejected", *place, "")


@pytest.mark.parametrize(
    ("said_at", "expected"),
    [
        (LATER, ("uncertain", "thalamus", "right", "CAA")),
        (EARLIER, ("accepted", "thalamus", "right", "CAA")),
    ],
)
def test_what_was_annotated_while_the_list_was_closed_is_taken_when_it_opens(
    a_desk, a_scene, monkeypatch, said_at, expected
):
    a_desk.detect()
    number = number_at(a_desk, SECOND)
    a_desk.list.deciding.decide("accepted", lesion_id=number)
    a_desk.list.close()
    monkeypatch.setattr(answers, "utc_now", lambda: said_at)
    annotate(a_desk, SECOND, **SAID)
    a_desk.open_list(a_scene)
    a_desk.list.poll()
    assert listed(a_desk, number) == expected
    different = [one for one in a_desk.scribbles.answering.left_open if "in the list" in one]
    assert bool(different) == (expected[0] == "accepted")


def test_a_cause_of_the_lists_own_stays_and_is_told(a_desk, a_scene):
    a_desk.detect()
    number = number_at(a_desk, SECOND)
    a_desk.list.deciding.decide("accepted", lesion_id=number)
    a_desk.list.deciding.set_cause("trauma", lesion_id=number)
    a_desk.list.close()
    annotate(a_desk, SECOND, cause="CAA")
    a_desk.open_list(a_scene)
    a_desk.list.poll()
    assert listed(a_desk, number)[3] == "trauma"
    assert f"CMB {number}: trauma in the list, CAA here" in a_desk.scribbles.answering.left_open


def test_what_differs_goes_as_soon_as_the_list_has_followed(a_desk):
    a_desk.detect()
    number = number_at(a_desk, SECOND)
    a_desk.list.deciding.decide("accepted", lesion_id=number)
    record = annotate(a_desk, SECOND)
    seen = []
    a_desk.scribbles.list_changed.connect(lambda: seen.append(a_desk.scribbles.answering.left_open))
    a_desk.scribbles.poll()
    seen.clear()
    a_desk.scribbles.answering.answer(record, uncertain=True)
    assert any(f"CMB {number} is accepted in the list" in one for one in a_desk.scribbles.answering.left_open)
    a_desk.scribbles.poll()
    assert seen == []
    a_desk.list.poll()
    a_desk.scribbles.poll()
    assert len(seen) == 1
    assert not any("in the list" in one for one in seen[0])
    assert a_desk.scribbles.listed_verdicts == {number: "uncertain"}


def test_what_is_accepted_and_has_no_verdict_in_a_list_that_is_read_is_told(a_desk):
    a_desk.detect()

    def told():
        return [one for one in a_desk.scribbles.answering.left_open if "in the list" in one]

    added = a_desk.grow(FAINT)
    a_desk.scribbles.growing.accept()
    assert told() == []  # nobody has read the list
    a_desk.list.deciding.decide("accepted", lesion_id=1)
    assert told() == [f"CMB {added} is not in the list, accepted here"]
    a_desk.accept()
    assert told() == []
    a_desk.list.editing.delete(added)
    assert told() == [f"CMB {added} is not in the list, accepted here"]
    a_desk.accept()
    second = a_desk.grow(SECOND)
    a_desk.accept()
    assert told() == []
    a_desk.list.deciding.undo()
    assert told() == [f"CMB {second} is not reviewed in the list, accepted here"]
