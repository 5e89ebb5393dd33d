"""Calcium where a computed tomogram of an old head shows it, as often as it does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .anatomy import Anatomy
from .contrast import GREY_LABELS, VENTRICLE_LABELS, WHITE_LABELS
from .lesions import Lesion
from .mimics import BASAL_GANGLIA, CALCIFICATION, CAVERNOMA, CSF_LABEL, PINEAL_BEHIND, Mimic, calcium, cavernoma
from .vessels import distance_mm

THIRD_VENTRICLE = PINEAL_BEHIND
CEREBELLAR_CORTEX = (8, 47)
CORPUS_TOP = 85  # percentile of the ventricles' height above which the falx hangs free
PLAQUE_STEP_MM = 1.2


@dataclass(frozen=True)
class Rates:
    """Share of people with each (0 to 1)."""

    pineal: float = 0.71
    choroid_plexus: float = 0.66
    habenula: float = 0.20
    dura: float = 0.07
    basal_ganglia: float = 0.03
    cavernoma: float = 0.05


RATES = Rates()
"""CT of 1,569 people (Docs/simulation.md); basal ganglia between its 0.8 % and the 5 % of other series. Cavernomas,
one in two hundred people, are shown ten times as often: few as they are, they must be learnt."""


def draw_calcifications(anatomy: Anatomy, rng: np.random.Generator, rates: Rates = RATES) -> list[Mimic]:
    """Draw physiological calcifications, and now and then a cavernoma.

    Parameters
    ----------
    anatomy : Anatomy
    rng : numpy.random.Generator
    rates : Rates

    Returns
    -------
    list of Mimic
    """
    has = dict(zip(Rates.__dataclass_fields__, rng.random(len(Rates.__dataclass_fields__)), strict=True))
    pineal = pineal_mm(anatomy)
    bodies: list[Lesion] = []
    if has["pineal"] < rates.pineal and pineal is not None:
        grains = [calcium(pineal + rng.normal(0, 1.3, 3), rng, (1.0, 3.5)) for _ in range(int(rng.integers(1, 4)))]
        bodies.append(one_body(grains))
    if has["choroid_plexus"] < rates.choroid_plexus:
        bodies += _choroid_plexus(anatomy, rng)
    if has["habenula"] < rates.habenula and pineal is not None:
        bodies.append(calcium(pineal + [rng.normal(0, 1.5), -5.0, 1.5], rng, (1.0, 2.5)))
    if has["dura"] < rates.dura:
        bodies += _dura(anatomy, rng)
    if has["basal_ganglia"] < rates.basal_ganglia:
        where = np.isin(anatomy.labels, BASAL_GANGLIA)
        bodies += [calcium(p, rng) for p in anatomy.random_points(where, int(rng.integers(2, 8)), rng)]
    mimics = [Mimic(CALCIFICATION, body) for body in bodies]
    if has["cavernoma"] < rates.cavernoma:
        where = np.isin(anatomy.labels, (*WHITE_LABELS, *GREY_LABELS, 16))
        mimics += [Mimic(CAVERNOMA, cavernoma(p, rng)) for p in anatomy.random_points(where, 1, rng)]
    return mimics


def one_body(grains: list[Lesion]) -> Lesion:
    """Make one body of grains that touch: what each does to the signal alone must not be taken off twice."""
    first = grains[0]
    spheres = [
        (offset + grain.centre_mm - first.centre_mm, radius) for grain in grains for offset, radius in grain.spheres
    ]
    return Lesion(first.centre_mm, tuple(spheres), float(np.mean([grain.ppm for grain in grains])))


def pineal_mm(anatomy: Anatomy) -> NDArray[np.float64] | None:
    """LPS place of the pineal gland, behind the third ventricle; None where the map has none."""
    ventricle = anatomy.points(anatomy.labels == THIRD_VENTRICLE)
    if len(ventricle) == 0:
        return None
    back = ventricle[ventricle[:, 1] >= np.percentile(ventricle[:, 1], 97)].mean(axis=0)  # LPS: back is +y
    return np.asarray(back + [0.0, 4.0, 0.0])


def _choroid_plexus(anatomy: Anatomy, rng: np.random.Generator) -> list[Lesion]:
    """Glomus in the trigone of each lateral ventricle: both sides in most people."""
    bodies = []
    for label in VENTRICLE_LABELS:
        if rng.random() < 0.15:
            continue
        points = anatomy.points(anatomy.labels == label)
        if len(points) == 0:
            continue
        low, high = np.percentile(points[:, 1], [70, 92])
        trigone = points[(points[:, 1] >= low) & (points[:, 1] <= high)]
        centre = trigone[rng.integers(len(trigone))]
        grains = [calcium(centre + rng.normal(0, 1.5, 3), rng, (1.0, 3.0)) for _ in range(int(rng.integers(1, 4)))]
        bodies.append(one_body(grains))
    return bodies


def _dura(anatomy: Anatomy, rng: np.random.Generator) -> list[Lesion]:
    """Draw a plaque in the falx or the tentorium: a row of grains along it."""
    cortex = distance_mm(np.isin(anatomy.labels, GREY_LABELS))
    fluid = anatomy.labels == CSF_LABEL
    if rng.random() < 0.7:
        ventricles = anatomy.points(np.isin(anatomy.labels, VENTRICLE_LABELS))
        if len(ventricles) == 0:
            return []
        middle, top = ventricles[:, 0].mean(), np.percentile(ventricles[:, 2], CORPUS_TOP)
        points = anatomy.points(fluid & (cortex < 6))
        where = points[(np.abs(points[:, 0] - middle) < 2) & (points[:, 2] > top + 10)]
    else:
        where = anatomy.points(fluid & (cortex < 3) & (distance_mm(np.isin(anatomy.labels, CEREBELLAR_CORTEX)) < 3))
    if len(where) == 0:
        return []
    start = where[rng.integers(len(where))]
    along = np.array([0.0, np.cos(turn := rng.uniform(0, np.pi)), np.sin(turn)])
    count = int(rng.integers(2, 7))
    return [one_body([calcium(start + k * PLAQUE_STEP_MM * along, rng, (1.2, 2.5)) for k in range(count)])]
