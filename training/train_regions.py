"""Train the regions network on heads of any contrast, drawn from label maps.

    python training/make_region_maps.py --label-maps LABELS/ --atlas ATLAS --out region_maps/
    python training/train_regions.py --config training/configs/regions.yaml --label-maps LABELS/ \\
        --region-maps region_maps/ --train 1-11 --validate 12-12 --out run_regions/ [training.epochs=60 ...]
    python training/export_stage.py regions run_regions/best.keras --out cmb-regions.onnx --data ...

Goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras

from cmbtraining.config.settings import Config, ConfigError, load_config
from cmbtraining.fitting.ahead import drawn_ahead
from cmbtraining.fitting.checkpoints import CheckpointError
from cmbtraining.fitting.distribution import Team
from cmbtraining.fitting.run_folder import open_run
from cmbtraining.fitting.trainer import Lesson, fit, precision
from cmbtraining.regions.atlas import CLASSES
from cmbtraining.regions.dataset import NEW_SHARE, RegionBatches, read_heads
from cmbtraining.regions.loss import RegionLoss
from cmbtraining.regions.network import build_regions_network


def main(arguments: Sequence[str] | None = None) -> int:
    """Train as configured, keep the last and the best weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--label-maps", type=Path, required=True)
    parser.add_argument("--region-maps", type=Path, required=True, help="as make_region_maps.py writes them")
    parser.add_argument("--train", default="1-11", help="label maps to learn from, counted from 1")
    parser.add_argument("--validate", default="12-12")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--new-heads", type=float, default=NEW_SHARE, help="share of patches with a new head")
    parser.add_argument("overrides", nargs="*", metavar="section.key=value", help="such as training.epochs=3")
    options = parser.parse_args(arguments)

    names = sorted(path.name for path in options.label_maps.glob("*.nii*"))
    missing = [n for n in chosen(names, options.train) if not (options.region_maps / n).is_file()]
    if missing:
        parser.error(f"{options.region_maps} lacks {missing[0]}; run make_region_maps.py first")
    try:
        config = load_config(options.config, options.overrides)
        train(config, options, names)
    except (ConfigError, CheckpointError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def train(config: Config, options: argparse.Namespace, names: list[str]) -> Path:
    """Train; gives the best weights."""
    open_run(options.out, config)
    settings, patch_size = config.training, config.network.patch_size
    keras.utils.set_random_seed(settings.seed)
    training = RegionBatches(
        read_heads(options.label_maps, options.region_maps, chosen(names, options.train)),
        patch_size,
        batch_size=settings.batch_size,
        steps=settings.steps_per_epoch,
        seed=settings.seed,
        drawn=options.out / "heads",
        new_share=options.new_heads,
        workers=0 if settings.workers else 1,  # a thread that draws ahead, where no processes do
        max_queue_size=4,
    )
    validation = RegionBatches(
        read_heads(options.label_maps, options.region_maps, chosen(names, options.validate)),
        patch_size,
        batch_size=1,
        steps=settings.validation_steps,
        seed=settings.seed + 1,
        fixed=True,
    )
    with precision(config), drawn_ahead(training, settings.workers) as batches:
        network = build_regions_network(config.network.filters, len(CLASSES))
        return fit(config, Lesson(network, RegionLoss(), batches, validation), options.out, Team())


def chosen(names: list[str], which: str) -> list[str]:
    """Names counted from 1, such as ``1-11``."""
    first, _, last = which.partition("-")
    return names[int(first) - 1 : int(last or first)]


if __name__ == "__main__":
    sys.exit(main())
