"""What the page has of phase: whether the search uses it, and the button that shows it."""

from __future__ import annotations

from trame.widgets import html
from trame.widgets import vuetify3 as v3

from ..page.page_session import PageSession
from ..state import names
from ..state.declared import REVIEW_PANEL
from .aria import named

SHOWS = "'Local phase in place of the scan: bright above and below blood, dark by calcium'"


def build_phase_choice() -> None:
    """Build the selector: the phase that was found with the scan, or none."""
    phase = names.phase
    with html.Label(
        classes="cmb-field cmb-phase-choice",
        v_if=f"{names.page.has_scan} && {phase.phase_found} && !{names.review.detecting}",
        title=(f"`Phase tells calcium from blood. Found with the scan: ${{{phase.phase_found}}}`",),
    ):
        html.Span("Phase")
        with html.Select(raw_attrs=[f'v-model="{phase.phase_used}"', 'aria-label="Phase image"']):
            html.Option("as found", raw_attrs=[f':value="{phase.phase_found}"'])
            html.Option("none", value="")


def build_phase_button(desk: PageSession) -> None:
    """Build the button that shows the local phase in place of the scan."""
    v3.VBtn(
        "Phase",
        click=desk.phase.toggle,
        v_if=names.phase.phase_there,
        variant=(f"{names.phase.phase_shown} ? 'tonal' : 'text'",),
        size="small",
        prepend_icon="mdi-sine-wave",
        classes="cmb-phase",
        title=(f"{SHOWS} + ({names.page.panel} === '{REVIEW_PANEL}' ? ` (${{{names.keys.keys}.field}})` : '')",),
        **named("Local phase", aria_pressed=names.phase.phase_shown),
    )
