"""What a reader may say, and what is refused."""

from dataclasses import replace

import pytest
from annotated_study import TIME, full_annotation, full_study, microbleed, point

from CMBScribbleGrowLib.annotation.answers import answered
from CMBScribbleGrowLib.annotation.checks import check_time
from CMBScribbleGrowLib.annotation.dependent_answers import is_asked
from CMBScribbleGrowLib.annotation.edits import (
    next_id,
    told_by_acceptance,
    unanswered,
    utc_now,
    with_annotation,
    with_entry,
    without_entry,
)
from CMBScribbleGrowLib.annotation.records import Annotation, Assessment, Finding, Growing, Mimic, SeriesQuality, Study
from CMBSegmentationLib.errors import InputError


def series():
    return {"series": "SWI", "reader": "SI", "time": TIME}


@pytest.mark.parametrize(
    ("wrong", "allowed"),
    [
        ({"location": "cortex"}, "thalamus"),
        ({"side": "L"}, "midline"),
        ({"cause": "stroke"}, "trauma-DAI"),
        ({"grouping": "many"}, "CAA group"),
        ({"uncertain": "yes"}, "true"),
        ({"smaller_than_5_mm": 1}, "not answered"),
        ({"diameter_mm": -1.0}, "0 or more"),
        ({"diameter_mm": float("nan")}, "finite"),
        ({"r_mm": None}, "finite"),
        ({"id": 0}, "1 or more"),
        ({"id": True}, "1 or more"),
        ({"time": "2026-01-31 09:30"}, "UTC"),
        ({"time": "2026-01-31T09:30:00+02:00"}, "UTC"),
        ({"reader": " "}, "text"),
        ({"reader": "A|B"}, "|"),
        ({"scribble_segment": "two\nlines"}, "one line"),
        ({"comment": 5}, "text"),
        ({"growing": "auto"}, "settings"),
        ({"count": 3}, "CAA group"),
    ],
)
def test_a_wrong_value_is_refused_with_its_field_the_value_and_what_is_allowed(wrong, allowed):
    ((name, value),) = wrong.items()
    with pytest.raises(InputError) as refused:
        replace(microbleed(), **wrong)
    assert name in refused.value.message
    assert ("is empty" if value == " " else repr(value)) in refused.value.message
    assert allowed in refused.value.hint


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: Growing(mode="magic", connectivity=6, tolerance_percent=1, automatic=False), "mode"),
        (lambda: Growing(mode="parent", connectivity=8, tolerance_percent=1, automatic=False), "connectivity"),
        (lambda: Mimic(**point(), type="flow void"), "type"),
        (lambda: SeriesQuality(series="SWI", reader="SI", time=TIME, flags=("dark",)), "flags"),
        (lambda: SeriesQuality(series="SWI", reader="SI", time=TIME, flags=("metal", "metal")), "flags"),
        (lambda: Assessment(reader="SI", time=TIME, quality="good"), "quality"),
        (lambda: Study(scan="a.nii", priority="urgent"), "priority"),
        (lambda: Study(scan=""), "scan"),
    ],
)
def test_each_record_knows_its_words(make, name):
    with pytest.raises(InputError, match=name):
        make()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: microbleed(cause="CAA", cause_text="sure"), "cause_text is 'sure', but cause is 'CAA'."),
        (lambda: microbleed(cause_text="sure"), "cause_text is 'sure', but cause is empty."),
        (lambda: microbleed(count=3), "count is 3, but grouping is 'single'."),
        (lambda: Mimic(**point(), type="vessel", side="left"), "side is 'left', but type is 'vessel'."),
        (lambda: Mimic(**point(), type="vessel", text="a vein"), "text is 'a vein', but type is 'vessel'."),
        (lambda: SeriesQuality(**series(), flags=("metal",), text="clip"), "text is 'clip', but flags is 'metal'."),
        (
            lambda: SeriesQuality(**series(), flags=("blurry", "metal"), text="clip"),
            "text is 'clip', but flags is 'blurry', 'metal'.",
        ),
        (
            lambda: Assessment(reader="SI", time=TIME, included=True, why_not="dark"),
            "why_not is 'dark', but included is true.",
        ),
    ],
)
def test_an_answer_to_a_question_that_was_not_asked_is_refused_with_what_is_there(make, said):
    with pytest.raises(InputError) as refused:
        make()
    assert refused.value.message == said


@pytest.mark.parametrize(
    ("record", "answer", "said"),
    [
        (
            lambda: microbleed(cause="trauma"),
            {"cause_text": "z"},
            "Other cause is asked only where the suspected cause is 'other'; here it is 'trauma'.",
        ),
        (
            microbleed,
            {"count": 3},
            "Count in the group is asked only where the entry is 'CAA group'; here it is 'single'.",
        ),
        (
            lambda: Mimic(**point(), type="basal-ganglia calcification"),
            {"text": "t"},
            "Other type is asked only where the type is 'other'; here it is 'basal-ganglia calcification'.",
        ),
        (
            lambda: Mimic(**point()),
            {"side": "left"},
            "Side is asked only where the type is 'basal-ganglia calcification'; that is not answered yet.",
        ),
        (
            lambda: SeriesQuality(**series(), flags=("blurry",)),
            {"text": "t"},
            "Other artefact is asked only where a flag of the series is 'other artefact'; here it is 'blurry'.",
        ),
        (
            lambda: Assessment(reader="SI", time=TIME, included=True),
            {"why_not": "t"},
            "Why not is asked only where the answer to Included is no; here it is yes.",
        ),
    ],
)
def test_whoever_answers_what_is_not_asked_is_told_in_the_words_of_the_form(record, answer, said):
    (field,) = answer
    assert not is_asked(record(), field)
    with pytest.raises(InputError) as refused:
        answered(record(), **answer)
    assert refused.value.message == said


