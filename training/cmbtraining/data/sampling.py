"""Patches for training (paper section V-C): so many a subject, most with a lesion at a random place in them."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..config.sections import Augmentation, Sampling
from .augmentation import augment, random_turn
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
    augmentation : Augmentation, optional
    spacing_mm : (float, float, float)
        Of the voxels, for rotations.
    share : (int, int)
        This process's number and how many there are: it gives its part of each batch.
    """

    def __init__(
        self,
        subjects: Sequence[PreparedSubject],
        patch_size: tuple[int, int, int],
        sampling: Sampling,
        batch_size: int,
        steps: int,
        seed: int,
        augmentation: Augmentation | None = None,
        spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0),
        share: tuple[int, int] = (0, 1),
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.subjects, self.patch_size, self.sampling = list(subjects), patch_size, sampling
        self.batch_size, self.steps, self.seed = batch_size, steps, seed
        self.augmentation, self.spacing_mm, self.share = augmentation, spacing_mm, share
        self.epoch = 0

    def __len__(self) -> int:
        return self.steps

    def begin(self, epoch: int) -> None:
        """Draw an epoch's patches, whichever epochs were drawn before: a resumed run sees what it would have."""
        self.epoch = epoch

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Batch `index`: voxels (b, i, j, k, 1) and labels (b, i, j, k, 1)."""
        plan = self._plan()
        process, processes = self.share
        each = self.batch_size // processes
        first = index * self.batch_size + process * each
        patches = [self._patch(number, *plan[number % len(plan)]) for number in range(first, first + each)]
        voxels, labels = zip(*patches, strict=True)
        return np.stack(voxels)[..., None].astype(np.float32), np.stack(labels)[..., None]

    def _patch(self, number: int, subject: int, with_lesion: int) -> tuple[NDArray[np.floating], NDArray[np.uint8]]:
        rng = np.random.default_rng([self.seed, self.epoch, number])
        at = "dark" if rng.random() < self.sampling.dark_share else "any"
        for place, share in (("mimic", self.sampling.mimic_share), ("hard", self.sampling.hard_share)):
            if share and rng.random() < share:
                at = place
        turn = random_turn(self.augmentation, self.spacing_mm, rng) if self.augmentation else None
        x, y = draw_patch(self.subjects[subject], self.patch_size, bool(with_lesion), rng, at, turn)
        if self.augmentation:
            x = augment(x, self.augmentation, rng)
        if self.sampling.flip:
            axes = tuple(np.flatnonzero(rng.random(3) < 0.5).tolist())
            x, y = np.flip(x, axes), np.flip(y, axes)
        if self.sampling.transpose and rng.random() < 0.5:
            x, y = x.swapaxes(0, 1), y.swapaxes(0, 1)
        return x, y

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
    at: str = "any",
    turn: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.floating], NDArray[np.uint8]]:
    """Cut one patch, padded where it leaves the volume.

    Parameters
    ----------
    subject : PreparedSubject
    patch_size : (int, int, int)
    with_lesion : bool
        A lesion's centre lies anywhere in the patch, each place as likely; else a patch in the brain
        without any lesion (of `MOST_TRIES` the last is taken if each met one).
    rng : numpy.random.Generator
    at : {"any", "dark", "mimic", "hard"}
        Without lesion: lay the patch around any place of the brain, around the darkest of `DARK_OF`,
        most often a vessel, around a simulated mimic or a hard negative (any place where the subject has none).
    turn : array (3, 3), optional
        Of `cmbtraining.data.augmentation.random_turn`; what the patch is laid around stays where it is.

    Returns
    -------
    voxels, labels : arrays of `patch_size`
    """
    size = np.array(patch_size)
    for _ in range(MOST_TRIES):
        if with_lesion:
            anchor = subject.lesion_centres[rng.integers(len(subject.lesion_centres))]
        elif len(places := {"mimic": subject.mimic_positions, "hard": subject.hard_positions}.get(at, ())):
            anchor = places[rng.integers(len(places))]
        else:
            count = DARK_OF if at == "dark" else 1
            places = subject.brain_positions[rng.integers(len(subject.brain_positions), size=count)]
            anchor = places[int(np.argmin(subject.voxels[tuple(places.T)]))]
        start = anchor - rng.integers(0, size)
        labels = _cut_turned(subject.lesions, start, size, anchor, turn, 0)
        if with_lesion or not labels.any():
            break
    return _cut_turned(subject.voxels, start, size, anchor, turn, None), labels


def _cut_turned(
    volume: NDArray,
    start: NDArray[np.integer],
    size: NDArray[np.integer],
    anchor: NDArray[np.integer],
    turn: NDArray[np.float64] | None,
    fill: int | None,
) -> NDArray:
    """Cut a box as `_cut`, turned about a voxel: values are interpolated, labels taken from the nearest voxel."""
    if turn is None:
        return _cut(volume, start, size, fill)
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in size])).reshape(3, -1).T + start - anchor
    reached = corners @ turn.T + anchor
    low = np.floor(reached.min(axis=0)).astype(int)
    around = _cut(volume, low, np.ceil(reached.max(axis=0)).astype(int) + 1 - low, fill)
    offset = anchor - low + turn @ (start - anchor)
    if fill is None:
        return ndimage.affine_transform(around.astype(np.float32), turn, offset, tuple(size), order=1, mode="nearest")
    if not around.any():
        return np.full(tuple(size), fill, volume.dtype)
    return ndimage.affine_transform(around, turn, offset, tuple(size), order=0, cval=fill)


def _cut(volume: NDArray, start: NDArray[np.integer], size: NDArray[np.integer], fill: int | None) -> NDArray:
    """Cut a box; beyond the border repeat the edge (`fill` None) or a constant."""
    shape = np.array(volume.shape)
    low, high = np.clip(start, 0, shape - 1), np.clip(start + size, 1, shape)
    inner = volume[tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))]
    pad = [(int(a - s), int(s + n - b)) for a, b, s, n in zip(low, high, start, size, strict=True)]
    if fill is None:
        return np.pad(inner, pad, mode="edge")
    return np.pad(inner, pad, constant_values=fill)
