"""The panel beside the views: reviewing the list, or scribbling what it lacks."""

from __future__ import annotations

from trame.widgets import html

from ..page.page_session import PageSession
from ..state.declared import REVIEW_PANEL, SCRIBBLE_PANEL
from ..state.names import page
from .aria import role, roving
from .reader import build_reader_button
from .review_panel import build_review_panel
from .scribble_panel import build_scribble_panel
from .shown import shown

TABS = ((REVIEW_PANEL, "Review", build_review_panel), (SCRIBBLE_PANEL, "Scribble", build_scribble_panel))


def build_panel(desk: PageSession) -> None:
    """Build the panel."""
    with html.Div(classes="cmb-tabs"):
        with html.Div(classes="cmb-tablist", **roving("tablist", "Panels")):
            for name, label, _ in TABS:
                html.Button(
                    label,
                    click=f"{page.panel} = '{name}'",
                    classes=(f"{{ 'cmb-tab': true, 'cmb-tab-on': {_is_shown(name)} }}",),
                    raw_attrs=[
                        'role="tab"',
                        f'id="cmb-tab-{name}"',
                        f'aria-controls="cmb-sheet-{name}"',
                        f':aria-selected="{_is_shown(name)}"',
                    ],
                )
        build_reader_button(desk)
    html.Div(shown(page.not_saved), v_if=page.not_saved, classes="cmb-unsaved cmb-failed", **role("alert"))
    for name, _, build in TABS:
        with html.Div(
            id=f"cmb-sheet-{name}",
            classes="cmb-sheet",
            v_show=_is_shown(name),
            raw_attrs=['role="tabpanel"', f'aria-labelledby="cmb-tab-{name}"'],
        ):
            build(desk)


def _is_shown(panel: str) -> str:
    return f"{page.panel} === '{panel}'"
