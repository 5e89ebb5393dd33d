"""The panel to read with: detect, threshold, the list, verdicts, counts."""

from __future__ import annotations

from trame.widgets import html
from trame.widgets import vuetify3 as v3

from CMBSegmentationLib.review import ACCEPTED, MIMICS, REJECTED, UNCERTAIN
from CMBSegmentationLib.vocabulary.actions import mimic_action
from CMBSegmentationLib.vocabulary.operating_points import CUSTOM, LARGEST, SMALLEST
from CMBSegmentationLib.vocabulary.regions import ASSIGNABLE, BRIEF, SIDES, brief
from CMBSegmentationLib.vocabulary.verdicts import BELOW, CAUSES, UNREVIEWED

from ..bindings.lesion_rows import ALL, LISTED
from ..bindings.reviewing import Reviewing
from ..page.page_session import PageSession
from ..state.names import review
from .aria import named, role, roving
from .key_titles import key_of, titled
from .lesion_table import build_lesion_table
from .phase_choice import build_phase_choice
from .shown import shown

FILTERS = (  # name, label, what it shows
    (LISTED, "Listed", "What the detector kept at this threshold, and all that a reader decided on"),
    (UNREVIEWED, "Not reviewed", "Without a verdict"),
    (ACCEPTED, "Accepted", "Definite microbleeds"),
    (UNCERTAIN, "Uncertain", "Possible microbleeds"),
    (REJECTED, "Rejected", "Not a microbleed, in a reader's judgement"),
    (BELOW, "Dropped", "Candidates that the detector dropped, each with the reason"),
    (ALL, "All", "Everything that was found"),
)
VERDICTS = (
    (ACCEPTED, "Accept", "accept", "mdi-check", "success"),
    (REJECTED, "Reject as …", "reject", "mdi-close", "error"),
    (UNCERTAIN, "Uncertain", "uncertain", "mdi-help", "warning"),
)

NONE_CHOSEN = f"{review.current} === null"
COUNTS = f"['{ACCEPTED}', '{UNCERTAIN}'].includes({review.chosen}.state)"


def build_review_panel(desk: PageSession) -> None:
    """Build the panel."""
    bound = desk.reviewing
    _detect(bound)
    with html.Div(classes="cmb-teach cmb-quiet", v_if="!searched && !detecting"):
        html.P(
            "The detector searches the whole brain and lists what may be a microbleed, the most probable first. "
            f"Nothing counts until you have reviewed it: {key_of('next')} goes to the next, "
            f"{key_of('accept')} accepts, {key_of('reject')} rejects and asks what it is, "
            f"{key_of('uncertain')} leaves it uncertain."
        )
        html.P("It was trained on simulated scans only. Expect it to miss some, and to list vessels.", classes="mt-3")
    with html.Div(classes="cmb-read", v_if=review.searched):
        with html.Div(classes="cmb-above", **roving("toolbar", "What is listed")):
            _counts()
            _threshold(bound)
            _filters()
        build_lesion_table(bound)
        _verdict(bound)


def _detect(bound: Reviewing) -> None:
    with html.Div(classes="cmb-row", v_if=f"!{review.detecting}", **roving("toolbar", "Search")):
        v3.VBtn(
            "{{ searched ? 'Detect again' : 'Detect microbleeds' }}",
            prepend_icon="mdi-magnify-scan",
            click=bound.start,
            color=("searched ? undefined : 'primary'",),
            variant=("searched ? 'tonal' : 'flat'",),
            size=("searched ? 'small' : 'default'",),
            disabled=("!has_scan || !!busy",),
            title="Search the scan: about a minute without a graphics card",
        )
        with html.Details(v_if=f"{review.detect_notes}.length", classes="cmb-notes"):
            html.Summary("How it was searched")
            html.P("{{ note }}", v_for=f"note in {review.detect_notes}", key="note")
        build_phase_choice()
        v3.VSpacer()
        for icon, what, key, click, can in (
            ("mdi-undo", "Undo", "undo", bound.undo, review.can_undo),
            ("mdi-redo", "Redo", "redo", bound.redo, review.can_redo),
        ):
            v3.VBtn(
                icon=icon,
                click=click,
                size="x-small",
                variant="text",
                disabled=(f"!{can}",),
                v_if=review.searched,
                title=titled(what, key),
                **named(what),
            )
    with html.Div(classes="cmb-detecting", v_if=review.detecting, **role("status")):
        with html.Div(classes="cmb-row"):
            html.Span(shown(review.detect_message), classes="cmb-grows")
            html.Span(f"{shown(review.detect_fraction)} %", classes="cmb-number")
            v3.VBtn("Cancel", click=bound.cancel, size="small", variant="tonal")
        v3.VProgressLinear(
            model_value=(review.detect_fraction,), color="primary", height=5, **named("Detection progress")
        )


