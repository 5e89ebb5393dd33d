"""The list of lesions: one row each, sorted by its headings; a click shows the lesion."""

from __future__ import annotations

from trame.widgets import html

from CMBSegmentationLib.vocabulary.columns import PROBABILITY

from ..bindings.reviewing import Reviewing
from ..state.names import review
from .aria import roving
from .shown import shown

COLUMNS = (  # row's key, heading, what it is
    ("id", "CMB", "Number: stays the same at every threshold"),
    ("state", "Status", "Verdict, or that there is none yet"),
    ("diameter_mm", "Ø mm", "Diameter of the sphere of equal volume"),
    ("contrast", "Signal loss", "Against the brain tissue around; 100 % is black; – where there is none"),
    ("probability", "Prob.", PROBABILITY),
    ("phase", "Phase", "What the phase image says: blood (paramagnetic), calcium, or unclear"),
    ("region", "Region", "MARS"),
)
ONLY_IF = {"phase": review.has_substances}


def build_lesion_table(bound: Reviewing) -> None:
    """Build the table."""
    with html.Div(classes="cmb-table"):
        with html.Table(
            classes=(f"{{ 'cmb-with-phase': {review.has_substances} }}",),
            **roving("grid", "Lesions"),
        ):
            with html.Thead(), html.Tr():
                with html.Th(classes="cmb-col-merge", title="Tick to merge"):
                    html.Span("Merge", classes="cmb-heard")
                for column, heading, what in COLUMNS:
                    with html.Th(
                        classes=f"cmb-col-{column}",
                        v_if=ONLY_IF.get(column, "true"),
                        raw_attrs=[f':aria-sort="{_sorted_by(column, "descending", "ascending", "none")}"'],
                    ):
                        html.Button(
                            heading + shown(_sorted_by(column, " ▾", " ▴", "")),
                            click=(bound.sort, f"['{column}']"),
                            title=what,
                        )
            with html.Tbody(), html.Template(v_for=f"row in {review.rows}", key="row.id"):
                _row(bound)
                with html.Tr(v_if="row.state === 'dropped'", click=(bound.select, "[row.id]"), classes="cmb-reason"):
                    html.Td("{{ row.why }}", raw_attrs=[f':colspan="{len(COLUMNS)} + {review.has_substances}"'])
        html.P(
            "Nothing here. Lower the threshold, or look at Dropped: each candidate says why.",
            v_if=f"!{review.rows}.length",
            classes="cmb-quiet cmb-none",
        )


def _row(bound: Reviewing) -> None:
    with html.Tr(
        click=(bound.select, "[row.id]"),
        classes=("['cmb-state-' + row.state, row.id === current ? 'cmb-current' : '']",),
        title=("row.why",),
        raw_attrs=['tabindex="-1"', ':aria-selected="row.id === current"', ':data-lesion="row.id"'],
    ):
        with html.Td():
            html.Input(
                type="checkbox",
                raw_attrs=[
                    ':checked="merging.includes(row.id)"',
                    "@click.stop=\"trigger('mark_to_merge', [row.id])\"",
                    ":aria-label=\"'Merge CMB ' + row.id\"",
                ],
            )
        html.Td("{{ row.id }}", classes="cmb-number")
        with html.Td(classes="cmb-state"):
            html.Span("{{ row.state === 'unreviewed' ? 'not reviewed' : row.state }}")
            html.Span("{{ row.mimic }}", v_if="row.mimic", classes="cmb-mimic")
        html.Td("{{ row.diameter_mm.toFixed(1) }}", classes="cmb-number")
        html.Td(
            "{{ row.contrast === null ? '–' : (100 * row.contrast).toFixed(0) + ' %' }}",
            classes="cmb-number cmb-col-contrast",
        )
        html.Td("{{ row.probability === null ? '–' : row.probability.toFixed(2) }}", classes="cmb-number")
        html.Td("{{ row.phase }}", v_if=review.has_substances)
        html.Td(
            "{{ row.brief_place }}",
            classes="cmb-region",
            title=("row.place",),
            raw_attrs=[':aria-label="row.place"'],
        )


def _sorted_by(column: str, down: str, up: str, otherwise: str) -> str:
    """Give an expression that is one of three words."""
    by, is_down = review.sort_by, review.sort_down
    return f"{by} === '{column}' ? ({is_down} ? '{down}' : '{up}') : '{otherwise}'"
