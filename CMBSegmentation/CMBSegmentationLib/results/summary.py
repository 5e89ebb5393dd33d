"""A count as the files hold it, and worded so that it stays true where it is pasted."""

from __future__ import annotations

from typing import Any

from ..vocabulary.numbers import counted, counted_class
from ..vocabulary.published.scales import NOT_A_DIAGNOSIS, NOT_ASSESSED, SIDEROSIS
from ..vocabulary.regions import SIDES
from ..vocabulary.verdicts import DEFINITE, POSSIBLE
from .counts import LARGE, LARGER, SIZES, SMALL, UNKNOWN_REGION, Counts

IN_A_SENTENCE = {SMALL: "{} smaller than 5 mm", LARGE: "{} of 5–10 mm", LARGER: "{} larger than 10 mm"}


def summary_of(counts: Counts) -> dict[str, Any]:
    """Give the counts as the JSON list and the table of a cohort have them.

    Parameters
    ----------
    counts : Counts

    Returns
    -------
    dict
        JSON-ready: ``is_read``, ``readers``; ``microbleeds``, definite and possible ones once a reader has begun, else
        what the program detected; of the same ones ``class``, ``below_5_mm``, ``from_5_to_10_mm``, ``above_10_mm``,
        ``by_region``, ``by_group``; ``scales``, its class on each of `vocabulary.published.scales.SCALES`, by key;
        ``superficial_siderosis``, not assessed; ``definite``, ``possible`` and ``rejected`` (None where nobody has
        read); ``not_read`` (detected, without a decision), ``dropped``, ``pattern`` and ``sentence``.
    """
    sizes = {size: counts.number(counts.counted, size=size) for size in SIZES}
    read = counts.is_read
    return {
        "is_read": read,
        "readers": list(counts.readers),
        "microbleeds": counts.microbleeds,
        "class": counts.count_class,
        "below_5_mm": sizes[SMALL],
        "from_5_to_10_mm": sizes[LARGE],
        "above_10_mm": sizes[LARGER],
        "by_region": counts.by_region,
        "by_group": counts.by_group,
        "pattern": counts.pattern,
        "scales": {scale.key: step.name for scale, step in counts.on_scales},
        "superficial_siderosis": NOT_ASSESSED,
        "definite": counts.definite if read else None,
        "possible": counts.possible if read else None,
        "rejected": counts.rejected if read else None,
        "not_read": counts.not_read,
        "dropped": counts.dropped,
        "sentence": sentence_of(counts),
    }


def sentence_of(counts: Counts) -> str:
    """Word the counts in a sentence, for a report."""
    more = _sizes_and_regions(counts)
    if not counts.is_read:
        start = "Automated detection with research software, not confirmed by a reader:"
        if counts.microbleeds == 0:
            dropped = f" ({counted(counts.dropped, 'candidate')} dropped)" if counts.dropped else ", no candidate"
            return f"{start} no cerebral microbleed{dropped}."
        pattern = f" Pattern: {counts.pattern_said}." if counts.pattern else ""
        return f"{start} {counted(counts.microbleeds, 'cerebral microbleed')}{more}.{pattern}"
    by = f" by {', '.join(counts.readers)}" if counts.readers else ""
    pattern = f" Pattern of the definite ones: {counts.pattern_said}." if counts.pattern and counts.definite else ""
    left = f" Not finished: {counted(counts.not_read, 'detected lesion')} not reviewed yet." if counts.not_read else ""
    numbers = f"{counts.definite} definite, {counts.possible} possible"
    return f"Cerebral microbleeds, read{by} with the help of research software: {numbers}{more}.{pattern}{left}"


def text_of(counts: Counts) -> str:
    """Word the counts of a review in lines, for a report: the sentence, and definite and possible ones apart.

    Returns
    -------
    str
        Lines of English text.
    """
    lines = [sentence_of(counts)]
    if counts.is_read and counts.microbleeds:
        lines.append(f"Size (definite/possible): {', '.join(_pairs_by_size(counts))}.")
        lines.append(f"Region (definite/possible): {', '.join(_pairs_by_region(counts))}.")
    of_both = " (definite + possible)" if counts.is_read else ""
    lines.append(f"Class: {counted_class(counts.count_class, 'microbleed')}{of_both}.")
    if counts.pattern_meaning:
        lines.append(f"Pattern: {counts.pattern_said} ({counts.pattern_meaning}).")
    lines.append(f"{scales_text(counts)} {NOT_A_DIAGNOSIS} {SIDEROSIS}")
    lines.append("Found with research software (slicer-cmb), not a medical device.")
    return "\n".join(lines)


def scales_text(counts: Counts) -> str:
    """Word the class on each scale: ``ARIA baseline 1–4; CROMIS-2 2–4 (any); …``."""
    classes = "; ".join(f"{scale.name} {step.text}" for scale, step in counts.on_scales)
    return f"{classes}{left_out_of(counts)}."


def left_out_of(counts: Counts) -> str:
    """Say what the scales leave out: larger than 10 mm, or not reviewed yet; empty where nothing is."""
    larger = [f"{counts.larger} larger than 10 mm"] if counts.larger else []
    unread = [f"{counts.not_read} not reviewed yet"] if counts.is_read and counts.not_read else []
    return f" (without {' and '.join(larger + unread)})" if larger or unread else ""


def _sizes_and_regions(counts: Counts) -> str:
    numbers = {size: counts.number(counts.counted, size=size) for size in SIZES}
    sizes = [IN_A_SENTENCE[size].format(number) for size, number in numbers.items() if number]
    places = [f"{number} {region}" for region, number in counts.by_region.items()] or ["locations not assessed"]
    return f" ({', '.join(sizes)}; {', '.join(places)})" if sizes else ""


def _pairs_by_size(counts: Counts) -> list[str]:
    pairs = {size: [counts.number((kind,), size=size) for kind in (DEFINITE, POSSIBLE)] for size in SIZES}
    return [f"{size} {definite}/{possible}" for size, (definite, possible) in pairs.items() if definite or possible]


def _pairs_by_region(counts: Counts) -> list[str]:
    found = []
    for region in (*counts.by_region, *([] if counts.by_region else [UNKNOWN_REGION])):
        for side in (*SIDES, ""):
            pair = [counts.number((kind,), regions=(region,), side=side) for kind in (DEFINITE, POSSIBLE)]
            if any(pair):
                found.append(f"{f'{side} ' if side else ''}{region} {pair[0]}/{pair[1]}")
    return found
