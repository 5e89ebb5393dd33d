"""Two readers compared; the expected figures are worked out by hand beside them."""

from dataclasses import replace

import numpy as np
import pytest
from annotated_study import TIME, microbleed

from CMBScribbleGrowLib.annotation.agreement import RatedStudy, agreement, cohens_kappa, dice, study_class
from CMBScribbleGrowLib.annotation.edits import with_done
from CMBScribbleGrowLib.annotation.records import Annotation, Assessment, Study
from CMBScribbleGrowLib.annotation.segments_file import Segment

FIRST, SECOND = "SI", "AB"


def said(reader, *lesions, done=True, included=True):
    """An annotation of lesions (centre, location), finished."""
    bleeds = (
        microbleed(n, reader, centre, location=place, grown_segment=f"{n} {reader}")
        for n, (centre, place) in enumerate(lesions, 1)
    )
    assessment = Assessment(reader=reader, time=TIME, included=included, done=done)
    return Annotation(reader=reader, microbleeds=tuple(bleeds), assessment=assessment)


def rated(first, second, segments=(), scan="a.nii"):
    return RatedStudy(Study(scan=scan, annotations=(first, second)), tuple(segments))


@pytest.fixture
def three_studies():
    masks = [
        Segment(f"1 {FIRST}", FIRST, np.array([[0, 0, n] for n in range(4)])),
        Segment(f"1 {SECOND}", SECOND, np.array([[0, 0, n] for n in range(1, 7)])),
    ]
    return [
        rated(
            said(FIRST, ((0, 0, 0), "thalamus"), ((10, 0, 0), "cerebellum"), ((20, 0, 0), "brainstem")),
            said(SECOND, ((10, 2, 0), "brainstem"), ((1, 0, 0), "thalamus"), ((40, 0, 0), "brainstem")),
        ),
        rated(said(FIRST, ((5, 5, 5), "thalamus")), said(SECOND, ((5, 5, 6), "thalamus")), masks),
        rated(said(FIRST), said(SECOND, ((0, 0, 0), ""))),
    ]


def test_two_readers_over_three_studies_give_the_figures_worked_out_by_hand(three_studies):
    found = agreement(three_studies, FIRST, SECOND)
    assert found.studies == 3
    # 2 + 1 + 0 pairs of 3 + 1 + 0 and 3 + 1 + 1 lesions
    assert (found.matched, found.only_first, found.only_second) == (3, 1, 2)
    assert found.f1 == pytest.approx(2 * 3 / (4 + 5))
    # thalamus-thalamus twice, cerebellum-brainstem: 2/3 agreed, 2/3 * 2/3 by chance
    assert found.locations == 3
    assert found.location_kappa == pytest.approx((2 / 3 - 4 / 9) / (1 - 4 / 9))
    # 2-4 | 2-4, 1 | 1, 0 | 1: 2/3 agreed, 1/3 * 1/3 + 1/3 * 2/3 by chance
    assert found.class_kappa == pytest.approx((2 / 3 - 1 / 3) / (1 - 1 / 3))
    # 4 and 6 voxels, 3 of them shared
    assert found.dice == pytest.approx((0.6,))
    assert found.mean_dice == pytest.approx(0.6)


def test_what_a_reader_has_not_accepted_does_not_count(three_studies):
    one = three_studies[1]
    (ours, theirs) = one.study.annotations

    def with_first(acceptance):
        bleed = replace(ours.microbleeds[0], acceptance=acceptance)
        return [rated(replace(ours, microbleeds=(bleed,)), theirs, one.segments)]

    found = agreement(with_first("not accepted"), FIRST, SECOND)
    assert (found.matched, found.only_first, found.only_second, found.dice) == (0, 0, 1, ())
    found = agreement(with_first("changed since"), FIRST, SECOND)  # a microbleed, by a mask that is not accepted
    assert (found.matched, found.dice) == (1, ())
    assert study_class(with_first("not accepted")[0].study.of(FIRST)) == "0"


