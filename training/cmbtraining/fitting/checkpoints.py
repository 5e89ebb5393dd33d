"""The weights of a run on disk: the last ones to go on from, the best ones to keep; never half-written."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np

from CMBSegmentationLib.files.atomic_file import put_in_place

LAST, BEST, CURVE = "last.keras", "best.keras", "curve.csv"


class CheckpointError(RuntimeError):
    """A checkpoint does not fit the network, or cannot be read."""


class Checkpoints(keras.callbacks.Callback):
    """Save the best and the last weights after each epoch, the optimiser's state with them.

    Where the optimiser keeps an average of the weights, the best file holds that, the last one what training
    goes on from; validation is to see the average too (`keras.callbacks.SwapEMAWeights`).

    Parameters
    ----------
    folder : Path
    best : float
        Best value of `monitor` so far, as `resume` gives it.
    keeps : bool
        Whether this process keeps what it saves: of several all must save, for they exchange what they hold.
    monitor : str
        Of the epoch's logs: what makes its weights the best ones.
    larger_is_better : bool
        Of `monitor`.
    """

    def __init__(
        self,
        folder: Path,
        best: float,
        keeps: bool = True,
        monitor: str = "val_loss",
        larger_is_better: bool = False,
    ) -> None:
        super().__init__()
        self.folder, self.best, self.keeps = folder, best, keeps
        self.monitor, self.larger_is_better = monitor, larger_is_better

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Save; `last` after `best`, so that a stop between them only repeats the epoch."""
        value = (logs or {}).get(self.monitor, worst(self.larger_is_better))
        if value > self.best if self.larger_is_better else value < self.best:
            self.best = value
            with averaged(self.model):
                save(self.model, self.folder / BEST, self.keeps)
        save(self.model, self.folder / LAST, self.keeps)


@contextmanager
def averaged(model: keras.Model) -> Iterator[None]:
    """Give the model its optimiser's moving average of the weights for a while, where there is one."""
    if not getattr(model.optimizer, "use_ema", False):
        yield
        return
    trained = [np.array(variable) for variable in model.trainable_variables]
    for variable, average in zip(
        model.trainable_variables, model.optimizer._model_variables_moving_average, strict=True
    ):
        variable.assign(average)
    try:
        yield
    finally:
        for variable, value in zip(model.trainable_variables, trained, strict=True):
            variable.assign(value)


def save(model: keras.Model, path: Path, keep: bool = True) -> None:
    """Write beside the file, then replace it: a kill or a full disk leaves the old one whole."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft.keras")
    try:
        model.save(draft)
        if keep:
            put_in_place(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def worst(larger_is_better: bool) -> float:
    """What any value of a monitor is better than."""
    return float("-inf") if larger_is_better else float("inf")


def resume(
    model: keras.Model,
    folder: Path,
    steps_per_epoch: int,
    monitor: str = "val_loss",
    *,
    larger_is_better: bool = False,
    writes: bool = True,
) -> tuple[int, float]:
    """Bring a compiled model to where the run was stopped, and the curve back to that epoch.

    Parameters
    ----------
    model : keras.Model
        Compiled; its weights and optimiser are replaced where there is a checkpoint.
    folder : Path
        Run folder.
    steps_per_epoch : int
    monitor : str
        A column of the curve.
    larger_is_better : bool
        Of `monitor`.
    writes : bool
        Whether this process may bring the curve's file back.

    Returns
    -------
    epoch : int
        The next one, counted from 0.
    best : float
        Best value of `monitor` so far; infinitely bad at the start.

    Raises
    ------
    CheckpointError
        The checkpoint is damaged or of another network.
    """
    last = folder / LAST
    if not last.exists():
        return 0, worst(larger_is_better)
    try:
        saved = keras.models.load_model(last)
    except Exception as error:  # zipfile, h5py and keras each raise their own
        raise CheckpointError(f"{last} is damaged ({_first_line(error)}); give another --out.") from error
    model.optimizer.build(model.trainable_variables)
    if _shapes(saved) != _shapes(model):  # Keras' own load_weights leaves out what does not fit
        raise CheckpointError(f"{last} is a checkpoint of another network or optimiser; give another --out.")
    for ours, theirs in zip(_state(model), _state(saved), strict=True):
        ours.assign(theirs.value)
    steps = int(model.optimizer.iterations)  # a few less than were made where mixed precision skipped some
    epoch = -(-steps // steps_per_epoch)
    values = _curve_until(folder / CURVE, epoch, monitor, writes)
    return epoch, (max if larger_is_better else min)(values, default=worst(larger_is_better))


def _state(model: keras.Model) -> list[Any]:
    optimizer = getattr(model, "optimizer", None)
    return [*model.weights, *(optimizer.variables if optimizer else ())]


def _shapes(model: keras.Model) -> list[tuple[int, ...]]:
    return [tuple(variable.shape) for variable in _state(model)]


def _curve_until(path: Path, epoch: int, monitor: str, writes: bool) -> list[float]:
    """Drop what the curve says of epochs that will be run again; the monitor's values of the rest."""
    if not path.exists():
        return []
    with path.open(newline="") as stream:
        table = csv.DictReader(stream)
        names = table.fieldnames or []
        rows = [row for row in table if row["epoch"] and int(row["epoch"]) < epoch]
    if writes:
        draft = path.with_name(f".{path.name}.draft")
        with draft.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, names)
            writer.writeheader()
            writer.writerows(rows)
        put_in_place(draft, path)
    return [float(row[monitor]) for row in rows if row.get(monitor)]


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
