"""Train a detector, a map of regions or a verifier without a screen; the configuration's ``task`` says which.

    python training/train.py --config training/configs/detector.yaml --data simulated/ \\
        --validation simulated_validation/ --out runs/detector
    python training/train.py --config training/configs/paper_model3.yaml --data preprocessed/ --split split.json \\
        --out runs/model3 training.precision=float16
    python training/train.py --config training/configs/regions.yaml --data LABELS/ --region-maps region_maps/ \\
        --out runs/regions
    python training/train.py --config training/configs/verifier.yaml --data candidates/ --out runs/verifier
    python training/train.py --config training/configs/paper_model3.yaml --describe

A run that was stopped goes on where it was when called again with the same ``--out``: to the same
weights as if it had not been stopped, on a CPU. Every value of the configuration can be given as
``section.key=value``. ``--start-from`` goes on from trained weights, ``--hard-negatives`` draws a detector's patches
where an earlier one was wrong. Several devices and machines: README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cmbtraining.config.sections import Config

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
            from cmbtraining.tasks.run import describe

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


def _train(options: argparse.Namespace, config: Config) -> None:
    from CMBSegmentationLib.errors import InputError, MachineError, ModelError
    from cmbtraining.fitting.checkpoints import CheckpointError
    from cmbtraining.tasks.given import Given
    from cmbtraining.tasks.run import train

    if not (options.data and options.out):
        raise InputError("Training needs --data and --out.", "See --help.")
    given = Given(
        options.out,
        options.data,
        options.validation,
        options.split,
        options.fold,
        options.region_maps,
        options.start_from,
        options.hard_negatives,
    )
    try:
        train(config, given)
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
    parser.add_argument(
        "--data",
        type=Path,
        action="append",
        default=[],
        help="detect: subjects in VALDO's layout, or from preprocess.py; regions: label maps; verify: candidates of "
        "collect_candidates.py, given again for each further folder",
    )
    parser.add_argument("--validation", type=Path, action="append", default=[], help="detect, verify: likewise")
    parser.add_argument("--split", type=Path, help="detect: JSON of split.py, takes both sides from --data")
    parser.add_argument("--fold", type=int, default=0, help="of the split, counted from 0")
    parser.add_argument("--region-maps", type=Path, help="regions: as make_region_maps.py writes them")
    parser.add_argument("--out", type=Path, help="run folder")
    parser.add_argument("--start-from", help="weights: a best.keras; detect: also an .onnx, or a bundled model's name")
    parser.add_argument("--hard-negatives", type=Path, help="detect: lesions.csv of evaluate.py score: its false ones")
    parser.add_argument("--describe", action="store_true", help="print the configured network as JSON and stop")
    parser.add_argument("overrides", nargs="*", metavar="section.key=value", help="such as training.epochs=3")
    return parser


if __name__ == "__main__":
    sys.exit(main())
