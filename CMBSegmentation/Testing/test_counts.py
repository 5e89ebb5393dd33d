"""One count for every file and user interface: what BOMBS and MARS ask for, and the text to paste."""

from __future__ import annotations

import pytest

from CMBSegmentationLib.detecting.lesions import Lesion
from CMBSegmentationLib.results.counts import counts_of, size_class
from CMBSegmentationLib.results.summary import sentence_of, summary_of, text_of

DEFINITE, POSSIBLE = ("definite",), ("possible",)


def a_lesion(decision="none", diameter_mm=4.0, region="", side="", status="kept", **said) -> Lesion:
    return Lesion(
        1, status, 0.0, 0.0, 0.0, 30.0, diameter_mm, 1.0, 0.5, 0.9, region=region, side=side, decision=decision, **said
    )


@pytest.fixture
def lesions():
    return [
        a_lesion("accepted", 3.0, "thalamus", "left", reader="NB", decided_at="2026-01-02"),
        a_lesion("accepted", 6.0, "frontal", "right", reader="SI", decided_at="2026-01-01"),
        a_lesion("uncertain", 4.0, "frontal", "right"),
        a_lesion("uncertain", 7.0, status="dropped"),
        a_lesion("rejected", 4.0, "frontal", "left"),
        a_lesion("none", 4.0, "frontal", "left"),
        a_lesion("none", 2.0, status="dropped"),
    ]


def test_regions_sides_and_sizes_are_counted_each_by_themselves(lesions):
    counts = counts_of(lesions)
    frontal = {"regions": ("frontal",)}
    assert counts.number(DEFINITE, **frontal) == counts.number(POSSIBLE, **frontal) == 1
    assert counts.number(DEFINITE, side="right", **frontal) == 1
    assert counts.number(DEFINITE, side="left", **frontal) == 0
    assert counts.number(POSSIBLE, size="< 5 mm", **frontal) == 1
    assert counts.number(POSSIBLE, regions=("unassigned",), side="") == 1
    assert counts.by_group == {"infratentorial": 0, "deep": 1, "lobar": 2}


def test_once_a_review_was_begun_the_headline_is_definite_and_possible_and_its_class_follows(lesions):
    unread = [a_lesion("none", 3.0) for _ in range(5)]
    summary = summary_of(counts_of([*lesions, *unread]))
    assert (summary["definite"], summary["possible"], summary["rejected"]) == (2, 2, 1)
    assert summary["microbleeds"] == summary["definite"] + summary["possible"] == 4
    assert summary["class"] == "2-4"
    assert sum(summary[size] for size in ("below_5_mm", "from_5_to_10_mm", "above_10_mm")) == 4
    assert sum(summary["by_region"].values()) == 4
    assert (summary["not_read"], summary["dropped"]) == (6, 1)
    assert "not confirmed" not in summary["sentence"]
    assert summary["readers"] == ["SI", "NB"]


def test_before_anybody_has_read_the_headline_is_what_was_detected():
    summary = summary_of(counts_of([a_lesion(), a_lesion(status="dropped")]))
    assert (summary["microbleeds"], summary["not_read"], summary["dropped"]) == (1, 1, 1)
    assert (summary["definite"], summary["possible"], summary["rejected"]) == (None, None, None)
    assert "not confirmed by a reader: 1 cerebral microbleed" in summary["sentence"]


def test_the_text_names_what_was_found_and_leaves_out_what_was_not(lesions):
    assert text_of(counts_of(lesions)).splitlines() == [
        "Cerebral microbleeds, read by SI, NB with the help of research software: 2 definite, 2 possible "
        "(2 smaller than 5 mm, 2 of 5–10 mm; 2 frontal, 1 thalamus, 1 unassigned). "
        "Pattern of the definite ones: mixed. Not finished: 1 detected lesion not reviewed yet.",
        "Size (definite/possible): < 5 mm 1/1, 5–10 mm 1/1.",
        "Region (definite/possible): right frontal 1/1, left thalamus 1/0, unassigned 0/1.",
        "Class: 2–4 microbleeds (definite + possible).",
        "Pattern: mixed (lobar together with deep or brainstem: described with hypertensive arteriopathy, "
        "alone or with the other).",
        "ARIA baseline 1–4; CROMIS-2 2–4 (any); ESO thrombolysis 1–10 (low to moderate) (without 1 not "
        "reviewed yet). Classes of the count, not a "
        "diagnosis and no advice on treatment. Superficial siderosis was not assessed: this program looks for "
        "microbleeds only.",
        "Found with research software (slicer-cmb), not a medical device.",
    ]


def test_a_list_that_was_read_and_rejected_altogether_is_not_called_unconfirmed():
    said = sentence_of(counts_of([a_lesion("rejected", reader="SI")]))
    assert said == "Cerebral microbleeds, read by SI with the help of research software: 0 definite, 0 possible."


@pytest.mark.parametrize(
    ("diameter_mm", "size"), [(4.99, "< 5 mm"), (5.0, "5–10 mm"), (10.0, "5–10 mm"), (10.01, "> 10 mm")]
)
def test_five_and_ten_millimetres_belong_to_the_class_between_them(diameter_mm, size):
    assert size_class(diameter_mm) == size
