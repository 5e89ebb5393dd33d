"""Classes of counts that trials and guidelines use, each with its source: words for a count, never a diagnosis.

All count microbleeds, which are 10 mm across at most: what is larger is a haemorrhage of another kind on these scales.
"""

from __future__ import annotations

from dataclasses import dataclass

from .references import BURDEN_IN_STROKE, CROMIS_2, ESO, HIGH_BURDEN, LECANEMAB_USE, RADELEMENT, Reference

NOT_A_DIAGNOSIS = "Classes of the count, not a diagnosis and no advice on treatment."
SIDEROSIS = "Superficial siderosis was not assessed: this program looks for microbleeds only."
NOT_ASSESSED = "not assessed"


@dataclass(frozen=True)
class Step:
    """One class of a scale.

    Attributes
    ----------
    name : str
        As files have it: ``0``, ``1-4``, ``>4``.
    words : str
        As its source has it; empty where the name says it.
    lowest : int
        Fewest microbleeds of the class.
    """

    name: str
    words: str
    lowest: int

    @property
    def text(self) -> str:
        """Name and words: ``1–4 (mild)``."""
        name = self.name.replace("-", "–").replace(">=", "≥ ").replace(">", "> ")
        return f"{name} ({self.words})" if self.words else name


@dataclass(frozen=True)
class Scale:
    """A scale of counts.

    Attributes
    ----------
    key : str
        As files have it.
    name, use : str
        What it is called, and what it was made for.
    steps : tuple of Step
        From none on; each reaches to the next.
    references : tuple of Reference
    """

    key: str
    name: str
    use: str
    steps: tuple[Step, ...]
    references: tuple[Reference, ...]

    def step_of(self, number: int) -> Step:
        """Give the class of a number of microbleeds, 0 or more."""
        return max((step for step in self.steps if step.lowest <= number), key=lambda step: step.lowest)


ARIA_BASELINE = Scale(
    "aria_baseline",
    "ARIA baseline",
    "microhaemorrhages before an anti-amyloid antibody",
    (Step("0", "absent", 0), Step("1-4", "", 1), Step(">4", "", 5)),
    (LECANEMAB_USE, RADELEMENT),
)
"""Of one scan. A grade of ARIA-H is of new microhaemorrhages and needs two: `ARIA_H`."""

CROMIS_2_BURDEN = Scale(
    "cromis_2",
    "CROMIS-2",
    "any microbleed against none, before anticoagulation for atrial fibrillation after a stroke",
    (Step("0", "none", 0), Step("1", "any", 1), Step("2-4", "any", 2), Step(">=5", "any", 5)),
    (CROMIS_2, BURDEN_IN_STROKE),
)
"""CROMIS-2 compares none with any (Wilson, abstract); 1, 2-4 and 5 or more are the burdens of stroke cohorts (Lau)."""

ESO_THROMBOLYSIS = Scale(
    "eso_thrombolysis",
    "ESO thrombolysis",
    "burden before intravenous thrombolysis",
    (Step("0", "none", 0), Step("1-10", "low to moderate", 1), Step(">10", "high", 11)),
    (ESO, HIGH_BURDEN),
)
"""The guideline sets more than 10 apart; the classes up to 10 are those of the meta-analysis behind it."""

SCALES = (ARIA_BASELINE, CROMIS_2_BURDEN, ESO_THROMBOLYSIS)
"""Of one scan."""

ARIA_H = Scale(
    "aria_h",
    "ARIA-H, microhaemorrhages",
    "new microhaemorrhages under an anti-amyloid antibody",
    (Step("0", "absent", 0), Step("1-4", "mild", 1), Step("5-9", "moderate", 5), Step(">=10", "severe", 10)),
    (LECANEMAB_USE, RADELEMENT),
)
"""Of the microbleeds that are new since an earlier scan; superficial siderosis has a grade of its own."""
