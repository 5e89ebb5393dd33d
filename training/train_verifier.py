"""Train the verifier on what a detector pointed at in scans with known truth.

    python training/collect_candidates.py --data simulated/ --model DETECTOR.onnx --out candidates/
    python training/train_verifier.py --candidates candidates/ --out run_verifier/

One subject in six is kept for validation; the weights stay that give, together with the detector, the best area
under the precision-recall curve.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from CMBSegmentationLib.verify import combined
from cmbtraining.checkpoints import BEST, CURVE, save
from cmbtraining.verifier import CandidateBatches, Examples, build_verifier, read_examples

VALIDATION_EVERY = 6


def main() -> None:
    """Train, and tell how microbleeds and the rest part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=Path, required=True, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()

    keras.utils.set_random_seed(arguments.seed)
    try:
        folders = [read_examples(folder) for folder in arguments.candidates]
    except FileNotFoundError as error:
        parser.error(str(error))
    examples = Examples(*(np.concatenate([getattr(one, name) for one in folders]) for name in Examples.__annotations__))
    # by place in the list, so that every protocol is on both sides
    held = np.isin(examples.subjects, np.unique(examples.subjects)[3::VALIDATION_EVERY])
    training, validation = _part(examples, ~held), _part(examples, held)
    batches = CandidateBatches(training, seed=arguments.seed)
    model = build_verifier()
    schedule = keras.optimizers.schedules.CosineDecay(
        arguments.learning_rate, arguments.epochs * len(batches), alpha=0.01
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.AdamW(schedule, weight_decay=1e-3), loss)
    arguments.out.mkdir(parents=True, exist_ok=True)
    best = -1.0
    with (arguments.out / CURVE).open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["epoch", "loss", "average_precision"])
        for epoch in range(arguments.epochs):
            done = model.fit(batches, epochs=epoch + 1, initial_epoch=epoch, verbose=2)
            together = [combined(*pair) for pair in zip(validation.peaks, scores(model, validation), strict=True)]
            area = average_precision(np.array(together), validation.kinds == 0)  # of what is used
            table.writerow([epoch, done.history["loss"][0], area])
            stream.flush()
            print(f"validation: average precision {area:.3f}, {int((validation.kinds == 0).sum())} microbleeds")
            if area > best:
                best = area
                save(model, arguments.out / BEST)
    (arguments.out / "validation.json").write_text(json.dumps({"average_precision": best}))


def scores(model: keras.Model, examples: Examples) -> NDArray[np.float64]:
    """Give the probability of a microbleed for every example."""
    logits = model.predict(examples.crops.astype(np.float32), batch_size=128, verbose=0)
    return keras.ops.convert_to_numpy(keras.ops.softmax(logits))[:, 0].astype(np.float64)


def average_precision(score: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    """Area under the precision-recall curve, as a sum over the true ones in order of their score."""
    order = np.argsort(-score, kind="stable")
    hits = truth[order]
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float(precision[hits].mean()) if hits.any() else 0.0


def _part(examples: Examples, where: NDArray[np.bool_]) -> Examples:
    return Examples(*(getattr(examples, name)[where] for name in Examples.__annotations__))


if __name__ == "__main__":
    main()
