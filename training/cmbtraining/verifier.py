"""The verifier's network, and its examples turned and shaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from CMBSegmentationLib.verify import CHANNELS, CROP

from .candidates import KINDS

FILTERS = (16, 32, 64)
DENSE = 64


def build_verifier(filters: Sequence[int] = FILTERS) -> keras.Model:
    """Build the network: strided 3D convolutions on a crop at two scales, then what it is.

    Returns
    -------
    keras.Model
        Input (batch, 24, 24, 16, 3), output logits (batch, kinds), the microbleed first.
    """
    inputs = keras.Input((*CROP, len(CHANNELS)), name="candidate")
    x = inputs
    for count in filters:
        for _ in range(2):
            x = layers.Conv3D(count, 3, padding="same", use_bias=False)(x)
            x = layers.BatchNormalization()(x)
            x = layers.Activation("relu")(x)
        if count != filters[-1]:
            x = layers.MaxPooling3D(2)(x)
    # what lies in the middle, and what lies around
    i, j, k = (n // 2 ** (len(filters) - 1) for n in CROP)
    middle = layers.Cropping3D([(i // 2 - 1,) * 2, (j // 2 - 1,) * 2, (k // 2 - 1,) * 2])(x)
    x = layers.Concatenate()([layers.GlobalAveragePooling3D()(middle), layers.GlobalMaxPooling3D()(x)])
    x = layers.Dropout(0.3)(x)
    x = layers.Dense(DENSE, activation="relu")(x)
    return keras.Model(inputs, layers.Dense(len(KINDS), dtype="float32", name="logits")(x), name="cmb_verifier")


@dataclass(frozen=True)
class Examples:
    """Crops (n, 24, 24, 16, 3), kinds (n,), the detector's peaks (n,), and the subject of each."""

    crops: NDArray[np.float16]
    kinds: NDArray[np.int64]
    peaks: NDArray[np.float32]
    subjects: NDArray[np.str_]


def read_examples(folder: Path) -> Examples:
    """Read what `collect_candidates.py` wrote."""
    files = sorted(folder.glob("*.npz"))
    if not files:
        raise FileNotFoundError(f"no candidates (*.npz) in {folder}; run collect_candidates.py first")
    parts = [(path.stem, np.load(path)) for path in files]
    return Examples(
        np.concatenate([part["crops"] for _, part in parts]),
        np.concatenate([part["kinds"] for _, part in parts]),
        np.concatenate([part["peaks"] for _, part in parts]),
        np.concatenate([np.full(len(part["kinds"]), name) for name, part in parts]),
    )


class CandidateBatches(keras.utils.PyDataset):
    """Batches with a fixed share of microbleeds; every crop flipped, turned in plane, scaled and shaded anew.

    Parameters
    ----------
    examples : Examples
    batch_size, seed : int
    microbleed_share : float
    """

    def __init__(
        self, examples: Examples, *, batch_size: int = 64, microbleed_share: float = 0.35, seed: int = 1, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.examples, self.batch_size, self.seed, self.epoch = examples, batch_size, seed, 0
        self.positive = np.flatnonzero(examples.kinds == 0)
        self.negative = np.flatnonzero(examples.kinds != 0)
        if not len(self.positive) or not len(self.negative):
            raise ValueError("the candidates must hold microbleeds and others")
        self.positives = round(batch_size * microbleed_share)

    def __len__(self) -> int:
        return -(-len(self.examples.kinds) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        rng = np.random.default_rng([self.seed, self.epoch, index])
        rows = np.concatenate(
            [rng.choice(self.positive, self.positives), rng.choice(self.negative, self.batch_size - self.positives)]
        )
        crops = np.stack([varied(self.examples.crops[row].astype(np.float32), rng) for row in rows])
        return crops, self.examples.kinds[rows]

    def on_epoch_end(self) -> None:
        """Other crops next time."""
        self.epoch += 1


def varied(crop: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Flip and turn in plane, and change what a scanner may change: gain, offset, noise."""
    for axis in (0, 1, 2):
        if rng.random() < 0.5:
            crop = np.flip(crop, axis)
    if rng.random() < 0.5:
        crop = crop.transpose(1, 0, 2, 3)
    crop = np.roll(crop, rng.integers(-1, 2, 3), (0, 1, 2)).copy()
    gain, offset = rng.uniform(0.8, 1.25), rng.normal(0, 0.15)
    crop[..., (0, 2)] = crop[..., (0, 2)] * gain + offset
    crop[..., 0] += rng.uniform(0, 0.1) * rng.standard_normal(crop.shape[:3])
    return crop
