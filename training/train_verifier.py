"""Train the verifier on what a detector pointed at in scans with known truth.

    python training/collect_candidates.py --data simulated/ --model DETECTOR.onnx --out candidates/
    python training/train_verifier.py --config training/configs/verifier.yaml --candidates candidates/ \\
        --out run_verifier/ [--validation candidates_validation/] [--start-from earlier_run/best.keras] \\
        [training.epochs=12 ...]

Each round goes on from the best weights of the one before, with a third of each batch what that one took for
microbleeds. A run that was stopped goes on when called again. Without --validation one subject in six is kept for
it; the weights with the best area under the precision-recall curve stay. At the end they are calibrated on it, so that
the score reads as a probability.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
from numpy.typing import NDArray

from cmbtraining.config.settings import Config, ConfigError, load_config
from cmbtraining.export.calibration import calibration, fold
from cmbtraining.fitting.ahead import drawn_ahead
from cmbtraining.fitting.checkpoints import BEST, CheckpointError, save
from cmbtraining.fitting.distribution import Team
from cmbtraining.fitting.run_folder import open_run
from cmbtraining.fitting.trainer import Lesson, fit, precision
from cmbtraining.networks.verifier import (
    AveragePrecision,
    CandidateBatches,
    Examples,
    InOrder,
    average_precision,
    build_verifier,
    logits,
    read_examples,
    scores,
)

VALIDATION_EVERY = 6
ROUNDS = 3
CALIBRATED = "calibrated.keras"
FALSE_SCORE = 0.1  # from which a round's negatives count as taken for microbleeds


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, and tell how microbleeds and the rest part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--candidates", type=Path, required=True, nargs="+")
    parser.add_argument("--validation", type=Path, nargs="+", help="candidates of scans that the detector never saw")
    parser.add_argument("--start-from", type=Path, help="best.keras of an earlier verifier")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("overrides", nargs="*", metavar="section.key=value", help="such as training.epochs=3")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error(f"--rounds {options.rounds} trains nothing: give 1 or more")
    try:
        config = load_config(options.config, options.overrides)
        training = read_examples(*options.candidates)
        if options.validation:
            validation = read_examples(*options.validation)
        else:
            kept = np.unique(training.subjects)[::VALIDATION_EVERY]
            held_back = np.isin(training.subjects, kept)
            training, validation = training.part(~held_back), training.part(held_back)
        best = train(config, training, validation, options.out, options.rounds, options.start_from)
    except (ConfigError, CheckpointError, FileNotFoundError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    _calibrate(best, validation, options.out)
    return 0


def train(
    config: Config, training: Examples, validation: Examples, out: Path, rounds: int, start: Path | None = None
) -> Path:
    """Train round after round; give the last one's best weights.

    Parameters
    ----------
    config : Config
        Its ``training`` is of one round.
    training, validation : Examples
    out : Path
        Gets a run folder a round, ``round-1`` and so on.
    rounds : int
        1 or more.
    start : Path, optional
        Weights to begin with.
    """
    with precision(config):
        return _rounds(config, training, validation, out, rounds, start)


def _rounds(
    config: Config, training: Examples, validation: Examples, out: Path, rounds: int, before: Path | None
) -> Path:
    for number in range(1, rounds + 1):
        keras.utils.set_random_seed(config.training.seed + number)
        hard = false_ones(keras.models.load_model(before, compile=False), training) if before else None
        folder = out / f"round-{number}"
        open_run(folder, config)
        batches = CandidateBatches(training, config.training, hard, seed=config.training.seed + number)
        count = 0 if hard is None else len(hard)
        print(f"round {number}: {len(training.kinds)} candidates, {count} of them false ones of the round before")
        with drawn_ahead(batches, config.training.workers) as drawn:
            lesson = Lesson(
                build_verifier(),
                keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                drawn,
                InOrder(validation, config.training.batch_size),
                measures=[AveragePrecision(validation)],
                monitor=AveragePrecision.NAME,
                larger_is_better=True,
            )
            before = fit(config, lesson, folder, Team(), None if before is None else _weights_of(before))
    assert before is not None
    return before


def false_ones(model: keras.Model, examples: Examples) -> NDArray[np.intp]:
    """List the candidates that a verifier takes for microbleeds and that are none."""
    return np.flatnonzero((examples.kinds != 0) & (scores(model, examples) >= FALSE_SCORE))


def _weights_of(path: Path):
    def start(model: keras.Model) -> None:
        model.set_weights(keras.models.load_model(path, compile=False).get_weights())

    return start


def _calibrate(best: Path, validation: Examples, out: Path) -> None:
    model = keras.models.load_model(best, compile=False)
    truth = validation.kinds == 0
    area = average_precision(scores(model, validation), truth)
    temperature, shift = calibration(logits(model, validation), truth)
    save(model, out / BEST)
    fold(model, temperature, shift)
    save(model, out / CALIBRATED)
    told = {"average_precision": area, "temperature": temperature, "shift": shift}
    (out / "validation.json").write_text(json.dumps(told))
    print(f"validation: average precision {area:.3f}, {int(truth.sum())} microbleeds")


if __name__ == "__main__":
    sys.exit(main())
