"""The panel to scribble in: brush, growing with its curve, what the protocol asks, mimics."""

from __future__ import annotations

from collections.abc import Sequence

from trame.widgets import html, plotly
from trame.widgets import vuetify3 as v3

from CMBScribbleGrowLib import vocabulary
from CMBScribbleGrowLib.settings import METHODS

from ..bindings.desk import Desk
from ..bindings.scribbling import ERASE, PAINT
from .aria import named, role

BRUSHES_MM = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
FORM = (  # field, label, words
    ("location", "Location", vocabulary.LOCATIONS),
    ("side", "Side", vocabulary.SIDES),
    ("cause", "Suspected cause", vocabulary.CAUSES),
)


def build_scribble_panel(desk: Desk) -> None:
    """Build the panel."""
    _brush(desk)
    _growing(desk)
    _grown(desk)
    _form(desk)
    _mimics(desk)


def _brush(desk: Desk) -> None:
    bound = desk.scribbling
    with html.Div(classes="cmb-row"):
        for brush, label, icon, key in ((PAINT, "Paint", "mdi-brush", "B"), (ERASE, "Erase", "mdi-eraser", "E")):
            v3.VBtn(
                label,
                prepend_icon=icon,
                click=lambda brush=brush: bound.choose_brush(brush),
                variant=(f"brush === '{brush}' ? 'flat' : 'tonal'",),
                color=(f"brush === '{brush}' ? 'primary' : undefined",),
                disabled=("!has_scan",),
                title=f"{label} a few voxels inside a microbleed ({key})",
                **named(label, aria_pressed=f"brush === '{brush}'"),
            )
        with html.Label(classes="cmb-field", title="Diameter of brush and eraser"):
            html.Span("Ø")
            with html.Select(raw_attrs=['v-model.number="brush_mm"', 'aria-label="Brush diameter, mm"']):
                for mm in BRUSHES_MM:
                    html.Option(f"{mm:g} mm", value=f"{mm:g}")
        v3.VSpacer()
        with html.Label(classes="cmb-field", title="Your name or initials: written into every entry"):
            html.Span("Reader")
            html.Input(
                type="text",
                value=("reader",),
                change=(bound.name_reader, "[$event.target.value]"),
                style="width: 84px",
                **named("Reader"),
            )


def _growing(desk: Desk) -> None:
    bound = desk.scribbling
    with html.Div(classes="cmb-row"):
        v3.VBtn(
            "Grow",
            prepend_icon="mdi-arrow-expand-all",
            click=bound.grow,
            color="primary",
            variant="flat",
            disabled=("!has_scan",),
            title="Grow what is painted: each stroke apart is one microbleed (G)",
        )
        v3.VBtn(
            "Accept as lesion",
            prepend_icon="mdi-check",
            click=bound.accept,
            variant="tonal",
            disabled=("grown_chosen === null",),
            title="Keep the mask as it is shown (Enter)",
        )
        v3.VBtn(
            icon="mdi-undo",
            click=bound.undo,
            variant="text",
            size="small",
            disabled=("!can_grow_undo",),
            title="Undo (Ctrl+Z)",
            **named("Undo scribbling"),
        )
    html.Div(
        "{{ grow_message }}",
        classes=("['cmb-status', grow_failed ? 'cmb-failed' : '']",),
        v_if="grow_message",
        **role("status"),
    )
    html.Div("{{ note }}", v_for="note in grow_notes", key="note", classes="cmb-quiet cmb-small")
    with html.Div(classes="cmb-row"):
        with html.Label(
            classes="cmb-field", title="How a voxel is compared: auto chooses by the size that the lesion grows to"
        ):
            html.Span("Mode")
            with html.Select(v_model="grow_mode", **named("Growing mode")):
                for mode in METHODS:
                    html.Option(mode, value=mode)
        with html.Label(classes="cmb-field cmb-grows", title="Per cent of the brain's intensity range ( [ and ] )"):
            html.Span("Tolerance")
            html.Input(
                type="range",
                min="0",
                max="100",
                step="0.1",
                disabled=("!tolerance_known",),
                raw_attrs=['v-model.number="tolerance"', 'aria-label="Tolerance, % of the intensity range"'],
            )
            html.Span("{{ tolerance_known ? tolerance.toFixed(1) + ' %' : '–' }}", classes="cmb-number cmb-percent")
    with html.Div(classes="cmb-curve", v_show="tolerance_known"):
        plotly.Figure(
            state_variable_name="curve",
            display_mode_bar=("false",),
            responsive=("true",),
            **role("img", "Growth curve"),
        )
        v3.VBtn(
            "Automatic",
            click=bound.set_automatic,
            size="x-small",
            variant="tonal",
            disabled=("tolerance_automatic",),
            classes="cmb-auto",
            title="The last tolerance before the region exceeds the largest diameter",
        )


