"""The detector's training: what its run learns from, described and started."""

from __future__ import annotations

import copy
import dataclasses
import multiprocessing
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from CMBSegmentationLib.models.input_spec import InputSpec

from ..config.settings import Augmentation, Config, ConfigError
from ..data.dataset import PreparedSubject, Subject, find_scans, prepare_subject
from ..data.hard_negatives import HardNegatives
from ..data.sampling import PatchSequence
from ..data.splits import chosen, read_split
from ..networks.build import build_network
from .ahead import drawn_ahead
from .distribution import Team, join
from .fine_tuning import start_from
from .losses import CombinedLoss
from .run_folder import open_run
from .trainer import Lesson, compile_for_training, fit, precision

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
    """Take both sides from one folder, as a split (`cmbtraining.data.splits`) says; scans of any of the sequences."""
    subjects, parts = find_scans(data, sequences), read_split(split, fold)
    return Side(chosen(subjects, parts.training), data.name), Side(chosen(subjects, parts.validation), data.name)


def describe(config: Config) -> dict[str, Any]:
    """Name what would be trained: the network's parameters and layers, and the configuration."""
    model = build_network(config)
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
        ``best.keras``, ``last.keras``, prepared subjects. Several processes (`cmbtraining.fitting.distribution`)
        share it; the first one writes.
    trained : Path, optional
        A network to start from (`cmbtraining.fitting.fine_tuning`); a run that goes on does not read it again.
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
        patches = _patches(config, training, out, settings.steps_per_epoch, settings.seed, team, hard_negatives)
        unchanged = dataclasses.replace(config, augmentation=Augmentation())
        fixed = _patches(unchanged, validation, out, settings.validation_steps, settings.seed + 1, team)
        start = None if trained is None else partial(start_from, path=trained, patches=_first_patches(patches))
        with drawn_ahead(patches, settings.workers) as batches:
            lesson = Lesson(build_network(config), _loss(config), batches, fixed)
            return fit(config, lesson, out, team, start)


def compiled(config: Config) -> keras.Model:
    """Build the detector with its optimiser and loss, ready for `fit`."""
    model = build_network(config)
    compile_for_training(config, model, _loss(config))
    return model


def _loss(config: Config) -> CombinedLoss:
    return CombinedLoss(**config.as_dict()["loss"], from_logits=config.network.kind != "table-iv")


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
        return [prepare_subject(one, spec, cache, (hard_negatives or {}).get(one.name)) for one in side.subjects]

    if team.leads:
        _prepare(side.subjects, spec, cache, config.training.workers)
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


def _prepare(subjects: Sequence[Subject], spec: InputSpec, cache: Path, workers: int) -> None:
    """Prepare the subjects that are not yet, several at a time."""
    one_by_one = partial(_keep_prepared, spec=spec, cache=cache)
    with ExitStack() as stack:
        if workers:
            pool = stack.enter_context(multiprocessing.get_context("spawn").Pool(workers))
            done: Iterable[None] = pool.imap(one_by_one, subjects)
        else:
            done = map(one_by_one, subjects)
        for _ in track(done, f"Preparing {cache.name}", total=len(subjects)):
            pass


def _keep_prepared(subject: Subject, spec: InputSpec, cache: Path) -> None:
    prepare_subject(subject, spec, cache)


def _first_patches(patches: PatchSequence) -> NDArray[np.float32]:
    """Patches enough to measure a network's statistics on, the same in every process."""
    whole = copy.copy(patches)
    whole.share = (0, 1)
    count = max(1, min(len(whole), MEASURED_PATCHES // whole.batch_size))
    return np.concatenate([whole[k][0] for k in range(count)])
