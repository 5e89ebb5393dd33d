"""The page: a bar above, four views, a panel beside them, and the notice that is always in sight."""

from __future__ import annotations

from trame.ui.vuetify3 import VAppLayout
from trame.widgets import html
from trame.widgets import vuetify3 as v3
from trame_server import Server

from CMBSegmentationLib.vocabulary.notice import NOTICE

from ..page.page_session import PageSession
from ..state.names import page
from .aria import role, roving
from .help import build_help
from .picture_tools import build_picture_tools
from .reader import build_reader_question
from .series_choice import build_series_choice
from .shown import shown
from .side_panel import build_panel
from .toolbar import build_bar
from .welcome import build_empty


def build_page(server: Server, desk: PageSession) -> None:
    """Build the page of a desk."""
    _theme(server)
    with VAppLayout(server, template_name="main", theme="cmb") as layout:
        html.A(
            "Skip to the verdict",
            v_if="searched && panel === 'review'",
            href="#cmb-verdict",
            classes="cmb-skip",
            raw_attrs=['@click.prevent="window.cmb.toVerdict()"'],
        )
        with v3.VAppBar(height=52, flat=True, classes="cmb-bar"):
            build_bar(desk)
        with v3.VMain(classes="cmb-main"), html.Div(classes="cmb-work"):
            with html.Div(classes="cmb-left", **role("region", "Views")):
                build_picture_tools(desk)
                with html.Div(classes="cmb-views", v_show=page.has_scan, **roving("toolbar", "Slices and 3D")):
                    desk.views.layouts.initialize_layout_grid(layout)
                build_empty(desk)
            with html.Div(classes="cmb-panel", v_show=page.has_scan, **role("region", "Panel")):
                build_panel(desk)
        with v3.VFooter(app=True, height=26, classes="cmb-notice"):
            html.Span(f"{NOTICE} The bundled detector was trained on simulated scans only.")
        _busy()
        _message()
        build_help()
        build_series_choice(desk)
        build_reader_question(desk)


def _theme(server: Server) -> None:
    colours = {
        "background": "#0b0e12",
        "surface": "#12161c",
        "primary": "#6cb2ff",
        "secondary": "#aeb7c2",
        "error": "#ff7b6b",
        "warning": "#ffb84d",
        "success": "#63c98b",
        "info": "#6cb2ff",
        "on-background": "#e6e9ee",
        "on-surface": "#e6e9ee",
    }
    server.state.trame__vuetify3_config = {
        "theme": {"defaultTheme": "cmb", "themes": {"cmb": {"dark": True, "colors": colours}}},
        "defaults": {"VBtn": {"ripple": False}, "VTooltip": {"openDelay": 400}},
    }


def _busy() -> None:
    with html.Div(classes="cmb-busy", v_if="busy || upload >= 0", **role("status")):
        v3.VProgressCircular(indeterminate=True, size=22, width=2, color="primary")
        html.Span("{{ upload >= 0 ? 'Receiving the scan, ' + upload + ' %' : busy }}")


def _message() -> None:
    with v3.VSnackbar(
        v_model=(page.message_shown,),
        timeout=-1,
        location="bottom left",
        color="surface-light",
        multi_line=True,
        classes="cmb-message",
        **role("alert"),
    ):
        v3.VIcon(
            shown(f"{page.message_kind} === 'info' ? 'mdi-information' : 'mdi-alert-circle'"),
            color=(page.message_kind,),
            classes="mr-2",
        )
        html.Strong(shown(page.message))
        html.Div(shown(page.message_hint), classes="cmb-hint")
        with html.Template(v_slot_actions=True):
            v3.VBtn("Close", variant="text", click=f"{page.message_shown} = false")
