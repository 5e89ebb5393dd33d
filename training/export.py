"""Export a trained network to one .onnx file with its manifest inside, checked against TensorFlow.

    python training/export.py --run runs/detector --out Resources/Models/cmb-detector-simulated.onnx \\
        --data "60 simulated scans (training/synthesize.py --seed 1)"
    python training/export.py --run runs/regions --out cmb-regions-simulated.onnx --data "..."
    python training/export.py --run runs/verifier --detector cmb-detector-simulated.onnx \\
        --out cmb-verifier-simulated.onnx --data "..."

Refused where ONNX Runtime and TensorFlow differ by more than 1e-4 in probability, on random patches and on
those of the scans that a detector's run folder keeps. A model card (Markdown) is written beside the file.
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
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cmbtraining.config.sections import Config

os.environ["KERAS_BACKEND"] = "tensorflow"  # tf2onnx reads TensorFlow graphs only
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

STATEMENT = "Trained and tested on simulated scans only; not yet validated on patients."
INTENDED_USE = {
    "detect": "Research: candidate cerebral microbleeds on T2*-weighted GRE and SWI magnitude scans, for review by a "
    "reader. Not a medical device. ",
    "regions": "Research: brain mask and MARS regions of T2*-weighted GRE and SWI scans. Not a medical device. ",
    "verify": "Research: tells microbleeds from mimics among a detector's candidates. Not a medical device. ",
}
WEIGHTS = {"detect": "best.keras", "regions": "best.keras", "verify": "calibrated.keras"}
MEASURED_BY = {
    "detect": ("figures", "evaluate.py aggregate --json prints"),
    "regions": ("dice", "evaluate_regions.py writes"),
    "verify": ("figures", "benchmark_models.py --operating-points writes"),
}
NOT_FOR = {"detect": ("detector",), "regions": ("detector", "dynamic", "threshold"), "verify": ("dynamic",)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Load the best weights of a run, write the model file, tell the difference to TensorFlow."""
    options = _parser().parse_args(arguments)

    from CMBSegmentationLib.errors import CMBError
    from cmbtraining.config.settings import ConfigError, load_config
    from cmbtraining.export.onnx_export import ExportError

    try:
        _export(options, load_config(options.run / "config.yaml"))
    except (ConfigError, ExportError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except CMBError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _export(options: argparse.Namespace, config: Config) -> None:
    weights = options.run / (options.weights or WEIGHTS[config.task])
    _check(options, config.task, weights)

    import keras

    from cmbtraining.export.model_card import model_card, write_card
    from cmbtraining.export.onnx_export import export, manifest_for, prepared_scans

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
        intended_use=INTENDED_USE[config.task] + options.statement,
        threshold=options.threshold,
        metrics=_measured(options.metrics, config.task),
        detector=options.detector,
    )
    scans = prepared_scans(options.run)
    difference = export(trained, config, manifest, options.out, dynamic=options.dynamic, scans=scans)
    print(f"{options.out}: differs from TensorFlow by {difference}")
    any_size = options.dynamic or config.task == "regions"
    if not write_card(model_card(manifest, str(difference), dynamic=any_size), options.out):
        print(f"{options.out.with_suffix('.md')} is there already and was left; remove it to have it written anew")


def _check(options: argparse.Namespace, task: str, weights: Path) -> None:
    from CMBSegmentationLib.errors import InputError

    for name in NOT_FOR[task]:
        if getattr(options, name) not in (None, False):
            raise InputError(f"--{name} has no effect on a run of task {task}.", f"Remove --{name}.")
    if task == "verify" and options.detector is None:
        raise InputError("A verifier belongs to a detector.", "Name its .onnx file with --detector.")
    if not weights.is_file():
        raise InputError(f"{weights} does not exist.", "Train first, or name another file with --weights.")


def _measured(path: Path | None, task: str) -> dict[str, Any]:
    if path is None:
        return {}
    from cmbtraining.export.onnx_export import ExportError

    key, source = MEASURED_BY[task]
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ExportError(f"{path} cannot be read as JSON ({error}).") from error
    if not isinstance(told, dict) or key not in told:
        raise ExportError(f"{path} is not what {source}.")
    return told


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="run folder of train.py")
    parser.add_argument("--weights", help="file in the run folder (default: best.keras, or the calibrated verifier)")
    parser.add_argument("--out", type=Path, required=True, help="the .onnx file to write; its name is the model's")
    parser.add_argument("--model-version", default="0.1.0")
    parser.add_argument("--data", required=True, help="what it was trained on, in words")
    parser.add_argument("--statement", default=STATEMENT, help="what is known of it, shown to every user")
    parser.add_argument("--threshold", type=float, help="default: the configuration's, or a verifier's operating point")
    parser.add_argument("--dynamic", action="store_true", help="detect: patches of any size, not of the configured one")
    parser.add_argument("--detector", type=Path, help="verify: the detector whose candidates it judges")
    parser.add_argument("--metrics", type=Path, help="JSON with what was measured, for manifest and card")
    return parser


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
