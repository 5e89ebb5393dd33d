"""Why the program drops a candidate: kinds with their values, and the words that a reader sees."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .numbers import decimals_of, rounded_down, threshold_text

BLOOD, CALCIUM, UNCLEAR = "blood", "calcium", "unclear"
SUBSTANCES = (BLOOD, CALCIUM, UNCLEAR)
"""What a phase image says of a lesion, as columns, reports and user interfaces have it; calcium drops one."""
PHASE_NOT_USED = "Phase was not used:"
"""How a note of a search begins that says why its phase told nothing."""


class Rule(str, Enum):
    """What drops a candidate; the values stand in files."""

    BELOW_THRESHOLD = "below_threshold"
    TOO_SMALL = "too_small"
    TOO_LARGE = "too_large"
    OUTSIDE_BRAIN = "outside_brain"
    OUTSIDE_TISSUE = "outside_tissue"
    CALCIUM = "calcium"
    OTHER = "other"


@dataclass(frozen=True)
class Reason:
    """Why one candidate is dropped.

    Attributes
    ----------
    rule : Rule
    value : float or None
        What the rule looked at: the score, the volume in mm³, the diameter in mm, or how sure the phase is.
    limit : float or None
        What it was compared with, in the same unit.
    looks_like : str
        Of a score below the threshold: what the verifier takes the candidate for; empty if for a microbleed, or where
        no verifier ran.
    said : str
        Of `Rule.OTHER`, a reason that an earlier version wrote and this one does not have: its words.
    """

    rule: Rule
    value: float | None = None
    limit: float | None = None
    looks_like: str = ""
    said: str = ""

    @property
    def words(self) -> str:
        """As lists, reports and user interfaces have it."""
        value, limit = self.value or 0.0, self.limit or 0.0
        if self.rule is Rule.BELOW_THRESHOLD:
            decimals = decimals_of(limit)
            score = f"{rounded_down(value, decimals):.{decimals}f}"
            takes = f"; the verifier takes it for: {self.looks_like}" if self.looks_like else ""
            return f"probability {score} is below the threshold {threshold_text(limit)}{takes}"
        if self.rule is Rule.TOO_SMALL:
            return f"{value:.1f} mm³ is below the smallest volume {limit:.1f} mm³"
        if self.rule is Rule.TOO_LARGE:
            return f"{value:.1f} mm is larger than a microbleed ({limit:.0f} mm)"
        if self.rule is Rule.CALCIUM:
            return f"calcium by its phase (signal {value:.0f} times its uncertainty)"
        return {
            Rule.OUTSIDE_BRAIN: "outside the brain mask",
            Rule.OUTSIDE_TISSUE: "outside brain tissue",
            Rule.OTHER: self.said,
        }[self.rule]
