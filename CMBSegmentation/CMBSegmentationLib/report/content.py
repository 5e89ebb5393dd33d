"""What a report says, worked out once for the page and for the PDF."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..detecting.lesions import Lesion
from ..results.counts import Counts, counts_of
from ..results.provenance import provenance_of
from ..results.summary import sentence_of
from ..vocabulary.verdicts import DEFINITE, POSSIBLE
from .crops import Crop, Locator, Overview, Window, display_window, field_crop, lesion_crops, tilt_degrees
from .glass_brain import Projection, glass_brain
from .methods import Way, bibtex_of, paragraph, trained_on, way_of
from .tables import CountTable, count_tables
from .words import SAY

if TYPE_CHECKING:
    from ..detecting.detect import Detection
    from ..detecting.search import UsedModel

MOST_PICTURED = 60  # lesions of the list with pictures: about 3 MB of report
MOST_DROPPED_PICTURED = 10

MEASURED = ("diameter_mm", "volume_mm3", "contrast", "elongation")


@dataclass(frozen=True)
class Card:
    """A lesion with its pictures."""

    lesion: Lesion
    crops: tuple[Crop, ...]
    locator: Locator
    field: Crop | None = None

    @property
    def position(self) -> str:
        """Where it is in words of the patient's directions: ``L 24.6 · P 13.8 · S 14.3 mm``."""
        pairs = zip((self.lesion.r_mm, self.lesion.a_mm, self.lesion.s_mm), ("RL", "AP", "SI"), strict=True)
        return " · ".join(f"{letters[value < 0]} {abs(value):.1f}" for value, letters in pairs) + " mm"

    @property
    def place(self) -> str:
        """As `place_of`."""
        return place_of(self.lesion)

    @property
    def substance(self) -> str:
        """What phase says; empty where there is none."""
        return SAY["phase_says"].format(substance=self.lesion.phase) if self.lesion.phase else ""

    @property
    def said(self) -> tuple[str, ...]:
        """What is said of it in words, a line each."""
        one = self.lesion
        origin = SAY["made_by_reader"].format(origin=one.origin) if one.is_readers else ""
        cause = SAY["suspected"].format(cause=one.cause) if one.cause else ""
        return tuple(filter(None, (self.verdict, origin, cause, self.place, self.substance)))

    @property
    def measured(self) -> tuple[str, ...]:
        """Name the columns of its numbers: none of a network for a mask that a reader made, and none twice."""
        one = self.lesion
        twice = one.detector in (None, one.probability)
        networks = () if one.probability is None else ("probability",) if twice else ("probability", "detector")
        return (*MEASURED, *networks)

    @property
    def verdict(self) -> str:
        """The reader's word; empty where there is none."""
        certainty, reader = self.lesion.certainty, self.lesion.reader
        if certainty not in (DEFINITE, POSSIBLE):
            return ""
        return SAY["by_reader"].format(certainty=certainty, reader=reader) if reader else certainty


@dataclass(frozen=True)
class ReportContent:
    """A report before it is laid out.

    Attributes
    ----------
    scan_name, scan_facts, model_name : str
    series : str
        Which DICOM series of which day it is; empty otherwise.
    cautions : list of (str, str)
        The model's own, with headings.
    notes : list of str
        What was repaired on reading.
    counts : Counts
    sentence : str
        To paste.
    tables : tuple of CountTable
    projections : tuple of Projection
    listed, dropped : list of Lesion
        Dropped are those that the program dropped or a reader rejected.
    listed_cards, dropped_cards : list of Card
    way : Way
        How it was searched; `methods` tells it.
    methods : list of str
    bibtex : str
    provenance : dict
    window : Window
    tilt : float
        Degrees.
    threshold : float
    searched : str
        Date, ISO 8601; empty where it is not known.
    verified : bool
        Whether a verifier looked at the candidates.
    """

    scan_name: str
    series: str
    scan_facts: str
    model_name: str
    cautions: list[tuple[str, str]]
    notes: list[str]
    counts: Counts
    sentence: str
    tables: tuple[CountTable, ...]
    projections: tuple[Projection, ...]
    listed: list[Lesion]
    dropped: list[Lesion]
    listed_cards: list[Card]
    dropped_cards: list[Card]
    way: Way
    methods: list[str]
    bibtex: str
    provenance: dict[str, Any]
    window: Window
    tilt: float
    threshold: float
    searched: str
    verified: bool


def content_of(detection: Detection, *, scan_name: str, notes: Sequence[str] = ()) -> ReportContent:
    """Work out the report of a detection.

    Parameters
    ----------
    detection : Detection
    scan_name : str
        As the reader knows the scan; any characters.
    notes : sequence of str
        What was repaired when the scan was read (`Scan.notes`).

    Returns
    -------
    ReportContent
        Positions are patient RAS in mm, pictures are in radiological convention.
    """
    listed = detection.listed
    dropped = [lesion for lesion in detection.lesions if not lesion.certainty]
    window = display_window(detection.image, detection.brain)
    overview = Overview(detection.image, detection.brain, window)
    counts = counts_of(detection.lesions)
    way = way_of(detection.search, detection.rules, detection.lesions)

    def cards(lesions: Sequence[Lesion]) -> list[Card]:
        return [
            Card(
                one,
                lesion_crops(detection, one, window),
                overview.locate(one),
                field_crop(detection.field, one) if detection.field and one.phase else None,
            )
            for one in lesions
        ]

    return ReportContent(
        scan_name=scan_name,
        series=_capital(detection.search.scan.series),
        scan_facts=_scan_facts(detection),
        model_name=detection.search.detector.title if detection.search.detector else "",
        cautions=_cautions(detection.search.detector),
        notes=list(notes),
        counts=counts,
        sentence=sentence_of(counts),
        tables=count_tables(counts),
        projections=glass_brain(detection.brain, listed) if listed else (),
        listed=listed,
        dropped=dropped,
        listed_cards=cards(listed[:MOST_PICTURED]),
        dropped_cards=cards(dropped[:MOST_DROPPED_PICTURED]),
        way=way,
        methods=paragraph(way),
        bibtex=bibtex_of(detection.search),
        provenance=provenance_of(detection),
        window=window,
        tilt=tilt_degrees(detection.image),
        threshold=detection.rules.threshold,
        searched=detection.search.date.partition("T")[0],
        verified=detection.search.verifier is not None,
    )


def place_of(lesion: Lesion) -> str:
    """Word side and region, and that a reader has set them; empty where they were not assessed."""
    place = " ".join(part for part in (lesion.side, lesion.region) if part)
    if not lesion.place_by_reader:
        return place
    return SAY["place_by_reader"].format(place=place) if place else SAY["no_place_by_reader"]


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _scan_facts(detection: Detection) -> str:
    size = " × ".join(str(n) for n in detection.image.GetSize())
    spacing = " × ".join(f"{s:.2f}" for s in detection.image.GetSpacing())
    return SAY["voxels_of"].format(size=size, spacing=spacing)


def _cautions(model: UsedModel | None) -> list[tuple[str, str]]:
    """What the model's own manifest says about its training and use, as (heading, text)."""
    use, data = (model.intended_use, trained_on(model)) if model else ("", "")
    return [
        (SAY["intended_use"], use or SAY["not_recorded"]),
        (SAY["trained_on"], data or SAY["not_recorded"]),
    ]
