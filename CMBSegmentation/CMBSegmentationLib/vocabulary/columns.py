"""The columns of a list of lesions: their names, and what each means, as the data dictionaries beside tables say it."""

from __future__ import annotations

from typing import Any

from .published.scales import SCALES
from .reasons import SUBSTANCES
from .regions import ASSIGNABLE, GROUPS, SIDES, counted_in
from .verdicts import CAUSES, DECISIONS, DROPPED, KEPT, MIMICS, UNDECIDED

COLUMNS = (
    "id", "status", "decision", "r_mm", "a_mm", "s_mm", "volume_mm3", "diameter_mm", "elongation", "contrast",
    "probability", "detector", "phase", "region", "side", "dropped_because",
)  # fmt: skip
"""In files, in the scene's table and in reports, in this order."""

REVIEW_COLUMNS = ("mimic", "cause", "reader", "decided_at", "origin")
"""After `COLUMNS` once a reader has decided on a lesion of the list."""

PROBABILITY = (
    "Score, which alone the threshold acts on: the verifier's probability where one ran, else the detector's highest"
)
"""What the column `probability` is, wherever it is explained."""

Meaning = dict[str, Any]
"""BIDS' keys for a column: ``Description``, and ``Units`` or ``Levels`` (value to meaning) where it has some."""


def _meaning(description: str, units: str = "") -> Meaning:
    return {"Description": description, **({"Units": units} if units else {})}


def _one_of(description: str, *levels: str, **explained: str) -> Meaning:
    return {"Description": description, "Levels": {**{one: one for one in levels}, **explained}}


_DECISIONS = dict(zip((*DECISIONS, UNDECIDED), ("definite", "no microbleed", "possible", "not reviewed"), strict=True))
MEANINGS: dict[str, Meaning] = {
    "id": _meaning("Number of the lesion in its scan"),
    "status": _one_of(
        "What the program says of the candidate; no reader changes it",
        **{KEPT: "a microbleed", DROPPED: "no microbleed"},
    ),
    "decision": _one_of("What the reader says", **_DECISIONS),
    "r_mm": _meaning("Centre of mass, patient coordinates, towards the right", "mm"),
    "a_mm": _meaning("Centre of mass, patient coordinates, towards anterior", "mm"),
    "s_mm": _meaning("Centre of mass, patient coordinates, towards superior", "mm"),
    "volume_mm3": _meaning("Volume of the lesion's mask, which no threshold changes", "mm^3"),
    "diameter_mm": _meaning("Diameter of the sphere of that volume", "mm"),
    "elongation": _meaning("Longest by shortest principal extent; 1 is a ball"),
    "contrast": _meaning("Signal loss against the brain tissue around: 0 none, 1 black; n/a where there is none"),
    "probability": _meaning(f"{PROBABILITY}, 0 to 1; n/a of a lesion that a reader added, merged or split"),
    "detector": _meaning(
        "The detector's highest probability in the lesion, 0 to 1; n/a where it is not known, and as probability"
    ),
    "phase": _one_of("What the scan's phase image says of the lesion", *SUBSTANCES),
    "region": _one_of("Region of the Microbleed Anatomical Rating Scale (MARS)", *ASSIGNABLE),
    "side": _one_of("Side of the brain", *SIDES),
    "dropped_because": _meaning("Why the program dropped the candidate"),
    "mimic": _one_of("What a rejected lesion is instead", *MIMICS),
    "cause": _one_of("What the lesion is suspected to come from", *CAUSES),
    "reader": _meaning("Name or initials of the reader that decided"),
    "decided_at": _meaning("When the reader decided, ISO 8601, UTC"),
    "origin": _meaning("How the lesion came onto the list: detected, added, merged, split"),
    "subject": _meaning("Label of the participant, without sub-"),
    "session": _meaning("Label of the session, without ses-"),
    "scan": _meaning("Path of the scan in the source data set"),
    "microbleeds": _meaning("Definite and possible microbleeds once a reader has begun, else those detected"),
    "class": _meaning("Class of that number: 0, 1, 2-4, 5-10, >10"),
    "below_5_mm": _meaning("Of these, smaller than 5 mm"),
    "from_5_to_10_mm": _meaning("Of these, from 5 to 10 mm"),
    **{group: _meaning(f"Of these, in {group} regions: {'; '.join(counted_in(group))}") for group in GROUPS},
    "definite": _meaning("Accepted by the reader"),
    "possible": _meaning("Uncertain to the reader"),
    "dropped": _meaning("Candidates that the program dropped and nobody has decided on"),
    **{
        scale.key: _one_of(
            f"Class of the number on the scale {scale.name}, made for {scale.use}; not a diagnosis",
            **{step.name: step.text for step in scale.steps},
        )
        for scale in SCALES
    },
    "seconds": _meaning("How long the search took", "s"),
    "error": _meaning("What was wrong where the scan could not be searched"),
    "hint": _meaning("What to do about it"),
}
"""By column, of lists of lesions and of a batch's pooled tables."""
