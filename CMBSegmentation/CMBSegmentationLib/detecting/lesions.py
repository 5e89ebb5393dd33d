"""A lesion of a list, and the rules under which one is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..vocabulary.columns import COLUMNS, REVIEW_COLUMNS
from ..vocabulary.numbers import rounded_down
from ..vocabulary.reasons import Reason
from ..vocabulary.verdicts import REJECTED, UNDECIDED, certainty_of

CANDIDATE_PROBABILITY = 0.05  # of the detector: what stays below this is nothing, not even a dropped candidate
LARGEST_DIAMETER_MM = 10.0  # Docs/paper.md, "Words": a microbleed measures 2-10 mm
SURROUND_MM = 3.0  # width of the shell that contrast is measured against
MOST_CANDIDATES = 500  # of the dropped ones, the most probable are listed
DETECTED_ONE = "detected"  # origin of a lesion that no reader put on the list
ADDED_ONE = "added"  # of one that the program did not see


@dataclass(frozen=True)
class Lesion:
    """One candidate, kept or dropped, and what a reader said of it.

    Attributes
    ----------
    id : int
        Kept lesions come first, the most probable first.
    status : {"kept", "dropped"}
        What the program says; no reader changes it.
    r_mm, a_mm, s_mm : float
        Centre of mass, patient RAS.
    volume_mm3 : float
    diameter_mm : float
        Of the sphere of that volume.
    elongation : float
        Longest over shortest principal extent, voxel size included; 1 is a ball.
    contrast : float or None
        Signal loss against the brain tissue around: 0 none, 1 black; None where there is no such tissue.
    probability : float or None
        The score, which alone the threshold acts on: the verifier's where one ran, else the detector's highest. It has
        four decimals. None of a mask that a reader made.
    detector : float or None
        The first stage's highest probability; None where it is not known, and of a mask that a reader made.
    phase : str
        What a phase image says of it; empty where there is none.
    region, side : str
        Empty where they were not assessed.
    reason : Reason or None
        Why the program dropped it; None if it is kept.
    decision : {"accepted", "rejected", "uncertain", "none"}
        The reader's.
    mimic : str
        What a rejected one is instead, of `vocabulary.verdicts.MIMICS`; empty where it was not said.
    cause : str
        What a microbleed is suspected to come from, of `vocabulary.verdicts.CAUSES`; empty where it was not said.
    reader, decided_at : str
        Who decided, and when (ISO 8601, UTC).
    place_by_reader : bool
        Whether region or side are other ones than the program's, because a reader has said so.
    origin : str
        How it came onto the list, of `review.lesion_list.ORIGINS`.
    """

    id: int
    status: str
    r_mm: float
    a_mm: float
    s_mm: float
    volume_mm3: float
    diameter_mm: float
    elongation: float
    contrast: float | None
    probability: float | None
    detector: float | None = None
    phase: str = ""
    region: str = ""
    side: str = ""
    reason: Reason | None = None
    decision: str = UNDECIDED
    mimic: str = ""
    cause: str = ""
    reader: str = ""
    decided_at: str = ""
    origin: str = DETECTED_ONE
    place_by_reader: bool = False

    @property
    def dropped_because(self) -> str:
        """The program's reason in words; empty if it is kept."""
        return "" if self.reason is None else self.reason.words

    @property
    def certainty(self) -> str:
        """What is known of it, one of `vocabulary.verdicts.CERTAINTIES`; empty if it is dropped or rejected."""
        return certainty_of(self.status, self.decision)

    @property
    def is_readers(self) -> bool:
        """Whether a reader made its mask (added, merged or split it), so that no network's probability is its own."""
        return self.origin != DETECTED_ONE

    def without_others_scores(self) -> Lesion:
        """Give it without a network's probability if a reader made its mask: that one was of other voxels."""
        return replace(self, probability=None, detector=None) if self.is_readers else self

    @property
    def why_not_listed(self) -> str:
        """The reader's reason or the program's; empty of a lesion that is listed."""
        if self.decision == REJECTED:
            by, what = f" by {self.reader}" if self.reader else "", f": {self.mimic}" if self.mimic else ""
            return f"rejected{by}{what}"
        return "" if self.certainty else self.dropped_because

    def as_row(self, columns: Sequence[str] = COLUMNS) -> dict[str, Any]:
        """Values by column name, in the order of the columns."""
        return {name: getattr(self, name) for name in columns}


def listed(lesions: Sequence[Lesion]) -> list[Lesion]:
    """Those on the list: kept or accepted, and not rejected."""
    return [lesion for lesion in lesions if lesion.certainty]


def is_read(lesions: Sequence[Lesion]) -> bool:
    """Whether a reader has decided on any."""
    return any(lesion.decision != UNDECIDED for lesion in lesions)


def review_state(*, is_read: bool, is_finished: bool) -> str:
    """Name how far a list was reviewed."""
    return ("reviewed" if is_finished else "partly reviewed") if is_read else "unreviewed"


def columns_of(lesions: Sequence[Lesion]) -> tuple[str, ...]:
    """Name the columns of a list: `COLUMNS` and, once a reader has decided, `REVIEW_COLUMNS`."""
    return (*COLUMNS, *(REVIEW_COLUMNS if is_read(lesions) else ()))


@dataclass(frozen=True)
class LesionRules:
    """What makes a candidate a lesion.

    Attributes
    ----------
    threshold : float
        Lowest score of a lesion.
    min_volume_mm3, max_diameter_mm : float
        Of its mask.
    """

    threshold: float
    min_volume_mm3: float = 0.0
    max_diameter_mm: float = LARGEST_DIAMETER_MM


def as_listed(peak: float, decimals: int = 4) -> float:
    """Round a 32-bit probability down, so that one below a threshold never reads as if it reached it."""
    return rounded_down(float(str(np.float32(peak))), decimals)
