"""The one trainer: fits a network of any task, checkpoints it, and goes on where it was stopped."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras

from ..config.sections import Config
from .ahead import drawn_ahead
from .checkpoints import BEST, Checkpoints, Place, best_so_far, resume
from .curves import curve_callbacks
from .distribution import Team
from .lesson import Lesson
from .rounds import Rounds


def fit(config: Config, lesson: Lesson, out: Path, team: Team) -> Path:
    """Train, keep the last and the best weights, and go on where the folder's run stopped.

    Parameters
    ----------
    config : Config
    lesson : Lesson
    out : Path
        Run folder.
    team : Team
        Processes that share the work; the first one writes.

    Returns
    -------
    Path
        ``best.keras``.

    Raises
    ------
    CheckpointError
        The folder's checkpoint does not fit.
    OSError
        The disk is full, say; what was saved before is whole.
    """
    with precision(config), drawn_ahead(lesson.training, config.training.workers) as batches:
        _fit(config, dataclasses.replace(lesson, training=batches), out, team)
    if lesson.finish and team.leads:
        lesson.finish(out / BEST)
    return out / BEST


def _fit(config: Config, lesson: Lesson, out: Path, team: Team) -> None:
    settings, model = config.training, lesson.network()
    compile_for_training(config, model, lesson.loss)
    place = resume(model, out, settings.steps_per_epoch)
    if place is None:
        place = Place()
        if lesson.start:
            lesson.start(model, 0)
    round_began = place.epoch // settings.epochs * settings.epochs
    best = best_so_far(out, lesson, round_began, place.epoch, writes=team.leads)
    team.wait("resumed")
    model.fit(
        lesson.training,
        validation_data=lesson.validation,
        initial_epoch=place.epoch,
        epochs=lesson.rounds * settings.epochs,
        shuffle=False,  # the batches are drawn in random order already, the same after a stop
        verbose=2 if team.leads else 0,
        callbacks=[
            Rounds(out, lesson, settings.epochs, settings.seed, place, keeps=team.leads),
            *([keras.callbacks.SwapEMAWeights()] if settings.ema_momentum else []),
            *lesson.measures,
            *(curve_callbacks(config, out) if team.leads else []),
            Checkpoints(out, lesson, settings.epochs, best, keeps=team.leads),
        ],
    )
    team.wait("trained")


def compile_for_training(config: Config, model: keras.Model, loss: keras.losses.Loss) -> None:
    """Give a network its optimiser and loss."""
    model.compile(_optimizer(config), loss, jit_compile=_with_xla(config))


def _with_xla(config: Config) -> bool | str:
    """Whether steps are compiled: as Keras chooses, but not by TensorFlow on a CPU, where oneDNN is far faster."""
    if config.training.xla:
        return True
    if keras.backend.backend() == "tensorflow":
        import tensorflow

        return "auto" if tensorflow.config.list_physical_devices("GPU") else False
    return "auto"


@contextmanager
def precision(config: Config) -> Iterator[None]:
    """Build and train under the configured precision, and leave Keras as it was."""
    before = keras.config.dtype_policy()
    wanted = config.training.precision
    keras.config.set_dtype_policy(wanted if wanted == "float32" else f"mixed_{wanted}")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _optimizer(config: Config) -> keras.optimizers.Optimizer:
    settings = config.training
    rate: Any = settings.learning_rate
    if settings.learning_rate_decay == "cosine":
        warmup = settings.warmup_steps
        rate = keras.optimizers.schedules.CosineDecay(
            0.0 if warmup else rate,
            max(1, settings.epochs * settings.steps_per_epoch - warmup),
            alpha=0.01,
            warmup_target=rate if warmup else None,
            warmup_steps=warmup,
        )
    options: dict[str, Any] = {"global_clipnorm": settings.clip_norm or None}
    if settings.ema_momentum:
        options |= {"use_ema": True, "ema_momentum": settings.ema_momentum}
    if settings.weight_decay:
        return keras.optimizers.AdamW(rate, weight_decay=settings.weight_decay, **options)
    return keras.optimizers.Adam(rate, **options)
