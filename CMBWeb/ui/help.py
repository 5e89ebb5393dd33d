"""The help on "?": keys, mouse, and what the words mean."""

from __future__ import annotations

from trame.widgets import html
from trame.widgets import vuetify3 as v3

from .aria import role

KEYS = (
    ("Read", (("N", "next lesion"), ("P", "previous lesion"), ("A", "accept"), ("R", "reject"), ("U", "uncertain"),
              ("Ctrl+Z", "undo"), ("Z", "zoom to the lesion, or back"), ("Delete", "delete an added lesion"))),
    ("Scribble", (("B", "brush"), ("E", "eraser"), ("G", "grow"), ("Enter", "accept as lesion"),
                  ("[ and ]", "lower, raise the tolerance"), ("M", "mark a mimic"),
                  ("O", "mark another finding"))),
    ("Picture", (("Wheel", "scroll slices"), ("Drag", "grey window"), ("Right drag", "zoom"), ("Middle drag", "pan"),
                 ("Shift+move", "move the other views along"), ("C", "crosshair"), ("F", "fit to the scan"),
                 ("H", "hide or show outlines"))),
    ("Page", (("?", "this help"), ("Esc", "close it"))),
)  # fmt: skip


def build_help() -> None:
    """Build the help."""
    with v3.VDialog(v_model=("help_shown",), max_width=860), v3.VCard(classes="cmb-help", **role("dialog", "Help")):
        with html.Div(classes="cmb-row"):
            html.H2("Keys and mouse")
            v3.VSpacer()
            v3.VBtn("Close", click="help_shown = false", variant="text")
        with html.Div(classes="cmb-keys"):
            for group, keys in KEYS:
                with html.Div():
                    html.H3(group)
                    with html.Dl():
                        for key, what in keys:
                            with html.Dt():
                                html.Kbd(key)
                            html.Dd(what)
        html.P(
            "Probability is the detector's own, not calibrated on patients. Contrast is the signal loss against the "
            "tissue around: 0 none, 1 black. Ø is the diameter of the sphere of equal volume. Positions are patient "
            "RAS, in mm.",
            classes="cmb-quiet",
        )
