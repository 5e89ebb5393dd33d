"""What lists of earlier versions say in words, as fields: up to schema version 2 code read sentences and provenance."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..detecting.candidates.listing import Candidate, Candidates, candidates_in
from ..detecting.lesions import Lesion, LesionRules
from ..detecting.search import Search, UsedModel, used_as_stored
from ..files.fields import Fields, WrongValueError
from ..reading.scan_identity import NAMING, ScanName
from ..vocabulary.operating_points import operating_points
from ..vocabulary.reasons import Reason, Rule
from ..vocabulary.verdicts import KEPT

SAME_PLACE_MM = 2.0
STATUS_OF_0_1_0 = {"accepted": KEPT}
NUMBER = r"(\d+(?:\.\d+)?)"
SENTENCES = {
    Rule.BELOW_THRESHOLD: rf"probability {NUMBER} is below the threshold {NUMBER}"
    r"(?:; the verifier takes it for: (.*))?",
    Rule.TOO_SMALL: rf"{NUMBER} mm³ is below the smallest volume {NUMBER} mm³",
    Rule.TOO_LARGE: rf"{NUMBER} mm is larger than a microbleed \({NUMBER} mm\)",
    Rule.OUTSIDE_BRAIN: "outside the brain mask",
    Rule.OUTSIDE_TISSUE: "outside brain tissue",
}


def reason_of_sentence(sentence: str) -> Reason | None:
    """Read why a candidate was dropped; None where nothing is said."""
    if not sentence:
        return None
    for rule, pattern in SENTENCES.items():
        found = re.fullmatch(pattern, sentence, re.DOTALL)
        if found is not None:
            said = (*found.groups(), None, None, None)
            value, limit = (None if one is None else float(one) for one in said[:2])
            return Reason(rule, value, limit, said[2] or "")
    return Reason(Rule.OTHER, said=sentence)


def candidates_of_earlier(
    rows: Sequence[Lesion],
    probability: sitk.Image,
    scan: sitk.Image,
    brain: sitk.Image | None,
    placed: Callable[[Lesion], Lesion] | None = None,
) -> Candidates:
    """Find the candidates of a result of an earlier version, whose probability the verifier's score had scaled.

    Parameters
    ----------
    rows : sequence of Lesion
        Of its list: what only the detector knew (its own probability, region, side, what the verifier takes it for)
        goes to the candidate that lies there.
    probability, scan, brain, placed
        As for `detecting.candidates.listing.candidates_in`.
    """
    found = candidates_in(probability, scan, brain, placed)
    if not rows:
        return found
    places = np.array([(row.r_mm, row.a_mm, row.s_mm) for row in rows])
    return replace(found, every=tuple(_with_row(one, rows, places) for one in found.every))


def _with_row(one: Candidate, rows: Sequence[Lesion], places: NDArray[np.float64]) -> Candidate:
    lesion = one.lesion
    apart = np.linalg.norm(places - (lesion.r_mm, lesion.a_mm, lesion.s_mm), axis=1)
    row = rows[int(apart.argmin())]
    if apart.min() > max(SAME_PLACE_MM, row.diameter_mm / 2):
        return one
    looks_like = row.reason.looks_like if row.reason is not None else ""
    region, side = (row.region, row.side) if row.region else (lesion.region, lesion.side)
    return replace(one, lesion=replace(lesion, detector=row.detector, region=region, side=side), looks_like=looks_like)


def rules_of_provenance(about: Fields) -> LesionRules:
    """Read the rules, as far as a provenance tells of them."""
    settings = about.fields("settings", default={})
    return LesionRules(
        settings.number("threshold", above=0, below=1, default=0.5),
        settings.number("min_volume_mm3", least=0, default=LesionRules.min_volume_mm3),
        settings.number("max_diameter_mm", above=0, default=LesionRules.max_diameter_mm),
    )


def search_of_provenance(about: Fields) -> Search:
    """Read how a scan was searched; `WrongValueError` where a value is of another kind."""
    settings, given = about.fields("settings", default={}), about.fields("input", default={})
    regions, review = about.fields("regions", default={}), about.fields("review", default={})
    own = rules_of_provenance(about).threshold
    detector = _model(about, "model")
    midplane = regions.plain.get("midplane_ras")
    return Search(
        detector=detector,
        verifier=_model(about, "verifier"),
        regions=_model(about, "regions"),
        midplane=None if midplane is None else regions.numbers("midplane_ras", length=4),
        operating_points=operating_points(detector.metrics.get("operating_points") if detector else None, own),
        overlap=settings.number("overlap", default=None),
        blending=settings.text("blending", default=""),
        brain_mask=settings.text("brain_mask", default=""),
        device=about.text("device", default=""),
        software=about.fields("software", default={}).text("version", default=""),
        seconds=_seconds(about.fields("timings_s", default={})),
        date=about.text("date", default=""),
        scan=ScanName(**{key: given.text(key, default="") for key in NAMING}),
        readers=review.texts("readers", default=()),
        reviewed_at=review.text("date", default=""),
    )


def _model(about: Fields, kind: str) -> UsedModel | None:
    if about.plain.get(kind) is None:
        return None
    model = about.fields(kind)
    return used_as_stored(model, _spacing(model.fields("training", default={}).plain))


def _spacing(training: dict[str, Any]) -> tuple[float, ...]:
    """Give the voxel size of the configuration, where a training tells of one."""
    try:
        return Fields(training).fields("config").fields("data").numbers("spacing_mm", length=3)
    except WrongValueError:
        return ()


def _seconds(about: Fields) -> dict[str, float]:
    return {key: about.number(key) for key in about.plain}
