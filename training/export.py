"""Export a trained network to one .onnx file with its manifest inside, checked against TensorFlow.

    python training/export.py --run runs/first --out Resources/Models/cmb-detector-simulated.onnx \\
        --data "60 simulated scans (training/synthesize.py --seed 1)"

Refused where ONNX Runtime and TensorFlow differ by more than 1e-4 in probability, on random patches and on
those of the scans that the run folder keeps. A model card (Markdown) is written beside the file.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"  # tf2onnx reads TensorFlow graphs only
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

STATEMENT = "Trained and tested on simulated scans only; not yet validated on patients."
INTENDED_USE = (
    "Research: candidate cerebral microbleeds on T2*-weighted GRE and SWI magnitude scans, for review by a reader. "
    "Not a medical device. "
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Load the best weights of a run, write the model file, tell the difference to TensorFlow."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="run folder of train.py")
    parser.add_argument("--weights", default="best.keras", help="file in the run folder (default: best.keras)")
    parser.add_argument("--out", type=Path, required=True, help="the .onnx file to write; its name is the model's")
    parser.add_argument("--model-version", default="0.1.0")
    parser.add_argument("--data", required=True, help="what it was trained on, in words")
    parser.add_argument("--statement", default=STATEMENT, help="what is known of it, shown to every user")
    parser.add_argument("--threshold", type=float, help="default: the configuration's")
    parser.add_argument("--dynamic", action="store_true", help="take patches of any size, not of the configured one")
    parser.add_argument("--metrics", type=Path, help="JSON of evaluate.py aggregate --json, for manifest and card")
    options = parser.parse_args(arguments)

    import keras

    from cmbtraining.config.settings import ConfigError, load_config
    from cmbtraining.export.model_card import model_card, write_card
    from cmbtraining.export.onnx_export import ExportError, export, manifest_for, prepared_scans

    try:
        config = load_config(options.run / "config.yaml")
        weights = options.run / options.weights
        if not weights.exists():
            parser.error(f"{weights} does not exist; train first")
        trained = keras.models.load_model(weights, compile=False)
        training = {
            "statement": options.statement,
            "data": options.data,
            "config": config.as_dict(),
            "parameters": trained.count_params(),
            "date": datetime.now(timezone.utc).date().isoformat(),
            "git_commit": git_commit(),
        }
        manifest = manifest_for(
            config,
            name=options.out.stem,
            version=options.model_version,
            training=training,
            intended_use=INTENDED_USE + options.statement,
            threshold=options.threshold,
            metrics=_measured(options.metrics),
        )
        scans = prepared_scans(options.run)
        difference = export(trained, config, manifest, options.out, dynamic=options.dynamic, scans=scans)
    except (ConfigError, ExportError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{options.out}: differs from TensorFlow by {difference}")
    if not write_card(model_card(manifest, str(difference), dynamic=options.dynamic), options.out):
        print(f"{options.out.with_suffix('.md')} is there already and was left; remove it to have it written anew")
    return 0


def _measured(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    from cmbtraining.export.onnx_export import ExportError

    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ExportError(f"{path} cannot be read as JSON ({error}).") from error
    if not isinstance(told, dict) or "figures" not in told:
        raise ExportError(f"{path} is not what evaluate.py aggregate --json prints.")
    return told


def git_commit() -> str:
    """The commit of this checkout; "unknown" without git."""
    here = Path(__file__).resolve().parent
    try:
        told = subprocess.run(["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, check=False)
    except FileNotFoundError:  # a machine without git
        return "unknown"
    return told.stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.exit(main())
