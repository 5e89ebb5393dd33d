"""What a detector's run learns from: patches of subjects, prepared once."""

from __future__ import annotations

import copy
import dataclasses
import multiprocessing
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.models.input_spec import InputSpec
from CMBSegmentationLib.models.model_file import find_model

from ..config.sections import Augmentation, DetectConfig
from ..config.settings import ConfigError
from ..data.dataset import PreparedSubject, Subject, find_scans, prepare_subject
from ..data.hard_negatives import HardNegatives, read_hard_negatives
from ..data.sampling import PatchSequence
from ..data.splits import chosen, read_split
from ..evaluation.score_files import ScoreError
from ..fitting.distribution import Team
from ..fitting.fine_tuning import start_from
from ..fitting.lesson import Lesson
from ..fitting.losses import CombinedLoss
from ..fitting.trainer import compile_for_training
from ..networks.build import build_network
from .given import Given

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


def detector_lesson(config: DetectConfig, given: Given, team: Team) -> Lesson:
    """Find a detector's subjects and prepare them.

    Parameters
    ----------
    config : DetectConfig
    given : Given
        Its run folder gets prepared subjects, in ``prepared/``.
    team : Team
        Each of its processes draws its part of the batches.

    Raises
    ------
    ConfigError
        Hard negatives without ``sampling.hard_share``, or the other way round.
    DatasetError, CMBError
        A subject, or what the call gives, cannot be used.
    """
    training, validation = _sides(config, given)
    hard = _hard_negatives(config, given.hard_negatives)
    trained = find_model(given.start_from) if given.start_from else None
    settings, out = config.training, given.out
    patches = _patches(config, training, out, settings.steps_per_epoch, settings.seed, team, hard)
    unchanged = dataclasses.replace(config, augmentation=Augmentation())
    fixed = _patches(unchanged, validation, out, settings.validation_steps, settings.seed + 1, team)

    def start(model: keras.Model, number: int) -> None:
        if trained is not None:
            start_from(model, trained, _first_patches(patches))

    return Lesson(lambda: build_network(config), _loss(config), patches, fixed, start=start)


def _sides(config: DetectConfig, given: Given) -> tuple[Side, Side]:
    given.only(config.task, "validation", "split", "fold", "hard_negatives")
    data, sequences = given.folder(), config.data.sequences
    if given.split and not given.validation:
        return sides_of_split(data, given.split, given.fold, sequences)
    if given.split or len(given.validation) != 1:
        raise InputError("A detector's training needs one of --validation and --split.", "See --help.")
    return sides_of_folders(data, given.validation[0], sequences)


def _hard_negatives(config: DetectConfig, path: Path | None) -> HardNegatives | None:
    if bool(config.sampling.hard_share) != bool(path):
        raise ConfigError("sampling.hard_share and --hard-negatives come together: give both or neither.")
    try:
        return None if path is None else read_hard_negatives(path)
    except ScoreError as error:
        raise InputError(str(error), "Give the lesions.csv that evaluate.py score writes.") from error


def compiled(config: DetectConfig) -> keras.Model:
    """Build the detector with its optimiser and loss, ready for `fit`."""
    model = build_network(config)
    compile_for_training(config, model, _loss(config))
    return model


def _loss(config: DetectConfig) -> CombinedLoss:
    return CombinedLoss(**config.as_dict()["loss"], from_logits=config.network.kind != "table-iv")


def _patches(
    config: DetectConfig,
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