def _counts() -> None:
    with html.Div(classes="cmb-counts", **role("status", "Counts")):
        for key, label in (("definite", "definite"), ("possible", "possible"), ("unreviewed", "not reviewed")):
            with html.Div():
                html.Strong(shown(f"{review.counts}.{key}"), classes="cmb-number")
                html.Span(label)
        v3.VSpacer()
        with v3.VBtn("By region", size="small", variant="text", append_icon="mdi-chevron-down"):
            with v3.VMenu(
                activator="parent", close_on_content_click=False, location="bottom end", **role("region", "By region")
            ):
                with v3.VCard(classes="cmb-summary", width=380):
                    _summary()


def _summary() -> None:
    with html.Table(**named("Counts by size and region")):
        with html.Thead(), html.Tr():
            with html.Th():
                html.Span("size or region", classes="cmb-heard")
            for heading in ("definite", "possible"):
                html.Th(heading)
        with html.Tbody():
            with html.Tr(v_for=f"one in {review.counts}.sizes", key="one.size"):
                html.Td("{{ one.size }}")
                html.Td("{{ one.definite }}")
                html.Td("{{ one.possible }}")
            with html.Tr(v_for=f"one in {review.counts}.regions", key="one.region"):
                html.Td("{{ one.region }}{{ one.group ? ' (' + one.group + ')' : '' }}")
                html.Td("{{ one.definite }}")
                html.Td("{{ one.possible }}")
    pattern, meaning = (shown(f"{review.counts}.{name}") for name in ("pattern", "pattern_meaning"))
    html.P(f"{pattern} ({meaning})", v_if=f"{review.counts}.pattern", classes="cmb-quiet")
    html.P(shown(review.counts_text), classes="cmb-text")
    v3.VBtn(
        "Copy the text",
        size="small",
        variant="tonal",
        click=f"navigator.clipboard.writeText({review.counts_text})",
    )


def _threshold(bound: Reviewing) -> None:
    with html.Div(classes="cmb-row"):
        with html.Label(
            classes="cmb-field cmb-grows", title="Lowest probability that is listed; the network does not run again"
        ):
            html.Span("Threshold")
            html.Input(
                type="range",
                min=str(SMALLEST),
                max=str(LARGEST),
                step="0.001",
                raw_attrs=[f'v-model.number="{review.threshold}"', 'aria-label="Threshold, probability"'],
            )
            html.Span(shown(f"{review.threshold}.toFixed(3)"), classes="cmb-number cmb-percent", style="width: 44px")
        with html.Select(
            change=(bound.choose_point, "[$event.target.value]"),
            title="Operating point of the model",
            **named(
                "Operating point",
                value=review.operating_point,
            ),
        ):
            html.Option(CUSTOM, value=CUSTOM, disabled=True)
            html.Option("{{ name }}", v_for=f"(value, name) in {review.points}", key="name", value=("name",))


def _filters() -> None:
    with html.Div(classes="cmb-row cmb-tight"):
        with html.Select(v_model=review.filter, classes="cmb-whole", **named("Listed lesions")):
            for name, label, what in FILTERS:
                html.Option(f"{label} ({shown(f'{review.filter_counts}.{name} || 0')})", value=name, title=what)
        with html.Select(v_model=review.region_filter, classes="cmb-places", **named("Region")):
            html.Option("all regions", value="")
            html.Option(
                shown(f"({BRIEF})[one] || one"),
                v_for=f"one in {review.regions_found}",
                key="one",
                value=("one",),
                title=("one",),
            )
    html.Div(shown(review.notice), classes="cmb-quiet cmb-small cmb-last", **role("status", "Last step"))


def _verdict(bound: Reviewing) -> None:
    with html.Div(id="cmb-verdict", classes="cmb-verdict", **role("group", "Verdict")):
        with html.Div(classes="cmb-row cmb-tight", **roving("toolbar", "Verdict on the lesion", first=".cmb-decide")):
            v3.VBtn(
                icon="mdi-chevron-up",
                click=(bound.step, "[-1]"),
                size="small",
                variant="tonal",
                classes="cmb-step",
                title=titled("Previous", "previous"),
                **named("Previous lesion"),
            )
            v3.VBtn(
                icon="mdi-chevron-down",
                click=(bound.step, "[1]"),
                size="small",
                variant="tonal",
                classes="cmb-step",
                title=titled("Next", "next"),
                **named("Next lesion"),
            )
            for decision, label, key, icon, colour in VERDICTS:
                v3.VBtn(
                    label,
                    prepend_icon=icon,
                    click=bound.ask if decision == REJECTED else (bound.decide, f"['{decision}']"),
                    disabled=(NONE_CHOSEN,),
                    variant=(f"{review.chosen}.state === '{decision}' ? 'flat' : 'tonal'",),
                    color=colour,
                    classes="cmb-decide",
                    title=titled(label, key),
                    **named(label, aria_pressed=f"{review.chosen}.state === '{decision}'"),
                )
        _question(bound)
        _facts(bound)
        _change(bound)


