"""Which DICOM series, or which of several images, is meant, where the program cannot know: a list to click."""

from __future__ import annotations

from trame.widgets import html
from trame.widgets import vuetify3 as v3

from ..page.page_session import PageSession
from ..state.names import page
from .aria import named, role
from .shown import shown

WIDEST_PX = 640


def build_series_choice(desk: PageSession) -> None:
    """Build the dialog."""
    with (
        v3.VDialog(v_model=(page.series_shown,), max_width=WIDEST_PX, **named("Choose a series")),
        v3.VCard(classes="cmb-help"),
    ):
        html.H2(shown(page.series_title))
        html.P(shown(page.series_why), classes="cmb-quiet")
        with v3.VList(density="compact", **role("group", "Series")):
            v3.VListItem(
                v_for=f"one in {page.series_offered}",
                key="one.uid",
                title=("one.name",),
                subtitle=("one.why",),
                click=(desk.choose_series, "[one.uid]"),
                **role("button"),
            )
        v3.VBtn("None of these", click=(desk.choose_series, "['']"), variant="text")
