"""Train the detector without a screen.

    python training/train.py --config training/configs/first_detector.yaml \\
        --data simulated/ --validation simulated_validation/ --out runs/first
    python training/train.py --config training/configs/paper_model3.yaml \\
        --data preprocessed/ --split split.json --out runs/model3 training.precision=float16
    python training/train.py --config training/configs/paper_model3.yaml --describe

A run that was stopped goes on where it was when called again with the same ``--out``: to the same
weights as if it had not been stopped, on a CPU. Every value of the configuration can be given as
``section.key=value``. ``--start-from`` fine-tunes a trained network, ``--hard-negatives`` draws patches where
an earlier one was wrong. Several devices and machines: README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, describe or train."""
    options = _parser().parse_args(arguments)

    from CMBSegmentationLib.errors import CMBError
    from cmbtraining.config.settings import ConfigError, load_config
    from cmbtraining.data.dataset import DatasetError

    try:
        config = load_config(options.config, options.overrides)
        if options.describe:
            from cmbtraining.fitting.detector import describe

            print(json.dumps(describe(config), indent=1))
            return 0
        _train(options, config)
    except (ConfigError, DatasetError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except CMBError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("Stopped; call again with the same --out to go on.", file=sys.stderr)
        return 130
    return 0


def _train(options: argparse.Namespace, config) -> None:
    from CMBSegmentationLib.errors import InputError, MachineError, ModelError
    from CMBSegmentationLib.models.model_file import find_model
    from cmbtraining.data.hard_negatives import read_hard_negatives
    from cmbtraining.evaluation.score_files import ScoreError
    from cmbtraining.fitting.checkpoints import CheckpointError
    from cmbtraining.fitting.detector import sides_of_folders, sides_of_split, train

    if not (options.data and options.out) or bool(options.validation) == bool(options.split):
        raise InputError("Training needs --data, --out, and one of --validation and --split.", "See --help.")
    sequences = config.data.sequences
    try:
        if options.split:
            sides = sides_of_split(options.data, options.split, options.fold, sequences)
        else:
            sides = sides_of_folders(options.data, options.validation, sequences)
        hard = read_hard_negatives(options.hard_negatives) if options.hard_negatives else None
        trained = find_model(options.start_from) if options.start_from else None
        train(config, *sides, options.out, trained=trained, hard_negatives=hard)
    except ScoreError as error:
        raise InputError(str(error), "Give the lesions.csv that evaluate.py score writes.") from error
    except CheckpointError as error:
        raise ModelError(str(error)) from error
    except OSError as error:
        raise MachineError(
            f"Writing to or reading from disk failed ({error}).",
            f"What {options.out} held before is whole: free some space and call again to go on.",
        ) from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="training subjects: VALDO's layout, or from preprocess.py")
    parser.add_argument("--validation", type=Path, help="validation subjects, likewise")
    parser.add_argument("--split", type=Path, help="JSON of split.py: takes both sides from --data")
    parser.add_argument("--fold", type=int, default=0, help="of the split, counted from 0")
    parser.add_argument("--out", type=Path, help="run folder")
    parser.add_argument("--start-from", help="weights: a best.keras, an .onnx, or a bundled model's name")
    parser.add_argument("--hard-negatives", type=Path, help="lesions.csv of evaluate.py score: its false positives")
    parser.add_argument("--describe", action="store_true", help="print the configured network as JSON and stop")
    parser.add_argument("overrides", nargs="*", metavar="section.key=value", help="such as training.epochs=3")
    return parser


if __name__ == "__main__":
    sys.exit(main())
