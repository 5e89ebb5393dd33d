"""Which sign of the phase is paramagnetic in a scan: that of what is known to be, its veins and deep grey matter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from scipy import stats

FEWEST_BOXES = 4  # of a witness
SURE = 0.001  # chance of a mean so far from 0, one-sided, from which a sign is believed
DOUBT = 0.05  # from which what speaks against it leaves the sign open
VEINS, DEEP_GREY, MANUFACTURER = "veins", "deep grey matter", "manufacturer"
MANUFACTURERS = {"SIEMENS": 1, "GE": -1}
"""Docs/phase.md, "Scale and sign": of others both signs are known."""


@dataclass(frozen=True)
class Convention:
    """Sign of a scan's phase.

    Attributes
    ----------
    sign : int
        1 or -1: what a paramagnetic body's dipole is multiplied by in the image; 0: not known.
    by : str
        `VEINS`, `DEEP_GREY`, both, `MANUFACTURER` or empty.
    said : str
        For the user.
    """

    sign: int
    by: str
    said: str

    @property
    def is_seen(self) -> bool:
        """Whether the scan itself shows its sign: a header may lie, and a converter may have turned it."""
        return self.sign != 0 and self.by != MANUFACTURER


@dataclass(frozen=True)
class Witness:
    """What something paramagnetic says of the sign.

    Attributes
    ----------
    name : str
    values : tuple of float
        Correlations of its field with the phase, one a box; no two boxes overlap.
    """

    name: str
    values: tuple[float, ...]

    @property
    def score(self) -> float:
        """Mean over its standard error, as a normal score: few boxes count less (Student's t); 0 for too few."""
        if len(self.values) < FEWEST_BOXES:
            return 0.0
        found = stats.ttest_1samp(self.values, 0.0, alternative="greater" if np.mean(self.values) > 0 else "less")
        chance = float(np.clip(np.nan_to_num(found.pvalue, nan=0.5), 1e-15, 0.5))
        return float(np.copysign(-NormalDist().inv_cdf(chance), np.mean(self.values)))

    def agrees(self, sign: int) -> int:
        """In how many places it says that sign."""
        return int(np.sum(np.sign(self.values) == sign))


def settled(witnesses: Sequence[Witness], manufacturer: str = "") -> Convention:
    """Settle the sign of a scan's phase.

    The witnesses together have to be sure of it, and none of them may speak against it.

    Parameters
    ----------
    witnesses : sequence of Witness
    manufacturer : str
        As DICOM has it, for where they do not tell.

    Returns
    -------
    Convention
    """
    sure, doubt = (NormalDist().inv_cdf(1 - chance) for chance in (SURE, DOUBT))
    heard = [one for one in witnesses if one.score != 0]
    together = sum(one.score for one in heard) / max(len(heard), 1) ** 0.5
    strongest = max((one.score for one in heard), key=abs, default=0.0)
    if max(abs(together), abs(strongest)) > sure:
        sign = 1 if (together if abs(together) > abs(strongest) else strongest) > 0 else -1
        against = [one for one in heard if sign * one.score < -doubt]
        if against:
            names = " and ".join(one.name for one in heard)
            return Convention(0, "", f"{names} contradict one another, so blood and calcium are not told apart")
        with_it = [one for one in heard if sign * one.score > 0]
        counted = ", ".join(f"{one.name}: {one.agrees(sign)} of {len(one.values)} places agree" for one in with_it)
        return Convention(
            sign, " and ".join(one.name for one in with_it), f"its sign was found in the scan ({counted})"
        )
    unclear = "the scan does not show its sign"
    for name, sign in MANUFACTURERS.items():
        if manufacturer.upper().startswith(name) and not any(sign * one.score < -doubt for one in heard):
            said = f"{unclear}; that of {name} was taken, and what looks like calcium stays on the list"
            return Convention(sign, MANUFACTURER, said)
    return Convention(0, "", f"{unclear}, so blood and calcium are not told apart")


def is_clear(values: Sequence[float]) -> bool:
    """Whether no more boxes need to be looked at."""
    return abs(Witness("", tuple(values)).score) > 2 * NormalDist().inv_cdf(1 - SURE)
