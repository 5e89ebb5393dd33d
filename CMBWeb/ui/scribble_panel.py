"""The panel to scribble in: brush, growing with its curve, what the protocol asks, mimics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from trame.widgets import html, plotly
from trame.widgets import vuetify3 as v3

from CMBScribbleGrowLib.annotation import words as vocabulary
from CMBScribbleGrowLib.annotation.answers import MOST_IN_A_GROUP
from CMBScribbleGrowLib.annotation.records import Assessment, Microbleed, Mimic, SeriesQuality
from CMBScribbleGrowLib.growing.settings import METHODS

from ..bindings.scribbling import ERASE, PAINT, Scribbling
from ..page.page_session import PageSession
from ..state.declared import SCRIBBLE_PANEL
from ..state.names import page, reader, review, scribble
from .aria import named, role, roving
from .key_titles import key_of, titled
from .shown import shown

# the key of a box: one that was ticked before a reader was named, and is not recorded, is made anew with the question
AS_RECORDED = (reader.reader_asked,)
BRUSHES_MM = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
FORM = (  # field, label, words
    ("location", "Location", vocabulary.LOCATIONS),
    ("side", "Side", vocabulary.SIDES),
    ("cause", "Suspected cause", vocabulary.CAUSES),
)

IS_WHERE_IT_BELONGS = (  # nothing is left to do with what is accepted, but a list that was made later may lack it
    f"(!{review.searched} || {scribble.answers}.grouping !== '{vocabulary.SINGLE}'"
    f" || {review.rows}.some((row) => row.id === {scribble.grown_chosen}))"
)
Change = tuple[Callable[..., None], str]
"""What is called with which arguments, an expression of the page's."""


def build_scribble_panel(desk: PageSession) -> None:
    """Build the panel."""
    _brush(desk)
    _growing(desk)
    _grown(desk)
    _form(desk)
    _landmarks(desk)
    _study(desk)


def _brush(desk: PageSession) -> None:
    bound = desk.scribbling
    with html.Div(classes="cmb-row", **roving("toolbar", "Brush")):
        for brush, label, icon, key in (
            (PAINT, "Paint", "mdi-brush", "brush"),
            (ERASE, "Erase", "mdi-eraser", "eraser"),
        ):
            v3.VBtn(
                label,
                prepend_icon=icon,
                click=lambda brush=brush: bound.choose_brush(brush),
                variant=(f"{scribble.brush} === '{brush}' ? 'flat' : 'tonal'",),
                color=(f"{scribble.brush} === '{brush}' ? 'primary' : undefined",),
                disabled=(f"!{page.has_scan}",),
                title=titled(f"{label} a few voxels inside a microbleed", key),
                **named(label, aria_pressed=f"{scribble.brush} === '{brush}'"),
            )
        with html.Label(classes="cmb-field", title="Diameter of brush and eraser"):
            html.Span("Ø")
            with html.Select(raw_attrs=[f'v-model.number="{scribble.brush_mm}"', 'aria-label="Brush diameter, mm"']):
                for mm in BRUSHES_MM:
                    html.Option(f"{mm:g} mm", value=f"{mm:g}")


