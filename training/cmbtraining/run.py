"""One training run: its folder, its curves, its best weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import yaml
from rich.progress import track

from CMBSegmentationLib.preprocess import InputSpec

from .config import Config
from .dataset import PreparedSubject, find_subjects, prepare_subject
from .losses import CombinedLoss
from .network import build_unet
from .sampling import PatchSequence


def describe(config: Config) -> dict[str, Any]:
    """Name what would be trained: the network's parameters and layers, and the configuration."""
    model = _network(config)
    return {
        "name": config.name,
        "parameters": model.count_params(),
        "layers": len(model.layers),
        "input_shape": list(model.input_shape),
        "output_shape": list(model.output_shape),
        "config": config.as_dict(),
    }


def train(config: Config, data: Path, validation: Path, out: Path) -> Path:
    """Train and keep the weights with the best validation loss.

    Parameters
    ----------
    config : Config
    data, validation : Path
        Folders of subjects (`cmbtraining.dataset.find_subjects`).
    out : Path
        Run folder: ``config.yaml``, ``curve.csv``, ``best.keras``, ``last.keras``, prepared subjects.

    Returns
    -------
    Path
        ``best.keras``.
    """
    keras.utils.set_random_seed(config.training.seed)
    out.mkdir(parents=True, exist_ok=True)
    plain = json.loads(json.dumps(config.as_dict()))
    (out / "config.yaml").write_text(yaml.safe_dump(plain, sort_keys=False))

    model = _network(config)
    model.compile(_optimizer(config), CombinedLoss(**config.as_dict()["loss"]))
    steps = config.training
    model.fit(
        _patches(config, data, out / "prepared", steps.steps_per_epoch, steps.seed),
        validation_data=_patches(config, validation, out / "prepared", steps.validation_steps, steps.seed + 1),
        epochs=steps.epochs,
        verbose=2,
        callbacks=[
            keras.callbacks.BackupAndRestore(str(out / "backup"), delete_checkpoint=False),
            keras.callbacks.ModelCheckpoint(str(out / "best.keras"), save_best_only=True, monitor="val_loss"),
            keras.callbacks.ModelCheckpoint(str(out / "last.keras")),
            keras.callbacks.CSVLogger(str(out / "curve.csv"), append=True),
        ],
    )
    return out / "best.keras"


def _network(config: Config) -> keras.Model:
    network = config.network
    return build_unet(network.patch_size, network.filters, len(config.data.sequences), l2=network.l2)


def _optimizer(config: Config) -> keras.optimizers.Optimizer:
    settings = config.training
    rate: Any = settings.learning_rate
    if settings.learning_rate_decay == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(rate, settings.epochs * settings.steps_per_epoch, alpha=0.01)
    return keras.optimizers.Adam(rate)


def _patches(config: Config, data: Path, cache: Path, steps: int, seed: int) -> PatchSequence:
    spec = InputSpec(config.data.axes, config.data.spacing_mm, config.data.normalization)
    subjects: list[PreparedSubject] = [
        prepare_subject(subject, spec, cache / data.name)
        for subject in track(find_subjects(data), f"Preparing {data.name}")
    ]
    return PatchSequence(subjects, config.network.patch_size, config.sampling, config.training.batch_size, steps, seed)
