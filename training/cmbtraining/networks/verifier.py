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
from scipy.special import softmax

from CMBSegmentationLib.detecting.tissue_shares import UNKNOWN
from CMBSegmentationLib.models.input_spec import CHANNELS, CROP

from ..config.sections import Training
from ..data.candidates import KINDS
from ..data.dataset import DatasetError
from ..fitting.checkpoints import averaged

SCALES, PROBABILITY, SHARES = (0, 2), 1, (3, 4)  # channels: the scan, the detector, what the map of regions says
PEAK_WITHIN = (8, 8, 8)  # voxels in the middle of a crop, of which the highest probability is the candidate's
LEAST_PROBABILITY = 1e-4
UNMAPPED_SHARE = 0.1  # of the crops, as where --regions none was given
FILTERS = (16, 32, 64)
DENSE = 64


@keras.saving.register_keras_serializable("cmbtraining")
class DetectorLogOdds(layers.Layer):
    """What the detector says of a candidate: the log-odds (batch, 1) of its highest probability.

    Given to the last layer beside what the convolutions see, so that the verifier need only learn what the detector
    does not know.
    """

    def call(self, crops):
        """Log-odds of crops (batch, 24, 24, 16, 5)."""
        first = [(n - m) // 2 for n, m in zip(CROP, PEAK_WITHIN, strict=True)]
        i, j, k = (slice(a, a + m) for a, m in zip(first, PEAK_WITHIN, strict=True))
        peak = keras.ops.max(crops[:, i, j, k, PROBABILITY], axis=(1, 2, 3))
        peak = keras.ops.clip(peak, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
        return keras.ops.expand_dims(keras.ops.log(peak) - keras.ops.log(1 - peak), -1)


def build_verifier(filters: Sequence[int] = FILTERS) -> keras.Model:
    """Build the network: strided 3D convolutions on a crop at two scales, then what it is.

    Returns
    -------
    keras.Model
        Input (batch, 24, 24, 16, 5), output logits (batch, kinds), the microbleed first.
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
    x = layers.Concatenate()([x, DetectorLogOdds(dtype="float32")(inputs)])
    return keras.Model(inputs, layers.Dense(len(KINDS), dtype="float32", name="logits")(x), name="cmb_verifier")


@dataclass(frozen=True)
class Examples:
    """Crops (n, 24, 24, 16, 5), kinds (n,), the detector's peaks (n,), and the subject of each."""

    crops: NDArray[np.float16]
    kinds: NDArray[np.int64]
    peaks: NDArray[np.float32]
    subjects: NDArray[np.str_]

    def part(self, where: NDArray[np.bool_]) -> Examples:
        """Take some of them."""
        return Examples(self.crops[where], self.kinds[where], self.peaks[where], self.subjects[where])


def read_examples(*folders: Path) -> Examples:
    """Read what `collect_candidates.py` wrote.

    Raises
    ------
    DatasetError
        A folder holds no candidates, or such as were collected for another verifier.
    """
    files = [path for folder in folders for path in sorted(folder.glob("*.npz"))]
    for folder in folders:
        if not any(folder.glob("*.npz")):
            raise DatasetError(f"no candidates (*.npz) in {folder}; run collect_candidates.py first")
    kinds, peaks, subjects = [], [], []
    for path in files:
        with np.load(path) as stored:
            kinds.append(stored["kinds"])
            peaks.append(stored["peaks"])
            subjects.append(np.full(len(kinds[-1]), path.stem))
    crops = np.empty((sum(map(len, kinds)), *CROP, len(CHANNELS)), np.float16)  # filled in place: they are gigabytes
    filled = 0
    for path in files:
        with np.load(path) as stored:
            own = stored["crops"]
        if own.shape[1:] != crops.shape[1:]:
            raise DatasetError(
                f"the crops of {path.stem} have shape {own.shape[1:]}, not {crops.shape[1:]}: collect them anew"
            )
        crops[filled : filled + len(own)] = own
        filled += len(own)
    return Examples(crops, np.concatenate(kinds), np.concatenate(peaks), np.concatenate(subjects))


class CandidateBatches(keras.utils.PyDataset):
    """Batches of a third microbleeds, a third others, a third false ones of the round before; every crop varied.

    The same seed, epoch and index give the same batch.

    Parameters
    ----------
    examples : Examples
    settings : Training
        Steps an epoch, and the batch size.
    hard : Path, optional
        Numpy file, read anew at each epoch: which of the examples are false ones of the round before. Where it is not
        there or empty, two thirds are others.
    seed : int
    """

    def __init__(
        self,
        examples: Examples,
        settings: Training,
        hard: Path | None = None,
        *,
        seed: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.examples, self.settings, self.hard, self.seed = examples, settings, hard, seed
        microbleeds, others = np.flatnonzero(examples.kinds == 0), np.flatnonzero(examples.kinds != 0)
        if not (len(microbleeds) and len(others)):
            raise DatasetError("the candidates must hold microbleeds and others")
        self.groups = [microbleeds, others, others]
        self.begin(0)

    def __len__(self) -> int:
        return self.settings.steps_per_epoch

    def begin(self, epoch: int) -> None:
        """Draw an epoch's crops, whichever epochs were drawn before."""
        self.epoch = epoch
        hard = np.load(self.hard) if self.hard and self.hard.exists() else np.empty(0, np.intp)
        self.groups[2] = hard if len(hard) else self.groups[1]

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        rng = np.random.default_rng([self.seed, self.epoch, index])
        sizes = [len(part) for part in np.array_split(np.arange(self.settings.batch_size), len(self.groups))]
        rows = np.concatenate([rng.choice(group, n) for group, n in zip(self.groups, sizes, strict=True)])
        crops = np.stack([varied(self.examples.crops[row].astype(np.float32), rng) for row in rows])
        return crops, self.examples.kinds[rows]


class InOrder(keras.utils.PyDataset):
    """All examples once, as they are: for validation."""

    def __init__(self, examples: Examples, batch_size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.examples, self.batch_size = examples, batch_size

    def __len__(self) -> int:
        return -(-len(self.examples.kinds) // self.batch_size)

    def begin(self, epoch: int) -> None:
        """They stay the same."""

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        part = slice(index * self.batch_size, (index + 1) * self.batch_size)
        return self.examples.crops[part].astype(np.float32), self.examples.kinds[part]


class AveragePrecision(keras.callbacks.Callback):
    """Adds the area under the precision-recall curve of the microbleeds to each epoch's logs."""

    NAME = "val_average_precision"

    def __init__(self, examples: Examples) -> None:
        super().__init__()
        self.examples = examples

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Score all examples."""
        if logs is not None:
            with averaged(self.model):
                logs[self.NAME] = average_precision(scores(self.model, self.examples), self.examples.kinds == 0)


def logits(model: keras.Model, examples: Examples) -> NDArray[np.float64]:
    """Give every example's logits (n, kinds)."""
    return model.predict(InOrder(examples, 128), verbose=0).astype(np.float64)


def scores(model: keras.Model, examples: Examples) -> NDArray[np.float64]:
    """Give the probability of a microbleed for every example."""
    return softmax(logits(model, examples), axis=-1)[:, 0]


def average_precision(score: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    """Area under the precision-recall curve, as a sum over the true ones in order of their score."""
    order = np.argsort(-score, kind="stable")
    hits = truth[order]
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float(precision[hits].mean()) if hits.any() else 0.0


def varied(crop: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Flip and turn in plane, change what a scanner may change (gain, offset, noise), or hide what the map says."""
    for axis in (0, 1, 2):
        if rng.random() < 0.5:
            crop = np.flip(crop, axis)
    if rng.random() < 0.5:
        crop = crop.transpose(1, 0, 2, 3)
    crop = np.roll(crop, rng.integers(-1, 2, 3), (0, 1, 2)).copy()
    gain, offset = rng.uniform(0.8, 1.25), rng.normal(0, 0.15)
    crop[..., SCALES] = crop[..., SCALES] * gain + offset
    crop[..., 0] += rng.uniform(0, 0.1) * rng.standard_normal(crop.shape[:3])
    if rng.random() < UNMAPPED_SHARE:
        crop[..., SHARES] = UNKNOWN
    return crop