def _growing(desk: PageSession) -> None:
    bound = desk.scribbling
    with html.Div(classes="cmb-row", **roving("toolbar", "Growing")):
        v3.VBtn(
            "Grow",
            prepend_icon="mdi-arrow-expand-all",
            click=bound.grow,
            color="primary",
            variant="flat",
            disabled=(f"!{page.has_scan} || !{scribble.strokes_waiting}",),
            title=titled("Grow what is painted: each stroke apart is one microbleed", "grow"),
        )
        v3.VBtn(
            "Accept as lesion",
            prepend_icon="mdi-check",
            click=bound.accept,
            variant="tonal",
            disabled=(f"{scribble.grown_chosen} === null || ({scribble.grown_accepted} && {IS_WHERE_IT_BELONGS})",),
            title=titled("Keep the mask as it is shown", "accept_grown"),
        )
        for what, click, can, step in (
            ("undo", bound.undo, scribble.can_grow_undo, scribble.grow_undoes),
            ("redo", bound.redo, scribble.can_grow_redo, scribble.grow_redoes),
        ):
            v3.VBtn(
                icon=f"mdi-{what}",
                click=click,
                variant="text",
                size="x-small",
                disabled=(f"!{can}",),
                title=titled(f"{what.capitalize()}${{{step} && ': ' + {step}}}", what),
                **named(f"{what.capitalize()} scribbling"),
            )
    html.Div(
        shown(f"{scribble.strokes_waiting} === 1 ? '1 stroke' : {scribble.strokes_waiting} + ' strokes'")
        + " painted, not grown yet",
        v_if=scribble.strokes_waiting,
        classes="cmb-status",
        **role("status", "Strokes"),
    )
    with html.Div(classes="cmb-said", v_if=scribble.grow_message, **role("status", "Last step of scribbling")):
        html.Div(
            shown(scribble.grow_message),
            classes=(f"['cmb-status', {scribble.grow_failed} ? 'cmb-failed' : '']",),
        )
        html.Div("{{ note }}", v_for=f"note in {scribble.grow_notes}", key="note", classes="cmb-quiet cmb-small")
    with html.Div(classes="cmb-row"):
        with html.Label(
            classes="cmb-field", title="How a voxel is compared: auto chooses by the size that the lesion grows to"
        ):
            html.Span("Mode")
            with html.Select(v_model=scribble.grow_mode, **named("Growing mode")):
                for mode in METHODS:
                    html.Option(mode, value=mode)
        v3.VSpacer()
        with html.Label(
            classes="cmb-field", title="All strokes that are grown next are one entry: the many of amyloid angiopathy"
        ):
            html.Input(type="checkbox", v_model=scribble.grouped, **named("One CAA group"))
            html.Span("CAA group")
    with html.Div(classes="cmb-row"):
        with html.Label(
            classes="cmb-field cmb-grows",
            title=titled("Per cent of the intensity range of the brain", "lower_tolerance", "raise_tolerance"),
        ):
            html.Span("Tolerance")
            html.Input(
                type="range",
                min="0",
                max="100",
                step="0.1",
                disabled=(f"!{scribble.tolerance_known}",),
                raw_attrs=[
                    f'v-model.number="{scribble.tolerance}"',
                    'aria-label="Tolerance, % of the intensity range"',
                ],
            )
            html.Span("{{ tolerance_known ? tolerance.toFixed(1) + ' %' : '–' }}", classes="cmb-number cmb-percent")
    with html.Div(classes="cmb-curve", v_show=scribble.tolerance_known):
        plotly.Figure(
            state_variable_name=scribble.curve,
            v_if=f"{page.panel} === '{SCRIBBLE_PANEL}'",
            display_mode_bar=("false",),
            responsive=("true",),
            **role("img", "Growth curve"),
        )
        v3.VBtn(
            "Automatic",
            click=bound.set_automatic,
            size="x-small",
            variant="tonal",
            disabled=(scribble.tolerance_automatic,),
            classes="cmb-auto",
            title="The last tolerance before the region exceeds the largest diameter",
        )


def _grown(desk: PageSession) -> None:
    bound = desk.scribbling
    html.P(
        f"Paint a few voxels inside what was missed ({key_of('brush')}), then Grow ({key_of('grow')}): the mask is "
        "found by itself, and the curve shows where it would leak.",
        v_if=f"!{scribble.grown}.length",
        classes="cmb-quiet cmb-teach",
    )
    with html.Ul(classes="cmb-list", v_if=f"{scribble.grown}.length", **named("Grown microbleeds")):
        with html.Li(
            v_for=f"one in {scribble.grown}",
            key="one.id",
            classes=(f"{{ 'cmb-chosen': one.id === {scribble.grown_chosen} }}",),
            raw_attrs=[f':aria-current="one.id === {scribble.grown_chosen}"'],
        ):
            with html.Button(click=(bound.select, "[one.id]"), classes="cmb-plain"):
                html.Span("CMB {{ one.id }}")
                html.Span("{{ one.diameter ? one.diameter.toFixed(1) + ' mm' : 'group' }}", classes="cmb-number")
                html.Span("{{ one.location }}", classes="cmb-quiet")
                html.Span(
                    "{{ one.accepted ? 'accepted' : 'not accepted yet' }}",
                    classes=("one.accepted ? 'cmb-quiet' : 'cmb-pending'",),
                )
                html.Span(
                    "{{ 'list: ' + one.listed }}",
                    v_if="one.listed && one.listed !== 'accepted'",
                    classes="cmb-quiet",
                    title="What the list of microbleeds says of it",
                )
            v3.VBtn(
                icon="mdi-delete-outline",
                size="x-small",
                variant="text",
                click=(bound.remove, "['microbleeds', one.id]"),
                title="Remove; undo brings it back",
                raw_attrs=[":aria-label=\"'Remove CMB ' + one.id\""],
            )


