"""The report of a detection: one HTML file that needs nothing else, for the screen and for paper."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, StrictUndefined, Template

from .crops import FIELD_MM, Crop, Locator, Overview, display_window, lesion_crops, tilt_degrees
from .lesions import CANDIDATE_PROBABILITY, COLUMNS, LARGEST_DIAMETER_MM, MOST_CANDIDATES, Lesion
from .summary import CLASSES, SMALL_BELOW_MM, counted, summarise

if TYPE_CHECKING:
    from .detection import Detection

MOST_PICTURED = 60  # accepted lesions with pictures: about 3 MB of report
MOST_DROPPED_PICTURED = 10
TEMPLATE = Path(__file__).with_name("report.html.j2")
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


@dataclass(frozen=True)
class Card:
    """A lesion with its pictures."""

    lesion: Lesion
    crops: tuple[Crop, ...]
    locator: Locator

    @property
    def position(self) -> str:
        """Where it is in words of the patient's directions: ``L 24.6 · P 13.8 · S 14.3 mm``."""
        pairs = zip((self.lesion.r_mm, self.lesion.a_mm, self.lesion.s_mm), ("RL", "AP", "SI"), strict=True)
        return " · ".join(f"{letters[value < 0]} {abs(value):.1f}" for value, letters in pairs) + " mm"

    @property
    def place(self) -> str:
        """Region and side; empty where they were not assessed."""
        return " ".join(part for part in (self.lesion.side, self.lesion.region) if part)


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
    accepted = detection.accepted
    dropped = [lesion for lesion in detection.lesions if lesion.dropped_because]
    window = display_window(detection.image, detection.brain)
    overview = Overview(detection.image, detection.brain, window)

    def cards(lesions: Sequence[Lesion]) -> list[Card]:
        return [Card(one, lesion_crops(detection, one, window), overview.locate(one)) for one in lesions]

    return _template().render(
        scan_name=scan_name,
        scan_facts=_scan_facts(detection),
        model_name=_model_name(detection.provenance),
        cautions=_cautions(detection.provenance),
        notes=list(notes),
        summary=summarise(detection.lesions),
        classes=CLASSES,
        threshold=detection.rules.threshold,
        accepted=accepted,
        accepted_columns=_columns(accepted, "accepted"),
        accepted_cards=cards(accepted[:MOST_PICTURED]),
        dropped=dropped,
        dropped_capped=len(dropped) >= MOST_CANDIDATES,
        dropped_columns=_columns(dropped, "dropped"),
        dropped_cards=cards(dropped[:MOST_DROPPED_PICTURED]),
        reasons=grouped_reasons(dropped),
        regions_assessed=any(lesion.region for lesion in accepted),
        provenance=detection.provenance,
        window=window,
        tilt=tilt_degrees(detection.image),
        field_mm=FIELD_MM,
        small_below_mm=SMALL_BELOW_MM,
        largest_mm=LARGEST_DIAMETER_MM,
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
    environment.filters["label"] = _label
    environment.filters["plain"] = _plain
    environment.tests["nested"] = lambda value: isinstance(value, Mapping)
    environment.tests["records"] = lambda value: (
        isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in value)
    )
    environment.globals.update(shown=SHOWN, counted=counted)
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8"))


def _columns(lesions: Sequence[Lesion], status: str) -> list[str]:
    """Those worth a column: not the title's own, and not one that is empty in every row."""
    shown = [name for name in COLUMNS if name not in LEFT_OUT[status]]
    return [name for name in shown if any(getattr(lesion, name) not in (None, "") for lesion in lesions)]


def _scan_facts(detection: Detection) -> str:
    size = " × ".join(str(n) for n in detection.image.GetSize())
    spacing = " × ".join(f"{s:.2f}" for s in detection.image.GetSpacing())
    return f"{size} voxels of {spacing} mm"


def _model_name(provenance: Mapping[str, Any]) -> str:
    model = provenance.get("model")
    if not isinstance(model, Mapping):
        return ""
    return " ".join(str(model[key]) for key in ("name", "version") if model.get(key))


def _cautions(provenance: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the model's own manifest says about its training and use, as (heading, text)."""
    model = provenance.get("model")
    model = model if isinstance(model, Mapping) else {}
    training = model.get("training")
    data = training.get("data") if isinstance(training, Mapping) else training
    return [
        ("Intended use of the model", _plain(model.get("intended_use") or "not recorded")),
        ("Trained on", _plain(data or "not recorded")),
    ]


def _label(key: Any) -> str:
    """Word a provenance key: ``min_volume_mm3`` becomes ``min volume (mm³)``."""
    words = str(key).split("_")
    unit = UNITS.get(words[-1]) if len(words) > 1 else None
    return f"{' '.join(words[:-1])} ({unit})" if unit else " ".join(words)


def _plain(value: Any) -> str:
    """Word a provenance value that is no dictionary."""
    if value is None or value == "" or value == [] or value == ():
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(_plain(item) for item in value)
    if isinstance(value, Mapping):
        return "; ".join(f"{_label(key)}: {_plain(item)}" for key, item in value.items())
    return str(value)
