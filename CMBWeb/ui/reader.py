"""Who reads: a button that shows it, and the question for it."""

from __future__ import annotations

from trame.widgets import html
from trame.widgets import vuetify3 as v3

from ..bindings.reader import LONGEST_NAME
from ..page.page_session import PageSession
from ..state.names import reader
from .aria import named, role
from .shown import shown


def build_reader_button(desk: PageSession) -> None:
    """Build the button that shows who reads, and asks for another name."""
    v3.VBtn(
        shown(f"{reader.reader} || 'Reader …'"),
        prepend_icon="mdi-account-outline",
        click=desk.reader.ask,
        variant="text",
        size="small",
        classes="cmb-reader",
        raw_attrs=[
            ":title=\"(reader ? reader + ': w' : 'W') + 'ritten into each verdict and record; click to change'\"",
            ":aria-label=\"'Reader: ' + (reader || 'not named yet')\"",
        ],
    )


def build_reader_question(desk: PageSession) -> None:
    """Build the dialog."""
    with (
        v3.VDialog(v_model=(reader.reader_asked,), max_width=460, **named("Who reads?")),
        v3.VCard(classes="cmb-help"),
        html.Form(raw_attrs=['@submit.prevent="window.cmb.nameReader($event.target.elements.reader.value)"']),
    ):
        html.H2("Who reads?")
        html.P(
            "Your name or initials are written into each verdict and record. This browser remembers them.",
            classes="cmb-quiet my-3",
        )
        html.Input(
            type="text",
            classes="cmb-name",
            raw_attrs=[
                *named("Name or initials")["raw_attrs"],
                'name="reader"',
                f'maxlength="{LONGEST_NAME}"',
                'autocomplete="off"',
                f":aria-invalid=\"{reader.reader_wrong} ? 'true' : 'false'\"",
                'aria-describedby="cmb-reader-wrong"',
                '@vue:mounted="({ el }) => { el.value = reader; el.select() }"',
            ],
        )
        html.P(shown(reader.reader_wrong), id="cmb-reader-wrong", classes="cmb-failed mt-2", **role("alert"))
        with html.Div(classes="cmb-row mt-3"):
            v3.VSpacer()
            v3.VBtn("Cancel", click=f"{reader.reader_asked} = false", variant="text")
            v3.VBtn("Sign with this name", color="primary", variant="flat", raw_attrs=['type="submit"'])