def _form(desk: PageSession) -> None:
    answers = scribble.answers
    answer, of_this = desk.scribbling.answer_in, f"'microbleeds', {answers}.id"
    # its key: a list that is open goes with its lesion, and is never that of the next; bare numbers are the keys that
    # Vue gives what stands beside it under a condition
    with html.Div(
        classes="cmb-form",
        v_if=f"{answers}.id",
        key=f"'answers ' + {answers}.id",
        **role("group", "What the protocol asks"),
    ):
        for field, label, words in FORM:
            _words(label, words, f"{answers}.{field}", (answer, f"[{of_this}, '{field}', $event.target.value]"))
        said = (answer, f"[{of_this}, 'cause_text', $event.target.value]")
        _text("Other cause", f"{answers}.cause_text", said, _asked(Microbleed, "cause_text", answers))
        _yes_no("Smaller than 5 mm", f"{answers}.smaller_than_5_mm", answer, f"{of_this}, 'smaller_than_5_mm'")
        with html.Label():
            html.Span("Uncertain")
            html.Input(
                type="checkbox",
                change=(answer, f"[{of_this}, 'uncertain', $event.target.checked]"),
                **named("Uncertain", checked=f"{answers}.uncertain"),
            )
        with html.Label(v_if=_asked(Microbleed, "count", answers), title="Empty: not counted"):
            html.Span("Count in the group")
            html.Input(
                type="number",
                min="1",
                max=str(MOST_IN_A_GROUP),
                change=(
                    answer,
                    f"[{of_this}, 'count', $event.target.value === '' ? null : Number($event.target.value)]",
                ),
                **named("Count in the group", value=f"{answers}.count"),
            )
        _text("Comment", f"{answers}.comment", (answer, f"[{of_this}, 'comment', $event.target.value]"))


def _landmarks(desk: PageSession) -> None:
    bound, mimics, findings = desk.scribbling, scribble.mimics, scribble.findings
    for kind, records, one, title, key, what in (
        ("mimics", mimics, "Mimic", "Mimics", "mark_mimic", "what looks like a microbleed and is none"),
        ("findings", findings, "Finding", "Other findings", "mark_finding", "what else is to be reported"),
    ):
        with html.Div(classes="cmb-row cmb-line"):
            html.Strong(title)
            v3.VBtn(
                shown(f"{scribble.placing} === '{kind}' ? 'Click in a view …' : 'Place'"),
                prepend_icon="mdi-map-marker-plus-outline",
                click=(bound.place, f"['{kind}']"),
                size="small",
                variant="tonal",
                disabled=(f"!{page.has_scan}",),
                title=titled(f"Set a point on {what}; once more ends it", key),
                **named(f"Place a {one.lower()}", aria_pressed=f"{scribble.placing} === '{kind}'"),
            )
        with html.Ul(classes="cmb-list", v_if=f"{records}.length", **named(title)):
            with html.Li(v_for=f"one in {records}", key="one.id"):
                with html.Button(
                    f"{one} {shown('one.id')}", click=(bound.jump, f"['{kind}', one.id]"), classes="cmb-id"
                ):
                    pass
                (_mimic_answers if kind == "mimics" else _finding_answers)(bound)
                v3.VBtn(
                    icon="mdi-delete-outline",
                    size="x-small",
                    variant="text",
                    click=(bound.remove, f"['{kind}', one.id]"),
                    title="Remove; undo brings it back",
                    raw_attrs=[f":aria-label=\"'Remove {one.lower()} ' + one.id\""],
                )


def _mimic_answers(bound: Scribbling) -> None:
    for field, label, words, asked in (
        ("type", "Type of mimic", vocabulary.MIMICS, ""),
        ("side", "Side of mimic", vocabulary.SIDES, _asked(Mimic, "side", "one")),
    ):
        with html.Select(
            change=(bound.answer_in, f"['mimics', one.id, '{field}', $event.target.value]"),
            raw_attrs=[
                f":aria-label=\"'{label} ' + one.id\"",
                f':value="one.{field}"',
                *([f'v-if="{asked}"'] if asked else []),
            ],
        ):
            html.Option("–", value="")
            for word in words:
                html.Option(word, value=word)
    _record_text(bound, "mimics", _asked(Mimic, "text", "one"), "Which mimic")


