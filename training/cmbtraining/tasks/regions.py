"""What the map of regions learns from: heads of any contrast, drawn from label maps."""

from __future__ import annotations

from pathlib import Path

import keras

from CMBSegmentationLib.errors import InputError

from ..config.sections import RegionsConfig
from ..data.dataset import DatasetError
from ..fitting.fine_tuning import take_weights
from ..fitting.lesson import Lesson
from ..networks.build import build_network
from ..regions.dataset import RegionBatches, read_heads
from ..regions.loss import RegionLoss
from .given import Given


def regions_lesson(config: RegionsConfig, given: Given) -> Lesson:
    """Read label maps and their regions.

    Parameters
    ----------
    config : RegionsConfig
        Its ``heads`` says which of the maps are learnt from and which validate.
    given : Given
        Label maps as ``data``, and what ``make_region_maps.py`` made of them. Its run folder keeps drawn heads, in
        ``heads/``.

    Raises
    ------
    DatasetError, InputError
        A map is missing.
    """
    given.only(config.task, "region_maps")
    if given.region_maps is None:
        raise InputError("Training a map of regions needs --region-maps.", "make_region_maps.py writes them.")
    label_maps, settings, heads = given.folder(), config.training, config.heads
    training = RegionBatches(
        read_heads(label_maps, given.region_maps, _names(label_maps, given.region_maps, heads.training_maps)),
        config.network.patch_size,
        batch_size=settings.batch_size,
        steps=settings.steps_per_epoch,
        seed=settings.seed,
        drawn=given.out / "heads",
        new_share=heads.new_share,
    )
    validation = RegionBatches(
        read_heads(label_maps, given.region_maps, _names(label_maps, given.region_maps, heads.validation_maps)),
        config.network.patch_size,
        batch_size=1,
        steps=settings.validation_steps,
        seed=settings.seed + 1,
        fixed=True,
    )

    def start(model: keras.Model, number: int) -> None:
        if given.start_from:
            take_weights(model, Path(given.start_from))

    return Lesson(lambda: build_network(config), RegionLoss(), training, validation, start=start)


def _names(label_maps: Path, region_maps: Path, which: tuple[int, int]) -> list[str]:
    """File names of label maps, counted from 1 in alphabetical order, each with its map of regions."""
    names = sorted(path.name for path in label_maps.glob("*.nii*"))
    first, last = which
    if last > len(names):
        raise DatasetError(f"heads: maps {first} to {last} are asked for, and {label_maps} holds {len(names)}.")
    for name in names[first - 1 : last]:
        if not (region_maps / name).is_file():
            raise DatasetError(f"{region_maps} lacks {name}; run make_region_maps.py first.")
    return names[first - 1 : last]
