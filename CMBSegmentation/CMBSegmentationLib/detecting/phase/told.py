"""Candidates with what phase says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import SimpleITK as sitk

from ...errors import InputError
from ...reading.phase.image import PhaseImage
from ...vocabulary.reasons import PHASE_NOT_USED
from ..candidates.listing import Candidate, Candidates
from ..lesions import Lesion
from .substances import MOST_ASSESSED, Place, Substance, read_signs

ROUND = 2.0  # elongation up to which a candidate is a spot; what is longer may be a vein


def told_by_phase(
    candidates: Candidates, image: sitk.Image, brain: sitk.Image, phases: Sequence[PhaseImage], *, mapped: bool = False
) -> tuple[Candidates, sitk.Image | None, tuple[str, ...]]:
    """Ask the phase about the most probable candidates.

    Parameters
    ----------
    candidates : Candidates
    image, brain : SimpleITK.Image
        The scan, and above 0 in its brain.
    phases : sequence of PhaseImage
        The searched echo's last; not empty.
    mapped : bool
        Whether `brain` is a map of regions.

    Returns
    -------
    candidates : Candidates
        With `Lesion.phase`, and `Candidate.calcium` where they are calcium and no microbleeds.
    field : SimpleITK.Image or None
        The local phase, to look at; None where an image that was found by itself is no phase.
    notes : tuple of str
        For the user.

    Raises
    ------
    InputError
        An image that a user named is no phase image.
    """
    asked = [one for one in candidates.every if one.outside is None][:MOST_ASSESSED]
    places = [place_of(one.lesion) for one in asked]
    try:
        round_ones = [place for one, place in zip(asked, places, strict=True) if one.lesion.elongation < ROUND]
        signs = read_signs(image, brain, phases, round_ones, mapped=mapped)
    except InputError as error:
        if any(one.asked for one in phases):
            raise
        return candidates, None, (f"{PHASE_NOT_USED} {error}",)
    said = {one.peak: substance for one, substance in zip(asked, signs.substances(places), strict=True)}
    every = tuple(_with(one, said.get(one.peak)) for one in candidates.every)
    return replace(candidates, every=every), signs.local_field(brain), signs.notes


def place_of(lesion: Lesion) -> Place:
    """Give a lesion's place to ask the phase about."""
    return Place(lesion.r_mm, lesion.a_mm, lesion.s_mm, lesion.diameter_mm)


def _with(candidate: Candidate, substance: Substance | None) -> Candidate:
    if substance is None:
        return candidate
    sure = round(substance.certainty, 1) if substance.surely_calcium else 0.0
    return replace(candidate, lesion=replace(candidate.lesion, phase=substance.name), calcium=sure)
