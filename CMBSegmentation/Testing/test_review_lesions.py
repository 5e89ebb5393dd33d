"""A review as a user interface sees it: lesions added, merged, split, placed and asked about."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
import slicer.util
from oblique_scan import LESION_PEAKS, oblique_ijk_to_ras
from refusals import refused
from review_sessions import a_clock, a_session, last, states

from CMBScribbleGrowLib.growing.from_point import grower
from CMBSegmentationLib.detecting.candidates.measuring import Measuring
from CMBSegmentationLib.detecting.regions import FIRST_TISSUE
from CMBSegmentationLib.results.stored_list import to_json
from CMBSegmentationLib.review import edits, from_text
from CMBSegmentationLib.review import to_text as review_to_text
from CMBSegmentationLib.scene import lesion_rows, list_of, load_results
from CMBSegmentationLib.scene.names import LIST_ATTRIBUTE
from CMBSegmentationLib.session import ReviewSession
from CMBSegmentationLib.session.export_review import detection_of
from CMBSegmentationLib.vocabulary.regions import REGIONS

__all__ = ["a_clock", "a_session"]

UNSEEN = (12, 34, 34)  # k, j, i of the lesion that stays below the threshold


def ras_of(k, j, i):
    return (oblique_ijk_to_ras() @ [i, j, k, 1])[:3]


def forget_candidate(session, place):
    """Have the detector not have pointed at a place at all."""
    review = session.review
    flat = np.ravel_multi_index(place, review.candidates.shape)
    candidates = review.candidates.candidates
    others = tuple(one for one in candidates.every if flat not in one.voxels)
    review.candidates = replace(review.candidates, candidates=replace(candidates, every=others))
    review.show()


def search_again(session, **phases):
    """Have a search with phase just have ended: it says of the candidate at `LESION_PEAKS` k ("at_k") what is given."""
    nodes, places = session.review.nodes, list(LESION_PEAKS)
    shape = session.review.candidates.shape
    peaks = [np.ravel_multi_index(place, shape) for place in places]
    stored = list_of(nodes)
    every = []
    for one in stored.candidates.every:
        (number,) = [number for number, peak in enumerate(peaks) if peak in one.voxels]
        phase = phases.get(f"at_{number}", "")
        sure = 6.0 if phase == "calcium" else 0.0
        every.append(replace(one, lesion=replace(one.lesion, phase=phase), calcium=sure))
    stored = replace(stored, candidates=replace(stored.candidates, every=tuple(every)))
    content = {**json.loads(nodes.table.GetAttribute(LIST_ATTRIBUTE)), **to_json(stored)}
    nodes.table.SetAttribute(LIST_ATTRIBUTE, json.dumps(content))
    session.detection.found(nodes)
    session.detection.results_changed(nodes)


def phases(session):
    return {one.id: one.lesion.phase for one in session.review.lesions if one.lesion.phase}


def test_what_was_decided_has_what_the_phase_of_a_later_search_says_of_it(a_session):
    a_session.deciding.decide("accepted", lesion_id=1, advance=False)
    a_session.deciding.decide("rejected", lesion_id=3, advance=False)
    parts = a_session.editing.split(2)
    k, j, i = UNSEEN
    added = a_session.editing.add_voxels(np.array([(k, j, i + 1), (k, j, i + 2)]))  # beside the peak
    elsewhere = a_session.editing.add_voxels(np.array([(3, 5, 5)]))
    before = {one.id: (one.state, one.voxels.tolist()) for one in a_session.review.lesions}
    search_again(a_session, at_0="blood", at_1="unclear", at_2="blood", at_3="blood")
    expected = {1: "blood", 3: "blood", added.id: "blood", **dict.fromkeys([one.id for one in parts], "unclear")}
    assert phases(a_session) == expected
    assert elsewhere.id not in phases(a_session)
    assert {one.id: (one.state, one.voxels.tolist()) for one in a_session.review.lesions} == before
    rows = lesion_rows(a_session.review.nodes.table)
    assert {int(row["id"]): row["phase"] for row in rows if row["phase"]} == expected
    assert {one.id: one.phase for one in detection_of(a_session.review).lesions if one.phase} == expected
    a_session.deciding.undo()
    a_session.deciding.redo()
    assert phases(a_session) == expected
    search_again(a_session)  # without phase
    assert phases(a_session) == {}


def test_a_merged_lesion_has_the_phase_of_a_candidate_whose_peak_lies_in_it(a_session):
    merged = a_session.editing.merge([one.id for one in a_session.editing.split(1)])
    search_again(a_session, at_0="blood")
    assert phases(a_session) == {merged.id: "blood"}


def test_calcium_that_a_reader_has_on_the_list_stays_and_is_told_once(a_session):
    a_session.deciding.decide("accepted", lesion_id=1, advance=False)
    a_session.deciding.decide("rejected", lesion_id=3, advance=False)
    first, second = sorted(one.id for one in a_session.editing.split(2))
    a_session.said.clear()
    search_again(a_session, at_0="calcium", at_1="calcium", at_2="calcium")
    assert states(a_session)[1] == "accepted"
    told = "\n".join(notice.message for notice in a_session.said).splitlines()
    assert [line for line in told if "calcium" in line] == [
        "The phase calls CMB 1 calcium; it stays, as it was accepted.",
        f"The phase calls CMB {first} calcium; it stays, as it was split.",
        f"The phase calls CMB {second} calcium; it stays, as it was split.",
    ]
    a_session.said.clear()
    a_session.deciding.decide("uncertain", lesion_id=1, advance=False)  # now the reader knows
    search_again(a_session, at_0="calcium")
    assert not any("calcium" in notice.message for notice in a_session.said)


def test_a_missed_lesion_is_grown_from_a_point_beside_it(a_session):
    forget_candidate(a_session, UNSEEN)
    k, j, i = UNSEEN
    lesion = a_session.editing.add_at(ras_of(k, j, i + 1))
    assert lesion.origin == "added"
    assert lesion.id == 5
    assert lesion.lesion.diameter_mm == pytest.approx(6, abs=1.5)
    place = (lesion.lesion.r_mm, lesion.lesion.a_mm, lesion.lesion.s_mm)
    assert place == pytest.approx(ras_of(*UNSEEN), abs=1.0)
    assert states(a_session) == {1: "unreviewed", 2: "unreviewed", 3: "unreviewed", 5: "accepted"}


def test_a_missed_lesion_is_named_by_the_region_around_it(a_scene, a_scan, a_result_folder, tmp_path):
    nodes = load_results(a_result_folder, a_scan)
    slicer.util.arrayFromVolume(nodes.brain)[:] = FIRST_TISSUE + REGIONS.index("temporal")
    r_mm = ras_of(*UNSEEN)[0]
    content = json.loads(nodes.table.GetAttribute(LIST_ATTRIBUTE))
    content["search"]["midplane"] = [1.0, 0.0, 0.0, r_mm - 20.0]  # the lesion lies 20 mm right of it
    nodes.table.SetAttribute(LIST_ATTRIBUTE, json.dumps(content))
    session = ReviewSession(a_scene, grower=grower)
    session.reading.set(folder=str(tmp_path))
    session.detection.set_parameters(scan_node_id=a_scan.GetID())
    forget_candidate(session, UNSEEN)
    lesion = session.editing.add_at(ras_of(*UNSEEN)).lesion
    assert (lesion.region, lesion.side) == ("temporal", "right")
    parts = session.editing.split(1)
    joined = session.editing.merge([one.id for one in parts]).lesion  # the detector had not named it
    assert joined.region == "temporal"
    session.close()


def test_a_point_on_a_lesion_of_the_list_adds_none(a_session):
    with refused("CMB 1"):
        a_session.editing.add_at(ras_of(*next(iter(LESION_PEAKS))))
    with refused("outside the scan"):
        a_session.editing.add_at((900, 0, 0))


def test_a_point_beside_an_added_lesion_whose_voxels_would_be_its_own_names_it(a_session):
    forget_candidate(a_session, UNSEEN)
    k, j, i = UNSEEN
    added = a_session.editing.add_at(ras_of(k, j, i + 1))
    with refused(f"That is CMB {added.id}."):
        a_session.editing.add_at(ras_of(k, j, i + 1))
    review = a_session.review
    with refused(f"That is CMB {added.id}."):
        edits.added(review.review, review.candidates, review.numbers, added.voxels, None)


def test_a_mask_that_was_grown_elsewhere_is_added_accepted(a_session):
    k, j, i = UNSEEN
    mask = np.array([(k, j, i), (k, j, i + 1), (k, j, i + 1)])
    lesion = a_session.editing.add_voxels(mask)
    assert (lesion.state, lesion.origin, len(lesion.voxels)) == ("accepted", "added", 2)
    assert a_session.navigation.current.id == lesion.id


def test_a_mask_over_a_lesion_of_the_list_is_refused(a_session):
    before = states(a_session)
    with refused("Choose it in the list"):
        a_session.editing.add_voxels(np.array([next(iter(LESION_PEAKS))]))
    assert states(a_session) == before


def test_lesions_split_and_merge(a_session):
    whole = a_session.review.find(1)
    parts = a_session.editing.split(1)
    assert {one.id for one in parts} == {1, 5}
    assert sum(len(one.voxels) for one in parts) == len(whole.voxels)
    merged = a_session.editing.merge([5, 1])
    assert (merged.id, merged.origin) == (1, "merged")
    assert np.array_equal(merged.voxels, whole.voxels)
    assert set(states(a_session)) == {1, 2, 3, 4}
    a_session.deciding.undo()
    assert set(states(a_session)) == {1, 2, 3, 4, 5}
    a_session.deciding.undo()
    assert set(states(a_session)) == {1, 2, 3, 4}
    with refused("two"):
        a_session.editing.merge([1])


def test_lesions_that_lie_apart_are_not_merged(a_session):
    a_session.deciding.decide("rejected", "vessel", lesion_id=1)
    a_session.deciding.decide("accepted", lesion_id=2)
    before = states(a_session)
    with refused("CMB 1 and CMB 2 are "):
        a_session.editing.merge([2, 1])
    assert states(a_session) == before


def test_parts_in_a_row_are_merged_though_the_first_and_the_last_are_apart(a_session):
    row = [a_session.editing.add_voxels(np.array([(3, 5, i), (3, 5, i + 1)])).id for i in (5, 11, 17)]
    with refused("CMB 5 and CMB 7 are 8.0 mm apart"):  # ten voxels
        a_session.editing.merge([row[0], row[2]])
    assert len(a_session.editing.merge(row).voxels) == 6


def test_a_slice_that_was_left_out_parts_no_lesion(a_session):
    ends = [a_session.editing.add_voxels(np.array([(k, 5, 5)])).id for k in (3, 5)]  # slices of 3 mm
    assert len(a_session.editing.merge(ends).voxels) == 2


@pytest.mark.parametrize(
    ("decisions", "stays", "said"),
    [
        ((("rejected", "vessel"), ("accepted", "")), ("unreviewed", "", ""), "CMB 1 rejected, CMB 5 accepted"),
        ((("rejected", "vessel"), ("rejected", "artefact")), ("rejected", "", "SI"), "artefact, vessel"),
        ((("rejected", "vessel"), ("rejected", "")), ("rejected", "vessel", "SI"), ""),
        ((("accepted", ""), None), ("accepted", "", "SI"), ""),
    ],
    ids=["verdicts", "mimics", "one mimic", "one verdict"],
)
def test_a_merged_lesion_has_the_verdicts_that_do_not_differ(a_session, decisions, stays, said):
    ids = [one.id for one in a_session.editing.split(1)]
    for number, decision in zip(ids, decisions, strict=True):
        if decision is not None:
            a_session.deciding.decide(*decision, lesion_id=number)
    merged = a_session.editing.merge(ids).as_lesion()
    assert (states(a_session)[1], merged.mimic, merged.reader) == stays
    assert said in last(a_session).message
    assert ("differ" in last(a_session).message) == bool(said)


def test_what_two_readers_accepted_apart_is_not_reviewed_once_it_is_merged(a_session):
    ids = [one.id for one in a_session.editing.split(1)]
    for number, reader in zip(ids, ("Lea", "Max"), strict=True):
        a_session.reading.set(reader=reader)
        a_session.deciding.decide("accepted", lesion_id=number)
    a_session.editing.merge(ids)
    assert states(a_session)[1] == "unreviewed"
    assert "of several readers (CMB 1: Lea, CMB 5: Max), so it is not reviewed yet" in last(a_session).message


def test_a_merged_lesion_has_the_cause_and_the_place_that_do_not_differ(a_session):
    ids = [one.id for one in a_session.editing.split(1)]
    for number, cause, side in zip(ids, ("CAA", "trauma"), ("left", "right"), strict=True):
        a_session.deciding.decide("accepted", lesion_id=number, advance=False)
        a_session.navigation.select(number)
        a_session.deciding.set_cause(cause)
        a_session.deciding.set_place("frontal", side, lesion_id=number)
    merged = a_session.editing.merge(ids).as_lesion()
    assert (merged.decision, merged.cause, merged.region, merged.side) == ("accepted", "", "frontal", "")
    assert "the causes differ (CAA, trauma)" in last(a_session).message
    assert "sides given to them differ (left, right)" in last(a_session).message


def test_a_single_lesion_is_cut_across_its_longest_extent(a_session):
    whole = a_session.review.find(1)
    parts = a_session.editing.split(1)
    assert np.array_equal(np.sort(np.concatenate([one.voxels for one in parts])), whole.voxels)


def test_only_an_added_lesion_is_deleted_and_comes_back_at_no_threshold(a_session):
    forget_candidate(a_session, UNSEEN)
    k, j, i = UNSEEN
    number = a_session.editing.add_at(ras_of(k, j, i + 1)).id
    assert a_session.editing.delete(number)
    for threshold in (0.35, 0.6, 0.5):
        a_session.listing.set_threshold(threshold)
        assert number not in states(a_session)
    a_session.deciding.undo()
    assert states(a_session)[number] == "accepted"


def test_a_candidate_under_a_deleted_lesion_is_listed_again(a_session):
    a_session.listing.show_dropped(True)
    (dropped,) = [one for one in a_session.navigation.lesions if one.state == "dropped"]
    added = a_session.editing.add_voxels(np.array([UNSEEN]))
    assert dropped.id not in states(a_session)  # the added one is there instead
    assert a_session.editing.delete(added.id)
    assert states(a_session)[dropped.id] == "dropped"


def test_what_the_detector_found_is_not_deleted_without_trace(a_session):
    before = states(a_session)
    with refused("found by the detector"):
        a_session.editing.delete(2)
    assert states(a_session) == before
    joined = a_session.editing.merge([one.id for one in a_session.editing.split(1)])
    with refused("holds a lesion found by the detector"):
        a_session.editing.delete(joined.id)


def test_a_jump_centres_the_views_at_a_fixed_field_of_view(a_session, a_scene):
    views = []
    for name in ("Red", "Green"):
        view = slicer.vtkMRMLSliceNode()
        view.SetLayoutName(name)
        a_scene.AddNode(view)
        view.SetDimensions(400, 200, 1)
        views.append(view)
    lesion = a_session.navigation.select(2)
    for view in views:
        centre = [view.GetSliceToRAS().GetElement(axis, 3) for axis in range(3)]
        assert centre == pytest.approx([lesion.lesion.r_mm, lesion.lesion.a_mm, lesion.lesion.s_mm], abs=0.01)
        assert view.GetFieldOfView()[:2] == (120.0, 60.0)
    a_session.reading.set(slab_mm=12.0)
    assert views[0].GetSlabReconstructionEnabled()
    assert views[0].GetSlabReconstructionThickness() == 12.0
    views[0].SetSlabReconstructionEnabled(False)
    a_session.reopen()  # a scene was opened, which was looked at otherwise
    assert views[0].GetSlabReconstructionEnabled()
    a_session.reading.set(slab_mm=None)
    assert not views[0].GetSlabReconstructionEnabled()


def test_next_and_previous_follow_the_order_of_the_table(a_session):
    a_session.navigation.set_order([3, 1, 2])
    assert [a_session.navigation.next().id for _ in range(4)] == [3, 1, 2, 3]
    assert a_session.navigation.previous().id == 2


def test_brain_and_lesions_show_in_3d(a_session):
    a_session.reading.set(in_3d=True)
    brain = slicer.util.getNode("sub-01 swi brain surface")
    assert brain.GetPolyData().GetNumberOfCells() > 0
    bounds = [0.0] * 6
    brain.GetRASBounds(bounds)
    centre = ras_of(*next(iter(LESION_PEAKS)))
    assert all(bounds[2 * axis] < centre[axis] < bounds[2 * axis + 1] for axis in range(3))
    assert a_session.detection.results.segmentation.GetSegmentation().ContainsRepresentation("Closed surface")
    a_session.reading.set(in_3d=False)
    assert not brain.GetDisplayNode().GetVisibility()


def test_regions_make_counts_and_a_pattern(a_session):
    a_session.deciding.decide("accepted", lesion_id=1)
    a_session.deciding.set_place("frontal", "left", lesion_id=1)
    a_session.deciding.decide("uncertain", lesion_id=2)
    a_session.deciding.set_place("thalamus", "right", lesion_id=2)
    counts = a_session.listing.counts
    assert counts.by_group == {"infratentorial": 0, "deep": 1, "lobar": 1}
    assert counts.pattern == "lobar"
    assert (counts.microbleeds, counts.count_class) == (2, "2-4")
    assert "read by SI with the help of research software: 1 definite, 1 possible" in a_session.listing.text
    assert "left frontal 1/0" in a_session.listing.text
    assert "1 detected lesion not reviewed yet" in a_session.listing.text
    with refused("no region"):
        a_session.deciding.set_place("moon", "left", lesion_id=1)


def test_place_and_side_are_given_before_a_verdict(a_session, a_scan, a_scene, tmp_path):
    a_session.deciding.set_place("brainstem", "left", lesion_id=2)
    assert place_of(a_session, 2) == ("brainstem", "left")
    assert states(a_session)[2] == "unreviewed"
    a_session.listing.set_threshold(0.95)  # no verdict: it follows the threshold
    assert 2 not in [one.id for one in a_session.navigation.lesions]
    a_session.listing.set_threshold(0.5)
    assert place_of(a_session, 2) == ("brainstem", "left")
    a_session.deciding.decide("accepted", lesion_id=2)
    a_session.deciding.undo()
    assert place_of(a_session, 2) == ("brainstem", "left")
    a_session.save()
    again = ReviewSession(a_scene)
    again.reading.set(folder=str(tmp_path))
    again.detection.set_parameters(scan_node_id=a_scan.GetID())
    assert place_of(again, 2) == ("brainstem", "left")
    again.close()
    a_session.deciding.undo()
    assert place_of(a_session, 2) != ("brainstem", "left")


def place_of(session, number):
    lesion = session.review.find(number).lesion
    return lesion.region, lesion.side


# the question


def test_a_rejection_asks_what_it_is_and_takes_one_answer(a_session):
    heard = []
    a_session.deciding.question.changed.connect(heard.append)
    assert a_session.deciding.answer("vessel") is None  # nobody has asked
    a_session.navigation.select(1)
    a_session.deciding.ask()
    assert states(a_session)[1] == "unreviewed"
    a_session.deciding.answer("vessel")
    assert states(a_session)[1] == "rejected"
    assert a_session.deciding.answer("other") is None  # it was about lesion 1; now lesion 2 is looked at
    assert states(a_session)[2] == "unreviewed"
    assert heard == [True, False]


@pytest.mark.parametrize(
    "step",
    [
        lambda session: session.navigation.next(),
        lambda session: session.deciding.decide("accepted", advance=False),
        lambda session: session.deciding.set_place("frontal", "left"),
        lambda session: session.editing.split(1),
    ],
    ids=["next", "accept", "place", "split"],
)
def test_the_question_closes_with_any_other_step(a_session, step):
    a_session.navigation.select(1)
    a_session.deciding.ask()
    step(a_session)
    assert not a_session.deciding.question.is_open


def test_without_a_lesion_nothing_is_asked(a_session):
    with refused("No lesion is chosen"):
        a_session.deciding.ask()
    assert not a_session.deciding.question.is_open


def test_what_readers_added_alone_is_theirs_to_delete_also_merged_or_split(a_session):
    k, j, i = UNSEEN
    one = a_session.editing.add_voxels(np.array([(k, j, i), (k, j, i + 1)]))
    two = a_session.editing.add_voxels(np.array([(k, j, i + 3), (k, j, i + 4)]))
    joined = a_session.editing.merge([one.id, two.id])
    part, rest = a_session.editing.split(joined.id)
    text = review_to_text(a_session.review._saved())
    assert all(lesion.is_readers_alone for lesion in from_text(text, "it").review.fixed)  # kept
    a_session.editing.delete(part.id)
    a_session.deciding.undo()
    a_session.editing.merge([part.id, rest.id])
    a_session.editing.delete(part.id)
    assert set(states(a_session)) == {1, 2, 3, 4}  # the dropped candidate under it, too
    detected = a_session.review.find(1)
    beside = np.unravel_index(detected.voxels, a_session.review.candidates.shape)
    k, j, i = (int(axis.max()) + 1 for axis in beside)
    added = a_session.editing.add_voxels(np.array([(k, j, i)]))
    mixed = a_session.editing.merge([1, added.id])
    with refused("holds a lesion found by the detector"):
        a_session.editing.delete(mixed.id)
    part = a_session.editing.split(mixed.id)[1]
    with refused("part of a lesion found by the detector"):
        a_session.editing.delete(part.id)


def test_a_lesion_that_is_hidden_is_chosen_no_more(a_session):
    """Else the next verdict would be on what nobody sees."""
    a_session.listing.show_dropped(True)
    (dropped,) = [one.id for one in a_session.navigation.lesions if one.state == "dropped"]
    heard = []
    a_session.navigation.select(dropped)
    a_session.current_changed.connect(heard.append)
    a_session.listing.show_dropped(False)
    assert (a_session.navigation.current, heard) == (None, [None])
    with refused("No lesion is chosen"):
        a_session.deciding.decide("accepted")
    a_session.navigation.select(3)
    a_session.listing.set_threshold(0.9)
    assert a_session.navigation.current is None
    a_session.listing.set_threshold(0.5)
    a_session.navigation.select(1)
    a_session.listing.show_dropped(True)
    a_session.listing.show_dropped(False)
    assert a_session.navigation.current.id == 1


def test_signal_loss_is_against_brain_and_empty_where_there_is_none(a_session):
    """As of parts at the edge of the brain, around which is background."""
    review = a_session.review
    voxels = sitk.GetArrayFromImage(review.scan_image)
    brain = np.zeros(voxels.shape, np.uint8)
    brain[:, :, 20:] = 1
    voxels[brain == 0] = 5.0
    voxels[brain == 1] = 100.0
    mask = np.ravel_multi_index(([12, 12], [20, 20], [18, 19]), voxels.shape)
    voxels[12, 20, 18:20] = 20.0

    def measured(brain):
        images = [sitk.GetImageFromArray(each) for each in (voxels, np.zeros(voxels.shape, np.float32), brain)]
        for image in images:
            image.CopyInformation(review.scan_image)
        return Measuring(*images).of(np.array(mask)).contrast

    assert measured(brain) == pytest.approx(0.8)
    assert measured(np.zeros_like(brain)) is None
