"""What each tissue looks like in a spoiled gradient-echo scan: the Ernst signal of a label map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

GAMMA_RAD_PER_S_T = 2 * np.pi * 42.577e6


@dataclass(frozen=True)
class Sequence:
    """Acquisition parameters of a gradient echo: field in tesla, times in seconds, angle in degrees."""

    b0_t: float
    te_s: float
    tr_s: float
    flip_deg: float

    @property
    def radians_per_ppm(self) -> float:
        """Phase at the echo time for a field shift of one part per million."""
        return GAMMA_RAD_PER_S_T * self.b0_t * 1e-6 * self.te_s


@dataclass(frozen=True)
class Tissue:
    """Relative proton density, T1 at 3 T (s), T2* at 1.5 T and 3 T (s), susceptibility (ppm)."""

    density: float
    t1_s: float
    t2star_15_s: float
    t2star_3_s: float
    ppm: float = 0.0


# Docs/simulation.md, "Physics for simulation"; what lies outside the brain is set by eye from GRE heads.
WHITE = Tissue(0.70, 0.83, 0.066, 0.048)
GREY = Tissue(0.82, 1.33, 0.084, 0.060)
CSF = Tissue(1.00, 4.00, 1.0, 0.30)
PALLIDUM = Tissue(0.75, 0.95, 0.045, 0.025, 0.18)
STRIATUM = Tissue(0.80, 1.25, 0.065, 0.042, 0.07)
VENTRAL_DC = Tissue(0.74, 0.95, 0.055, 0.036, 0.10)
VENOUS_BLOOD = Tissue(0.90, 1.60, 0.070, 0.020, 0.37)
AIR = Tissue(0.0, 1.0, 0.01, 0.01, 9.4)
BONE = Tissue(0.08, 0.5, 0.004, 0.003, -2.0)
MARROW = Tissue(0.65, 0.35, 0.025, 0.015, -0.5)
SOFT = Tissue(0.75, 0.90, 0.035, 0.025)
SKIN = Tissue(0.55, 0.60, 0.030, 0.020)
MUCOSA = Tissue(0.85, 1.20, 0.040, 0.030)
EYE = Tissue(0.98, 3.80, 0.50, 0.20)

TISSUE_OF_LABEL: dict[int, Tissue] = {
    0: AIR, 502: AIR, 515: BONE, 516: MARROW, 507: SOFT, 508: SOFT, 509: MUCOSA, 511: SKIN, 506: EYE,
    514: VENOUS_BLOOD, 512: WHITE, 530: WHITE,
    2: WHITE, 41: WHITE, 7: WHITE, 46: WHITE, 16: WHITE, 85: WHITE,
    3: GREY, 42: GREY, 8: GREY, 47: GREY, 10: GREY, 49: GREY, 17: GREY, 53: GREY, 18: GREY, 54: GREY,
    136: GREY, 137: GREY, 163: GREY, 164: GREY,
    11: STRIATUM, 50: STRIATUM, 12: STRIATUM, 51: STRIATUM, 26: STRIATUM, 58: STRIATUM,
    13: PALLIDUM, 52: PALLIDUM, 28: VENTRAL_DC, 60: VENTRAL_DC,
    4: CSF, 43: CSF, 5: CSF, 44: CSF, 14: CSF, 15: CSF, 24: CSF, 72: CSF,
    25: CSF, 57: CSF, 30: CSF, 62: CSF,
}  # fmt: skip

WHITE_LABELS = (2, 41)
GREY_LABELS = (3, 42)
BRAIN_LABELS = tuple(sorted(k for k in TISSUE_OF_LABEL if 0 < k < 500))
VENTRICLE_LABELS = (4, 43)
IRON_RICH = (PALLIDUM, STRIATUM, VENTRAL_DC)


def ernst_signal(tissue: Tissue, sequence: Sequence) -> float:
    """Give the spoiled gradient-echo magnitude of a tissue, proton density 1 being full signal."""
    t1 = tissue.t1_s * (1.0 if sequence.b0_t > 2 else 0.75)  # T1 is shorter at 1.5 T
    t2star = tissue.t2star_3_s if sequence.b0_t > 2 else tissue.t2star_15_s
    e1, angle = np.exp(-sequence.tr_s / t1), np.deg2rad(sequence.flip_deg)
    steady = np.sin(angle) * (1 - e1) / (1 - np.cos(angle) * e1)
    return float(tissue.density * steady * np.exp(-sequence.te_s / t2star))


def signal_map(labels: NDArray[np.int16], sequence: Sequence, rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw the magnitude of every voxel of a label map, without susceptibility effects.

    Every label strays from its textbook value by about a tenth and has a texture of its own, so
    that a network learns shapes rather than grey levels.

    Parameters
    ----------
    labels : int array (z, y, x)
    sequence : Sequence
    rng : numpy.random.Generator

    Returns
    -------
    float32 array (z, y, x)
    """
    table = np.zeros(int(labels.max()) + 1, np.float32)
    for label in np.unique(labels):
        tissue = TISSUE_OF_LABEL.get(int(label), GREY)
        table[label] = ernst_signal(tissue, sequence) * np.exp(rng.normal(0, 0.08))
    coarse = rng.normal(0, 1, [max(2, n // 6) for n in labels.shape]).astype(np.float32)
    texture = ndimage.zoom(coarse, np.array(labels.shape) / coarse.shape, order=1)
    texture += 0.5 * rng.normal(0, 1, labels.shape).astype(np.float32)
    return np.clip(table[labels] * (1 + rng.uniform(0.02, 0.06) * texture), 0, None)


def susceptibility_map(
    labels: NDArray[np.int16], rng: np.random.Generator, iron: float | None = None
) -> NDArray[np.float32]:
    """Give the susceptibility of every voxel, ppm against brain tissue; iron (1 = middle age) is drawn if not given."""
    table = np.zeros(int(labels.max()) + 1, np.float32)
    age = rng.uniform(0.6, 1.4) if iron is None else iron
    for label in np.unique(labels):
        ppm = TISSUE_OF_LABEL.get(int(label), GREY).ppm
        table[label] = ppm * (age if 0 < label < 500 else 1.0)
    return table[labels]


def iron_loss(labels: NDArray[np.int16], sequence: Sequence, iron: float) -> NDArray[np.float32]:
    """Give the factor by which iron beyond middle age's darkens every voxel.

    Parameters
    ----------
    labels : int array (z, y, x)
    sequence : Sequence
    iron : float
        1 in middle age; relaxation beyond that of grey matter rises in proportion.

    Returns
    -------
    float32 array (z, y, x)
    """
    table = np.ones(int(labels.max()) + 1, np.float32)
    for label in np.unique(labels):
        tissue = TISSUE_OF_LABEL.get(int(label), GREY)
        if tissue in IRON_RICH:
            by_iron = _relaxation(tissue, sequence) - _relaxation(GREY, sequence)
            table[label] = np.exp(-sequence.te_s * (iron - 1) * by_iron)
    return table[labels]


def _relaxation(tissue: Tissue, sequence: Sequence) -> float:
    return 1 / (tissue.t2star_3_s if sequence.b0_t > 2 else tissue.t2star_15_s)
