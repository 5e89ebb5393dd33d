"""Make the bundled sample scan: simulated, VALDO's SABRE geometry, from a label map that no model was trained on.

python training/make_sample_scan.py --label-map LABELS/training_seg_13.nii.gz
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import SimpleITK as sitk

from cmbtraining.synthesis.scan import simulate

FOLDER = Path(__file__).resolve().parents[1] / "Resources" / "SampleData"
CORTICAL_VEINS = 40  # those that a T2* scan of this resolution shows; training draws up to 260
NAME = "cmb-sample_T2starw"
SEED = 25  # gives 35 slices


def main() -> None:
    """Simulate and write the scan and its truth."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--label-map", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=FOLDER)
    arguments = parser.parse_args()

    scan = simulate(
        arguments.label_map,
        SEED,
        protocol="sabre",
        lesions=16,
        skull_stripped=True,
        highest=258,  # as some of VALDO's scans: Docs/simulation.md
        slice_mm=4.0,
        cortical_veins=CORTICAL_VEINS,
        mimics=False,
    )
    arguments.out.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(scan.image, str(arguments.out / f"{NAME}.nii.gz"), True)
    truth = {
        "lesions": scan.lesions,
        "note": "Simulated scan (training/make_sample_scan.py); not of a person.",
        "simulation": scan.settings,
    }
    (arguments.out / f"{NAME}_truth.json").write_text(json.dumps(truth, indent=1) + "\n")


if __name__ == "__main__":
    main()
