"""Run a detector over scans with known microbleeds and keep what the verifier will see of each candidate.

    python training/collect_candidates.py --data simulated/ --model Resources/Models/cmb-detect.onnx --out candidates/

Writes ``<subject>.npz`` per scan: ``crops`` (n, 24, 24, 16, 5), ``kinds`` (n,) as indices into
`cmbtraining.data.candidates.KINDS`, ``peaks`` (n,). With the package openvino installed the detector runs in it.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.progress import track

from CMBSegmentationLib.files.atomic_file import put_in_place
from CMBSegmentationLib.models.loaded_models import NONE
from CMBSegmentationLib.models.model_file import DEFAULT_REGIONS, find_model, load_model
from cmbtraining.data.candidates import collect, network_of


def main() -> None:
    """Collect from the scans that are not done yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="as synthesize.py writes it")
    parser.add_argument("--model", type=Path, required=True, help="a detector (.onnx)")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--regions", default=DEFAULT_REGIONS, help="map of regions, or none (default: the bundled)")
    parser.add_argument("--overlap", type=float, help="of neighbouring patches (default: the model's)")
    parser.add_argument("--threads", type=int, default=None)
    arguments = parser.parse_args()

    subjects = sorted(p.parent for p in arguments.data.glob("sub-*/*_truth.json"))
    if not subjects:
        parser.error(f"no sub-*/*_truth.json in {arguments.data}")
    model = load_model(arguments.model)
    manifest = model.manifest
    if arguments.overlap is not None:
        manifest = replace(manifest, overlap=arguments.overlap)
    network = network_of(arguments.model, model, arguments.threads)
    regions = None
    if arguments.regions != NONE:
        regions = load_model(find_model(arguments.regions), task="regions", threads=arguments.threads)
    arguments.out.mkdir(parents=True, exist_ok=True)
    todo = [folder for folder in subjects if not (arguments.out / f"{folder.name}.npz").exists()]
    for folder in track(todo, "Searching"):
        found = collect(folder, manifest, network, regions)
        draft = arguments.out / f".draft-{folder.name}.npz"
        np.savez_compressed(draft, crops=found.crops.astype(np.float16), kinds=found.kinds, peaks=found.peaks)
        put_in_place(draft, arguments.out / f"{folder.name}.npz")


if __name__ == "__main__":
    main()