def _finding_answers(bound: Scribbling) -> None:
    _record_text(bound, "findings", "true", "What was found at")


def _record_text(bound: Scribbling, kind: str, asked: str, label: str) -> None:
    html.Input(
        type="text",
        change=(bound.answer_in, f"['{kind}', one.id, 'text', $event.target.value]"),
        raw_attrs=['v-model.lazy="one.text"', f'v-if="{asked}"', f":aria-label=\"'{label} ' + one.id\""],
        placeholder="what it is",
    )


def _study(desk: PageSession) -> None:
    """Build what the protocol asks of the study as a whole, and of this scan."""
    bound = desk.scribbling
    said, flags = scribble.assessment, f"({scribble.series}.flags || [])"
    with html.Div(classes="cmb-row cmb-line"):
        html.Strong("Study")
        v3.VSpacer()
        with html.Label(classes="cmb-field", title="Saves the annotation, and tells what was left open"):
            html.Input(
                type="checkbox",
                key=AS_RECORDED,
                change=(bound.mark_done, "[$event.target.checked]"),
                **named("Annotation finished", checked=f"{said}.done"),
            )
            html.Span("Annotation finished")
    with html.Div(classes="cmb-form", **role("group", "Study quality")):
        _words("Quality", vocabulary.QUALITIES, f"{said}.quality", (bound.assess, "['quality', $event.target.value]"))
        _yes_no("Included", f"{said}.included", bound.assess, "'included'")
        _text(
            "Why not",
            f"{said}.why_not",
            (bound.assess, "['why_not', $event.target.value]"),
            _asked(Assessment, "why_not", said),
        )
        with html.Div(classes="cmb-flags", **role("group", "Flags of this scan")):
            html.Span("This scan")
            with html.Div():
                for flag in vocabulary.SERIES_FLAGS:
                    with html.Label():
                        html.Input(
                            type="checkbox",
                            key=AS_RECORDED,
                            change=(bound.flag, f"['{flag}', $event.target.checked]"),
                            **named(flag, checked=f"{flags}.includes('{flag}')"),
                        )
                        html.Span(flag)
        _text(
            "Which artefact",
            f"{scribble.series}.text",
            (bound.rate, "['text', $event.target.value]"),
            _asked(SeriesQuality, "text", scribble.series),
        )
        _text("Comments", f"{said}.comments", (bound.assess, "['comments', $event.target.value]"))


def _asked(kind: Any, field: str, record: Any) -> str:
    """Write when a field of a record is asked for, as an expression of the page's: the rule of the records.

    Parameters
    ----------
    kind : type
        Of the record.
    field : str
    record : name
        What the page calls the record.
    """
    (rule,) = (one for one in kind.DEPENDENT if one.field == field)
    word = f"'{rule.asked_by}'" if isinstance(rule.asked_by, str) else str(rule.asked_by).lower()
    return f"[{record}.{rule.other}].flat().includes({word})"  # of words, or one


def _words(label: str, words: Sequence[str], value: str, change: Change) -> None:
    with html.Label():
        html.Span(label)
        with html.Select(change=change, **named(label, value=f"{value} || ''")):
            html.Option("–", value="")
            for word in words:
                html.Option(word, value=word)


def _yes_no(label: str, value: str, answer: Callable[..., None], first: str) -> None:
    """Build a question with the answers yes and no; `first` is what is handed over before the answer."""
    with html.Label():
        html.Span(label)
        with html.Select(
            change=(answer, f"[{first}, {{'': null, true: true, false: false}}[$event.target.value]]"),
            **named(label, value=f"{value} == null ? '' : String({value})"),
        ):
            for word, said in (("–", ""), ("yes", "true"), ("no", "false")):
                html.Option(word, value=said)


def _text(label: str, value: str, change: Change, asked: str = "true") -> None:
    with html.Label(v_if=asked):
        html.Span(label)
        # lazy: what comes from elsewhere meanwhile does not take away what is being typed
        html.Input(type="text", change=change, raw_attrs=[*named(label)["raw_attrs"], f'v-model.lazy="{value}"'])
