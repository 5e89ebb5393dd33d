"""What a simulated scan varies: the simulator's first set of ranges, and the one calibrated to published figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .acquisition import ALL_PROTOCOLS, PROTOCOLS, Protocol
from .load import UNIFORM, VALDO


@dataclass(frozen=True)
class Realism:
    """A named set of ranges; `ORIGINAL` and `CALIBRATED` are the two there are.

    Attributes
    ----------
    name : str
    protocols : mapping of str to Protocol
        Those a scan is drawn from where none is asked for.
    load : str
        How many lesions scans have: a key of `load.LOADS`.
    calibrated : bool
        Whether heads, brain masks, vessels, calcifications and lesions follow the figures published of real
        scans (Docs/simulation.md). Without it a seed gives the scan that it gave in version 0.1: the benchmark set
        and the sample scan are made so.
    smallest_mm : float
        Diameter of the smallest lesion that is listed.
    fine_through_mm : float
        Slices are split down to about this.
    """

    name: str
    protocols: Mapping[str, Protocol]
    load: str
    calibrated: bool
    smallest_mm: float
    fine_through_mm: float


ORIGINAL = Realism("original", PROTOCOLS, UNIFORM, False, smallest_mm=1.5, fine_through_mm=0.8)
"""As of version 0.1; Docs/simulation.md: one in twenty of VALDO's lesions is below 2 mm."""

CALIBRATED = Realism("calibrated", ALL_PROTOCOLS, VALDO, True, smallest_mm=1.1, fine_through_mm=1.2)
"""Field-notes.md, "Real lesions, as published" and "Two real heads without known microbleeds"."""
