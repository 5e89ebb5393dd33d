"""What a review comes to: the counts of BOMBS and MARS, and the text to paste."""

from __future__ import annotations

import numpy as np
import pytest

from CMBSegmentationLib.detecting.lesions import Lesion
from CMBSegmentationLib.review import Count, ReviewedLesion, Verdict, counts_of, size_of, text_of


def reviewed(decision, diameter_mm=4.0, region="", side=""):
    lesion = Lesion(1, "accepted", 0.0, 0.0, 0.0, 30.0, diameter_mm, 1.0, 0.5, 0.9, region=region, side=side)
    return ReviewedLesion(1, np.array([0]), lesion, verdict=Verdict(decision) if decision else None)


@pytest.fixture
def counts():
    return counts_of(
        [
            reviewed("accepted", 3.0, "thalamus", "left"),
            reviewed("accepted", 6.0, "frontal", "right"),
            reviewed("uncertain", 4.0, "frontal", "right"),
            reviewed("uncertain", 7.0),
            reviewed("rejected", 4.0, "frontal", "left"),
            reviewed(None, 4.0, "frontal", "left"),
        ]
    )


def test_a_line_of_the_table_has_its_group_and_only_its_own_side_and_sizes(counts):
    lines = {line.region: line for line in counts.regions}
    groups = [lines[name].group for name in ("brainstem", "thalamus", "frontal", "unassigned")]
    assert groups == ["infratentorial", "deep", "lobar", ""]
    frontal = lines["frontal"]
    assert frontal.by_side == {"left": Count(), "right": Count(1, 1), "midline": Count(), "": Count()}
    assert frontal.by_size == {"below 5 mm": Count(0, 1), "5-10 mm": Count(1, 0), "above 10 mm": Count()}
    assert lines["unassigned"].by_side[""] == Count(0, 1)


def test_the_text_names_what_was_found_and_leaves_out_what_was_not(counts):
    assert text_of(counts, ("SI", "NB")).splitlines() == [
        "Cerebral microbleeds, reviewed by SI, NB: 2 definite, 2 possible.",
        "Not finished: 1 detected lesion without a verdict, not counted.",
        "Size (definite/possible): below 5 mm 1/1, 5-10 mm 1/1.",
        "Region (definite/possible): left thalamus 1/0, right frontal 1/1, unassigned 0/1.",
        "Class: 2-4.",
        "Pattern: mixed (lobar together with deep or brainstem: described with hypertensive arteriopathy, "
        "alone or with the other).",
        "Found with research software (slicer-cmb), not a medical device.",
    ]


@pytest.mark.parametrize(
    ("diameter_mm", "size"), [(4.99, "below 5 mm"), (5.0, "5-10 mm"), (10.0, "5-10 mm"), (10.01, "above 10 mm")]
)
def test_five_and_ten_millimetres_belong_to_the_class_between_them(diameter_mm, size):
    assert size_of(diameter_mm) == size
