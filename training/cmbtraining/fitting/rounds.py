"""The beginning of epochs and rounds: the right batches, and for a new round first weights and a fresh optimiser."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from .checkpoints import LAST, Place, save
from .lesson import Lesson


class Rounds(keras.callbacks.Callback):
    """Begin each epoch as a run that was never stopped would.

    Parameters
    ----------
    folder : Path
        Run folder.
    lesson : Lesson
    epochs : int
        Of a round.
    seed : int
    begun : Place
        Where the run goes on: the round that is under way is not begun again.
    keeps : bool
        Whether this process writes.
    """

    def __init__(self, folder: Path, lesson: Lesson, epochs: int, seed: int, begun: Place, keeps: bool) -> None:
        super().__init__()
        self.folder, self.lesson, self.epochs, self.seed = folder, lesson, epochs, seed
        self.begun, self.keeps = begun.round, keeps
        self._fresh: list[np.ndarray] = []

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Keep what the optimiser of a new round is to be."""
        if self.lesson.rounds > 1:
            fresh = keras.optimizers.deserialize(keras.optimizers.serialize(self.model.optimizer))
            fresh.build(self.model.trainable_variables)
            self._fresh = [np.array(variable) for variable in fresh.variables]

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Begin a round where one is due, and draw the epoch's batches."""
        number, into = divmod(epoch, self.epochs)
        if into == 0 and number > self.begun:
            self._begin(epoch, number)
        for layer in self.model.layers:  # a stopped run drops out what it would have
            if isinstance(layer, keras.layers.Dropout):
                layer.seed_generator.state.assign(np.array([self.seed, epoch], "uint32"))
        self.lesson.training.begin(epoch)

    def _begin(self, epoch: int, number: int) -> None:
        """Write the checkpoint when all is ready: a stop before it begins the round again, one after it does not."""
        for variable, value in zip(self.model.optimizer.variables, self._fresh, strict=True):
            variable.assign(value)
        if self.lesson.start:
            self.lesson.start(self.model, number)
        self.begun = number
        save(self.model, self.folder / LAST, Place(epoch, number), self.keeps)