def _facts(bound: Reviewing) -> None:
    """Build what is known of the chosen lesion, and what a reader says of it besides the verdict."""
    # its key: a list that is open goes with its lesion, and is never that of the next
    with html.Div(classes="cmb-chosen-facts", v_if="current !== null && !asking", key="'facts ' + chosen.id"):
        html.Div(
            "CMB {{ chosen.id }} · {{ !has_substances ? 'Ø ' + chosen.diameter_mm.toFixed(1) + ' mm' : "
            "'signal loss ' + (chosen.contrast === null ? '–' : (100 * chosen.contrast).toFixed(0) + ' %') }} · "
            "{{ chosen.volume_mm3.toFixed(1) }} mm³ · elongation {{ chosen.elongation.toFixed(1) }}",
            classes="cmb-number",
        )
        with html.Div(classes="cmb-where"):
            html.Span(
                "{{ ['R', 'A', 'S'].map((axis, n) => axis + ' ' + chosen.ras[n].toFixed(1)).join('  ') }} mm",
                classes="cmb-number cmb-quiet",
                title="Centre, patient RAS; the views lie along the scan's own axes",
            )
            html.Span("phase: " + shown(f"{review.chosen}.phase"), v_if=f"{review.chosen}.phase")
        html.Div(shown(f"{review.chosen}.why"), v_if=f"{review.chosen}.why", classes="cmb-why")
        with html.Div(classes="cmb-row cmb-tight cmb-place"):
            for field, label, words, click, args, asked in (
                (
                    "region",
                    "Region of the lesion",
                    ASSIGNABLE,
                    bound.set_place,
                    "[chosen.id, $event.target.value, null]",
                    "true",
                ),
                (
                    "side",
                    "Side of the lesion",
                    SIDES,
                    bound.set_place,
                    "[chosen.id, null, $event.target.value]",
                    "true",
                ),
                (
                    "cause",
                    "Suspected cause of the lesion",
                    CAUSES,
                    bound.set_cause,
                    "[chosen.id, $event.target.value]",
                    COUNTS,
                ),
            ):
                with html.Select(
                    v_if=asked,
                    change=(click, args),
                    classes="" if field == "region" else "cmb-whole",
                    **named(label, value=f"{review.chosen}.{field}"),
                ):
                    html.Option(f"{field} …", value="")
                    for word in words:
                        html.Option(word if field == "side" else brief(word), value=word, title=word)


def _question(bound: Reviewing) -> None:
    """Build what is asked of a lesion that is to be rejected; it takes keys while it is open only."""
    with html.Div(classes="cmb-question", v_if=review.asking, **role("group", "What is it?")):
        html.Strong(f"CMB {shown(review.current)}: what is it?")
        with html.Div(classes="cmb-answers"):
            for number, mimic in enumerate(MIMICS, start=1):
                _answer(mimic, mimic_action(number), (bound.answer, f"['{mimic}']"))
            _answer("not specified", "no_mimic", (bound.answer, "['']"))
            _answer("Cancel", "close_question", bound.close_question)


def _answer(text: str, action: str, click: object) -> None:
    with html.Button(click=click, classes="cmb-answer"):
        html.Kbd(key_of(action))
        html.Span(text)


def _change(bound: Reviewing) -> None:
    with html.Div(classes="cmb-row cmb-tight", **roving("toolbar", "Change the list")):
        for label, title, click, disabled in (
            (
                "Add lesion at centre",
                titled(
                    "Add a missed lesion where the slices cross; the key adds the one under the mouse",
                    "add",
                ),
                bound.add_here,
                "false",
            ),
            ("Split", "Split the lesion into two or more", bound.split, NONE_CHOSEN),
            ("Merge", "Merge the ticked lesions into one", bound.merge, f"{review.merging}.length < 2"),
            (
                "Delete",
                titled(
                    "Delete what you added, also merged or split; what the detector found can only be rejected",
                    "delete",
                ),
                bound.delete,
                "!chosen || !chosen.is_readers_alone",
            ),
        ):
            v3.VBtn(label, click=click, size="small", variant="text", title=title, disabled=(disabled,), classes="px-2")
