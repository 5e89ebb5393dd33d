"""The help on "?": keys, mouse, and what the words mean."""

from __future__ import annotations

from collections.abc import Iterable

from trame.widgets import html
from trame.widgets import vuetify3 as v3

from CMBSegmentationLib.vocabulary.actions import ACTIONS, BOTH, BOTH_SAID, PAGE, PLACES, Action
from CMBSegmentationLib.vocabulary.columns import PROBABILITY

from ..state.names import keys, page
from .aria import named
from .key_titles import key_of

MOUSE = (("Wheel", "scroll slices"), ("Drag", "grey window"), ("Right drag", "zoom"), ("Middle drag", "pan"),
         ("Shift+move", "move the other views along"))  # fmt: skip

BY_KEY = (("Tab", "next group of controls"), ("← →", "within a group"), ("↑ ↓", "slider, choice, row of the list"))


def build_help() -> None:
    """Build the help."""
    with v3.VDialog(v_model=(page.help_shown,), max_width=1080, **named("Help")), v3.VCard(classes="cmb-help"):
        with html.Div(classes="cmb-row"):
            html.H2("Keys and mouse")
            v3.VSpacer()
            v3.VBtn("Reset keys", click="window.cmb.resetKeys()", variant="text")
            v3.VBtn("Close", click=f"{page.help_shown} = false", variant="text")
        html.P("Click a key to change it. Keys act while you neither type nor have a dialog open.", classes="cmb-quiet")
        with html.Div(classes="cmb-keys"):
            first, *others = _groups()
            _keys(*first)
            _gestures("Mouse in a view", MOUSE)
            for title, actions in others:
                _keys(title, actions)
            _gestures("Without a mouse", BY_KEY)
        html.P(
            f"Prob. is the {PROBABILITY.lower()}; it is not calibrated on patients. Signal loss is measured against "
            "the tissue around: 100 % is black. Ø is the diameter of the sphere of equal volume. Positions are "
            "patient RAS, in mm; those in the views are of the point where the slices cross.",
            classes="cmb-quiet",
        )


def _groups() -> list[tuple[str, list[Action]]]:
    own = [one for one in ACTIONS if PAGE in one.front_ends]
    groups = [(title, [one for one in own if one.places == (place,)]) for place, title in PLACES.items()]
    return [*groups, (BOTH_SAID, [one for one in own if one.places == BOTH])]


def _keys(title: str, actions: Iterable[Action]) -> None:
    with html.Div():
        html.H3(title)
        with html.Dl():
            for action in actions:
                _key(action)


def _gestures(title: str, gestures: Iterable[tuple[str, str]]) -> None:
    with html.Div():
        html.H3(title)
        with html.Dl():
            for gesture, says in gestures:
                with html.Dt():
                    html.Kbd(gesture)
                html.Dd(says)


def _key(action: Action) -> None:
    with html.Dt():
        html.Button(
            key_of(action.name),
            click=f"window.cmb.changeKey('{action.name}', $event.currentTarget)",
            classes="cmb-key",
            raw_attrs=[f":aria-label=\"{keys.keys}.{action.name} + ', {action.says}: change the key'\""],
        )
    html.Dd(action.says)
