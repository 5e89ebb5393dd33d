"""Values out of files: what is right is given as it is, what is not is named."""

from __future__ import annotations

import doctest
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from property_tests import examples

from CMBSegmentationLib.detecting.candidates.grid import Grid
from CMBSegmentationLib.detecting.lesions import Lesion
from CMBSegmentationLib.files import fields
from CMBSegmentationLib.files.atomic_file import DamagedFileError
from CMBSegmentationLib.files.fields import Fields, WrongValueError, read_json
from CMBSegmentationLib.review.lesion_list import Numbering, Review, ReviewedLesion
from CMBSegmentationLib.review.review_file import SavedReview, from_text, to_text
from CMBSegmentationLib.vocabulary.verdicts import Verdict

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
METHODS = ("text", "number", "whole", "flag", "fields", "mapping", "items", "texts", "numbers")


def test_the_example_in_the_documentation_is_true():
    assert doctest.testmod(fields).failed == 0


@examples(300)
@given(ANYTHING, st.sampled_from(METHODS))
def test_any_value_is_given_or_refused_by_its_key(value, method):
    try:
        found = getattr(Fields({"key": value}, "file"), method)("key")
    except WrongValueError as error:
        said = str(error)
    else:
        said, kept = "", found
    if said:
        assert said.startswith("file.key")
        assert len(said) < 300
        return
    if method == "number":
        assert math.isfinite(kept)
    if method in ("text", "number", "whole", "flag"):
        assert kept is value


@examples(200)
@given(ANYTHING)
def test_any_list_of_objects_is_given_or_refused(value):
    is_right = isinstance(value, list) and all(isinstance(one, dict) for one in value)
    if is_right:
        assert [one.plain for one in Fields({"key": value}).records("key")] == value
        return
    with pytest.raises(WrongValueError, match=r"^key"):
        list(Fields({"key": value}).records("key"))


@pytest.mark.parametrize(
    ("limits", "value", "told"),
    [
        ({"least": 1}, 0, "1 or more"),
        ({"most": 1}, 2, "1 or less"),
        ({"above": 0, "below": 1}, 1, "above 0 and below 1"),
        ({"above": 0}, 0, "above 0"),
    ],
)
def test_a_number_out_of_its_range_is_told_with_the_range(limits, value, told):
    with pytest.raises(WrongValueError, match=f"key is {value}; it must be {told}"):
        Fields({"key": value}).number("key", **limits)


@pytest.mark.parametrize("method", ["text", "number", "whole", "flag", "mapping"])
def test_a_missing_value_and_null_are_what_the_caller_says(method):
    for data in ({}, {"key": None}):
        assert getattr(Fields(data), method)("key", default="mine") == "mine"
        with pytest.raises(WrongValueError, match="key is missing"):
            getattr(Fields(data), method)("key")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a": "\\ud800"}', '"\\uDFFF"', "", "{", "NaN0", '{"a": 1} b'])
def test_json_that_no_file_can_hold_is_no_json(text):
    with pytest.raises(ValueError, match=r"nested too deeply|lone surrogate|line 1"):
        read_json(text)
    with pytest.raises(DamagedFileError):
        from_text(text, "a_desc-cmb_review.json")


def a_review_text(**changes) -> str:
    lesion = Lesion(1, "kept", 1.0, 2.0, 3.0, 14.0, 3.0, 1.1, 0.4, 0.8)
    kept = ReviewedLesion(1, np.arange(40, 44), lesion, 41, verdict=Verdict("accepted", reader="SI"))
    grid = Grid((10, 12, 14), np.eye(3, 4))
    content = json.loads(to_text(SavedReview(Review(0.4, (kept,)), Numbering({41: 1}, 1), grid, "scan")))
    for key, value in changes.items():
        place = content["lesions"][0] if key in content["lesions"][0] else content
        place[key] = value
    return json.dumps(content)


def test_a_review_is_read_back():
    saved = from_text(a_review_text(), "review.json")
    assert saved.review.fixed[0].voxels.tolist() == [40, 41, 42, 43]


@pytest.mark.parametrize(
    "claim",
    [
        {"shape": [100_000, 100_000, 9], "voxels": [[0, 5_000_000_000]]},
        {"shape": [10, 12]},
        {"shape": [10, -12, -14]},
        {"voxels": [[1679, 2]]},
        {"voxels": [[-1, 2]]},
        {"voxels": []},
        {"voxels": [[0, 1680]] * 5},
        {"peak": 1680},
        {"numbers": [[1680, 2]]},
        {"id": 70_000},
        {"id": -5},
        {"lesion": {"id": 1, "status": "accepted", "r_mm": "left"}},
    ],
)
def test_a_review_that_claims_what_cannot_be_is_damaged(claim):
    with pytest.raises(DamagedFileError):
        from_text(a_review_text(**claim), "review.json")


def test_a_character_written_as_a_pair_is_read():
    assert read_json('"\\ud83e\\udde0"') == "🧠"
