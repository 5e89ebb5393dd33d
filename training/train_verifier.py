"""Train the verifier on what a detector pointed at in scans with known truth.

    python training/collect_candidates.py --data simulated/ --model DETECTOR.onnx --out candidates/
    python training/train_verifier.py --candidates candidates/ --out run_verifier/ [--validation candidates_validation/]
        [--start-from earlier_run/best.keras]

Without --validation one subject in six is kept for it; the weights with the best area under the precision-recall
curve stay. At the end they are calibrated on it, so that the score reads as a probability.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from cmbtraining.calibration import calibration, fold
from cmbtraining.checkpoints import BEST, CURVE, save
from cmbtraining.verifier import CandidateBatches, Examples, build_verifier, read_examples

VALIDATION_EVERY = 6
CALIBRATED = "calibrated.keras"


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, and tell how microbleeds and the rest part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=Path, required=True, nargs="+")
    parser.add_argument("--validation", type=Path, nargs="+", help="candidates of scans that the detector never saw")
    parser.add_argument("--start-from", type=Path, help="best.keras of an earlier verifier")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)

    keras.utils.set_random_seed(options.seed)
    if options.start_from and not options.start_from.is_file():
        parser.error(f"{options.start_from} does not exist")
    try:
        training = _read(options.candidates)
        validation = _read(options.validation) if options.validation else None
    except FileNotFoundError as error:
        parser.error(str(error))
    if validation is None:  # by place in the list, so that every protocol is on both sides
        held = np.isin(training.subjects, np.unique(training.subjects)[3::VALIDATION_EVERY])
        training, validation = _part(training, ~held), _part(training, held)
    batches = CandidateBatches(training, seed=options.seed)
    model = keras.models.load_model(options.start_from, compile=False) if options.start_from else build_verifier()
    schedule = keras.optimizers.schedules.CosineDecay(options.learning_rate, options.epochs * len(batches), alpha=0.01)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.AdamW(schedule, weight_decay=1e-3), loss)
    options.out.mkdir(parents=True, exist_ok=True)
    best = -1.0
    with (options.out / CURVE).open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["epoch", "loss", "average_precision"])
        for epoch in range(options.epochs):
            done = model.fit(batches, epochs=epoch + 1, initial_epoch=epoch, verbose=2)
            area = average_precision(scores(model, validation), validation.kinds == 0)
            table.writerow([epoch, done.history["loss"][0], area])
            stream.flush()
            print(f"validation: average precision {area:.3f}, {int((validation.kinds == 0).sum())} microbleeds")
            if area > best:
                best = area
                save(model, options.out / BEST)
    model = keras.models.load_model(options.out / BEST, compile=False)
    temperature, shift = calibration(logits(model, validation), validation.kinds == 0)
    fold(model, temperature, shift)
    save(model, options.out / CALIBRATED)
    told = {"average_precision": best, "temperature": temperature, "shift": shift}
    (options.out / "validation.json").write_text(json.dumps(told))
    return 0


def logits(model: keras.Model, examples: Examples) -> NDArray[np.float64]:
    """Give every example's logits (n, kinds)."""
    return model.predict(examples.crops.astype(np.float32), batch_size=128, verbose=0).astype(np.float64)


def scores(model: keras.Model, examples: Examples) -> NDArray[np.float64]:
    """Give the probability of a microbleed for every example."""
    return softmax(logits(model, examples), axis=-1)[:, 0]


def average_precision(score: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    """Area under the precision-recall curve, as a sum over the true ones in order of their score."""
    order = np.argsort(-score, kind="stable")
    hits = truth[order]
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float(precision[hits].mean()) if hits.any() else 0.0


def _read(folders: Sequence[Path]) -> Examples:
    parts = [read_examples(folder) for folder in folders]
    return Examples(*(np.concatenate([getattr(one, name) for one in parts]) for name in Examples.__annotations__))


def _part(examples: Examples, where: NDArray[np.bool_]) -> Examples:
    return Examples(*(getattr(examples, name)[where] for name in Examples.__annotations__))


if __name__ == "__main__":
    sys.exit(main())
