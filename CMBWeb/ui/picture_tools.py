"""The strip above the views: grey window, slab, crosshair, zoom."""

from __future__ import annotations

from trame.widgets import html
from trame.widgets import vuetify3 as v3

from ..page.page_session import PageSession
from ..state.names import page, phase, review, views
from .aria import named, roving
from .key_titles import titled
from .phase_choice import build_phase_button

OF_PHASE = "Local phase shown black, and white: thousandths of a radian"
SLABS_MM = (0, 4, 8, 12, 16, 20)


def build_picture_tools(desk: PageSession) -> None:
    """Build the strip."""
    with html.Div(classes="cmb-tools", **roving("toolbar", "Picture"), v_show=page.has_scan):
        v3.VIcon("mdi-contrast-box", size="small", title="Grey window: black and white", classes="cmb-roomy")
        v3.VRangeSlider(
            v_model=(views.window_range,),
            min=(f"{views.window_limits}[0]",),
            max=(f"{views.window_limits}[1]",),
            step=(views.window_step,),
            strict=True,
            hide_details=True,
            density="compact",
            thumb_size=12,
            track_size=2,
            classes="cmb-window",
            raw_attrs=[
                f":aria-label=\"{phase.phase_shown} ? 'Grey window, local phase' : 'Grey window, scan intensity'\""
            ],
        )
        html.Span(
            f"{{{{ Math.round(window_range[0]) }}}}{{{{ {phase.phase_shown} ? ' to ' : '–' }}}}"
            "{{ Math.round(window_range[1]) }}",
            classes="cmb-quiet cmb-number cmb-roomy",
            title=(f"{phase.phase_shown} ? '{OF_PHASE}' : 'Scan intensity shown black, and white'",),
        )
        v3.VBtn(
            icon="mdi-restore",
            click=desk.views.reset_window,
            size="x-small",
            variant="text",
            title=(f"{phase.phase_shown} ? 'Grey window of the local phase' : 'Grey window found for this scan'",),
            **named("Reset the grey window"),
        )
        v3.VDivider(vertical=True)
        with html.Label(classes="cmb-field", title="Darkest voxel across so many mm: tells a vessel from a microbleed"):
            html.Span("Minimum-intensity slab", classes="cmb-wide")
            html.Span("Slab", classes="cmb-narrow")
            with html.Select(
                raw_attrs=[f'v-model.number="{review.slab_mm}"', 'aria-label="Minimum-intensity slab, mm"']
            ):
                for mm in SLABS_MM:
                    html.Option(f"{mm} mm" if mm else "off", value=mm)
        v3.VBtn(
            "Crosshair",
            click=f"{views.crosshair} = !{views.crosshair}",
            variant=(f"{views.crosshair} ? 'tonal' : 'text'",),
            size="small",
            prepend_icon="mdi-crosshairs",
            title=titled("Crosshair: Shift and move to place it", "crosshair"),
            **named("Crosshair", aria_pressed=views.crosshair),
        )
        v3.VBtn(
            "Outlines",
            click=f"{review.outlines} = !{review.outlines}",
            variant=(f"{review.outlines} ? 'tonal' : 'text'",),
            size="small",
            prepend_icon="mdi-vector-circle",
            title=titled("Show the outlines of the lesions", "outlines"),
            **named("Outlines", aria_pressed=review.outlines),
        )
        build_phase_button(desk)
        v3.VSpacer()
        v3.VBtn(
            "Whole scan",
            click=desk.views.show_whole,
            variant="text",
            size="small",
            prepend_icon="mdi-fit-to-page-outline",
            title=titled("Fit all views to the scan", "fit"),
            **named("Whole scan"),
        )
