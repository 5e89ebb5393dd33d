"""Measure a regions network on heads of unseen contrasts: Dice of every region and group.

    python training/evaluate_regions.py MODEL.onnx --label-maps LABELS/ --region-maps region_maps/ --maps 13-16 \\
        --heads 24 --out regions.json

Heads are simulated (`cmbtraining.regions.scans`); the interval is a bootstrap over heads.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from CMBSegmentationLib.detecting.region_input import padded
from CMBSegmentationLib.models.model_file import load_model
from CMBSegmentationLib.vocabulary.regions import GROUPS
from cmbtraining.regions.atlas import CLASSES
from cmbtraining.regions.dataset import read_heads
from cmbtraining.regions.scans import draw_sample

SEED = 77
REPEATS = 2000


def main() -> None:
    """Draw heads, run the network, print and write the Dice indices."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--label-maps", type=Path, required=True)
    parser.add_argument("--region-maps", type=Path, required=True)
    parser.add_argument("--maps", default="13-16", help="label maps, counted from 1")
    parser.add_argument("--heads", type=int, default=24)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()

    names = sorted(path.name for path in arguments.label_maps.glob("*.nii*"))
    first, _, last = arguments.maps.partition("-")
    heads = read_heads(arguments.label_maps, arguments.region_maps, names[int(first) - 1 : int(last or first)])
    model = load_model(arguments.model, task="regions")
    rows = []
    for n in track(range(arguments.heads), "Mapping"):
        labels, classes = heads[n % len(heads)]
        sample = draw_sample(labels, classes, np.random.default_rng([SEED, n]))
        logits = model.logits(padded(sample.voxels)[None, ..., None])[0]
        i, j, k = sample.voxels.shape
        found_there = logits.argmax(axis=-1)[:i, :j, :k]
        in_sulci = [np.where(sample.ventricle, 0, classes) for classes in (found_there, sample.classes)]
        sulci = dice_of(*in_sulci)["CSF"]
        rows.append(dice_of(found_there, sample.classes) | {"CSF outside the ventricles": sulci})
    rng = np.random.default_rng(0)
    found = {}
    for name in rows[0]:
        values = np.array([row[name] for row in rows])
        values = values[~np.isnan(values)]
        drawn = rng.choice(values, (REPEATS, len(values))).mean(axis=1)
        low, high = np.percentile(drawn, (2.5, 97.5))
        found[name] = {"dice": round(float(values.mean()), 3), "interval_95": [round(low, 3), round(high, 3)]}
        print(f"{name:36} {values.mean():.3f} ({low:.3f} to {high:.3f})")
    report = {"data": f"{len(rows)} simulated heads of label maps {arguments.maps}, not patients", "dice": found}
    arguments.out.write_text(json.dumps(report, indent=1))


def dice_of(found: NDArray[np.integer], true: NDArray[np.integer]) -> dict[str, float]:
    """Dice index of tissue, each group, and each region; NaN where a head has none of it."""
    sets = {"brain tissue": range(2, len(CLASSES)), "CSF": [1]}
    sets |= {group: [CLASSES.index(region) for region in regions] for group, regions in GROUPS.items()}
    sets |= {name: [n] for n, name in enumerate(CLASSES) if n >= 2}
    result = {}
    for name, members in sets.items():
        one, other = np.isin(found, list(members)), np.isin(true, list(members))
        total = int(one.sum() + other.sum())
        result[name] = 2 * int((one & other).sum()) / total if other.any() and total else float("nan")
    return result


if __name__ == "__main__":
    main()
