"""A second look at each candidate, in context and at two scales: microbleed, or which mimic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from ..models.input_spec import CROP
from ..models.model_file import Model
from .candidates.hills import Hill
from .tissue_shares import UNKNOWN, TissueShares

MOST_VERIFIED = 400
BATCH = 32


@dataclass(frozen=True)
class Verdict:
    """What the verifier says of a candidate.

    Attributes
    ----------
    score : float
        Probability of a microbleed, 0 to 1.
    kind : str
        The most probable class of the verifier's manifest.
    """

    score: float
    kind: str


def crop(
    voxels: NDArray[np.float32],
    probability: NDArray[np.float32],
    candidate: Hill,
    tissue: TissueShares | None = None,
) -> NDArray[np.float32]:
    """Cut out what the verifier sees of a candidate.

    Parameters
    ----------
    voxels, probability : float32 arrays (i, j, k)
        Normalised scan and the detector's probability.
    candidate : Hill
    tissue : TissueShares, optional
        Without, its channels are `detecting.tissue_shares.UNKNOWN`.

    Returns
    -------
    float32 array (24, 24, 16, 5)
        As `CHANNELS`.
    """
    centre = candidate.centre
    near = _box(voxels, centre, CROP)
    there = _box(probability, centre, CROP)
    wide = _box(voxels, centre, tuple(2 * n for n in CROP))
    i, j, k = CROP
    coarse = wide.reshape(i, 2, j, 2, k, 2).mean(axis=(1, 3, 5))
    fluid, around = np.full(CROP, UNKNOWN, np.float32), np.full(CROP, UNKNOWN, np.float32)
    if tissue is not None:
        fluid = tissue.fluid_in(_start(centre, CROP), CROP)
        around = np.full(CROP, tissue.parenchyma_around(candidate.voxels), np.float32)
    return np.stack([near, there, coarse, fluid, around], axis=-1)


def verify(
    voxels: NDArray[np.float32],
    probability: NDArray[np.float32],
    candidates: Sequence[Hill],
    model: Model,
    tissue: TissueShares | None = None,
) -> list[Verdict]:
    """Judge candidates.

    Parameters
    ----------
    voxels, probability : float32 arrays (i, j, k)
        As the detector saw and left them.
    candidates : sequence of Hill
    model : Model
        Of the task ``"verify"``; its first class is the microbleed.
    tissue : TissueShares, optional
        For a verifier that takes them.

    Returns
    -------
    list of Verdict
        One for each candidate.
    """
    verdicts = []
    for first in range(0, len(candidates), BATCH):
        batch = candidates[first : first + BATCH]
        crops = np.stack([crop(voxels, probability, one, tissue) for one in batch])[..., : model.channels]
        chances = scipy.special.softmax(model.logits(crops), axis=-1)
        verdicts += [Verdict(float(one[0]), model.manifest.classes[int(one.argmax())]) for one in chances]
    return verdicts


def _start(centre: Sequence[float] | NDArray, size: Sequence[int]) -> NDArray[np.intp]:
    return np.array([round(float(c)) - n // 2 for c, n in zip(centre, size, strict=True)])


def _box(values: NDArray[np.float32], centre: Sequence[float] | NDArray, size: Sequence[int]) -> NDArray[np.float32]:
    start = _start(centre, size).tolist()
    where = tuple(slice(max(0, s), max(0, min(m, s + n))) for s, n, m in zip(start, size, values.shape, strict=True))
    room = [(w.start - s, s + n - w.stop) for w, s, n in zip(where, start, size, strict=True)]
    return np.pad(values[where], room, mode="edge")
