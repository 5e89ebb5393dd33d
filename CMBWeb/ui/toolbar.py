"""The bar above: which scan is shown, what to open, help."""

from __future__ import annotations

from trame.widgets import html
from trame.widgets import vuetify3 as v3

from ..page.page_session import PageSession
from ..state.names import page, review
from .aria import named, role, roving
from .key_titles import titled
from .shown import shown

EXPORTS = (  # title, what it is, icon, where it is asked for
    ("Results", "List, segmentation, report, annotations: .zip", "mdi-folder-zip-outline", "zip"),
    ("Report", "One page to read or print, in a new tab", "mdi-file-document-outline", "report"),
    ("Report as PDF", "For paper, A4: dropped candidates are only counted", "mdi-file-pdf-box", "pdf"),
    ("Scene", "The whole review, to resume here or in 3D Slicer: .mrb", "mdi-cube-outline", "scene"),
)


def build_bar(desk: PageSession) -> None:
    """Build the bar."""
    html.Span("CMB", classes="cmb-brand", title="Cerebral microbleeds")
    with html.Div(classes="cmb-scan", v_if=page.has_scan):
        html.H1(shown(page.scan_name), title=(page.scan_name,))
        html.Span(shown(page.scan_facts), classes="cmb-quiet cmb-cut", title=(page.scan_facts,))
    with html.Div(classes="cmb-actions", **roving("toolbar", "Scan")):
        with v3.VBtn(
            icon=True,
            variant="text",
            size="x-small",
            v_if=f"{page.scan_notes}.length",
            **named("How the scan was read"),
        ):
            v3.VIcon("mdi-note-text-outline")
            with v3.VTooltip(activator="parent", location="bottom", max_width=420):
                html.Div("{{ note }}", v_for=f"note in {page.scan_notes}", key="note")
        v3.VSpacer()
        v3.VBtn("Open", prepend_icon="mdi-file-outline", click="window.cmb.chooseFile()", variant="text")
        v3.VBtn("DICOM folder", prepend_icon="mdi-folder-outline", click="window.cmb.chooseFolder()", variant="text")
        v3.VBtn(
            "Sample",
            prepend_icon="mdi-brain",
            click=desk.open_sample,
            variant="text",
            title="Open the bundled simulated scan",
        )
        with v3.VBtn(
            "Export",
            prepend_icon="mdi-download",
            variant="tonal",
            disabled=("!has_scan || detecting || !!busy",),
            classes="mx-2",
        ):
            with (
                v3.VMenu(activator="parent", location="bottom end", **role("region", "Export")),
                v3.VList(density="compact", **role("menu", "Export")),
            ):
                for title, what, icon, where in EXPORTS:
                    v3.VListItem(
                        title=title,
                        subtitle=what,
                        prepend_icon=icon,
                        click=f"window.cmb.take('{where}')",
                        **role("menuitem", title),
                    )
                v3.VListItem(
                    title="Compare with an earlier scan",
                    subtitle="Choose that scan and the .zip of its results, both",
                    prepend_icon="mdi-compare-horizontal",
                    disabled=(f"!{review.searched}",),
                    click="window.cmb.compare()",
                    **role("menuitem", "Compare with an earlier scan"),
                )
                v3.VListItem(
                    title="Comparison",
                    v_if=page.compared,
                    subtitle=(f"'With ' + {page.compared} + ': page, table, JSON: .zip'",),
                    prepend_icon="mdi-folder-zip-outline",
                    click="window.cmb.take('comparison')",
                    **role("menuitem", "Comparison"),
                )
                v3.VListItem(
                    classes="cmb-apart",
                    title="Close this session",
                    subtitle="Removes the scan and the review from the server",
                    prepend_icon="mdi-close-circle-outline",
                    click="window.cmb.forget()",
                    **role("menuitem", "Close this session"),
                )
        v3.VBtn(
            icon="mdi-help-circle-outline",
            click=f"{page.help_shown} = true",
            variant="text",
            title=titled("Help", "help"),
            **named("Help"),
        )
