"""The report of a detection: one HTML file that needs nothing else, for the screen and for paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from ..detecting.lesions import CANDIDATE_PROBABILITY, LARGEST_DIAMETER_MM, MOST_CANDIDATES, Lesion, is_read
from ..results.counts import CLASSES, SIZES, SMALL_BELOW_MM, Counts
from ..results.summary import left_out_of
from ..vocabulary.columns import PROBABILITY
from ..vocabulary.numbers import class_text, counted, counted_class, rounded_down, threshold_text
from ..vocabulary.published.scales import NOT_A_DIAGNOSIS, SIDEROSIS
from ..vocabulary.verdicts import REJECTED, UNDECIDED
from .content import ReportContent, content_of, place_of
from .crops import FIELD_MM
from .glass_brain import SMALLEST_CIRCLE_MM
from .words import METHODS, SAY, SCALES_COLUMNS

if TYPE_CHECKING:
    from ..detecting.detect import Detection

TEMPLATE = Path(__file__).with_name("page.html.j2")
UNITS = {"mm3": "mm³", "mm": "mm", "s": "s", "ms": "ms", "percent": "%", "bytes": "bytes"}
NOT_SHOWN = {  # what the table's title says already, or another column
    "listed": ("dropped_because", "mimic", "reader"),
    "dropped": ("mimic", "reader"),
    "rejected": ("decision", "volume_mm3", "elongation", "contrast", "detector", "phase", "origin", "dropped_because"),
}


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
    rounds_down : bool
        A probability: one below a threshold is not to read as if it reached it.
    """

    heading: str
    unit: str = ""
    meaning: str = ""
    decimals: int | None = None
    factor: float = 1.0
    rounds_down: bool = False

    def text(self, value: Any) -> str:
        """Write a value; an en dash where there is none."""
        if value is None or value == "":
            return "–"
        if value == UNDECIDED:
            return SAY["not_reviewed"]
        if self.decimals is None:
            return str(value)
        rounding = rounded_down if self.rounds_down else round
        rounded = rounding(value * self.factor, self.decimals) + 0.0  # no minus before a zero
        return f"{rounded:.{self.decimals}f}".replace("-", "−")


SHOWN = {
    "id": Column("No.", decimals=0),
    "decision": Column("Decision", "", "The reader's"),
    "r_mm": Column("R", "mm", "Centre, millimetres to the patient's right; negative is left", 1),
    "a_mm": Column("A", "mm", "Centre, millimetres to anterior; negative is posterior", 1),
    "s_mm": Column("S", "mm", "Centre, millimetres to superior; negative is inferior", 1),
    "volume_mm3": Column("Volume", "mm³", "", 1),
    "diameter_mm": Column("Diameter", "mm", "Of the sphere of equal volume", 1),
    "elongation": Column("Elongation", "", "Longest over shortest extent; 1 is a ball", 1),
    "contrast": Column("Signal loss", "%", "Against the brain tissue around; 100 % is black", 0, 100),
    "probability": Column("Probability", "", f"{PROBABILITY}, 0 to 1", 2, rounds_down=True),
    "detector": Column(
        "Detector", "", "The first stage's highest probability in the lesion, 0 to 1", 2, rounds_down=True
    ),
    "phase": Column("Phase"),
    "region": Column("Region"),
    "side": Column("Side"),
    "cause": Column("Suspected cause"),
    "origin": Column(
        "Origin", "", "Detected, or added, merged or split by a reader: no network's probability is such a lesion's own"
    ),
    "mimic": Column("Mimic", "", "What it is instead of a microbleed, as the reader says"),
    "reader": Column("Reader"),
    "dropped_because": Column("Dropped because"),
}


def report_html(detection: Detection, *, scan_name: str, notes: Sequence[str] = ()) -> str:
    """Write the report of a detection.

    Parameters
    ----------
    detection : Detection
    scan_name : str
        As the reader knows the scan; any characters.
    notes : sequence of str
        What was repaired when the scan was read (`Scan.notes`).

    Returns
    -------
    str
        An HTML document with its pictures and its style inside; it loads nothing and runs no script.
        Positions are patient RAS in mm, pictures are in radiological convention.
    """
    return page_of(content_of(detection, scan_name=scan_name, notes=notes))


