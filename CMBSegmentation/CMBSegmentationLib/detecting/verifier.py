"""A second look at each candidate, in context and at two scales: microbleed, or which mimic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree
from scipy.special import softmax

from ..models.input_spec import CROP
from ..models.model_file import Model
from .lesions import CANDIDATE_PROBABILITY
from .tissue_shares import UNKNOWN, TissueShares

SPLIT_PROBABILITY = 0.3  # parts of a candidate that are apart at this level are candidates of their own
MOST_VERIFIED = 400
BATCH = 32
KEPT_ON_LIST = CANDIDATE_PROBABILITY + 0.001  # what the verifier rejects stays listed, with the reason


@dataclass(frozen=True, eq=False)
class Candidate:
    """What the detector points at, on its own grid.

    Attributes
    ----------
    voxels : tuple of int arrays (i, j, k)
    peak : float
        Highest probability.
    centre : float array (3,)
        Mean of the voxels' indices.
    """

    voxels: tuple[NDArray[np.intp], ...]
    peak: float
    centre: NDArray[np.float64]


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


def find_candidates(probability: NDArray[np.float32]) -> list[Candidate]:
    """List what reaches the candidate level; touching lesions are told apart.

    Parameters
    ----------
    probability : float32 array (i, j, k)
        The detector's.

    Returns
    -------
    list of Candidate
        The most probable first.
    """
    low, count = ndimage.label(probability >= CANDIDATE_PROBABILITY, np.ones((3, 3, 3)))
    if count == 0:
        return []
    flat = np.flatnonzero(low)
    index = np.column_stack(np.unravel_index(flat, low.shape))
    values, part = probability.ravel()[flat], low.ravel()[flat]
    high, _ = ndimage.label(probability >= SPLIT_PROBABILITY, np.ones((3, 3, 3)))
    seed = high.ravel()[flat]
    seeds_in = ndimage.maximum(seed, part, np.arange(1, count + 1))
    seed = np.where((seed == 0) & (seeds_in[part - 1] == 0), seed.max() + part, seed)  # no seed: all of it is one
    waiting = seed == 0
    if waiting.any():  # the slopes go to the nearest summit
        seeded = ~waiting
        _, nearest = cKDTree(index[seeded]).query(index[waiting])
        seed[waiting] = seed[seeded][nearest]
    order = np.argsort(seed, kind="stable")
    starts = np.flatnonzero(np.diff(seed[order], prepend=-1))
    found = []
    for own in np.split(order, starts[1:]):
        places = index[own]
        found.append(Candidate(tuple(places.T), float(values[own].max()), places.mean(axis=0)))
    return sorted(found, key=lambda one: -one.peak)


def crop(
    voxels: NDArray[np.float32],
    probability: NDArray[np.float32],
    candidate: Candidate,
    tissue: TissueShares | None = None,
) -> NDArray[np.float32]:
    """Cut out what the verifier sees of a candidate.

    Parameters
    ----------
    voxels, probability : float32 arrays (i, j, k)
        Normalised scan and the detector's probability.
    candidate : Candidate
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
    candidates: Sequence[Candidate],
    model: Model,
    tissue: TissueShares | None = None,
) -> list[Verdict]:
    """Judge candidates.

    Parameters
    ----------
    voxels, probability : float32 arrays (i, j, k)
        As the detector saw and left them.
    candidates : sequence of Candidate
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
        chances = softmax(model.logits(crops), axis=-1)
        verdicts += [Verdict(float(one[0]), model.manifest.classes[int(one.argmax())]) for one in chances]
    return verdicts


def rescaled(
    probability: NDArray[np.float32], candidates: Sequence[Candidate], verdicts: Sequence[Verdict]
) -> NDArray[np.float32]:
    """Scale every candidate's probability so that its peak is the verifier's.

    A threshold then acts on what the verifier says, and the stored image is all that is needed to
    apply another one. The verifier was shown the detector's probability, and its own orders candidates better
    than any mean of both (training/EXPERIMENTS.md). Candidates that were not judged keep what they have.
    """
    changed = probability.copy()
    for one, verdict in zip(candidates, verdicts, strict=False):
        judged = max(verdict.score, KEPT_ON_LIST)
        changed[one.voxels] *= np.float32(judged / max(one.peak, 1e-6))
    return changed


def _start(centre: Sequence[float] | NDArray, size: Sequence[int]) -> NDArray[np.intp]:
    return np.array([round(float(c)) - n // 2 for c, n in zip(centre, size, strict=True)])


def _box(values: NDArray[np.float32], centre: Sequence[float] | NDArray, size: Sequence[int]) -> NDArray[np.float32]:
    start = _start(centre, size).tolist()
    where = tuple(slice(max(0, s), max(0, min(m, s + n))) for s, n, m in zip(start, size, values.shape, strict=True))
    room = [(w.start - s, s + n - w.stop) for w, s, n in zip(where, start, size, strict=True)]
    return np.pad(values[where], room, mode="edge")