def test_readers_change_places_and_the_figures_stay(three_studies):
    one, other = agreement(three_studies, FIRST, SECOND), agreement(three_studies, SECOND, FIRST)
    assert (one.f1, one.location_kappa, one.class_kappa) == (other.f1, other.location_kappa, other.class_kappa)
    assert (one.only_first, one.only_second) == (other.only_second, other.only_first)


def test_the_distance_within_which_lesions_match_can_be_set(three_studies):
    assert agreement(three_studies, FIRST, SECOND, within_mm=1.5).matched == 2


def test_without_any_lesion_nothing_is_defined():
    found = agreement([rated(said(FIRST), said(SECOND))], FIRST, SECOND)
    assert (found.f1, found.location_kappa, found.class_kappa, found.mean_dice) == (None, None, None, None)
    assert agreement([], FIRST, SECOND).studies == 0


def test_kappa_is_undefined_where_both_readers_always_say_the_same_word():
    assert cohens_kappa([("deep", "deep")] * 5) is None
    assert cohens_kappa([]) is None


def test_kappa_is_zero_where_one_reader_says_one_word_throughout():
    assert cohens_kappa([("deep", "deep"), ("deep", "lobar")]) == 0.0


def test_kappa_of_a_textbook_table():
    # Cohen's formula on 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: (0.7 - 0.5) / (1 - 0.5)
    table = [("y", "y")] * 20 + [("y", "n")] * 5 + [("n", "y")] * 10 + [("n", "n")] * 15
    assert cohens_kappa(table) == pytest.approx(0.4)


def test_a_study_that_one_has_not_begun_not_finished_or_excluded_does_not_count_and_is_named():
    studies = [
        RatedStudy(Study(scan="1.nii", annotations=(said(FIRST),))),
        rated(said(FIRST), said(SECOND, done=False), scan="2.nii"),
        rated(said(FIRST, included=False), said(SECOND), scan="3.nii"),
    ]
    found = agreement(studies, FIRST, SECOND)
    assert found.studies == 0
    assert [note.split(":")[0] for note in found.notes] == ["1.nii", "2.nii", "3.nii"]
    assert ["annotated" in found.notes[0], "finished" in found.notes[1], "excluded" in found.notes[2]] == [True] * 3


def test_a_group_is_no_lesion_and_counts_with_its_number_if_its_reader_gave_one():
    def group(reader, count):
        return with_done(
            Annotation(reader=reader, microbleeds=(microbleed(1, reader, grouping="CAA group", count=count),)), True
        )

    counted = agreement([rated(group(FIRST, 7), group(SECOND, 2)), rated(said(FIRST), said(SECOND))], FIRST, SECOND)
    assert counted.matched == counted.only_first == 0
    assert study_class(group(FIRST, 7)) == ">=5"
    assert counted.class_kappa == pytest.approx((1 / 2 - 1 / 4) / (1 - 1 / 4))
    uncounted = agreement([rated(group(FIRST, None), group(SECOND, 2))], FIRST, SECOND)
    assert uncounted.class_kappa is None
    assert "not counted" in uncounted.notes[0]


@pytest.mark.parametrize(("number", "word"), [(0, "0"), (1, "1"), (2, "2-4"), (4, "2-4"), (5, ">=5"), (30, ">=5")])
def test_a_number_of_microbleeds_has_the_class_that_reports_use(number, word):
    assert study_class(said(FIRST, *[((n, 0, 0), "") for n in range(number)])) == word


def test_dice_of_equal_masks_is_one_of_apart_ones_zero_and_of_empty_ones_undefined():
    one = Segment("a", FIRST, np.array([[1, 2, 3], [1, 2, 4]]))
    other = Segment("b", SECOND, np.array([[9, 9, 9]]))
    empty = Segment("c", SECOND, np.empty((0, 3), int))
    assert (dice(one, one), dice(one, other), dice(one, empty), dice(empty, empty)) == (1.0, 0.0, 0.0, None)
