"""Batches for the regions network: new heads and earlier ones cut, mirrored and shaded anew."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import keras
import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from CMBSegmentationLib.files.atomic_file import put_in_place

from .scans import ALL_PARTS, BACKGROUND, RegionSample, draw_sample

FIRST_HEADS = 30  # the first patches have a head each
NEW_SHARE = 0.15  # of the later patches that bring a new one
DRAWN, CHOSEN = 0, 1  # streams of random numbers: of a head, and of a batch
Head = tuple[sitk.Image, sitk.Image]


def read_heads(label_maps: Path, region_maps: Path, names: list[str]) -> list[Head]:
    """Read label maps and their regions (`make_region_maps`), one grid each."""
    heads = []
    for name in names:
        classes = sitk.ReadImage(str(region_maps / name))
        labels = sitk.DICOMOrient(sitk.ReadImage(str(label_maps / name), sitk.sitkInt16), "LPS")
        heads.append((sitk.Resample(labels, classes, sitk.Transform(), sitk.sitkNearestNeighbor, 0), classes))
    return heads


class RegionBatches(keras.utils.PyDataset):
    """Batches of patches, each from a head of its own; the same seed, epoch and index give the same batch.

    Parameters
    ----------
    heads : list of (labels, classes)
    patch_size : (int, int, int)
    batch_size, steps, seed : int
    fixed : bool
        The same batches every epoch, of heads as they were drawn.
    drawn : Path, optional
        Folder that keeps the heads, so that several processes can share them and a run that goes on finds them;
        without it they stay in memory.
    pool : int
        Newest heads that are used again, each time cut, mirrored and shaded anew: drawing one takes as
        long as learning from it. Head n depends on the seed and on n alone, and which of them a batch takes on the
        epoch and the index: a run that was stopped draws the same ones again.
    new_share : float
        Of the patches that bring a new head, after the first `FIRST_HEADS`.
    """

    def __init__(
        self,
        heads: list[Head],
        patch_size: tuple[int, int, int],
        *,
        batch_size: int,
        steps: int,
        seed: int,
        fixed: bool = False,
        drawn: Path | None = None,
        pool: int = 150,
        new_share: float = NEW_SHARE,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.drawn, self.new_share = drawn, new_share
        self.heads, self.patch_size = heads, patch_size
        self.batch_size, self.steps, self.seed, self.fixed = batch_size, steps, seed, fixed
        self.epoch, self.pool = 0, pool
        self._drawn: dict[int, RegionSample] = {}

    def __len__(self) -> int:
        return self.steps

    def begin(self, epoch: int) -> None:
        """Draw an epoch's patches, whichever epochs were drawn before."""
        self.epoch = epoch

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Batch `index`: voxels (b, i, j, k, 1) and truth (b, i, j, k, 3), as in `scans.RegionSample`."""
        epoch = 0 if self.fixed else self.epoch
        first = (epoch * self.steps + index) * self.batch_size
        patches = [self._patch(number) for number in range(first, first + self.batch_size)]
        return np.stack([p.voxels for p in patches])[..., None], np.stack([p.truth for p in patches])

    def _patch(self, number: int) -> RegionSample:
        rng = np.random.default_rng([self.seed, CHOSEN, number])
        if self.fixed:
            return patch_of(self._head(number), self.patch_size, rng)
        newest = self._heads_until(number + 1)
        if newest > self._heads_until(number):
            head = self._head(newest - 1)
        else:
            head = varied(self._head(int(rng.integers(max(0, newest - self.pool), newest))), rng)
        return patch_of(head, self.patch_size, rng)

    def _heads_until(self, number: int) -> int:
        """How many heads there are before patch `number`."""
        first = min(FIRST_HEADS, self.pool)
        return min(number, first) + int(self.new_share * max(0, number - first))

    def _head(self, number: int) -> RegionSample:
        if self.drawn is not None:
            kept = self._kept(self.drawn, number)
        else:
            if number not in self._drawn:
                self._drawn[number] = self._draw(number)
                self._drawn.pop(number - 2 * self.pool, None)
            kept = self._drawn[number]
        return RegionSample(kept.voxels.astype(np.float32), kept.truth, kept.ventricle)

    def _draw(self, number: int) -> RegionSample:
        rng = np.random.default_rng([self.seed, DRAWN, number])
        labels, classes = self.heads[int(rng.integers(len(self.heads)))]
        drawn = draw_sample(labels, classes, rng)
        return RegionSample(drawn.voxels.astype(np.float16), drawn.truth, drawn.ventricle)

    def _kept(self, folder: Path, number: int) -> RegionSample:
        path = folder / f"{number}.npz"
        if not path.exists():
            drawn = self._draw(number)
            folder.mkdir(parents=True, exist_ok=True)
            draft = folder / f".{number}.{os.getpid()}.npz"
            np.savez(draft, voxels=drawn.voxels, truth=drawn.truth, ventricle=drawn.ventricle)
            put_in_place(draft, path)
            (folder / f"{number - 2 * self.pool}.npz").unlink(missing_ok=True)
            return drawn
        with np.load(path) as stored:
            return RegionSample(stored["voxels"], stored["truth"], stored["ventricle"])


def varied(sample: RegionSample, rng: np.random.Generator) -> RegionSample:
    """Mirror a head, and change gain, offset, contrast and noise."""
    voxels, truth, ventricle = sample.voxels, sample.truth, sample.ventricle
    if rng.random() < 0.5:
        voxels, truth, ventricle = voxels[::-1], truth[::-1], ventricle[::-1]
    low = float(voxels.min())
    there = voxels > low + 1e-3
    height = max(float(voxels.max()) - low, 1e-3)
    voxels = low + height * ((voxels - low) / height) ** rng.uniform(0.75, 1.3)
    voxels = voxels * rng.uniform(0.85, 1.15) + rng.normal(0, 0.1)
    voxels += rng.uniform(0, 0.15) * rng.standard_normal(voxels.shape, np.float32) * there
    return RegionSample(voxels.astype(np.float32), truth, ventricle)


def patch_of(sample: RegionSample, size: tuple[int, int, int], rng: np.random.Generator) -> RegionSample:
    """Cut a patch at random, padded with air where the head is smaller."""
    room = [(0, max(0, s - n)) for s, n in zip(size, sample.voxels.shape, strict=True)]
    voxels = np.pad(sample.voxels, room, constant_values=float(sample.voxels.min()))
    there = np.pad(np.ones(sample.voxels.shape, bool), room)
    truth = np.pad(sample.truth, [*room, (0, 0)])
    truth[~there, BACKGROUND] = ALL_PARTS
    start = [int(rng.integers(n - s + 1)) for n, s in zip(voxels.shape, size, strict=True)]
    box = tuple(slice(a, a + s) for a, s in zip(start, size, strict=True))
    return RegionSample(voxels[box], truth[box], np.pad(sample.ventricle, room)[box])