def page_of(content: ReportContent) -> str:
    """Lay a report out as an HTML document."""
    return _template().render(
        **{name: getattr(content, name) for name in ReportContent.__dataclass_fields__},
        classes=CLASSES,
        dropped_capped=len(content.dropped) >= MOST_CANDIDATES,
        listed_columns=columns_of(content.listed, "listed"),
        dropped_columns=columns_of(content.dropped, "dropped"),
        reasons=grouped_reasons(content.dropped),
        regions_assessed=any(lesion.region for lesion in content.listed),
        sizes=_sizes(content.counts),
        title_of_dropped=title_of_dropped(content.counts),
        field_mm=FIELD_MM,
        smallest_circle_mm=SMALLEST_CIRCLE_MM,
        candidate_probability=CANDIDATE_PROBABILITY,
    )


def _sizes(counts: Counts) -> dict[str, int]:
    """Word the sizes of the headline's lesions; larger ones than a microbleed only where there are any."""
    small, large, larger = (counts.number(counts.counted, size=size) for size in SIZES)
    low, high = SMALL_BELOW_MM, LARGEST_DIAMETER_MM
    words = {SAY["smaller_than"].format(mm=low): small, SAY["from_to"].format(low=low, high=high): large}
    return words | ({SAY["larger_than"].format(mm=high): larger} if larger else {})


def title_of_dropped(counts: Counts) -> str:
    """Count what is not listed: ``1 rejected lesion and 2 dropped candidates``."""
    numbers = {"rejected lesion": counts.rejected, "dropped candidate": counts.dropped}
    return " and ".join(counted(number, noun) for noun, number in numbers.items() if number)


def scales_note(counts: Counts) -> str:
    """Say which microbleeds the clinical classes count."""
    words = SAY["scales_note_read" if counts.is_read else "scales_note_unread"]
    return words.format(left_out_of=left_out_of(counts))


def grouped_reasons(dropped: Sequence[Lesion]) -> list[str]:
    """Count the reasons that differ in more than their numbers, the most frequent first.

    Where their numbers differ, the reason of the most probable one stands for all, and is said to be its.
    """
    groups: dict[tuple[object, ...], list[str]] = {}
    for lesion in dropped:
        why, reader = lesion.reason, (lesion.decision, lesion.reader, lesion.mimic)
        kind = reader if why is None or lesion.decision == REJECTED else (why.rule, why.looks_like, why.said)
        groups.setdefault(kind, []).append(lesion.why_not_listed)
    return [_counted_reason(reasons) for reasons in sorted(groups.values(), key=len, reverse=True)]


def _counted_reason(reasons: Sequence[str]) -> str:
    words = "one_reason" if len(reasons) == 1 else "same_reason" if len(set(reasons)) == 1 else "similar_reason"
    return SAY[words].format(number=len(reasons), reason=reasons[0])


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATE.parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters["label"] = label
    environment.filters["plain"] = plain
    environment.tests["nested"] = lambda value: isinstance(value, Mapping)
    environment.tests["records"] = lambda value: (
        isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in value)
    )
    environment.globals.update(shown=SHOWN, say=SAY, cell=cell)
    environment.globals.update(scales_note=scales_note, scales_columns=SCALES_COLUMNS)
    environment.globals.update(paste_methods=METHODS["paste"], bibtex_heading=METHODS["bibtex"])
    environment.globals.update(not_a_diagnosis=NOT_A_DIAGNOSIS, siderosis=SIDEROSIS)
    environment.globals.update(
        class_text=class_text, counted=counted, counted_class=counted_class, threshold_text=threshold_text
    )
    return environment.get_template(TEMPLATE.name)


def columns_of(lesions: Sequence[Lesion], kind: str) -> list[str]:
    """Name those worth a column: not what the title says, not an empty one, nor one that repeats another."""
    repeats = {"decision"} if not is_read(lesions) else set()
    repeats |= set() if any(one.is_readers for one in lesions) else {"origin"}
    repeats |= {"detector"} if all(one.detector in (None, one.probability) for one in lesions) else set()
    has_regions = any(one.region or one.place_by_reader for one in lesions)
    repeats |= {"side"} if has_regions else set()  # stands with the region
    shown = [name for name in SHOWN if name not in NOT_SHOWN[kind] and name not in repeats]
    filled = {name for name in shown if any(getattr(lesion, name) not in (None, "") for lesion in lesions)}
    return [name for name in shown if name in filled or (name == "region" and has_regions)]


def cell(lesion: Lesion, name: str) -> str:
    """Write a lesion's value of a column: the side before the region, the reader's reason before the program's."""
    value = getattr(lesion, name)
    if name == "region" or (name == "side" and not lesion.region):
        value = place_of(lesion)
    elif name == "dropped_because":
        value = lesion.why_not_listed
    return SHOWN[name].text(value)


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
