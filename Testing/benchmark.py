"""Measure a detection by stages, and against Table IV's network run the paper's way on the same scan.

    python Testing/benchmark.py [--scan SCAN] [--json FILE]

The paper's way: the scan at 0.5 mm padded to 400 x 400 x 400 voxels (Docs/paper.md, section 3), patches
of 80 x 80 x 80 with an overlap of 0.2. Its time is the measured time of a patch times their number.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "Resources" / "SampleData" / "cmb-sample_T2starw.nii.gz"
PAPER_VOLUME, PAPER_PATCH, PAPER_OVERLAP = (400, 400, 400), (80, 80, 80), 0.2
PAPER_PATCHES_MEASURED = 3
STAGES = {  # what the worker says first in each
    "Loading the model": "model",
    "Reading the scan": "read",
    "Finding the brain": "preprocess",
    "Searching": "network",
    "Listing the lesions": "lesions",
    "Writing the results": "write",
}


def main() -> None:
    """Run both, print a table, write JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scan", type=Path, default=SAMPLE)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--skip-paper", action="store_true", help="only this project's own detection")
    arguments = parser.parse_args()

    figures = detection_figures(arguments.scan)
    figures["machine"] = {"cores": len(os.sched_getaffinity(0)), "python": platform.python_version()}
    figures["sgemm_gflop_per_s"] = sgemm_rate()
    if not arguments.skip_paper:
        figures["paper"] = paper_figures()
        figures["paper"]["ratio_network"] = figures["paper"]["network_s"] / figures["stages_s"]["network"]
        figures["paper"]["ratio_end_to_end"] = figures["paper"]["network_s"] / figures["end_to_end_s"]
    print(as_table(figures))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1))


def detection_figures(scan: Path) -> dict[str, Any]:
    """Run the worker; its messages mark where a stage begins, its process's peak memory is the run's."""
    with tempfile.TemporaryDirectory() as folder:
        before = time.perf_counter()
        worker = subprocess.Popen(
            [sys.executable, "-m", "CMBSegmentationLib.worker", scan, "-o", folder, "--overwrite"],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT / "CMBSegmentation")},
        )
        assert worker.stdout is not None
        begun = {"start": before}
        for line in worker.stdout:
            message = json.loads(line).get("message", "")
            for words, stage in STAGES.items():
                if message.startswith(words):
                    begun.setdefault(stage, time.perf_counter())
        worker.wait()
        end = time.perf_counter()
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024**2
        content = json.loads(next(Path(folder).glob("*_lesions.json")).read_text())
    times = [*begun.values(), end]
    return {
        "scan": scan_of(content["grid"]),
        "model": content["search"]["detector"]["name"],
        "device": content["search"]["device"],
        "lesions": content["summary"]["microbleeds"],
        "stages_s": {stage: later - t for stage, t, later in zip(begun, times, times[1:], strict=False)},
        "end_to_end_s": end - before,
        "peak_memory_gib": peak,
    }


def scan_of(grid: dict[str, Any]) -> dict[str, Any]:
    """Give size and spacing of a list's grid."""
    rows = [grid["zyx_to_ras"][n : n + 3] for n in (0, 4, 8)]
    spacing = [math.hypot(*(row[axis] for row in rows)) for axis in (2, 1, 0)]
    return {"size": grid["shape"][::-1], "spacing_mm": [round(one, 4) for one in spacing]}


def paper_figures() -> dict[str, Any]:
    """Time patches of Table IV's network in ONNX Runtime (its speed does not depend on the weights)."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.path[:0] = [str(ROOT / "training"), str(ROOT / "CMBSegmentation")]
    from CMBSegmentationLib.detecting.sliding_window import patch_starts
    from CMBSegmentationLib.models.model_file import load_model
    from cmbtraining.config.settings import load_config
    from cmbtraining.export import onnx_export
    from cmbtraining.networks.table_iv import build_unet

    config = load_config(ROOT / "training" / "configs" / "paper_model3.yaml")
    manifest = onnx_export.manifest_for(config, name="table-iv", version="0", training={}, intended_use="timing")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table-iv.onnx"
        network = build_unet(config.network.patch_size, config.network.filters)
        onnx_export.export(network, config, manifest, path)
        model = load_model(path)
    patch = np.random.default_rng(0).normal(size=(1, *PAPER_PATCH, 1)).astype(np.float32)
    model.logits(patch)
    seconds = []
    for _ in range(PAPER_PATCHES_MEASURED):
        before = time.perf_counter()
        model.logits(patch)
        seconds.append(time.perf_counter() - before)
    count = len(list(patch_starts(np.ones(PAPER_VOLUME, bool), PAPER_PATCH, PAPER_OVERLAP)))
    return {
        "parameters": network.count_params(),
        "device": model.device,
        "patch_s": float(np.median(seconds)),
        "patches": count,
        "network_s": float(np.median(seconds)) * count,
    }


def sgemm_rate(n: int = 2048) -> float:
    """Rate of a float32 matrix product, the machine's own yardstick, in GFLOP/s."""
    a = np.ones((n, n), np.float32)
    a @ a
    before = time.perf_counter()
    for _ in range(3):
        a @ a
    return 3 * 2 * n**3 / (time.perf_counter() - before) / 1e9


def as_table(figures: dict[str, Any]) -> str:
    """Lay the figures out in Markdown."""
    scan = figures["scan"]
    rows = [
        ("scan", f"{' x '.join(map(str, scan['size']))}, {' x '.join(f'{s:g}' for s in scan['spacing_mm'])} mm"),
        ("machine", f"{figures['machine']['cores']} cores, sgemm {figures['sgemm_gflop_per_s']:.0f} GFLOP/s"),
        ("model, device", f"{figures['model']}, {figures['device']}"),
        *[(f"{stage}", f"{seconds:.1f} s") for stage, seconds in figures["stages_s"].items()],
        ("**end to end**", f"**{figures['end_to_end_s']:.1f} s**"),
        ("peak memory", f"{figures['peak_memory_gib']:.2f} GiB"),
    ]
    if paper := figures.get("paper"):
        extrapolated = f"{paper['patches']} patches x {paper['patch_s']:.1f} s = {paper['network_s'] / 60:.0f} min"
        rows += [
            ("Table IV's network, the paper's way", extrapolated),
            ("ratio, network alone", f"{paper['ratio_network']:.0f} times faster"),
            ("ratio to end to end", f"**{paper['ratio_end_to_end']:.0f} times faster**"),
        ]
    return "\n".join(["| | |", "| --- | --- |", *[f"| {name} | {value} |" for name, value in rows]])


if __name__ == "__main__":
    main()
