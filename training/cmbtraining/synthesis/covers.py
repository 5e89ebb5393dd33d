"""How much of the head a scan keeps: brain only, brain and some of what surrounds it, or all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .anatomy import Anatomy
from .vessels import distance_mm

TIGHT, LOOSE, WHOLE = "tight", "loose", "whole"
SINUS = 514
SINUS_KEPT_MM = 4.0  # strippers keep what of the sinuses lies on the brain
CLOSED_MM = 4.0
TIGHT_MM = 0.7
KNOT_MM = 16
LOOSE_WAVE_MM = 3.0


@dataclass(frozen=True)
class Cover:
    """A kind of brain mask: `kind` is tight, loose or whole, `share` the part of the mask that is not brain."""

    kind: str
    share: float = 0.0


ODDS: dict[str, tuple[tuple[str, float, tuple[float, float]], ...]] = {
    "sabre": ((TIGHT, 0.9, (0, 0)), (WHOLE, 0.1, (0, 0))),
    "rss": ((LOOSE, 0.8, (0.08, 0.24)), (TIGHT, 0.1, (0, 0)), (WHOLE, 0.1, (0, 0))),
    "alfa": ((LOOSE, 0.8, (0.30, 0.50)), (TIGHT, 0.1, (0, 0)), (WHOLE, 0.1, (0, 0))),
}
"""Field-notes.md: SABRE is truly stripped, RSS keeps 16 %, ALFA 40 % that is not brain."""
ELSEWHERE = ((WHOLE, 0.5, (0, 0)), (LOOSE, 0.3, (0.05, 0.40)), (TIGHT, 0.2, (0, 0)))


def draw_cover(protocol: str, rng: np.random.Generator) -> Cover:
    """Draw a brain mask's kind, as the protocol's data sets have them."""
    odds = ODDS.get(protocol, ELSEWHERE)
    kind, _, shares = odds[rng.choice(len(odds), p=[weight for _, weight, _ in odds])]
    return Cover(kind, float(rng.uniform(*shares)))


def covered(anatomy: Anatomy, brain: NDArray[np.bool_], cover: Cover, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Draw the brain mask.

    Parameters
    ----------
    anatomy : Anatomy
    brain : bool array (z, y, x)
        On the anatomy's grid.
    cover : Cover
    rng : numpy.random.Generator
        Decides where the mask is generous.

    Returns
    -------
    bool array (z, y, x)
        On the anatomy's grid; all of the head where the cover is whole.
    """
    if cover.kind == WHOLE:
        return anatomy.labels > 0
    brain = closed(brain, CLOSED_MM)
    distance = distance_mm(brain)
    wave = smooth_noise(brain.shape, rng)
    if cover.kind == TIGHT:
        return (distance + 0.5 * wave <= TIGHT_MM) | (distance == 0) | _sinus_at(anatomy, distance)
    reach = distance + LOOSE_WAVE_MM * wave
    outside = np.flatnonzero(distance > 0)
    wanted = int(cover.share / (1 - cover.share) * (distance == 0).sum())
    order = np.argpartition(reach.ravel()[outside], wanted)[:wanted]
    mask = distance == 0
    mask.ravel()[outside[order]] = True
    return mask


def closed(mask: NDArray[np.bool_], radius_mm: float) -> NDArray[np.bool_]:
    """Close a mask (z, y, x) on a grid of 1 mm by a ball; found on a grid of 2 mm, and never less than the mask."""
    room = int(radius_mm / 2) + 2
    coarse = np.pad(mask[::2, ::2, ::2], room)
    inner = 2 * distance_mm(2 * distance_mm(coarse) > radius_mm) > radius_mm
    inner = inner[tuple(slice(room, -room) for _ in range(3))]
    fine = inner.repeat(2, axis=0).repeat(2, axis=1).repeat(2, axis=2)
    return mask | fine[tuple(slice(n) for n in mask.shape)]


def smooth_noise(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw a smooth field with a standard deviation of about one."""
    coarse = rng.normal(0, 1.5, [max(2, n // KNOT_MM) for n in shape]).astype(np.float32)
    return np.asarray(ndimage.zoom(coarse, np.array(shape) / coarse.shape, order=1), np.float32)


def _sinus_at(anatomy: Anatomy, distance: NDArray[np.float32]) -> NDArray[np.bool_]:
    return (anatomy.labels == SINUS) & (distance <= SINUS_KEPT_MM)
