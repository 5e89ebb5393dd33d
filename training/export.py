"""Export a trained network to one .onnx file with its manifest inside, checked against TensorFlow.

    python training/export.py --run runs/first --out Resources/Models/cmb-detector-simulated.onnx \\
        --data "60 simulated scans (training/synthesize.py --seed 1)"

Refused where ONNX Runtime and TensorFlow differ by more than 1e-4 in probability.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"  # tf2onnx reads TensorFlow graphs only
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

STATEMENT = "Trained and tested on simulated scans only; not yet validated on patients."
INTENDED_USE = (
    "Research: candidate cerebral microbleeds on T2*-weighted GRE and SWI magnitude scans, for review by a reader. "
    "Not a medical device. "
)


def main() -> int:
    """Load the best weights of a run, write the model file, tell the difference to TensorFlow."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="run folder of train.py")
    parser.add_argument("--weights", default="best.keras", help="file in the run folder (default: best.keras)")
    parser.add_argument("--out", type=Path, required=True, help="the .onnx file to write; its name is the model's")
    parser.add_argument("--model-version", default="0.1.0")
    parser.add_argument("--data", required=True, help="what it was trained on, in words")
    parser.add_argument("--statement", default=STATEMENT, help="what is known of it, shown to every user")
    parser.add_argument("--threshold", type=float, help="default: the configuration's")
    arguments = parser.parse_args()

    import keras

    from cmbtraining.config import ConfigError, load_config
    from cmbtraining.onnx_export import ExportError, export, manifest_for

    try:
        config = load_config(arguments.run / "config.yaml")
        weights = arguments.run / arguments.weights
        if not weights.exists():
            parser.error(f"{weights} does not exist; train first")
        trained = keras.models.load_model(weights, compile=False)
        training = {
            "statement": arguments.statement,
            "data": arguments.data,
            "config": config.as_dict(),
            "parameters": trained.count_params(),
            "date": datetime.now(timezone.utc).date().isoformat(),
            "git_commit": _git_commit(),
        }
        manifest = manifest_for(
            config,
            name=arguments.out.stem,
            version=arguments.model_version,
            training=training,
            intended_use=INTENDED_USE + arguments.statement,
            threshold=arguments.threshold,
        )
        difference = export(trained, config, manifest, arguments.out)
    except (ConfigError, ExportError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{arguments.out}: differs from TensorFlow by at most {difference:.1e} in probability")
    return 0


def _git_commit() -> str:
    here = Path(__file__).resolve().parent
    try:
        told = subprocess.run(["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, check=False)
    except FileNotFoundError:  # a machine without git
        return "unknown"
    return told.stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.exit(main())
