"""Batches for the regions network: heads drawn anew every time, or the same ones for validation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from .scans import RegionSample, draw_sample

NEW_SHARE = 0.15  # of the heads that are new once the pool is full
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
    """Batches of patches, each from a head of its own.

    Parameters
    ----------
    heads : list of (labels, classes)
    patch_size : (int, int, int)
    batch_size, steps, seed : int
    fixed : bool
        The same batches every epoch.
    pool : int
        Heads that are kept and used again, each time cut, mirrored and shaded anew: drawing one takes as
        long as learning from it.
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
        pool: int = 250,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.heads, self.patch_size = heads, patch_size
        self.batch_size, self.steps, self.seed, self.fixed = batch_size, steps, seed, fixed
        self.epoch, self.pool = 0, pool
        self._kept: dict[int, tuple[NDArray, NDArray]] = {}
        self._drawn: list[RegionSample] = []

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        if index in self._kept:
            return self._kept[index]
        rng = np.random.default_rng([self.seed, 0 if self.fixed else self.epoch, index])
        patches = [patch_of(self._head(rng), self.patch_size, rng) for _ in range(self.batch_size)]
        batch = (np.stack([p.voxels for p in patches])[..., None], np.stack([p.classes for p in patches])[..., None])
        if self.fixed:
            self._kept[index] = batch
        return batch

    def _head(self, rng: np.random.Generator) -> RegionSample:
        if not self.fixed and len(self._drawn) >= self.pool and rng.random() > NEW_SHARE:
            return varied(self._drawn[int(rng.integers(self.pool))], rng)
        labels, classes = self.heads[int(rng.integers(len(self.heads)))]
        sample = draw_sample(labels, classes, rng)
        if not self.fixed:
            self._drawn.append(RegionSample(sample.voxels.astype(np.float16), sample.classes))
            self._drawn = self._drawn[-self.pool :]
        return sample

    def on_epoch_end(self) -> None:
        """Other heads next time."""
        self.epoch += 1


def varied(sample: RegionSample, rng: np.random.Generator) -> RegionSample:
    """Mirror a head, and change gain, offset, contrast and noise."""
    voxels, classes = sample.voxels.astype(np.float32), sample.classes
    if rng.random() < 0.5:
        voxels, classes = voxels[::-1], classes[::-1]
    low = float(voxels.min())
    there = voxels > low + 1e-3
    height = max(float(voxels.max()) - low, 1e-3)
    voxels = low + height * ((voxels - low) / height) ** rng.uniform(0.75, 1.3)
    voxels = voxels * rng.uniform(0.85, 1.15) + rng.normal(0, 0.1)
    voxels += rng.uniform(0, 0.15) * rng.standard_normal(voxels.shape, np.float32) * there
    return RegionSample(voxels.astype(np.float32), classes)


def patch_of(sample: RegionSample, size: tuple[int, int, int], rng: np.random.Generator) -> RegionSample:
    """Cut a patch at random, padded with air where the head is smaller."""
    room = [(0, max(0, s - n)) for s, n in zip(size, sample.voxels.shape, strict=True)]
    voxels = np.pad(sample.voxels, room, constant_values=float(sample.voxels.min()))
    classes = np.pad(sample.classes, room)
    start = [int(rng.integers(n - s + 1)) for n, s in zip(voxels.shape, size, strict=True)]
    box = tuple(slice(a, a + s) for a, s in zip(start, size, strict=True))
    return RegionSample(voxels[box], classes[box])
