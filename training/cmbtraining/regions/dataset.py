"""Batches for the regions network: heads drawn anew every time, or the same ones for validation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from .scans import RegionSample, draw_sample

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
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.heads, self.patch_size = heads, patch_size
        self.batch_size, self.steps, self.seed, self.fixed = batch_size, steps, seed, fixed
        self.epoch = 0
        self._kept: dict[int, tuple[NDArray, NDArray]] = {}

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        if index in self._kept:
            return self._kept[index]
        rng = np.random.default_rng([self.seed, 0 if self.fixed else self.epoch, index])
        patches = []
        for _ in range(self.batch_size):
            labels, classes = self.heads[int(rng.integers(len(self.heads)))]
            patches.append(patch_of(draw_sample(labels, classes, rng), self.patch_size, rng))
        batch = (np.stack([p.voxels for p in patches])[..., None], np.stack([p.classes for p in patches])[..., None])
        if self.fixed:
            self._kept[index] = batch
        return batch

    def on_epoch_end(self) -> None:
        """Other heads next time."""
        self.epoch += 1


def patch_of(sample: RegionSample, size: tuple[int, int, int], rng: np.random.Generator) -> RegionSample:
    """Cut a patch at random, padded with air where the head is smaller."""
    room = [(0, max(0, s - n)) for s, n in zip(size, sample.voxels.shape, strict=True)]
    voxels = np.pad(sample.voxels, room, constant_values=float(sample.voxels.min()))
    classes = np.pad(sample.classes, room)
    start = [int(rng.integers(n - s + 1)) for n, s in zip(voxels.shape, size, strict=True)]
    box = tuple(slice(a, a + s) for a, s in zip(start, size, strict=True))
    return RegionSample(voxels[box], classes[box])
