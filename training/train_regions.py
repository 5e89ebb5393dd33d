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
from cmbtraining.network import build_unet
from cmbtraining.regions.atlas import CLASSES
from cmbtraining.regions.dataset import RegionBatches, read_heads
from cmbtraining.regions.loss import RegionLoss

FILTERS = (8, 16, 32, 48)
PATCH_SIZE = (64, 80, 64)
BATCH_NORM_MOMENTUM = 0.9  # hundreds of steps, not tens of thousands: the statistics must follow
CLASS_WEIGHTS = (0.3, 0.5, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 2.0)


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
    parser.add_argument("--batch-size", type=int, default=2)
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()

    names = sorted(path.name for path in arguments.label_maps.glob("*.nii*"))
    missing = [n for n in chosen(names, arguments.train) if not (arguments.region_maps / n).is_file()]
    if missing:
        parser.error(f"{arguments.region_maps} lacks {missing[0]}; run make_region_maps.py first")
    keras.utils.set_random_seed(arguments.seed)
    training = RegionBatches(
        read_heads(arguments.label_maps, arguments.region_maps, chosen(names, arguments.train)),
        PATCH_SIZE,
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
        steps=5,
        seed=arguments.seed + 1,
        fixed=True,
    )
    model = build_unet((None, None, None), FILTERS, classes=len(CLASSES), l2=1e-5)
    schedule = keras.optimizers.schedules.CosineDecay(
        arguments.learning_rate, arguments.epochs * arguments.steps, alpha=0.02
    )
    model.layers[-1].activation = keras.activations.linear
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = BATCH_NORM_MOMENTUM
    model.compile(keras.optimizers.Adam(schedule), RegionLoss(CLASS_WEIGHTS))
    arguments.out.mkdir(parents=True, exist_ok=True)
    first, best = resume(model, arguments.out, arguments.steps)
    training.epoch = first
    curve = keras.callbacks.CSVLogger(str(arguments.out / CURVE), append=True)
    model.fit(
        training,
        validation_data=validation,
        epochs=arguments.epochs,
        initial_epoch=first,
        callbacks=[curve, Checkpoints(arguments.out, best)],
        verbose=2,
    )


def chosen(names: list[str], which: str) -> list[str]:
    """Names counted from 1, such as ``1-11``."""
    first, _, last = which.partition("-")
    return names[int(first) - 1 : int(last or first)]


if __name__ == "__main__":
    main()
