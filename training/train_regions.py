"""Train the regions network on heads of any contrast, drawn from label maps.

    python training/make_region_maps.py --label-maps LABELS/ --atlas ATLAS --out region_maps/
    python training/train_regions.py --label-maps LABELS/ --region-maps region_maps/ --train 1-11 --validate 12-12 \\
        --out run_regions/
    python training/export_stage.py regions run_regions/best.keras --out cmb-regions.onnx --data ...

Goes on where it was stopped. On CPUs `KERAS_BACKEND=torch` is about three times as fast.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import keras

from cmbtraining.checkpoints import CURVE, Checkpoints, resume
from cmbtraining.regions.atlas import CLASSES
from cmbtraining.regions.dataset import RegionBatches, read_heads
from cmbtraining.regions.loss import RegionLoss
from cmbtraining.regions.network import build_regions_network

FILTERS = (24, 48, 80, 96)
PATCH_SIZE = (112, 128, 112)  # 168 x 192 x 168 mm: a whole brain


def main() -> None:
    """Train for a number of epochs, keep the last and the best weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--label-maps", type=Path, required=True)
    parser.add_argument("--region-maps", type=Path, required=True, help="as make_region_maps.py writes them")
    parser.add_argument("--train", default="1-11", help="label maps to learn from, counted from 1")
    parser.add_argument("--validate", default="12-12")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--steps", type=int, default=50, help="batches an epoch")
    parser.add_argument(
        "--patch-size", type=int, nargs=3, default=PATCH_SIZE, help="voxels of 1.5 mm (default: a whole brain)"
    )
    parser.add_argument("--batch-size", type=int, default=1)
    parser.add_argument("--learning-rate", type=float, default=5e-3)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()

    names = sorted(path.name for path in arguments.label_maps.glob("*.nii*"))
    missing = [n for n in chosen(names, arguments.train) if not (arguments.region_maps / n).is_file()]
    if missing:
        parser.error(f"{arguments.region_maps} lacks {missing[0]}; run make_region_maps.py first")
    keras.utils.set_random_seed(arguments.seed)
    training = RegionBatches(
        read_heads(arguments.label_maps, arguments.region_maps, chosen(names, arguments.train)),
        tuple(arguments.patch_size),
        batch_size=arguments.batch_size,
        steps=arguments.steps,
        seed=arguments.seed,
        workers=1,
        max_queue_size=4,
    )
    validation = RegionBatches(
        read_heads(arguments.label_maps, arguments.region_maps, chosen(names, arguments.validate)),
        PATCH_SIZE,
        batch_size=1,
        steps=8,
        seed=arguments.seed + 1,
        fixed=True,
    )
    model = build_regions_network(FILTERS, len(CLASSES))
    schedule = keras.optimizers.schedules.CosineDecay(
        arguments.learning_rate, arguments.epochs * arguments.steps, alpha=0.02
    )
    model.compile(keras.optimizers.Adam(schedule, clipnorm=1.0), RegionLoss())
    arguments.out.mkdir(parents=True, exist_ok=True)
    first, best = resume(model, arguments.out, arguments.steps)
    curve = keras.callbacks.CSVLogger(str(arguments.out / CURVE), append=True)
    model.fit(
        training,
        validation_data=validation,
        epochs=arguments.epochs,
        initial_epoch=first,
        callbacks=[
            keras.callbacks.LambdaCallback(on_epoch_begin=lambda number, logs: training.begin(number)),
            curve,
            Checkpoints(arguments.out, best),
        ],
        verbose=2,
    )


def chosen(names: list[str], which: str) -> list[str]:
    """Names counted from 1, such as ``1-11``."""
    first, _, last = which.partition("-")
    return names[int(first) - 1 : int(last or first)]


if __name__ == "__main__":
    main()
