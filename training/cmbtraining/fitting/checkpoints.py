"""The weights of a run on disk: the last ones to go on from, the best ones to keep; never half-written."""

from __future__ import annotations

import csv
import json
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from CMBSegmentationLib.files.atomic_file import put_in_place

from .lesson import Lesson

LAST, BEST, CURVE = "last.keras", "best.keras", "curve.csv"
PLACE = "place.json"  # in the checkpoint's archive, beside what Keras puts there


class CheckpointError(RuntimeError):
    """A checkpoint does not fit the network, or cannot be read."""


@dataclass(frozen=True)
class Place:
    """Where a run is: its next epoch, and the round that was begun last, both counted from 0."""

    epoch: int = 0
    round: int = 0


class Checkpoints(keras.callbacks.Callback):
    """Save the round's best and the last weights after each epoch, the optimiser's state with them.

    Where the optimiser keeps an average of the weights, the best file holds that, the last one what training
    goes on from; validation is to see the average too (`keras.callbacks.SwapEMAWeights`).

    Parameters
    ----------
    folder : Path
    lesson : Lesson
        Its monitor says which weights are the best.
    epochs : int
        Of a round.
    best : float
        Best value of the monitor so far in the round that is under way.
    keeps : bool
        Whether this process keeps what it saves: of several all must save, for they exchange what they hold.
    """

    def __init__(self, folder: Path, lesson: Lesson, epochs: int, best: float, keeps: bool = True) -> None:
        super().__init__()
        self.folder, self.lesson, self.epochs, self.best, self.keeps = folder, lesson, epochs, best, keeps

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Begin each round with nothing to beat."""
        if epoch % self.epochs == 0:
            self.best = self.lesson.worst

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Save; `last` after `best`, so that a stop between them only repeats the epoch."""
        place = Place(epoch + 1, epoch // self.epochs)
        value = (logs or {}).get(self.lesson.monitor, self.lesson.worst)
        if self.lesson.better(value, self.best):
            self.best = value
            with averaged(self.model):
                save(self.model, self.folder / BEST, place, self.keeps)
        save(self.model, self.folder / LAST, place, self.keeps)


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
        variable.assign(np.array(average))  # a copy: under JAX a step may give the array that it got away
    try:
        yield
    finally:
        for variable, value in zip(model.trainable_variables, trained, strict=True):
            variable.assign(value)


def save(model: keras.Model, path: Path, place: Place | None = None, keep: bool = True) -> None:
    """Write beside the file, then replace it: a kill or a full disk leaves the old one whole."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft.keras")
    try:
        model.save(draft)
        if place is not None:
            with zipfile.ZipFile(draft, "a") as archive:
                archive.writestr(PLACE, json.dumps(asdict(place)))
        if keep:
            put_in_place(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def resume(model: keras.Model, folder: Path, steps_per_epoch: int) -> Place | None:
    """Bring a compiled model to where the run was stopped.

    Parameters
    ----------
    model : keras.Model
        Compiled; its weights and optimiser are replaced where there is a checkpoint.
    folder : Path
        Run folder.
    steps_per_epoch : int

    Returns
    -------
    Place or None
        None where the run is new.

    Raises
    ------
    CheckpointError
        The checkpoint is damaged or of another network.
    """
    last = folder / LAST
    if not last.exists():
        return None
    try:
        saved = keras.models.load_model(last)
    except Exception as error:  # zipfile, h5py and keras each raise their own
        raise CheckpointError(f"{last} is damaged ({_first_line(error)}); give another --out.") from error
    model.optimizer.build(model.trainable_variables)
    if _shapes(saved) != _shapes(model):  # Keras' own load_weights leaves out what does not fit
        raise CheckpointError(f"{last} is a checkpoint of another network or optimiser; give another --out.")
    for ours, theirs in zip(_state(model), _state(saved), strict=True):
        ours.assign(theirs.value)
    with zipfile.ZipFile(last) as archive:
        if PLACE in archive.namelist():
            return Place(**json.loads(archive.read(PLACE)))
    return Place(-(-int(model.optimizer.iterations) // steps_per_epoch))  # written before checkpoints held it


def best_so_far(folder: Path, lesson: Lesson, first: int, until: int, writes: bool = True) -> float:
    """Bring the curve's file back to an epoch, and give the monitor's best value from another one on.

    Parameters
    ----------
    folder : Path
        Run folder.
    lesson : Lesson
        Its monitor is a column of the curve.
    first, until : int
        Epochs counted from 0; what the file says of `until` and later ones will be run again.
    writes : bool
        Whether this process may write.
    """
    path = folder / CURVE
    if not path.exists():
        return lesson.worst
    with path.open(newline="") as stream:
        table = csv.DictReader(stream)
        names = table.fieldnames or []
        rows = [row for row in table if row["epoch"] and int(row["epoch"]) < until]
    if writes:
        draft = path.with_name(f".{path.name}.draft")
        with draft.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, names)
            writer.writeheader()
            writer.writerows(rows)
        put_in_place(draft, path)
    values = [float(row[lesson.monitor]) for row in rows if int(row["epoch"]) >= first and row.get(lesson.monitor)]
    return (max if lesson.larger_is_better else min)(values, default=lesson.worst)


def _state(model: keras.Model) -> list[Any]:
    optimizer = getattr(model, "optimizer", None)
    return [*model.weights, *(optimizer.variables if optimizer else ())]


def _shapes(model: keras.Model) -> list[tuple[int, ...]]:
    return [tuple(variable.shape) for variable in _state(model)]


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
