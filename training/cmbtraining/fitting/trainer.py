"""The one trainer: fits a network of any task, checkpoints it, and goes on where it was stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import keras

from ..config.settings import Config
from .checkpoints import BEST, LAST, Checkpoints, resume
from .curves import curve_callbacks
from .distribution import Team


class Batches(Protocol):
    """Batches that depend on seed, epoch and index alone, so that a resumed run sees what it would have."""

    def __len__(self) -> int:
        """Batches an epoch."""

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """Input and truth."""

    def begin(self, epoch: int) -> None:
        """Draw this epoch's batches from here on."""


@dataclass(frozen=True)
class Lesson:
    """What is to be learnt.

    Attributes
    ----------
    model : keras.Model
        Not compiled.
    loss : keras.losses.Loss
    training, validation : Batches
        A `keras.utils.PyDataset` each; the validation's stay the same.
    measures : sequence of keras.callbacks.Callback
        Add what they measure at an epoch's end to its ``logs``.
    monitor : str
        Of the logs: what makes an epoch the best one.
    larger_is_better : bool
        Of `monitor`.
    """

    model: keras.Model
    loss: keras.losses.Loss
    training: Batches
    validation: Batches
    measures: Sequence[keras.callbacks.Callback] = field(default=())
    monitor: str = "val_loss"
    larger_is_better: bool = False


def fit(
    config: Config, lesson: Lesson, out: Path, team: Team, start: Callable[[keras.Model], None] | None = None
) -> Path:
    """Train, keep the last and the best weights, and go on where the folder's run stopped.

    Parameters
    ----------
    config : Config
    lesson : Lesson
    out : Path
        Run folder, opened by `fitting.run_folder.open_run`.
    team : Team
        Processes that share the work; the first one writes.
    start : callable, optional
        Gives a new run's network its first weights; a run that goes on does not call it.

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
    settings, model, training = config.training, lesson.model, lesson.training
    compile_for_training(config, model, lesson.loss)
    if start and not (out / LAST).exists():
        start(model)
    epoch, best = resume(
        model, out, len(training), lesson.monitor, larger_is_better=lesson.larger_is_better, writes=team.leads
    )
    team.wait("resumed")
    model.fit(
        training,
        validation_data=lesson.validation,
        initial_epoch=epoch,
        epochs=settings.epochs,
        shuffle=False,  # the batches are drawn in random order already, the same after a stop
        verbose=2 if team.leads else 0,
        callbacks=[
            keras.callbacks.LambdaCallback(on_epoch_begin=lambda number, logs: training.begin(number)),
            *([keras.callbacks.SwapEMAWeights()] if settings.ema_momentum else []),
            *lesson.measures,
            *(curve_callbacks(config, out) if team.leads else []),
            Checkpoints(out, best, monitor=lesson.monitor, larger_is_better=lesson.larger_is_better, keeps=team.leads),
        ],
    )
    team.wait("trained")
    return out / BEST


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
