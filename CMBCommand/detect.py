"""`cmb detect`: the microbleeds of one scan."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from CMBSegmentationLib.detecting.lesions import Lesion
from CMBSegmentationLib.results.counts import counts_of
from CMBSegmentationLib.results.summary import sentence_of
from CMBSegmentationLib.running.options import add_detect_options, request_from
from CMBSegmentationLib.running.run import Outcome
from CMBSegmentationLib.running.run import run as search
from CMBSegmentationLib.vocabulary.notice import NOTICE
from CMBSegmentationLib.vocabulary.numbers import rounded_down

from .printing import MOST_ROWS, plain, progress_bar


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add SCAN, -o and the rest to a parser."""
    add_detect_options(parser)


def run(arguments: argparse.Namespace, screen: Console) -> int:
    """Search, and say what was found and where it is."""
    request = request_from(arguments)
    with progress_bar(screen) as progress:
        outcome = search(request, progress)
    _print_outcome(outcome, Console())
    return 0


def _print_outcome(outcome: Outcome, page: Console) -> None:
    detection = outcome.detection
    for note in outcome.notes:
        page.print(f"Note: {plain(note)}", highlight=False, soft_wrap=True)
    if detection.listed:
        page.print(_lesion_table(detection.listed[:MOST_ROWS]))
    if len(detection.listed) > MOST_ROWS:
        page.print(f"… and {len(detection.listed) - MOST_ROWS} more, see the list.")
    page.print(sentence_of(counts_of(detection.lesions)), highlight=False, soft_wrap=True)
    model = detection.search.detector
    if model is not None:
        page.print(f"Model: {model.name}, on {detection.search.device}.", highlight=False)
        if model.statement:
            page.print(plain(model.statement), highlight=False, soft_wrap=True)
    page.print(NOTICE, highlight=False, soft_wrap=True)
    for kind, name in (("report", "Report"), ("table", "Table"), ("labels", "Labels")):
        page.print(f"{name:>7}: {outcome.files[kind]}", highlight=False, soft_wrap=True)
    for kind, name in (("dicom_seg", "SEG"), ("dicom_sr", "SR")):
        if kind in outcome.files:
            page.print(f"{name:>7}: {outcome.files[kind]}", highlight=False, soft_wrap=True)


def _lesion_table(lesions: Sequence[Lesion]) -> Table:
    table = Table(title="Microbleeds (positions: patient RAS, mm; loss: signal loss)", title_justify="left")
    for heading in ("id", "R", "A", "S", "Ø mm", "mm³", "loss %", "prob."):
        table.add_column(heading, justify="right")
    told, mapped = any(row.phase for row in lesions), any(row.region for row in lesions)
    if told:
        table.add_column("phase")
    if mapped:
        table.add_column("where")
    for row in lesions:
        position = (f"{row.r_mm:.1f}", f"{row.a_mm:.1f}", f"{row.s_mm:.1f}")
        size = (f"{row.diameter_mm:.1f}", f"{row.volume_mm3:.1f}")
        said = (row.phase,) if told else ()
        where = (f"{row.side} {row.region}".strip(),) if mapped else ()
        table.add_row(
            str(row.id),
            *position,
            *size,
            "–" if row.contrast is None else f"{100 * row.contrast:.0f}",
            "–" if row.probability is None else f"{rounded_down(row.probability, 2):.2f}",
            *said,
            *where,
        )
    return table
