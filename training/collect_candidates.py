"""Run a detector over scans with known microbleeds and keep what the verifier will see of each candidate.

    python training/collect_candidates.py --data simulated/ --model Resources/Models/cmb-detect.onnx --out candidates/

Writes ``<subject>.npz`` per scan: ``crops`` (n, 24, 24, 16, 5), ``kinds`` (n,) as indices into
`cmbtraining.data.candidates.KINDS`, ``peaks`` (n,). A run that was stopped goes on when called again. With the package
openvino installed the detector runs in it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.progress import track

from CMBSegmentationLib.files.atomic_file import put_in_place
from CMBSegmentationLib.models.loaded_models import NONE
from CMBSegmentationLib.models.manifest import Manifest
from CMBSegmentationLib.models.model_file import DEFAULT_REGIONS, Model, find_model, load_model
from cmbtraining.data.candidates import Network, collect, network_of


@dataclass(frozen=True)
class Search:
    """What a process searches with.

    Attributes
    ----------
    manifest : Manifest
        The detector's.
    network : callable
    regions : Model or None
    """

    manifest: Manifest
    network: Network
    regions: Model | None


_search: Search | None = None  # of this process


def main() -> None:
    """Collect from the scans that are not done yet, several at a time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="as synthesize.py writes it")
    parser.add_argument("--model", type=Path, required=True, help="a detector (.onnx)")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--regions", default=DEFAULT_REGIONS, help="map of regions, or none (default: the bundled)")
    parser.add_argument("--overlap", type=float, help="of neighbouring patches (default: the model's)")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="one thread each (default: one a core)")
    parser.add_argument("--most", type=int, help="search so many scans, evenly through the list")
    arguments = parser.parse_args()

    subjects = sorted(p.parent for p in arguments.data.glob("sub-*/*_truth.json"))
    if not subjects:
        parser.error(f"no sub-*/*_truth.json in {arguments.data}")
    if arguments.most:  # names begin with the protocol: the first ones would be of one scanner
        subjects = [
            subjects[k] for k in np.unique(np.linspace(0, len(subjects) - 1, arguments.most).round().astype(int))
        ]
    arguments.out.mkdir(parents=True, exist_ok=True)
    todo = [(folder, arguments.out) for folder in subjects if not (arguments.out / f"{folder.name}.npz").exists()]
    given = (arguments.model, arguments.regions, arguments.overlap)
    context = multiprocessing.get_context("spawn")  # a network that runs does not survive a fork
    with context.Pool(arguments.processes, initializer=_load, initargs=given) as pool:
        for _ in track(pool.imap_unordered(_keep, todo), "Searching", total=len(todo)):
            pass


def _load(detector: Path, regions: str, overlap: float | None) -> None:
    import SimpleITK as sitk

    global _search
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    model = load_model(detector, threads=1)
    manifest = model.manifest if overlap is None else replace(model.manifest, overlap=overlap)
    mapped = None if regions == NONE else load_model(find_model(regions), task="regions", threads=1)
    _search = Search(manifest, network_of(detector, model, 1), mapped)


def _keep(job: tuple[Path, Path]) -> None:
    """Search a scan, and write its candidates to a folder."""
    assert _search is not None
    folder, out = job
    found = collect(folder, _search.manifest, _search.network, _search.regions)
    draft = out / f".draft-{folder.name}.npz"
    np.savez_compressed(draft, crops=found.crops.astype(np.float16), kinds=found.kinds, peaks=found.peaks)
    put_in_place(draft, out / f"{folder.name}.npz")


if __name__ == "__main__":
    main()
