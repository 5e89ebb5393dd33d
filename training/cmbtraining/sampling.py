"""Patches for training (paper section V-C): so many a subject, most with a lesion at a random place in them."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import NDArray

from .config import Sampling
from .dataset import PreparedSubject

DARK_OF = 40
MOST_TRIES = 50  # to find a place without lesion: enough beside VALDO's 77 lesions in one brain


class PatchSequence(keras.utils.PyDataset):
    """Batches of patches; the same seed, epoch and index give the same batch.

    Nothing but the patches is read into memory: subjects are memory-mapped.

    Parameters
    ----------
    subjects : sequence of PreparedSubject
    patch_size : (int, int, int)
    sampling : Sampling
    batch_size, steps : int
    seed : int
    """

    def __init__(
        self,
        subjects: Sequence[PreparedSubject],
        patch_size: tuple[int, int, int],
        sampling: Sampling,
        batch_size: int,
        steps: int,
        seed: int,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.subjects, self.patch_size, self.sampling = list(subjects), patch_size, sampling
        self.batch_size, self.steps, self.seed = batch_size, steps, seed
        self.epoch = 0

    def __len__(self) -> int:
        return self.steps

    def begin(self, epoch: int) -> None:
        """Draw an epoch's patches, whichever epochs were drawn before: a resumed run sees what it would have."""
        self.epoch = epoch

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Batch `index`: voxels (b, i, j, k, 1) and labels (b, i, j, k, 1)."""
        plan = self._plan()
        voxels, labels = [], []
        for number in range(index * self.batch_size, (index + 1) * self.batch_size):
            subject, with_lesion = plan[number % len(plan)]
            rng = np.random.default_rng([self.seed, self.epoch, number])
            dark = rng.random() < self.sampling.dark_share
            x, y = draw_patch(self.subjects[subject], self.patch_size, with_lesion, rng, dark)
            if self.sampling.flip:
                axes = tuple(np.flatnonzero(rng.random(3) < 0.5).tolist())
                x, y = np.flip(x, axes), np.flip(y, axes)
            voxels.append(x)
            labels.append(y)
        return np.stack(voxels)[..., None].astype(np.float32), np.stack(labels)[..., None]

    def _plan(self) -> NDArray[np.int64]:
        """Rows (subject, with lesion 0/1) of this epoch, shuffled: exact proportions per subject."""
        each = self.sampling.patches_per_subject
        rows = []
        for number, subject in enumerate(self.subjects):
            wanted = round(each * self.sampling.lesion_share) if len(subject.lesion_centres) else 0
            rows += [(number, int(k < wanted)) for k in range(each)]
        return np.random.default_rng([self.seed, self.epoch]).permutation(np.array(rows))


def draw_patch(
    subject: PreparedSubject,
    patch_size: tuple[int, int, int],
    with_lesion: bool,
    rng: np.random.Generator,
    dark: bool = False,
) -> tuple[NDArray[np.float16], NDArray[np.uint8]]:
    """Cut one patch, padded where it leaves the volume.

    Parameters
    ----------
    subject : PreparedSubject
    patch_size : (int, int, int)
    with_lesion : bool
        A lesion's centre lies anywhere in the patch, each place as likely; else a patch in the brain
        without any lesion (of `MOST_TRIES` the last is taken if each met one).
    rng : numpy.random.Generator
    dark : bool
        Without lesion: lay the patch around the darkest of `DARK_OF` places, most often a vessel.

    Returns
    -------
    voxels, labels : arrays of `patch_size`
    """
    size = np.array(patch_size)
    for _ in range(MOST_TRIES):
        if with_lesion:
            anchor = subject.lesion_centres[rng.integers(len(subject.lesion_centres))]
        else:
            places = subject.brain_positions[rng.integers(len(subject.brain_positions), size=DARK_OF if dark else 1)]
            anchor = places[int(np.argmin(subject.voxels[tuple(places.T)]))]
        start = anchor - rng.integers(0, size)
        labels = _cut(subject.lesions, start, size, 0)
        if with_lesion or not labels.any():
            break
    return _cut(subject.voxels, start, size, None), labels


def _cut(volume: NDArray, start: NDArray[np.integer], size: NDArray[np.integer], fill: int | None) -> NDArray:
    """Cut a box; beyond the border repeat the edge (`fill` None) or a constant."""
    shape = np.array(volume.shape)
    low, high = np.clip(start, 0, shape - 1), np.clip(start + size, 1, shape)
    inner = volume[tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))]
    pad = [(int(a - s), int(s + n - b)) for a, b, s, n in zip(low, high, start, size, strict=True)]
    if fill is None:
        return np.pad(inner, pad, mode="edge")
    return np.pad(inner, pad, constant_values=fill)
