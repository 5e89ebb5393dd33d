"""A lesion that a reader adds to the list: what lies there already, in the annotation or among what was dropped."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
import slicer.util
from desk import FAINT, FIRST, SECOND, a_desk, darken, number_at, ras_of
from slicer_scene import a_scene, new_scene

from CMBSegmentationLib.errors import InputError

__all__ = ["a_desk", "a_scene", "new_scene"]

MISSED = (4, 34, 10)  # k, j, i


@pytest.fixture
def a_scribble(a_desk):
    """A missed lesion was scribbled, described and accepted; the list is open and does not have it."""
    darken(a_desk, MISSED)
    a_desk.detect()
    number = a_desk.grow(MISSED)
    a_desk.scribbles.growing.accept()
    (record,) = a_desk.scribbles.annotation.microbleeds
    a_desk.scribbles.answering.answer(record, location="thalamus", side="left", cause="CAA", uncertain=True)
    assert number not in [one.id for one in a_desk.list.navigation.lesions]
    return a_desk


def beside(place):
    """A voxel of the dark ball, off its middle."""
    return (place[0], place[1], place[2] + 1)


def test_a_lesion_added_where_a_scribble_was_accepted_is_the_scribbles(a_scribble):
    added = a_scribble.list.editing.add_at(ras_of(beside(MISSED)))
    (record,) = a_scribble.scribbles.annotation.microbleeds
    assert added.id == record.id == 5
    assert (added.lesion.region, added.lesion.side) == ("thalamus", "left")
    assert (added.verdict.cause, added.state) == ("CAA", "uncertain")
    mask = a_scribble.scribbles.lesions[0].mask
    assert np.array_equal(added.voxels, np.sort(np.ravel_multi_index(tuple(mask.T), (20, 44, 48))))


def test_it_follows_the_annotation_and_stays_when_that_is_taken_back(a_scribble):
    number = a_scribble.list.editing.add_at(ras_of(MISSED)).id
    (record,) = a_scribble.scribbles.annotation.microbleeds
    a_scribble.scribbles.answering.answer(record, uncertain=False, side="right")
    a_scribble.list.reopen()
    a_scribble.list.navigation.select(number)
    found = a_scribble.list.review.find(number)
    assert (found.state, found.lesion.side) == ("accepted", "right")
    told = []
    a_scribble.list.noticed.connect(lambda notice: told.append(notice.message))
    a_scribble.scribbles.answering.remove(record)
    a_scribble.list.poll()
    assert told == [f"CMB {number}: no longer as annotated."]
    a_scribble.list.listing.show_dropped(True)
    assert a_scribble.list.review.find(number).state == "accepted"  # its reader said so on the list, too


def test_a_place_that_was_set_on_the_list_goes_with_the_lesion_that_is_deleted(a_scribble):
    added = a_scribble.list.editing.add_at(ras_of(MISSED))
    a_scribble.list.deciding.set_place("brainstem", None, lesion_id=added.id)
    assert a_scribble.list.review.find(added.id).lesion.region == "brainstem"
    a_scribble.list.editing.delete(added.id)
    again = a_scribble.list.editing.add_at(ras_of(MISSED))
    assert (again.id, again.lesion.region) == (added.id, added.lesion.region)
    assert again.lesion.region != "brainstem"


def test_a_mask_that_nobody_accepted_gives_its_number_alone(a_desk):
    darken(a_desk, MISSED)
    a_desk.detect()
    number = a_desk.grow(MISSED)
    a_desk.scribbles.growing.preview(0.0)
    a_desk.scribbles.poll()
    small = len(a_desk.scribbles.lesions[0].mask)
    added = a_desk.list.editing.add_at(ras_of(MISSED))
    assert added.id == number
    assert len(added.voxels) > small
    (record,) = a_desk.scribbles.annotation.microbleeds
    a_desk.scribbles.answering.answer(record, side="left")
    a_desk.list.listing.show_dropped(True)
    found = a_desk.list.review.find(number)
    assert (found.state, found.lesion.side) == ("accepted", "left")


@pytest.mark.parametrize("place", [SECOND, FAINT])  # not reviewed yet, and dropped
def test_a_lesion_of_the_list_is_accepted_as_its_scribble_says(a_desk, place):
    a_desk.detect()
    before = a_desk.list.review.find(number_at(a_desk, place))
    grown = a_desk.grow(place)
    a_desk.scribbles.growing.accept()
    (record,) = a_desk.scribbles.annotation.microbleeds
    a_desk.scribbles.answering.answer(record, location="thalamus", side="left", cause="CAA", uncertain=True)
    added = a_desk.list.editing.add_at(ras_of(place))
    assert added is a_desk.list.review.find(grown if place == FAINT else before.id)
    assert (added.lesion.region, added.lesion.side, added.verdict.cause) == ("thalamus", "left", "CAA")
    assert (added.state, added.verdict.reader) == ("uncertain", "SI")
    a_desk.scribbles.answering.remove(record)
    a_desk.list.poll()
    assert a_desk.list.review.find(added.id).state == "accepted"  # its reader said so on the list, too
    with pytest.raises(InputError, match=f"That is CMB {added.id}"):
        a_desk.list.editing.add_at(ras_of(place))
    a_desk.list.deciding.undo()
    assert getattr(a_desk.list.review.find(before.id), "verdict", None) is None


def test_a_lesion_with_a_verdict_is_not_added_whatever_its_scribble_says(a_desk):
    a_desk.detect()
    number = a_desk.grow(SECOND)
    a_desk.accept()
    with pytest.raises(InputError, match=f"That is CMB {number}") as refused:
        a_desk.list.editing.add_at(ras_of(SECOND))
    assert refused.value.hint == "Choose it in the list to decide on it."


def test_another_readers_scribble_gives_its_number_alone(a_scribble):
    a_scribble.list.reading.set(reader="Bob")
    added = a_scribble.list.editing.add_at(ras_of(MISSED))
    assert (added.id, added.state, added.verdict.reader, added.verdict.cause) == (5, "accepted", "Bob", "")
    assert added.lesion.region != "thalamus"
    a_scribble.list.poll()
    assert a_scribble.list.review.find(5).verdict == added.verdict
    number = a_scribble.grow(SECOND)
    a_scribble.scribbles.growing.accept()
    with pytest.raises(InputError, match=f"That is CMB {number}"):
        a_scribble.list.editing.add_at(ras_of(SECOND))
    assert a_scribble.list.review.find(number).verdict is None


def test_a_scribble_of_a_saved_scene_of_an_earlier_version_still_gives_its_number(a_scribble):
    attribute = "CMBSegmentation.Annotated"
    text = a_scribble.scan.GetAttribute(attribute)
    a_scribble.scan.SetAttribute(attribute, text[: text.index('"masks"')] + text[text.index('"reader"') :])
    assert a_scribble.list.editing.add_at(ras_of(MISSED)).id == 5


def test_a_dropped_candidate_is_accepted_under_its_own_number(a_desk):
    a_desk.detect()
    dropped = number_at(a_desk, FAINT)
    before = a_desk.list.review.find(dropped)
    assert before.state == "dropped"
    added = a_desk.list.editing.add_at(ras_of(beside(FAINT)))
    assert (added.id, added.state, added.origin) == (dropped, "accepted", "detected")
    assert np.array_equal(added.voxels, before.voxels)
    assert [one.id for one in a_desk.list.navigation.lesions] == [1, 2, 3, dropped]
    a_desk.list.deciding.undo()
    assert a_desk.list.review.find(dropped).state == "dropped"


def test_nothing_is_added_where_nothing_is_dark(a_desk):
    values = slicer.util.arrayFromVolume(a_desk.scan)
    values[:, :8] = 0  # the air around a head
    values[:, 30:, 30:] = np.where(values[:, 30:, 30:] > 300, 600, values[:, 30:, 30:])  # tissue without noise
    a_desk.detect()
    for place, why in (((10, 1, 24), "outside the head"), ((4, 40, 40), "Nothing dark")):
        with pytest.raises(InputError, match=why) as refused:
            a_desk.list.editing.add_at(ras_of(place))
        assert "scribbled" in refused.value.hint
    assert a_desk.list.listing.counts.microbleeds == 3


def test_noise_in_the_air_is_no_lesion_either(a_desk):
    values = slicer.util.arrayFromVolume(a_desk.scan)
    values[:, :8] = np.abs(np.random.default_rng(3).normal(0, 40, values[:, :8].shape))
    a_desk.detect()
    with pytest.raises(InputError, match="outside the head"):
        a_desk.list.editing.add_at(ras_of((10, 2, 24)))


def test_a_faint_one_is_added_and_said_to_be_faint(a_desk):
    said = []
    a_desk.list.noticed.connect(said.append)
    values = slicer.util.arrayFromVolume(a_desk.scan)
    values[3:6, 33:36, 9:12] = 540  # of 600
    a_desk.detect()
    added = a_desk.list.editing.add_at(ras_of(MISSED))
    assert added.state == "accepted"
    assert 0 < added.lesion.contrast < 0.15
    assert "its signal loss is only" in said[-1].message
    loss = round(100 * added.lesion.contrast)
    assert f"only {loss} %" in said[-1].message


def test_a_scribble_where_nothing_is_dark_is_said_to_be_no_darker(a_desk):
    said = []
    a_desk.list.noticed.connect(said.append)
    values = slicer.util.arrayFromVolume(a_desk.scan)
    values[3:6, 33:36, 9:12] = 700  # of 600
    a_desk.detect()
    bright = np.stack(np.meshgrid([3, 4, 5], [33, 34, 35], [9, 10, 11], indexing="ij"), -1).reshape(-1, 3)
    added = a_desk.list.editing.add_voxels(bright)
    assert added.lesion.contrast < 0
    assert said[-1].message.endswith("; it is no darker than what is around it.")


def test_a_search_of_a_moved_scan_names_lesions_as_their_scribbles_are_named(a_desk):
    darken(a_desk, MISSED)
    assert [a_desk.grow(place) for place in (FAINT, MISSED, SECOND)] == [1, 2, 3]
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(np.array(
        [[1, 0, 0, 7.0], [0, 1, 0, -12.0], [0, 0, 1, 31.0], [0, 0, 0, 1.0]]
    )))  # fmt: skip
    a_desk.scan.SetAndObserveTransformNodeID(transform.GetID())
    a_desk.detect()
    assert (number_at(a_desk, SECOND), number_at(a_desk, FAINT)) == (3, 1)
    assert number_at(a_desk, FIRST) == 4
