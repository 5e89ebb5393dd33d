"""The page's state: every name that the page uses is declared once, with its type."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import fields
from pathlib import Path

import pytest
from trame_server.state import State
from web_browser import state_of_page
from web_templates import Template, names_in, names_in_script

import CMBWeb
from CMBWeb.state import names
from CMBWeb.state.declared import DECLARED, ReaderState
from CMBWeb.state.typed import live, on_change

OF_TRAME_SLICER = re.compile(r"\w+(__SliderState__\w+|_active_view_cursor)")
WWW = Path(CMBWeb.__file__).parent / "www"


def declared() -> list[str]:
    return [one.name for kind in DECLARED for one in fields(kind)]


def test_every_name_is_declared_once():
    assert [name for name, count in Counter(declared()).items() if count > 1] == []


@pytest.mark.timeout(900)
@pytest.mark.xdist_group("chromium")
def test_the_page_uses_no_name_that_is_not_declared(first_page):
    state = state_of_page(first_page)
    templates = [text for name, text in state.items() if name.startswith("trame__template_")]
    in_templates = set().union(*(Template(text).used for text in templates))
    scripts = {name for path in WWW.glob("*.js") for name in names_in_script(path.read_text("utf-8"))}
    assert {"rows", "grow_mode", "window_range"} < in_templates
    assert {"message_hint", "upload", "keys_heard"} < scripts
    used = {name for name in in_templates if not OF_TRAME_SLICER.fullmatch(name)}
    assert (used | scripts) - set(declared()) == set()
    assert set(declared()) <= set(state)  # and each is there from the start


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("brush === 'paint' ? 'flat' : undefined", {"brush"}),
        ("`Grow (${keys.grow} and ${other})`", {"keys", "other"}),
        ("{ 'cmb-on': panel === 'review', tab: shown }", {"panel", "shown"}),
        ("(series.flags || []).includes('x')", {"series"}),
        ("({ el }) => { el.value = reader; el.select() }", {"reader"}),
    ],
)
def test_names_are_found_in_an_expression(expression, found):
    assert names_in(expression) == found


def test_what_a_loop_defines_is_known_inside_it_only():
    assert Template('<li v-for="(one, at) in rows">{{ one.id + at }}<input :x="two"></li>').used == {"rows", "two"}
    assert Template('<ul><li v-for="one in rows"></li><b>{{ one }}</b></ul>').used == {"rows", "one"}


def test_attributes_read_and_write_the_state_and_tell_of_changes():
    state, seen = State(ready=True), []
    reader = live(state, ReaderState)
    on_change(state, lambda: seen.append(reader.reader), names.reader.reader)
    assert (state.reader, reader.reader_asked) == ("", False)
    with state:
        reader.reader = "A. B."
    assert (state["reader"], seen) == ("A. B.", ["A. B."])


def test_a_name_that_is_not_declared_is_refused():
    reader = live(State(), ReaderState)
    with pytest.raises(AttributeError, match="ReaderState declares no raeder"):
        reader.raeder = "A. B."  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="declares no raeder"):
        _ = names.reader.raeder  # type: ignore[attr-defined]
