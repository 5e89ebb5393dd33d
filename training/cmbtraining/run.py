"""One training run: described, started, gone on with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
from rich.progress import track

from CMBSegmentationLib.preprocess import InputSpec

from .checkpoints import BEST, Checkpoints, resume
from .config import Config, ConfigError
from .curves import curve_callbacks
from .dataset import Subject, find_subjects, prepare_subject
from .losses import CombinedLoss
from .network import build_unet
from .run_folder import open_run
from .sampling import PatchSequence
from .splits import chosen, read_split


@dataclass(frozen=True)
class Side:
    """The subjects of training or of validation, and where their prepared form is kept.

    Attributes
    ----------
    subjects : sequence of Subject
    cache : str
        Name of a folder in the run's ``prepared/``.
    """

    subjects: Sequence[Subject]
    cache: str


def sides_of_folders(training: Path, validation: Path) -> tuple[Side, Side]:
    """Take a folder of subjects for each side."""
    same_name = training.name == validation.name and training.resolve() != validation.resolve()
    return (
        Side(find_subjects(training), training.name),
        Side(find_subjects(validation), f"{validation.name}-validation" if same_name else validation.name),
    )


def sides_of_split(data: Path, split: Path, fold: int) -> tuple[Side, Side]:
    """Take both sides from one folder, as a split (`cmbtraining.splits`) says."""
    subjects, parts = find_subjects(data), read_split(split, fold)
    return Side(chosen(subjects, parts.training), data.name), Side(chosen(subjects, parts.validation), data.name)


def describe(config: Config) -> dict[str, Any]:
    """Name what would be trained: the network's parameters and layers, and the configuration."""
    model = _network(config)
    return {
        "name": config.name,
        "parameters": model.count_params(),
        "layers": len(model.layers),
        "input_shape": list(model.input_shape),
        "output_shape": list(model.output_shape),
        "config": config.as_dict(),
    }


def train(config: Config, training: Side, validation: Side, out: Path) -> Path:
    """Train and keep the weights with the best validation loss; go on where the folder's run stopped.

    Parameters
    ----------
    config : Config
    training, validation : Side
    out : Path
        Run folder: ``config.yaml``, ``run.json``, ``curve.csv``, ``curve.png``, ``tensorboard/``,
        ``best.keras``, ``last.keras``, prepared subjects.

    Returns
    -------
    Path
        ``best.keras``.

    Raises
    ------
    ConfigError
        The folder holds a run of another network, or ClearML is asked for and missing.
    CheckpointError
        The folder's checkpoint does not fit.
    DatasetError, CMBError
        A subject cannot be used.
    OSError
        The disk is full, say; what was saved before is whole.
    """
    if len(config.data.sequences) != 1:
        raise ConfigError(f"data.sequences: training reads one sequence, not {len(config.data.sequences)}.")
    open_run(out, config)
    keras.utils.set_random_seed(config.training.seed)
    settings = config.training
    with precision(config):
        model = compiled(config)
        epoch, best = resume(model, out, settings.steps_per_epoch)
        patches = _patches(config, training, out, settings.steps_per_epoch, settings.seed)
        fixed = _patches(config, validation, out, settings.validation_steps, settings.seed + 1)
        model.fit(
            patches,
            validation_data=fixed,
            initial_epoch=epoch,
            epochs=settings.epochs,
            shuffle=False,  # the patches are drawn in random order already, the same after a stop
            verbose=2,
            callbacks=[
                keras.callbacks.LambdaCallback(on_epoch_begin=lambda number, logs: patches.begin(number)),
                *curve_callbacks(config, out),
                Checkpoints(out, best),
            ],
        )
    return out / BEST


def compiled(config: Config) -> keras.Model:
    """Build the network with its optimiser and loss, ready for `fit`."""
    model = _network(config)
    model.compile(
        _optimizer(config),
        CombinedLoss(**config.as_dict()["loss"]),
        jit_compile=True if config.training.xla else "auto",
    )
    return model


@contextmanager
def precision(config: Config) -> Iterator[None]:
    """Build and train under the configured precision, and leave Keras as it was."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16" if config.training.mixed_precision else "float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _network(config: Config) -> keras.Model:
    network = config.network
    return build_unet(network.patch_size, network.filters, len(config.data.sequences), l2=network.l2)


def _optimizer(config: Config) -> keras.optimizers.Optimizer:
    settings = config.training
    rate: Any = settings.learning_rate
    if settings.learning_rate_decay == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(rate, settings.epochs * settings.steps_per_epoch, alpha=0.01)
    return keras.optimizers.Adam(rate)


def _patches(config: Config, side: Side, out: Path, steps: int, seed: int) -> PatchSequence:
    spec = InputSpec(config.data.axes, config.data.spacing_mm, config.data.normalization)
    cache = out / "prepared" / side.cache
    subjects = [prepare_subject(subject, spec, cache) for subject in track(side.subjects, f"Preparing {side.cache}")]
    return PatchSequence(subjects, config.network.patch_size, config.sampling, config.training.batch_size, steps, seed)
