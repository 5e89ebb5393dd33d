"""The report of a detection: one HTML file that needs nothing else, for the screen and for paper."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, StrictUndefined, Template

from ..detecting.lesions import CANDIDATE_PROBABILITY, COLUMNS, LARGEST_DIAMETER_MM, MOST_CANDIDATES, Lesion
from ..results.counts import CLASSES, SMALL_BELOW_MM
from ..vocabulary.numbers import counted
from .content import ReportContent, Reviewed, content_of
from .crops import FIELD_MM
from .glass_brain import SMALLEST_CIRCLE_MM
from .words import SAY

if TYPE_CHECKING:
    from ..detecting.detect import Detection

TEMPLATE = Path(__file__).with_name("page.html.j2")
UNITS = {"mm3": "mm³", "mm": "mm", "s": "s", "ms": "ms", "percent": "%", "bytes": "bytes"}
LEFT_OUT = {"accepted": ("status", "dropped_because"), "dropped": ("status",)}  # what the table's title says already


@dataclass(frozen=True)
class Column:
    """A lesion column as the report words it.

    Attributes
    ----------
    heading, unit, meaning : str
    decimals : int or None
        None for text.
    factor : float
        From the stored value to the unit shown.
    """

    heading: str
    unit: str = ""
    meaning: str = ""
    decimals: int | None = None
    factor: float = 1.0

    def text(self, value: Any) -> str:
        """Write a value; an en dash where there is none."""
        if value is None or value == "":
            return "–"
        if self.decimals is None:
            return str(value)
        rounded = round(value * self.factor, self.decimals) + 0.0  # no minus before a zero
        return f"{rounded:.{self.decimals}f}".replace("-", "−")


SHOWN = {
    "id": Column("No.", decimals=0),
    "status": Column("Status"),
    "r_mm": Column("R", "mm", "Centre, millimetres to the patient's right; negative is left", 1),
    "a_mm": Column("A", "mm", "Centre, millimetres to anterior; negative is posterior", 1),
    "s_mm": Column("S", "mm", "Centre, millimetres to superior; negative is inferior", 1),
    "volume_mm3": Column("Volume", "mm³", "", 1),
    "diameter_mm": Column("Diameter", "mm", "Of the sphere of equal volume", 1),
    "elongation": Column("Elongation", "", "Longest over shortest extent; 1 is a ball", 1),
    "contrast": Column("Signal loss", "%", "Against the tissue around; 100 % is black", 0, 100),
    "probability": Column("Probability", "", "The network's highest in the lesion, 0 to 1", 2),
    "verifier": Column("Verifier", "", "The second stage's score, 0 to 1", 2),
    "region": Column("Region"),
    "side": Column("Side"),
    "dropped_because": Column("Dropped because"),
}


def report_html(
    detection: Detection, *, scan_name: str, notes: Sequence[str] = (), reviewed: Reviewed | None = None
) -> str:
    """Write the report of a detection.

    Parameters
    ----------
    detection : Detection
    scan_name : str
        As the reader knows the scan; any characters.
    notes : sequence of str
        What was repaired when the scan was read (`Scan.notes`).
    reviewed : mapping of int to mapping, optional
        What readers said, by lesion id: values of `review.lesion_list.REVIEW_COLUMNS`.

    Returns
    -------
    str
        An HTML document with its pictures and its style inside; it loads nothing and runs no script.
        Positions are patient RAS in mm, pictures are in radiological convention.
    """
    return page_of(content_of(detection, scan_name=scan_name, notes=notes, reviewed=reviewed))


def page_of(content: ReportContent) -> str:
    """Lay a report out as an HTML document."""
    return _template().render(
        **{name: getattr(content, name) for name in ReportContent.__dataclass_fields__},
        classes=CLASSES,
        dropped_capped=len(content.dropped) >= MOST_CANDIDATES,
        accepted_columns=columns_of(content.accepted, "accepted"),
        dropped_columns=columns_of(content.dropped, "dropped"),
        reasons=grouped_reasons(content.dropped),
        regions_assessed=any(lesion.region for lesion in content.accepted),
        field_mm=FIELD_MM,
        small_below_mm=SMALL_BELOW_MM,
        largest_mm=LARGEST_DIAMETER_MM,
        larger=sum(one.diameter_mm > LARGEST_DIAMETER_MM for one in content.accepted),
        smallest_circle_mm=SMALLEST_CIRCLE_MM,
        candidate_probability=CANDIDATE_PROBABILITY,
    )


def grouped_reasons(dropped: Sequence[Lesion]) -> list[tuple[int, str]]:
    """Count the reasons that differ in more than their numbers, the most frequent first.

    Returns
    -------
    list of (int, str)
        How many, and the reason of the most probable one among them.
    """
    groups: dict[str, list[str]] = {}
    for lesion in dropped:
        kind = re.sub(r"\d+(\.\d+)?", "#", lesion.dropped_because)
        groups.setdefault(kind, []).append(lesion.dropped_because)
    return sorted(((len(reasons), reasons[0]) for reasons in groups.values()), key=lambda row: -row[0])


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    environment.filters["label"] = label
    environment.filters["plain"] = plain
    environment.tests["nested"] = lambda value: isinstance(value, Mapping)
    environment.tests["records"] = lambda value: (
        isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in value)
    )
    environment.globals.update(shown=SHOWN, counted=counted, say=SAY)
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8"))


def columns_of(lesions: Sequence[Lesion], status: str) -> list[str]:
    """Those worth a column: not the title's own, and not one that is empty in every row."""
    shown = [name for name in COLUMNS if name not in LEFT_OUT[status]]
    return [name for name in shown if any(getattr(lesion, name) not in (None, "") for lesion in lesions)]


def label(key: Any) -> str:
    """Word a provenance key: ``min_volume_mm3`` becomes ``min volume (mm³)``."""
    words = str(key).split("_")
    unit = UNITS.get(words[-1]) if len(words) > 1 else None
    return f"{' '.join(words[:-1])} ({unit})" if unit else " ".join(words)


def plain(value: Any) -> str:
    """Word a provenance value that is no dictionary."""
    if value is None or value == "" or value == [] or value == ():
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(plain(item) for item in value)
    if isinstance(value, Mapping):
        return "; ".join(f"{label(key)}: {plain(item)}" for key, item in value.items())
    return str(value)
