"""The veins and arteries of a whole head: sulcal, over the gyri to the sagittal sinus, cortical, medullary and deep."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .anatomy import Anatomy
from .contrast import BRAIN_LABELS, CSF, GREY_LABELS, TISSUE_OF_LABEL, WHITE_LABELS
from .vessels import STEP_MM, Tubes, distance_mm, joined, medullary_veins, unit, walk

SINUS = 514
THIRD_VENTRICLE = 14
SULCAL_MM = 2.5
SURFACE_MM = 4.0
WANDER, WHIM = 0.16, 0.05  # veins bend gently
PROGRESS_MM = 11.0
DRAINING = 0.03  # price of a millimetre away from the sinuses


@dataclass(frozen=True)
class VesselRanges:
    """How many of each there are (low, high), calibrated on the dark voxels of real heads (Docs/simulation.md)."""

    sulcal: tuple[int, int] = (120, 450)
    surface: tuple[int, int] = (25, 60)
    cortical: tuple[int, int] = (50, 250)
    arteries: tuple[int, int] = (30, 90)
    perivascular: tuple[int, int] = (0, 60)


RANGES = VesselRanges()


@dataclass(frozen=True)
class Surroundings:
    """Distances (mm, arrays (z, y, x)) and masks that vessels find their way by."""

    grey: NDArray[np.bool_]
    white: NDArray[np.bool_]
    fluid: NDArray[np.bool_]
    to_grey: NDArray[np.float32]
    to_sinus: NDArray[np.float32] | None

    @staticmethod
    def of(anatomy: Anatomy) -> Surroundings:
        """Measure an anatomy."""
        grey = np.isin(anatomy.labels, GREY_LABELS)
        fluid = np.isin(anatomy.labels, [k for k in BRAIN_LABELS if TISSUE_OF_LABEL[k] is CSF])
        sinus = anatomy.labels == SINUS
        to_sinus = distance_mm(sinus) if sinus.any() else None
        return Surroundings(grey, np.isin(anatomy.labels, WHITE_LABELS), fluid, distance_mm(grey), to_sinus)


def draw_venous_tree(
    anatomy: Anatomy, around: Surroundings, rng: np.random.Generator, sulcal: int | None = None
) -> Tubes:
    """Draw all veins of a head.

    Parameters
    ----------
    anatomy : Anatomy
    around : Surroundings
        Of `anatomy`.
    rng : numpy.random.Generator
    sulcal : int, optional
        Veins in the sulci; drawn if not given.

    Returns
    -------
    Tubes
    """
    count = int(rng.integers(*RANGES.sulcal)) if sulcal is None else sulcal
    return joined(
        [
            _sulcal(anatomy, around, count, rng),
            _surface(anatomy, around, rng),
            _cortical(anatomy, around, rng),
            medullary_veins(anatomy, rng),
            _deep(anatomy, rng),
        ]
    )


def draw_arterial_tree(anatomy: Anatomy, around: Surroundings, rng: np.random.Generator) -> Tubes:
    """Draw arteries (radius 0.3-1.5 mm) in the fluid of the base and of the sulci, wider towards the base."""
    base = distance_mm(np.isin(anatomy.labels, (16, 28, 60)))
    count = int(rng.integers(*RANGES.arteries))
    start = anatomy.random_points(around.fluid & (base < 45) & (around.to_grey < 6), count, rng)
    near = anatomy.lookup(start, base) if len(start) else np.empty(0)
    radius = rng.uniform(0.3, 0.7, len(start)) + rng.uniform(0, 0.8, len(start)) * (near < 20)
    cost = np.where(around.fluid, 0.0, 2.0).astype(np.float32)
    return walk(
        anatomy,
        start,
        unit(rng.normal(size=(len(start), 3))),
        rng.uniform(15, 60, len(start)),
        radius,
        cost,
        WANDER,
        rng,
        WHIM,
    )


def draw_perivascular_spaces(anatomy: Anatomy, around: Surroundings, rng: np.random.Generator) -> Tubes:
    """Draw fluid-filled spaces (radius 0.2-0.6 mm) around the vessels of white matter and basal ganglia."""
    count = int(rng.integers(*RANGES.perivascular))
    start = anatomy.random_points(around.white | np.isin(anatomy.labels, (11, 12, 50, 51)), count, rng)
    inward = unit(rng.normal(0, 0.3, (len(start), 3)) + [0.0, 0.0, 1.0])
    cost = np.where(around.white, 0.0, 1.0).astype(np.float32)
    return walk(
        anatomy, start, inward, rng.uniform(3, 12, len(start)), rng.uniform(0.2, 0.6, len(start)), cost, 0.1, rng
    )


def _sulcal(anatomy: Anatomy, around: Surroundings, count: int, rng: np.random.Generator) -> Tubes:
    """Pial veins in the sulci: most are thin, some 2 mm wide."""
    sulcal = (around.to_grey <= SULCAL_MM) & around.fluid
    start = anatomy.random_points(sulcal, count, rng)
    cost = np.where(sulcal, 0.0, np.where(around.grey, 0.5, 2.0)).astype(np.float32) + 0.1 * around.to_grey
    if around.to_sinus is not None:
        cost += DRAINING * around.to_sinus
    radius = np.clip(rng.lognormal(np.log(0.55), 0.45, len(start)), 0.2, 1.2)
    length = rng.uniform(25, 90, len(start))
    return walk(
        anatomy, start, unit(rng.normal(size=(len(start), 3))), length, radius, cost, WANDER, rng, WHIM, PROGRESS_MM
    )


def _surface(anatomy: Anatomy, around: Surroundings, rng: np.random.Generator) -> Tubes:
    """Superficial veins: over the gyri, upwards to the sagittal sinus or down to the transverse ones."""
    to_sinus = around.to_sinus
    if to_sinus is None:
        return joined([])
    shell = around.fluid & (around.to_grey <= SURFACE_MM) & (distance_mm(anatomy.labels >= 500) <= 6)
    start = anatomy.random_points(shell & (to_sinus > 10) & (to_sinus < 70), int(rng.integers(*RANGES.surface)), rng)
    if not len(start):
        return joined([])
    gradient = np.stack(np.gradient(ndimage.gaussian_filter(to_sinus, 2.0))[::-1], axis=-1)
    heading = -unit(anatomy.lookup(start, gradient) + rng.normal(0, 0.3, start.shape))
    cost = np.where(shell, 0.0, 1.5).astype(np.float32) + 0.08 * to_sinus
    length = np.minimum(anatomy.lookup(start, to_sinus) * 1.3, 90.0)
    return walk(
        anatomy, start, heading, length, rng.uniform(0.4, 1.2, len(start)), cost, WANDER, rng, WHIM, PROGRESS_MM
    )


def _cortical(anatomy: Anatomy, around: Surroundings, rng: np.random.Generator) -> Tubes:
    """Veins that cross the cortex into the white matter: short, thin, at right angles to the surface."""
    start = anatomy.random_points(around.grey, int(rng.integers(*RANGES.cortical)), rng)
    to_white = distance_mm(around.white)
    gradient = np.stack(np.gradient(ndimage.gaussian_filter(to_white, 1.0))[::-1], axis=-1)
    inward = -unit(anatomy.lookup(start, gradient) + rng.normal(0, 0.2, start.shape))
    cost = np.where(around.grey | around.white, 0.0, 0.5).astype(np.float32)
    return walk(
        anatomy, start, inward, rng.uniform(3, 12, len(start)), rng.uniform(0.12, 0.3, len(start)), cost, 0.12, rng
    )


def _deep(anatomy: Anatomy, rng: np.random.Generator) -> Tubes:
    """Internal cerebral veins, side by side over the third ventricle, and the great vein behind them."""
    roof = anatomy.points(anatomy.labels == THIRD_VENTRICLE)
    if len(roof) < 20:
        return joined([])
    low, high = np.percentile(roof[:, 1], [10, 98])
    middle, top = roof[:, 0].mean(), np.percentile(roof[:, 2], 97)
    y = np.arange(low, high + rng.uniform(6, 14), STEP_MM)
    bend = 1.5 * np.sin(np.linspace(0, np.pi, len(y)))
    parts = []
    for side in (-1.0, 1.0):
        sway = rng.uniform(0.4, 1.0) * np.sin(np.linspace(rng.uniform(0, 6), rng.uniform(6, 12), len(y)))
        x = middle + side * (rng.uniform(1.4, 2.4) * np.linspace(1.2, 0.6, len(y)) + sway)
        parts.append(Tubes(np.column_stack([x, y, top + 1.5 + bend]), np.full(len(y), rng.uniform(0.5, 0.9))))
    steps = np.arange(0, rng.uniform(10, 18), STEP_MM)
    angle = np.linspace(0, 1.2, len(steps))
    galen = np.column_stack(
        [
            np.full(len(steps), middle),
            y[-1] + np.cumsum(np.cos(angle)) * STEP_MM,
            top + np.cumsum(np.sin(angle)) * STEP_MM,
        ]
    )
    parts.append(Tubes(galen, np.full(len(steps), rng.uniform(1.2, 2.0))))
    return joined(parts)
