"""Keys: one table, the same in every front end, changed in settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.vocabulary.actions import ACTIONS, DESKTOP, FRONT_ENDS, PAGE, QUESTION, READ, SCRIBBLE
from CMBSegmentationLib.vocabulary.keys import SLICER_KEYS, Keys, as_markdown, in_words, key_named

GUIDE = Path(__file__).resolve().parents[2] / "Docs" / "keys.md"


@pytest.mark.parametrize("front_end", FRONT_ENDS)
def test_no_key_has_two_meanings_nor_is_slicers_own(front_end):
    keys = Keys(front_end)  # raises otherwise
    assert not set(SLICER_KEYS) & {keys.of(one.name) for one in keys.actions}


def test_every_action_has_one_name():
    names = [one.name for one in ACTIONS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("front_end", FRONT_ENDS)
def test_digits_answer_the_question_and_do_nothing_else(front_end):
    keys = Keys(front_end)
    for digit in "1234567":
        assert keys.action(digit, QUESTION).name == f"mimic_{digit}"
        assert keys.action(digit, READ) is None
        assert keys.action(digit, SCRIBBLE) is None
    assert keys.action("R", READ).name == "reject"


def test_a_key_can_be_changed_and_two_can_be_swapped():
    keys = Keys(PAGE).with_key("accept", "k")
    assert keys.action("K", READ).name == "accept"
    assert keys.action("A", READ) is None
    swapped = keys.with_key("uncertain", "A").with_key("accept", "U")
    assert swapped.changed == {"accept": "U", "uncertain": "A"}
    assert Keys.kept(PAGE, swapped.changed).changed == swapped.changed


@pytest.mark.parametrize(
    ("name", "key", "because"),
    [
        ("accept", "N", "next lesion"),
        ("accept", "3", "reject as cavernoma"),  # else 3 would mean two things while the question is open
        ("accept", "Ctrl+S", "Save Data"),
        ("accept", "Hyper+A", "no key"),
        ("accept", "", "no key"),
        ("fly", "K", "no action"),
    ],
)
def test_a_key_that_is_not_free_is_refused_with_the_reason(name, key, because):
    with pytest.raises(InputError, match=because):
        Keys(DESKTOP).with_key(name, key)


@pytest.mark.parametrize("key", ["Ctrl+T", "F5", "f12", "Shift+A"])
def test_the_browser_keeps_its_own_keys(key):
    with pytest.raises(InputError, match="belongs to the browser"):
        Keys(PAGE).with_key("accept", key)
    assert Keys(PAGE).with_key("accept", "F2").of("accept") == "F2"


@pytest.mark.parametrize("front_end", FRONT_ENDS)
@pytest.mark.parametrize(
    ("key", "because"),
    [("Up", "Up moves in lists"), ("Down", "moves in"), ("Left", "moves in"), ("Right", "moves in"),
     ("Shift+Down", "Down moves in"), ("Home", "first or last"), ("End", "first or last"), ("Space", "Space ticks"),
     ("Tab", "Tab goes to the next control"), ("Shift+Tab", "next control")],
)  # fmt: skip
def test_what_moves_the_focus_is_no_key_of_an_action(front_end, key, because):
    with pytest.raises(InputError, match=because) as refused:
        Keys(front_end).with_key("accept", key)
    assert refused.value.hint


def test_a_key_that_is_taken_is_said_to_be_that_of_the_other_action_only():
    with pytest.raises(InputError) as refused:
        Keys(PAGE).with_key("accept", "n")
    assert refused.value.message == "N is taken: next lesion."


def test_a_kept_key_that_cannot_be_chosen_any_more_takes_no_other_with_it():
    kept = Keys.kept(PAGE, {"accept": "Down", "undo": "Hyper+A", "uncertain": "K", "next": "Q"})
    assert kept.changed == {"uncertain": "K", "next": "Q"}


@pytest.mark.parametrize("kept", [None, "nonsense", {"fly": "K"}, {"accept": "N"}, {"accept": 3}, [1, 2]])
def test_kept_keys_that_do_not_fit_any_more_are_left_out(kept):
    assert Keys.kept(DESKTOP, kept).changed == {}


@pytest.mark.parametrize(
    ("typed", "key"),
    [("a", "A"), ("ctrl+shift+c", "Ctrl+Shift+C"), ("shift+ctrl+c", "Ctrl+Shift+C"), ("Page Up", "PgUp"),
     ("delete", "Del"), ("enter", "Return"), ("+", "+"), ("Ctrl++", "Ctrl++"), ("[", "[")],
)  # fmt: skip
def test_a_key_is_known_however_it_is_typed(typed, key):
    assert key_named(typed) == key
    assert key_named(in_words(key)) == key


def test_the_guide_has_the_keys_of_the_table():
    assert GUIDE.read_text(encoding="utf-8") == as_markdown(), "make keys"