def test_what_another_answer_asks_for_is_asked_and_emptied_with_it():
    mimic = Mimic(**point())
    assert is_asked(mimic, "comment")
    other = answered(mimic, type="other", text="a vein")
    assert is_asked(other, "text")
    assert (answered(other, type="basal-ganglia calcification", side="left").text, other.text) == ("", "a vein")
    rated = answered(SeriesQuality(**series()), flags=("metal", "other artefact"), text="coil")
    assert answered(rated, flags=("metal",)).text == ""
    assert answered(microbleed(grouping="CAA group", count=7), grouping="single").count == 1


def test_only_a_mode_without_a_tolerance_may_leave_it_open():
    settings = {"connectivity": 6, "tolerance_percent": None, "automatic": True}
    assert Growing(mode="random-walker", **settings).tolerance_percent is None
    with pytest.raises(InputError, match="tolerance_percent"):
        Growing(mode="parent", **settings)


def test_a_readers_annotation_holds_no_other_readers_entries():
    with pytest.raises(InputError, match="'AB' in an entry of 'SI'"):
        Annotation(reader="SI", microbleeds=(microbleed(reader="AB"),))


def test_an_id_or_a_reader_is_there_once():
    with pytest.raises(InputError, match="microbleeds holds 1 twice"):
        Annotation(reader="SI", microbleeds=(microbleed(1), microbleed(1)))
    with pytest.raises(InputError, match="annotations holds SI twice"):
        Study(scan="a.nii", annotations=(Annotation(reader="SI"), Annotation(reader="SI")))


def test_an_entry_is_added_replaced_and_removed_and_the_former_state_stays():
    before = full_annotation()
    added = with_entry(before, microbleed(next_id(before.microbleeds), side="left"))
    assert [cmb.id for cmb in added.microbleeds] == [1, 2, 3]
    moved = with_entry(added, microbleed(2, centre=(9, 9, 9)))
    assert [cmb.id for cmb in moved.microbleeds] == [1, 2, 3]
    assert moved.microbleeds[1].r_mm == 9
    assert without_entry(moved, moved.microbleeds[0]).microbleeds == moved.microbleeds[1:]
    assert before == full_annotation()


def test_one_readers_change_leaves_the_others_as_they_were():
    study = full_study()
    changed = with_annotation(study, with_entry(study.of("SI"), Finding(**point(number=2), text="infarct")))
    assert changed.readers == ("SI", "AB")
    assert changed.of("AB") == study.of("AB")
    assert with_annotation(study, Annotation(reader="XY")).readers == ("SI", "AB", "XY")
    assert study.of("nobody") == Annotation(reader="nobody")


def test_what_the_protocol_asks_and_nobody_answered_is_listed():
    open_questions = unanswered(
        Annotation(
            reader="SI",
            microbleeds=(microbleed(cause="other"),),
            mimics=(Mimic(**point(), type="basal-ganglia calcification"),),
            findings=(Finding(**point()),),
        )
    )
    assert "CMB 1: no location" in open_questions
    assert "CMB 1: which other cause" in open_questions
    assert "Mimic 1: no side" in open_questions
    assert "Finding 1: no text" in open_questions
    assert "Study: no quality" in open_questions
    complete = replace(full_annotation(), microbleeds=full_annotation().microbleeds[:1])
    assert unanswered(complete) == []


@pytest.mark.parametrize("count", [0, -5, 2.7, 1001, 99999999999, "12", True])
def test_how_many_a_group_holds_is_a_whole_number_from_1_to_1000(count):
    group = microbleed(grouping="CAA group", count=None)
    assert [answered(group, count=right).count for right in (1, 12, 1000)] == [1, 12, 1000]
    assert answered(answered(group, count=12), count=None).count is None
    with pytest.raises(InputError, match="Count in the group is") as refused:
        answered(group, count=count)
    assert "whole number, 1 to 1000" in refused.value.hint


def test_a_size_that_is_answered_otherwise_than_it_was_measured_is_told():
    def told(**said):
        return [one for one in unanswered(Annotation(reader="SI", microbleeds=(microbleed(**said),))) if "mask" in one]

    assert told(smaller_than_5_mm=False, diameter_mm=1.97) == [
        "CMB 1: not smaller than 5 mm, but its mask measures 2.0 mm"
    ]
    assert told(smaller_than_5_mm=True, diameter_mm=7.0) == ["CMB 1: smaller than 5 mm, but its mask measures 7.0 mm"]
    assert told(smaller_than_5_mm=True, diameter_mm=1.97) == []
    assert told(smaller_than_5_mm=False, diameter_mm=None) == []


def test_what_is_not_accepted_is_counted_apart():
    def told(*acceptances):
        bleeds = tuple(microbleed(number, acceptance=one) for number, one in enumerate(acceptances, 1))
        return told_by_acceptance(Annotation(reader="SI", microbleeds=bleeds))

    assert told() == "0 microbleeds accepted by SI"
    assert told("not accepted") == "0 microbleeds accepted by SI, 1 not accepted"
    assert told("accepted", "changed since", "not accepted", "accepted") == (
        "2 microbleeds accepted by SI, 1 changed since, 1 not accepted"
    )


def test_now_is_a_time_that_a_record_takes():
    check_time("time", utc_now())
    assert utc_now().endswith("Z")
