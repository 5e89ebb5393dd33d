"""What a batch found in all: tables of the cohort (TSV), each with a data dictionary (JSON), and a page (HTML)."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined

from ..files.atomic_file import replacing
from ..files.csv_table import write_table as write_tsv
from ..results.counts import CLASSES
from ..results.names import ENDINGS
from ..running.sidecars import meanings_of, write_json
from ..vocabulary.notice import NOTICE
from ..vocabulary.numbers import class_text, counted
from .jobs import COLUMNS, LESION_COLUMNS, THUMBNAIL, Row

TABLE, LESIONS, PAGE = "cohort.tsv", "cohort_lesions.tsv", "cohort.html"
TEMPLATE = Path(__file__).with_name("cohort.html.j2")
SIZES_MM = (2, 3, 4, 5, 6, 8, 10)  # Docs/simulation.md: 90 % of lesions are between 2.0 and 4.7 mm
MOST_THUMBNAILS = 600  # some 6 MB


def write_table(rows: Sequence[Row], out: Path) -> Path:
    """Write one line a scan, failures included."""
    return _table(out / TABLE, COLUMNS, (row.cells() for row in rows))


def write_lesions(rows: Sequence[Row], out: Path) -> Path:
    """Write one line a lesion of all scans, the dropped candidates too."""
    return _table(out / LESIONS, LESION_COLUMNS, (lesion for row in rows for lesion in row.lesion_rows()))


def write_page(rows: Sequence[Row], out: Path, name: str, about: str = "") -> Path:
    """Write the cohort's page: it needs nothing but itself, and loads nothing.

    Parameters
    ----------
    rows : sequence of Row
    out : Path
        Root of the derivatives; thumbnails are read from there.
    name : str
        Of the dataset.
    about : str
        How and when it was searched, in a sentence.
    """
    done = [row for row in rows if row.lesions is not None]
    diameters = [lesion.diameter_mm for row in done for lesion in row.microbleeds]
    regions: Counter[str] = Counter()
    for row in done:
        regions.update(row.counts.by_region)
    classes = Counter(row.counts.count_class for row in done)
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    page = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        name=name,
        notice=NOTICE,
        about=about,
        report=ENDINGS["report"],
        regions=regions,
        counted=counted,
        total=len(rows),
        done=len(done),
        positive=sum(row.counts.microbleeds > 0 for row in done),
        microbleeds=len(diameters),
        read=sum(row.counts.is_read for row in done),
        charts=[
            ("Scans by number of microbleeds", _bars([(class_text(c), classes[c]) for c in CLASSES])),
            ("Microbleeds by diameter, mm", _bars(_sizes(diameters))),
            ("Microbleeds by region", _bars(regions.most_common()) if regions else []),
        ],
        failures=[row for row in rows if row.error],
        cards=[(row, _picture(row, out)) for row in done[:MOST_THUMBNAILS]],
        left_out=max(0, len(done) - MOST_THUMBNAILS),
    )
    path = out / PAGE
    with replacing(path) as draft:
        draft.write_text(page, encoding="utf-8")
    return path


def _table(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Path:
    with replacing(path) as draft:
        write_tsv(draft, columns, rows)
    with replacing(path.with_suffix(".json")) as draft:
        write_json(draft, meanings_of(columns))
    return path


def _sizes(diameters: Sequence[float]) -> list[tuple[str, int]]:
    edges = (0, *SIZES_MM)
    numbers, _ = np.histogram(diameters, edges)  # the last class includes its end, as the largest lesion may
    labels = [f"{low}–{high}" if low else f"< {high}" for low, high in pairwise(edges)]
    return list(zip(labels, numbers.tolist(), strict=True))


def _bars(counts: Sequence[tuple[str, int]]) -> list[tuple[str, int, float]]:
    """Label, number and length in per cent of the longest."""
    most = max((n for _, n in counts), default=0) or 1
    return [(label, n, round(100 * n / most, 1)) for label, n in counts]


def _picture(row: Row, out: Path) -> str:
    path = out / row.scan.folder / row.scan.named(THUMBNAIL)
    try:
        return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii")
    except OSError:
        return ""