def _grown(desk: Desk) -> None:
    bound = desk.scribbling
    html.P(
        "Paint a few voxels inside what was missed (B), then Grow (G): the mask is found by itself, and the curve "
        "shows where it would leak.",
        v_if="!grown.length",
        classes="cmb-quiet cmb-teach",
    )
    with html.Ul(classes="cmb-list", v_if="grown.length", **named("Grown microbleeds")):
        with html.Li(v_for="one in grown", key="one.id", classes=("{ 'cmb-chosen': one.id === grown_chosen }",)):
            with html.Button(click=(bound.select, "[one.id]"), classes="cmb-plain"):
                html.Span("CMB {{ one.id }}")
                html.Span("{{ one.diameter ? one.diameter.toFixed(1) + ' mm' : 'group' }}", classes="cmb-number")
                html.Span("{{ one.location }}", classes="cmb-quiet")
                html.Span("{{ one.accepted ? 'accepted' : 'not accepted yet' }}", classes="cmb-quiet")
            v3.VBtn(
                icon="mdi-delete-outline",
                size="x-small",
                variant="text",
                click=(bound.remove, "['microbleeds', one.id]"),
                title="Remove; undo brings it back",
                raw_attrs=[":aria-label=\"'Remove CMB ' + one.id\""],
            )


def _form(desk: Desk) -> None:
    answer = desk.scribbling.answer
    with html.Div(classes="cmb-form", v_if="answers.id", **role("group", "What the protocol asks")):
        for field, label, words in FORM:
            with html.Label():
                html.Span(label)
                _words(field, label, words, (answer, f"['{field}', $event.target.value]"))
        with html.Label():
            html.Span("Smaller than 5 mm")
            with html.Select(
                change=(answer, "['smaller_than_5_mm', {'': null, true: true, false: false}[$event.target.value]]"),
                **named(
                    "Smaller than 5 mm",
                    value="answers.smaller_than_5_mm === null ? '' : String(answers.smaller_than_5_mm)",
                ),
            ):
                for word, value in (("–", ""), ("yes", "true"), ("no", "false")):
                    html.Option(word, value=value)
        with html.Label():
            html.Span("Uncertain")
            html.Input(
                type="checkbox",
                change=(answer, "['uncertain', $event.target.checked]"),
                **named("Uncertain", checked="answers.uncertain"),
            )
        with html.Label():
            html.Span("Comment")
            html.Input(
                type="text",
                value=("answers.comment",),
                change=(answer, "['comment', $event.target.value]"),
                **named("Comment"),
            )


def _words(field: str, label: str, words: Sequence[str], change: tuple[object, str]) -> None:
    with html.Select(change=change, **named(label, value=f"answers.{field}")):
        html.Option("–", value="")
        for word in words:
            html.Option(word, value=word)


def _mimics(desk: Desk) -> None:
    bound = desk.scribbling
    with html.Div(classes="cmb-row cmb-line"):
        html.Strong("Mimics")
        v3.VBtn(
            "{{ placing ? 'Click in a view …' : 'Place' }}",
            prepend_icon="mdi-map-marker-plus-outline",
            click=bound.place_mimic,
            size="small",
            variant="tonal",
            disabled=("!has_scan",),
            title="Set a point on what looks like a microbleed and is none (M)",
        )
    with html.Ul(classes="cmb-list", v_if="mimics.length", **named("Mimics")):
        with html.Li(v_for="one in mimics", key="one.id"):
            with html.Button("Mimic {{ one.id }}", click=(bound.jump_to_mimic, "[one.id]"), classes="cmb-plain"):
                pass
            with html.Select(
                change=(bound.answer_mimic, "[one.id, 'type', $event.target.value]"),
                raw_attrs=[":aria-label=\"'Type of mimic ' + one.id\"", ':value="one.type"'],
            ):
                html.Option("–", value="")
                for word in vocabulary.MIMIC_TYPES:
                    html.Option(word, value=word)
            v3.VBtn(
                icon="mdi-delete-outline",
                size="x-small",
                variant="text",
                click=(bound.remove, "['mimics', one.id]"),
                title="Remove; undo brings it back",
                raw_attrs=[":aria-label=\"'Remove mimic ' + one.id\""],
            )
