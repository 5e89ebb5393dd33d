"""Run a network over a volume in overlapping patches, only where there is brain."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from ..progress import Progress, no_progress

BLENDINGS = ("sum", "gaussian")
GAUSSIAN_SHARE = 0.25  # standard deviation of the weights, as a share of the patch
Start = tuple[int, int, int]


@dataclass(frozen=True)
class WindowSettings:
    """How patches are laid and merged.

    Attributes
    ----------
    patch_size : (int, int, int)
    overlap : float
        Share of a patch that its neighbour covers too, 0 to 0.9; the paper's is 0.2.
    blending : {"sum", "gaussian"}
    batch_size : int
    """

    patch_size: tuple[int, int, int]
    overlap: float = 0.2
    blending: str = "sum"
    batch_size: int = 1


def predict(
    voxels: NDArray[np.float32],
    brain: NDArray[np.bool_],
    network: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    settings: WindowSettings,
    progress: Progress = no_progress,
) -> NDArray[np.float32]:
    """Give every voxel its lesion probability.

    Logits of overlapping patches are summed, as in the paper, or summed with Gaussian weights; the
    sum is divided by the weights' sum before the sigmoid. That leaves the paper's argmax as it is
    and keeps the probability comparable between voxels seen once and often.

    Parameters
    ----------
    voxels : float32 array (i, j, k)
        Normalised scan.
    brain : bool array (i, j, k)
        Patches without any of it are skipped; their voxels get probability 0.
    network : callable
        Logits (batch, i, j, k, 2) of patches (batch, i, j, k, 1).
    settings : WindowSettings
    progress : Progress

    Returns
    -------
    float32 array (i, j, k), 0 to 1
    """
    starts = list(patch_starts(brain, settings.patch_size, settings.overlap))
    weight = _weights(settings)
    total = np.zeros(voxels.shape, np.float32)
    weights = np.zeros(voxels.shape, np.float32)
    for done, batch in _batches(starts, settings.batch_size):
        progress(done / len(starts), f"patch {done} of {len(starts)}")
        patches = np.stack([_patch(voxels, start, settings.patch_size) for start in batch])
        logits = network(patches[..., None])
        margins = logits[..., 1] - logits[..., 0]
        for start, margin in zip(batch, margins, strict=True):
            where, inner = _overlap(start, settings.patch_size, voxels.shape)
            total[where] += (margin * weight)[inner]
            weights[where] += weight[inner]
    progress(1.0, f"{len(starts)} patches")
    seen = weights > 0
    np.divide(total, weights, out=total, where=seen)
    probability: NDArray[np.float32] = scipy.special.expit(total)
    probability[~seen] = 0.0
    return probability


def patch_starts(brain: NDArray[np.bool_], patch_size: Sequence[int], overlap: float) -> Iterator[Start]:
    """Lay a regular grid over the brain's box, and leave out patches without brain.

    Parameters
    ----------
    brain : bool array (i, j, k)
    patch_size : sequence of int
    overlap : float
        Share of a patch; the last patches move inwards so that all is covered evenly.

    Yields
    ------
    (int, int, int)
        First voxel of each patch; negative where the box is smaller than a patch, which is then
        centred and padded.
    """
    if not brain.any():
        return
    along = []
    for axis in range(3):
        used = np.flatnonzero(brain.any(axis=tuple(a for a in range(3) if a != axis)))
        along.append(_starts_on_axis(int(used[0]), int(used[-1]) + 1, patch_size[axis], overlap))
    for i, j, k in itertools.product(*along):
        start = (i, j, k)
        where, _ = _overlap(start, patch_size, brain.shape)
        if brain[where].any():
            yield start


def _starts_on_axis(low: int, high: int, patch: int, overlap: float) -> list[int]:
    if high - low <= patch:
        return [(low + high - patch) // 2]
    step = max(1, round(patch * (1 - overlap)))
    count = int(np.ceil((high - low - patch) / step)) + 1
    return np.linspace(low, high - patch, count).round().astype(int).tolist()


def _weights(settings: WindowSettings) -> NDArray[np.float32]:
    weight = np.ones(settings.patch_size, np.float32)
    if settings.blending == "gaussian":
        for axis, n in enumerate(settings.patch_size):
            at = (np.arange(n) - (n - 1) / 2) / (GAUSSIAN_SHARE * n)
            curve = np.exp(-0.5 * at**2).astype(np.float32)
            weight *= curve.reshape([-1 if a == axis else 1 for a in range(3)])
    return weight


def _batches(starts: Sequence[Start], size: int) -> Iterator[tuple[int, Sequence[Start]]]:
    for first in range(0, len(starts), size):
        yield first, starts[first : first + size]


def _overlap(
    start: Start, patch_size: Sequence[int], shape: Sequence[int]
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Where a patch lies in the volume, and which part of the patch that is."""
    where, inner = [], []
    for s, p, n in zip(start, patch_size, shape, strict=True):
        low, high = max(0, s), min(n, s + p)
        where.append(slice(low, high))
        inner.append(slice(low - s, high - s))
    return tuple(where), tuple(inner)


def _patch(voxels: NDArray[np.float32], start: Start, patch_size: Sequence[int]) -> NDArray[np.float32]:
    where, inner = _overlap(start, patch_size, voxels.shape)
    pad = [(i.start, p - i.stop) for i, p in zip(inner, patch_size, strict=True)]
    return np.pad(voxels[where], pad, mode="edge")
