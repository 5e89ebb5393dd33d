"""Picture a microbleed and a calcification of simulated scans with phase: magnitude and local phase side by side.

    python training/make_phase_picture.py phase_benchmark/ --out Resources/Screenshots/phase.png

Of all bodies that phase tells right, the surest between 2.5 and 5 mm are taken: of scans with slices of
2.5 mm and more.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from CMBSegmentationLib.detecting.brain_mask import brain_mask
from CMBSegmentationLib.detecting.phase.local_field import PER_RADIAN
from CMBSegmentationLib.detecting.phase.substances import Place
from cmbtraining.benchmark.phase_signs import MICROBLEED, Asked, ask, opened
from cmbtraining.synthesis.mimics import CALCIFICATION

HALF_MM = 11.0
DIAMETERS_MM = (2.5, 5.0)
LEAST_SLICE_MM = 2.5  # in thin slices a body's own slice shows the dipole's equator, in thick ones its poles
SHOWN_RAD = 1.0


class Pictured(NamedTuple):
    """A body: its folder, what was asked, and where it is."""

    folder: Path
    asked: Asked
    place: Place


def main() -> None:
    """Choose the two bodies and draw them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scans", type=Path, help="folder that benchmark_phase.py or synthesize.py --phase wrote")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    found = []
    for folder in sorted(path.parent for path in arguments.scans.glob("*/*_truth.json")):
        result = ask(folder)
        found += [Pictured(folder, one, place) for one, place in zip(result.asked, opened(folder).places, strict=True)]
    bodies = [_surest([one for one in found if one.asked.kind == kind]) for kind in (MICROBLEED, CALCIFICATION)]
    figure, axes = plt.subplots(2, 4, figsize=(9, 4.8), facecolor="white", layout="constrained")
    for row, body in zip(axes, bodies, strict=True):
        for axis, (title, picture, limits) in zip(row, _pictures(body), strict=True):
            axis.imshow(picture, cmap="gray", vmin=limits[0], vmax=limits[1], interpolation="nearest")
            axis.set_title(title, fontsize=9)
            axis.set_xticks([])
            axis.set_yticks([])
        about = body.asked
        row[0].set_ylabel(
            f"{about.kind}\n{about.diameter_mm:.1f} mm, {about.b0_t:g} T, TE {about.te_ms:.0f} ms", fontsize=9
        )
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(arguments.out, dpi=110)


def _surest(bodies: list[Pictured]) -> Pictured:
    low, high = DIAMETERS_MM
    fitting = [
        one
        for one in bodies
        if low <= one.asked.diameter_mm <= high
        and one.asked.slice_mm >= LEAST_SLICE_MM
        and one.asked.said == one.asked.truth
    ]
    return max(fitting, key=lambda one: one.asked.certainty)


def _pictures(body: Pictured) -> list[tuple[str, NDArray[np.floating], tuple[float, float]]]:
    scan = opened(body.folder)
    field = sitk.GetArrayFromImage(scan.signs().local_field(brain_mask(scan.image))) / PER_RADIAN
    magnitude = sitk.GetArrayFromImage(scan.image).astype(float)
    place = body.place
    x, y, z = scan.image.TransformPhysicalPointToIndex((-place.r_mm, -place.a_mm, place.s_mm))
    half = [round(HALF_MM / size) for size in scan.image.GetSpacing()[:2]]
    around = (slice(max(y - half[1], 0), y + half[1] + 1), slice(max(x - half[0], 0), x + half[0] + 1))
    top = float(np.percentile(magnitude[z][around], 99))
    grey = (-SHOWN_RAD, SHOWN_RAD)
    return [
        ("magnitude", magnitude[z][around], (0.0, top)),
        *(
            (f"local phase, {name}", field[min(max(z + step, 0), len(field) - 1)][around], grey)
            for name, step in (("slice below", -1), ("this slice", 0), ("slice above", 1))
        ),
    ]


if __name__ == "__main__":
    main()
