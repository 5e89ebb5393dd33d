"""What a report says, worked out once for the page and for the PDF."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..detecting.lesions import SURROUND_MM, Lesion
from ..reading.scan_identity import NAMING
from ..results.counts import summarise
from ..vocabulary.numbers import counted
from .crops import Crop, Locator, Overview, Window, display_window, lesion_crops, tilt_degrees
from .glass_brain import Projection, glass_brain
from .tables import DEFINITE, DETECTED, POSSIBLE, Findings, certainty_of, findings_of
from .words import METHODS, SAY

if TYPE_CHECKING:
    from ..detecting.detect import Detection

MOST_PICTURED = 60  # accepted lesions with pictures: about 3 MB of report
MOST_DROPPED_PICTURED = 10
COMMANDS = re.compile(r" \([^()]*--[^()]*\)")  # which made the training data: for the provenance, not for a reader
Reviewed = Mapping[int, Mapping[str, Any]]
"""What readers said, by lesion id: values of `review.lesion_list.REVIEW_COLUMNS`."""


@dataclass(frozen=True)
class Card:
    """A lesion with its pictures.

    Attributes
    ----------
    certainty : str
        One of `report_counts`' words; empty of a dropped candidate.
    reader : str
    """

    lesion: Lesion
    crops: tuple[Crop, ...]
    locator: Locator
    certainty: str = ""
    reader: str = ""

    @property
    def position(self) -> str:
        """Where it is in words of the patient's directions: ``L 24.6 · P 13.8 · S 14.3 mm``."""
        pairs = zip((self.lesion.r_mm, self.lesion.a_mm, self.lesion.s_mm), ("RL", "AP", "SI"), strict=True)
        return " · ".join(f"{letters[value < 0]} {abs(value):.1f}" for value, letters in pairs) + " mm"

    @property
    def place(self) -> str:
        """Region and side; empty where they were not assessed."""
        return " ".join(part for part in (self.lesion.side, self.lesion.region) if part)

    @property
    def verdict(self) -> str:
        """The reader's word; empty where there is none."""
        if self.certainty not in (DEFINITE, POSSIBLE):
            return ""
        return SAY["by_reader"].format(certainty=self.certainty, reader=self.reader) if self.reader else self.certainty


@dataclass(frozen=True)
class ReportContent:
    """A report before it is laid out.

    Attributes
    ----------
    scan_name, scan_facts, model_name : str
    cautions : list of (str, str)
        The model's own, with headings.
    notes : list of str
        What was repaired on reading.
    summary : dict
        As `results.counts.summarise`.
    sentence : str
        To paste.
    findings : Findings
    projections : tuple of Projection
    certainty : dict
        By lesion id, of the listed ones.
    accepted, dropped : list of Lesion
    accepted_cards, dropped_cards : list of Card
    methods : list of str
    provenance : dict
    window : Window
    tilt : float
        Degrees.
    threshold : float
    searched : str
        Date, ISO 8601; empty where it is not known.
    """

    scan_name: str
    scan_facts: str
    model_name: str
    cautions: list[tuple[str, str]]
    notes: list[str]
    summary: dict[str, Any]
    sentence: str
    findings: Findings
    projections: tuple[Projection, ...]
    certainty: dict[int, str]
    accepted: list[Lesion]
    dropped: list[Lesion]
    accepted_cards: list[Card]
    dropped_cards: list[Card]
    methods: list[str]
    provenance: dict[str, Any]
    window: Window
    tilt: float
    threshold: float
    searched: str


def content_of(
    detection: Detection, *, scan_name: str, notes: Sequence[str] = (), reviewed: Reviewed | None = None
) -> ReportContent:
    """Work out the report of a detection.

    Parameters
    ----------
    detection : Detection
    scan_name : str
        As the reader knows the scan; any characters.
    notes : sequence of str
        What was repaired when the scan was read (`Scan.notes`).
    reviewed : mapping, optional

    Returns
    -------
    ReportContent
        Positions are patient RAS in mm, pictures are in radiological convention.
    """
    said = reviewed or {}
    accepted = detection.accepted
    dropped = [lesion for lesion in detection.lesions if lesion.dropped_because]
    window = display_window(detection.image, detection.brain)
    overview = Overview(detection.image, detection.brain, window)
    findings = findings_of(detection.lesions, said)
    certainty = {one.id: certainty_of(one, said.get(one.id, {})) for one in accepted}

    def cards(lesions: Sequence[Lesion]) -> list[Card]:
        return [
            Card(
                one,
                lesion_crops(detection, one, window),
                overview.locate(one),
                certainty.get(one.id, ""),
                str(said.get(one.id, {}).get("reader") or ""),
            )
            for one in lesions
        ]

    summary = summarise(detection.lesions)
    return ReportContent(
        scan_name=scan_name,
        scan_facts=_scan_facts(detection),
        model_name=model_name(detection.provenance),
        cautions=_cautions(detection.provenance),
        notes=list(notes),
        summary=summary,
        sentence=_sentence(findings, [one for one in accepted if certainty[one.id] != DETECTED], summary),
        findings=findings,
        projections=glass_brain(detection.brain, accepted) if accepted else (),
        certainty=certainty,
        accepted=accepted,
        dropped=dropped,
        accepted_cards=cards(accepted[:MOST_PICTURED]),
        dropped_cards=cards(dropped[:MOST_DROPPED_PICTURED]),
        methods=methods_of(detection, findings),
        provenance=detection.provenance,
        window=window,
        tilt=tilt_degrees(detection.image),
        threshold=detection.rules.threshold,
        searched=str(detection.provenance.get("date") or "").partition("T")[0],
    )


