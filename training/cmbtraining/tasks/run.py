"""One run of any task: the configuration says which, the run folder keeps all of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from ..config.sections import Config, DetectConfig, RegionsConfig, VerifyConfig
from ..fitting.distribution import Team, alone, join
from ..fitting.lesson import Lesson
from ..fitting.run_folder import check_run, record_start
from ..fitting.trainer import fit
from ..networks.build import build_network
from .detect import detector_lesson
from .given import Given
from .regions import regions_lesson
from .verify import verifier_lesson


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


def train(config: Config, given: Given) -> Path:
    """Train and keep the best weights; go on where the folder's run stopped.

    Parameters
    ----------
    config : Config
    given : Given
        Its ``out`` gets ``config.yaml``, ``run.json``, ``curve.csv``, ``curve.png``, ``tensorboard/``, ``best.keras``,
        ``last.keras``, and what the task prepares from its data. Several processes
        (`cmbtraining.fitting.distribution`) share it; the first one writes.

    Returns
    -------
    Path
        ``best.keras``.

    Raises
    ------
    ConfigError
        The folder holds a run of another task or network, or ClearML is asked for and missing.
    CheckpointError
        The folder's checkpoint does not fit, or the weights to start from.
    DatasetError, CMBError
        A subject, or what the call gives, cannot be used.
    OSError
        The disk is full, say; what was saved before is whole.
    """
    team = join(config.training.batch_size) if isinstance(config, DetectConfig) else alone(config.task)
    if team.leads:
        check_run(given.out, config)
    lesson = _lesson(config, given, team)
    if team.leads:
        record_start(given.out, config)
    keras.utils.set_random_seed(config.training.seed)
    return fit(config, lesson, given.out, team)


def _lesson(config: Config, given: Given, team: Team) -> Lesson:
    if isinstance(config, DetectConfig):
        return detector_lesson(config, given, team)
    if isinstance(config, RegionsConfig):
        return regions_lesson(config, given)
    assert isinstance(config, VerifyConfig)
    return verifier_lesson(config, given)
