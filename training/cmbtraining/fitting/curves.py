"""A run's curves: TensorBoard always, a picture (Fig. 7), ClearML where it is asked for."""

from __future__ import annotations

import csv
import os
import time
from pathlib import Path
from typing import Any

import keras

from ..config.sections import Config
from ..config.settings import ConfigError
from .checkpoints import CURVE

REDRAW_S = 60.0


class TensorBoardCurves(keras.callbacks.Callback):
    """Write every logged figure as a TensorBoard scalar, under any Keras backend.

    Keras' own callback needs TensorFlow; this one needs the package tensorboard only.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        from tensorboard.summary import Writer

        self.writer = Writer(str(folder))

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Write the epoch's figures: at once, so that a kill loses none."""
        for name, value in (logs or {}).items():
            self.writer.add_scalar(f"epoch/{name}", float(value), epoch)
        self.writer.flush()

    def on_train_end(self, logs: dict | None = None) -> None:
        """Close the file."""
        self.writer.close()


class Picture(keras.callbacks.Callback):
    """Draw ``curve.csv`` as ``curve.png``, once a minute and at the end."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder, self.drawn = folder, time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Draw if the picture is old."""
        if time.monotonic() - self.drawn > REDRAW_S:
            self.on_train_end()

    def on_train_end(self, logs: dict | None = None) -> None:
        """Draw."""
        draw_curve(self.folder / CURVE, self.folder / "curve.png")
        self.drawn = time.monotonic()


class ClearMLCurves(keras.callbacks.Callback):
    """Report every logged figure to a ClearML task."""

    def __init__(self, task: Any) -> None:
        super().__init__()
        self.task = task

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Report the epoch's figures; training and validation in one plot."""
        for name, value in (logs or {}).items():
            side = "validation" if name.startswith("val_") else "training"
            self.task.get_logger().report_scalar(name.removeprefix("val_"), side, float(value), epoch)

    def on_train_end(self, logs: dict | None = None) -> None:
        """Close the task."""
        self.task.close()


def curve_callbacks(config: Config, folder: Path) -> list[keras.callbacks.Callback]:
    """Everything that records curves.

    Parameters
    ----------
    config : Config
    folder : Path
        Run folder; TensorBoard's files go to ``tensorboard/`` in it.

    Raises
    ------
    ConfigError
        ClearML is asked for and not installed.
    """
    callbacks: list[keras.callbacks.Callback] = [
        keras.callbacks.CSVLogger(str(folder / CURVE), append=True),
        TensorBoardCurves(folder / "tensorboard"),
        Picture(folder),
    ]
    if config.tracking.clearml:
        callbacks.append(ClearMLCurves(_clearml_task(config)))
    return callbacks


def draw_curve(table: Path, picture: Path) -> None:
    """Draw training and validation loss over the epochs."""
    from matplotlib.figure import Figure

    with table.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    epochs = [int(row["epoch"]) + 1 for row in rows]
    for name, label in (("loss", "training"), ("val_loss", "validation")):
        if rows and rows[0].get(name):
            axes.plot(epochs, [float(row[name]) for row in rows], label=label, marker="." if len(rows) < 50 else "")
    axes.set(xlabel="Epoch", ylabel="Loss")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(picture, dpi=120)


def _clearml_task(config: Config) -> Any:
    # it would fork a reporting process, which hangs where TensorFlow has its threads running already
    os.environ.setdefault("CLEARML__SDK__DEVELOPMENT__REPORT_USE_SUBPROCESS", "false")
    try:
        from clearml import Task
    except ImportError as error:
        raise ConfigError("tracking.clearml is on, but ClearML is not installed: pip install clearml.") from error
    try:
        task: Any = Task.init(
            project_name=config.tracking.project,
            task_name=config.name,
            auto_connect_arg_parser=False,
            auto_connect_frameworks=False,
            auto_resource_monitoring=False,
        )
    except Exception as error:  # ClearML raises classes of its own: no account, no server
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ConfigError(f"tracking.clearml is on, but ClearML does not start: {reason}") from error
    task.connect(config.as_dict(), name="configuration")
    return task
