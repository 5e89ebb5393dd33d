"""One training run: described, started, gone on with."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from CMBSegmentationLib.preprocess import InputSpec

from .checkpoints import BEST, LAST, Checkpoints, resume
from .config import Augmentation, Config, ConfigError
from .curves import curve_callbacks
from .dataset import PreparedSubject, Subject, find_scans, prepare_subject
from .distribution import Team, join
from .fine_tuning import start_from
from .hard_negatives import HardNegatives
from .losses import CombinedLoss
from .network import build_unet
from .run_folder import open_run
from .sampling import PatchSequence
from .splits import chosen, read_split

MEASURED_PATCHES = 16  # of them a network's statistics are measured


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


def sides_of_folders(training: Path, validation: Path, sequences: Sequence[str] = ("T2S",)) -> tuple[Side, Side]:
    """Take a folder of subjects for each side; scans of any of the sequences."""
    same_name = training.name == validation.name and training.resolve() != validation.resolve()
    return (
        Side(find_scans(training, sequences), training.name),
        Side(find_scans(validation, sequences), f"{validation.name}-validation" if same_name else validation.name),
    )


def sides_of_split(data: Path, split: Path, fold: int, sequences: Sequence[str] = ("T2S",)) -> tuple[Side, Side]:
    """Take both sides from one folder, as a split (`cmbtraining.splits`) says; scans of any of the sequences."""
    subjects, parts = find_scans(data, sequences), read_split(split, fold)
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


def train(
    config: Config,
    training: Side,
    validation: Side,
    out: Path,
    *,
    trained: Path | None = None,
    hard_negatives: HardNegatives | None = None,
) -> Path:
    """Train and keep the weights with the best validation loss; go on where the folder's run stopped.

    Parameters
    ----------
    config : Config
    training, validation : Side
    out : Path
        Run folder: ``config.yaml``, ``run.json``, ``curve.csv``, ``curve.png``, ``tensorboard/``,
        ``best.keras``, ``last.keras``, prepared subjects. Several processes (`cmbtraining.distribution`)
        share it; the first one writes.
    trained : Path, optional
        A network to start from (`cmbtraining.fine_tuning`); a run that goes on does not read it again.
    hard_negatives : HardNegatives, optional
        Points of the training scans, for ``sampling.hard_share``.

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
    if bool(config.sampling.hard_share) != bool(hard_negatives):
        raise ConfigError("sampling.hard_share and a list of hard negatives come together: give both or neither.")
    team = join(config.training.batch_size)
    if team.leads:
        open_run(out, config)
    keras.utils.set_random_seed(config.training.seed)
    settings = config.training
    with precision(config):
        model = compiled(config)
        patches = _patches(config, training, out, settings.steps_per_epoch, settings.seed, team, hard_negatives)
        unchanged = dataclasses.replace(config, augmentation=Augmentation())
        fixed = _patches(unchanged, validation, out, settings.validation_steps, settings.seed + 1, team)
        if trained and not (out / LAST).exists():
            start_from(model, trained, _first_patches(patches))
        epoch, best = resume(model, out, settings.steps_per_epoch, writes=team.leads)
        team.wait("resumed")
        model.fit(
            patches,
            validation_data=fixed,
            initial_epoch=epoch,
            epochs=settings.epochs,
            shuffle=False,  # the patches are drawn in random order already, the same after a stop
            verbose=2 if team.leads else 0,
            callbacks=[
                keras.callbacks.LambdaCallback(on_epoch_begin=lambda number, logs: patches.begin(number)),
                *([keras.callbacks.SwapEMAWeights()] if settings.ema_momentum else []),
                *(curve_callbacks(config, out) if team.leads else []),
                Checkpoints(out, best, keeps=team.leads),
            ],
        )
        team.wait("trained")
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
    return build_unet(network.patch_size, network.filters, l2=network.l2)


def _optimizer(config: Config) -> keras.optimizers.Optimizer:
    settings = config.training
    rate: Any = settings.learning_rate
    if settings.learning_rate_decay == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(rate, settings.epochs * settings.steps_per_epoch, alpha=0.01)
    momentum = settings.ema_momentum
    return keras.optimizers.Adam(rate, use_ema=True, ema_momentum=momentum) if momentum else keras.optimizers.Adam(rate)


def _patches(
    config: Config,
    side: Side,
    out: Path,
    steps: int,
    seed: int,
    team: Team,
    hard_negatives: HardNegatives | None = None,
) -> PatchSequence:
    """Prepare a side's subjects, in the first process, and draw from them."""
    spec = InputSpec(config.data.axes, config.data.spacing_mm, config.data.normalization)
    cache = out / "prepared" / side.cache

    def prepared() -> list[PreparedSubject]:
        wanted = track(side.subjects, f"Preparing {side.cache}", disable=not team.leads)
        return [prepare_subject(one, spec, cache, (hard_negatives or {}).get(one.name)) for one in wanted]

    subjects = prepared() if team.leads else []
    team.wait(f"prepared {side.cache}")
    return PatchSequence(
        subjects or prepared(),
        config.network.patch_size,
        config.sampling,
        config.training.batch_size,
        steps,
        seed,
        augmentation=None if config.augmentation == Augmentation() else config.augmentation,
        spacing_mm=config.data.spacing_mm,
        share=(team.process, team.processes),
    )


def _first_patches(patches: PatchSequence) -> NDArray[np.float32]:
    """Patches enough to measure a network's statistics on, the same in every process."""
    whole = copy.copy(patches)
    whole.share = (0, 1)
    count = max(1, min(len(whole), MEASURED_PATCHES // whole.batch_size))
    return np.concatenate([whole[k][0] for k in range(count)])
