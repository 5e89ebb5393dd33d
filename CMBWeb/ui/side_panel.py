"""The panel beside the views: reading the list, or scribbling what it lacks."""

from __future__ import annotations

from trame.widgets import html

from ..page.page_session import PageSession
from .aria import role
from .review_panel import build_review_panel
from .scribble_panel import build_scribble_panel

TABS = (("review", "Read", build_review_panel), ("scribble", "Scribble", build_scribble_panel))


def build_panel(desk: PageSession) -> None:
    """Build the panel."""
    with html.Div(classes="cmb-tabs", **role("tablist", "Panels")):
        for name, label, _ in TABS:
            html.Button(
                label,
                click=f"panel = '{name}'",
                classes=(f"{{ 'cmb-tab': true, 'cmb-tab-on': panel === '{name}' }}",),
                raw_attrs=['role="tab"', f":aria-selected=\"panel === '{name}'\""],
            )
    for name, label, build in TABS:
        with html.Div(classes="cmb-sheet", v_show=f"panel === '{name}'", **role("tabpanel", label)):
            build(desk)
