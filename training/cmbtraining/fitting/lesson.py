"""What a run learns: network, loss, batches, and what makes an epoch the best one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import keras


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
    network : callable
        Builds the network; not compiled.
    loss : keras.losses.Loss
    training, validation : Batches
        A `keras.utils.PyDataset` each; the validation's stay the same.
    measures : sequence of keras.callbacks.Callback
        Add what they measure at an epoch's end to its ``logs``.
    monitor : str
        Of the logs: what makes an epoch the best one of its round.
    larger_is_better : bool
        Of `monitor`.
    rounds : int
        Each takes the configuration's epochs, with an optimiser that knows nothing of the round before.
    start : callable, optional
        Gives the network the weights that a round, counted from 0, begins with. A run that goes on within a round does
        not call it.
    finish : callable, optional
        Takes the best weights' file when the run is done.
    """

    network: Callable[[], keras.Model]
    loss: keras.losses.Loss
    training: Batches
    validation: Batches
    measures: Sequence[keras.callbacks.Callback] = field(default=())
    monitor: str = "val_loss"
    larger_is_better: bool = False
    rounds: int = 1
    start: Callable[[keras.Model, int], None] | None = None
    finish: Callable[[Path], None] | None = None

    def better(self, value: float, other: float) -> bool:
        """Whether one value of the monitor is better than another."""
        return value > other if self.larger_is_better else value < other

    @property
    def worst(self) -> float:
        """What any value of the monitor is better than."""
        return float("-inf") if self.larger_is_better else float("inf")
