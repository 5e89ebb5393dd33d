"""How many microbleeds of which size and where: the counts that a reader reports, and a sentence to paste."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from ..detecting.lesions import LARGEST_DIAMETER_MM, Lesion, accepted_only
from ..vocabulary.numbers import counted

CLASSES = ("0", "1", "2-4", "5-10", ">10")
"""Counts in classes that do not overlap. Readers ask for 0, 1, 2-4, >= 5 and > 10 (Docs/published-figures.md,
"Burden"); >= 5 is the last two together."""
SMALL_BELOW_MM = 5.0  # BOMBS counts < 5 mm and 5-10 mm apart
UNKNOWN_REGION = "unassigned"


def summarise(lesions: Sequence[Lesion]) -> dict[str, Any]:
    """Count the lesions of a detection.

    Parameters
    ----------
    lesions : sequence of Lesion
        Accepted and dropped, as in `Detection.lesions`.

    Returns
    -------
    dict
        JSON-ready: ``accepted`` and ``dropped`` (numbers), ``class`` (one of `CLASSES`),
        ``below_5_mm`` and ``from_5_to_10_mm`` (accepted lesions by diameter of the sphere of equal
        volume), ``by_region`` (accepted lesions by region, the most frequent first; empty where
        regions were not assessed) and ``sentence`` (English, for a report).

    References
    ----------
    Cordonnier et al., Stroke 40:94, 2009: the Brain Observer MicroBleed Scale (BOMBS) and its sizes.
    """
    accepted = accepted_only(lesions)
    counts: dict[str, Any] = {
        "accepted": len(accepted),
        "dropped": len(lesions) - len(accepted),
        "class": count_class(len(accepted)),
        "below_5_mm": sum(lesion.diameter_mm < SMALL_BELOW_MM for lesion in accepted),
        "from_5_to_10_mm": sum(SMALL_BELOW_MM <= lesion.diameter_mm <= LARGEST_DIAMETER_MM for lesion in accepted),
        "by_region": _by_region(accepted),
    }
    return {**counts, "sentence": _sentence(counts)}


def count_class(number: int) -> str:
    """Name the class of a number of microbleeds, one of `CLASSES`."""
    if number <= 1:
        return str(number)
    if number <= 4:
        return "2-4"
    return "5-10" if number <= 10 else ">10"


def _by_region(accepted: Sequence[Lesion]) -> dict[str, int]:
    if not any(lesion.region for lesion in accepted):
        return {}
    return dict(Counter(lesion.region or UNKNOWN_REGION for lesion in accepted).most_common())


def _sentence(counts: dict[str, Any]) -> str:
    """Word the counts so that they stay true where they are pasted."""
    start = "Automated detection with research software, not confirmed by a reader:"
    number = counts["accepted"]
    if number == 0:
        dropped = f" ({counted(counts['dropped'], 'candidate')} dropped)" if counts["dropped"] else ", no candidate"
        return f"{start} no cerebral microbleed{dropped}."
    small, large = counts["below_5_mm"], counts["from_5_to_10_mm"]
    sizes = [f"{small} smaller than 5 mm"] * bool(small) + [f"{large} of 5–10 mm"] * bool(large)
    places = [f"{n} {region}" for region, n in counts["by_region"].items()] or ["locations not assessed"]
    return f"{start} {counted(number, 'cerebral microbleed')} ({', '.join(sizes)}; {', '.join(places)})."
