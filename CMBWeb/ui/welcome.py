"""The page before a scan is open: what this is, and three ways to begin."""

from __future__ import annotations

from trame.widgets import html
from trame.widgets import vuetify3 as v3

from ..page.page_session import PageSession
from ..state.names import page
from .key_titles import key_of
from .shown import shown

KEYS = (
    ("next", "next"),
    ("previous", "previous"),
    ("accept", "accept"),
    ("reject", "reject"),
    ("uncertain", "uncertain"),
)


def build_empty(desk: PageSession) -> None:
    """Build the empty state."""
    with html.Div(classes="cmb-empty", v_if=f"!{page.has_scan}"), html.Div(classes="cmb-empty-inner"):
        html.H1("Find cerebral microbleeds, and settle each one")
        html.P(
            "Open a T2*-weighted or SWI scan. The detector lists what may be a microbleed and says why it kept "
            "or dropped each candidate; you accept or reject, and export the list, the segmentation and a report."
        )
        with html.Div(classes="cmb-resume", v_if=page.resumable):
            html.Span(f"A review of {shown(page.resumable)} is saved here.")
            v3.VBtn(
                "Resume the review",
                click=desk.resume,
                color="primary",
                variant="flat",
                disabled=(f"!!{page.busy}",),
            )
            v3.VBtn("Discard it", click="window.cmb.forget()", variant="text")
        with html.Div(classes="cmb-empty-ways"):
            v3.VBtn(
                "Open the sample scan",
                click=desk.open_sample,
                color="primary",
                size="large",
                prepend_icon="mdi-brain",
                disabled=(f"!!{page.busy}",),
            )
            v3.VBtn(
                "Open a file",
                click="window.cmb.chooseFile()",
                size="large",
                variant="outlined",
                prepend_icon="mdi-file-outline",
                disabled=(f"!!{page.busy}",),
            )
            v3.VBtn(
                "Open a DICOM folder",
                click="window.cmb.chooseFolder()",
                size="large",
                variant="outlined",
                prepend_icon="mdi-folder-outline",
                disabled=(f"!!{page.busy}",),
            )
        html.P(
            "… or drop one on this page, with its phase beside it, or a scene (.mrb) to resume a review. NIfTI, NRRD, "
            "MetaImage and DICOM are read. Nothing leaves the machine that serves this page.",
            classes="cmb-quiet",
        )
        with html.Ol(classes="cmb-steps"):
            html.Li("Detect: about a minute without a graphics card.")
            with html.Li():
                html.Span("Review: ")
                for action, what in KEYS:
                    html.Kbd(key_of(action))
                    html.Span(f" {what} ")
            html.Li("Scribble what was missed; region growing makes the mask.")
            html.Li("Export.")