def without_names(content: ReportContent) -> ReportContent:
    """Leave out of a report what may name the patient or the reader: the scan's name, its file, the readers."""
    kept = {key: value for key, value in content.provenance.items() if key not in ("review", "input")}
    given = content.provenance.get("input")
    if isinstance(given, Mapping):
        kept["input"] = {key: value for key, value in given.items() if key not in NAMING}
    readers = content.findings.readers
    said = content.sentence.replace(f" by {', '.join(readers)}", "") if readers else content.sentence

    def unnamed(lesion: Lesion) -> Lesion:
        because = lesion.dropped_because  # by whom it was rejected
        for reader in readers:
            because = because.replace(f" by {reader}", "")
        return replace(lesion, dropped_because=because)

    return replace(
        content,
        scan_name=SAY["without_name"],
        notes=[],
        sentence=said,
        provenance=kept,
        findings=replace(content.findings, readers=()),
        methods=[words for words in content.methods if words != METHODS["read"].format(readers=", ".join(readers))],
        dropped=[unnamed(lesion) for lesion in content.dropped],
        accepted_cards=[replace(card, reader="") for card in content.accepted_cards],
        dropped_cards=[replace(card, lesion=unnamed(card.lesion), reader="") for card in content.dropped_cards],
    )


def model_name(provenance: Mapping[str, Any], kind: str = "model") -> str:
    """Name a model of a provenance with its version; empty where there is none."""
    model = provenance.get(kind)
    if not isinstance(model, Mapping):
        return ""
    return " ".join(str(model[key]) for key in ("name", "version") if model.get(key))


def _sentence(findings: Findings, read: Sequence[Lesion], summary: Mapping[str, Any]) -> str:
    """Word the findings so that they stay true where they are pasted; `read` are the definite and possible ones."""
    if not findings.reviewed:
        pattern = f" Pattern: {findings.pattern}." if findings.pattern and summary["accepted"] else ""
        return f"{summary['sentence']}{pattern}"
    by = f" by {', '.join(findings.readers)}" if findings.readers else ""
    numbers = ", ".join(f"{findings.totals.get(kind, 0)} {kind}" for kind in (DEFINITE, POSSIBLE))
    of_read = summarise(read)
    sizes = [f"{of_read['below_5_mm']} smaller than 5 mm"] * bool(read)
    places = [f"{number} {region}" for region, number in of_read["by_region"].items()]
    more = f" ({'; '.join([*sizes, *([', '.join(places)] if places else [])])})" if read else ""
    pattern = f" Pattern of the definite ones: {findings.pattern}." if findings.pattern and read else ""
    unread = findings.totals.get(DETECTED, 0)
    left = f" Not finished: {counted(unread, 'detected lesion')} not read yet." if unread else ""
    return f"Cerebral microbleeds, read{by} with the help of research software: {numbers}{more}.{pattern}{left}"


def methods_of(detection: Detection, findings: Findings) -> list[str]:
    """Tell in sentences how the lesions were found, from what the provenance says."""
    provenance, rules = detection.provenance, detection.rules
    settings = provenance.get("settings") or {}
    said = []
    if model_name(provenance):
        training = provenance["model"].get("training")
        config = training.get("config") if isinstance(training, Mapping) else None
        mm = (config.get("data") or {}).get("spacing_mm") if isinstance(config, Mapping) else None
        spacing = f"{' × '.join(f'{s:g}' for s in mm)} mm" if mm else "its own voxel size"
        words = METHODS["detector"]
        said.append(words.format(model=model_name(provenance), spacing=spacing, threshold=rules.threshold))
    said.append(METHODS["smallest"].format(volume=rules.min_volume_mm3, diameter=rules.max_diameter_mm))
    if model_name(provenance, "verifier"):
        said.append(METHODS["verifier"].format(model=model_name(provenance, "verifier")))
    mapped = model_name(provenance, "regions")
    statement = ((provenance.get("regions") or {}).get("training") or {}).get("statement", "")
    said.append(
        METHODS["regions"].format(model=mapped, statement=statement).strip() if mapped else METHODS["no_regions"]
    )
    if isinstance(settings, Mapping) and settings.get("brain_mask"):
        said.append(METHODS["brain_given" if settings["brain_mask"] == "given" else "brain_found"])
    said.append(METHODS["measures"].format(shell=SURROUND_MM))
    if findings.readers:
        said.append(METHODS["read"].format(readers=", ".join(findings.readers)))
    elif not findings.reviewed:
        said.append(METHODS["unread"])
    return said


def _scan_facts(detection: Detection) -> str:
    size = " × ".join(str(n) for n in detection.image.GetSize())
    spacing = " × ".join(f"{s:.2f}" for s in detection.image.GetSpacing())
    return SAY["voxels_of"].format(size=size, spacing=spacing)


def _cautions(provenance: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the model's own manifest says about its training and use, as (heading, text)."""
    model = provenance.get("model")
    model = model if isinstance(model, Mapping) else {}
    training = model.get("training")
    data = training.get("data") if isinstance(training, Mapping) else training
    return [
        (SAY["intended_use"], str(model.get("intended_use") or SAY["not_recorded"])),
        (SAY["trained_on"], COMMANDS.sub("", str(data or SAY["not_recorded"]))),
    ]
