"""Write a trained regions network or verifier as a model file: ONNX with its manifest inside.

python training/export_stage.py regions run_regions/best.keras --out cmb-regions-simulated.onnx --data "..."
python training/export_stage.py verify run_verifier/calibrated.keras --detector DETECTOR.onnx \\
    --out cmb-verifier-simulated.onnx --data "..."
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import datetime, timezone
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

from export import STATEMENT, git_commit

INTENDED_USE = {
    "regions": "Research: brain mask and MARS regions of T2*-weighted GRE and SWI scans. Not a medical device. ",
    "verify": "Research: tells microbleeds from mimics among a detector's candidates. Not a medical device. ",
}


def main() -> int:
    """Load the weights, write the model file, tell the difference to TensorFlow."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=list(INTENDED_USE))
    parser.add_argument("weights", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="the .onnx file to write; its name is the model's")
    parser.add_argument("--model-version", default="0.1.0")
    parser.add_argument("--data", required=True, help="what it was trained on, in words")
    parser.add_argument("--statement", default=STATEMENT, help="what is known of it, shown to every user")
    parser.add_argument("--metrics", type=Path, help="JSON with what was measured")
    parser.add_argument("--detector", type=Path, help="verify: the detector whose candidates it judges")
    arguments = parser.parse_args()
    if not arguments.weights.is_file():
        parser.error(f"{arguments.weights} does not exist; train first")
    if arguments.task == "verify" and arguments.detector is None:
        parser.error("a verifier belongs to a detector: give --detector")

    import keras

    # Keras must know the verifier's own layer before it reads one
    import cmbtraining.networks.verifier  # noqa: F401
    from cmbtraining.export.onnx_export import ExportError
    from cmbtraining.export.stage_export import export_stage, stage_manifest

    trained = keras.models.load_model(arguments.weights, compile=False)
    training = {
        "statement": arguments.statement,
        "data": arguments.data,
        "parameters": trained.count_params(),
        "date": datetime.now(timezone.utc).date().isoformat(),
        "git_commit": git_commit(),
    }
    manifest = stage_manifest(
        arguments.task,
        name=arguments.out.stem,
        version=arguments.model_version,
        training=training,
        metrics=json.loads(arguments.metrics.read_text()) if arguments.metrics else {},
        intended_use=INTENDED_USE[arguments.task] + arguments.statement,
        detector=arguments.detector,
    )
    try:
        difference = export_stage(trained, manifest, arguments.out)
    except ExportError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{arguments.out}: differs from TensorFlow by at most {difference:.1e} in probability")
    return 0


if __name__ == "__main__":
    sys.exit(main())
