"""Train the detector without a screen.

    python training/train.py --config training/configs/first_detector.yaml \\
        --data simulated/ --validation simulated_validation/ --out runs/first
    python training/train.py --config training/configs/paper_model3.yaml --describe

A run that was stopped goes on where it was when called again with the same ``--out``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def main() -> int:
    """Parse the command line, describe or train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="training subjects, VALDO's layout")
    parser.add_argument("--validation", type=Path, help="validation subjects, same layout")
    parser.add_argument("--out", type=Path, help="run folder")
    parser.add_argument("--describe", action="store_true", help="print the configured network as JSON and stop")
    arguments = parser.parse_args()

    from cmbtraining.config import ConfigError, load_config
    from cmbtraining.dataset import DatasetError

    try:
        config = load_config(arguments.config)
        if arguments.describe:
            from cmbtraining.run import describe

            print(json.dumps(describe(config), indent=1))
            return 0
        if not (arguments.data and arguments.validation and arguments.out):
            parser.error("training needs --data, --validation and --out")
        from cmbtraining.run import train

        train(config, arguments.data, arguments.validation, arguments.out)
    except (ConfigError, DatasetError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
