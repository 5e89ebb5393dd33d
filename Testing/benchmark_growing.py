"""Measure how long a lesion takes to grow, with its whole growth curve, against the plain sweep of Algorithm 1.

    python Testing/benchmark_growing.py [--lesions 30] [--json FILE]

On a made-up scan of VALDO RSS's geometry (512 x 512 x 192 voxels of 0.488 x 0.488 x 0.8 mm). The plain
sweep grows at 0, 0.5 ... 100 %, as Fig. 5; it is given twice: over all tolerances (the whole curve), and
stopped at the first that exceeds the size limit.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from plain_growing import plain_growth
from scipy import ndimage

from CMBScribbleGrowLib.growing.lesion import at_tolerance, grow
from CMBScribbleGrowLib.growing.region import MODES
from CMBScribbleGrowLib.growing.scan import ScanToGrow, scan_to_grow
from CMBScribbleGrowLib.growing.settings import AUTO, GrowSettings

SHAPE, SPACING_MM = (192, 512, 512), (0.488, 0.488, 0.8)
# shares of VALDO's lesions up to a diameter in mm (Docs/simulation.md)
VALDO_DIAMETERS = (0.05, 0.25, 0.5, 0.75, 0.95, 1.0), (2.0, 2.4, 2.7, 3.2, 4.7, 7.2)
PLAIN_STEPS = 201  # 0, 0.5 ... 100 %
PLAIN_LESIONS = 3


def main() -> None:
    """Measure, print a table, write JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lesions", type=int, default=30)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    figures = measure(arguments.lesions)
    print("medians         grow, ms   preview, ms   times faster than the plain sweep: whole, to the limit")
    for mode, row in figures.items():
        ratios = f"{row['times_whole']:.0f}, {row['times_to_limit']:.0f}" if "times_whole" in row else ""
        print(f"{mode:<14} {row['grow_ms']:>9.1f} {row['preview_ms']:>13.2f}   {ratios}")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1))


def measure(
    lesions: int,
    shape: tuple[int, int, int] = SHAPE,
    modes: Sequence[str] = (*MODES, AUTO),
    plain_lesions: int = PLAIN_LESIONS,
) -> dict[str, dict[str, Any]]:
    """Time the modes on the same lesions; medians over them.

    Parameters
    ----------
    lesions : int
    shape : (int, int, int)
        Of the scan, z, y, x.
    modes : sequence of str
    plain_lesions : int
        So many of the lesions are also swept the plain way, which takes some ten seconds each.

    Returns
    -------
    dict
        By mode: ``grow_ms`` with the whole curve and the refined mask, ``preview_ms`` of another
        tolerance, and for the paper's modes how many times faster that is than the plain sweep.
    """
    scan, seeds = made_up_scan(lesions, shape)
    return {mode: _of_mode(scan, seeds, GrowSettings(mode=mode), plain_lesions) for mode in modes}


def _of_mode(scan: ScanToGrow, seeds: list[np.ndarray], settings: GrowSettings, plain_lesions: int) -> dict[str, Any]:
    spent, previews = [], []
    for seed in seeds:
        start = time.perf_counter()
        grown = grow(scan, seed, settings)
        spent.append(time.perf_counter() - start)
        assert grown.growth is not None
        moved = replace(settings, tolerance_percent=grown.growth.elbow_percent / 2)
        start = time.perf_counter()
        at_tolerance(scan, grown.seeds, grown.mode, grown.growth, moved)
        previews.append(time.perf_counter() - start)
    figures = {"grow_ms": 1e3 * statistics.median(spent), "preview_ms": 1e3 * statistics.median(previews)}
    if settings.mode in MODES:
        plain = [_plain_seconds(scan, seed, settings.mode) for seed in seeds[:plain_lesions]]
        ratios = np.array(plain) / np.array(spent[:plain_lesions])[:, None]
        figures["times_whole"], figures["times_to_limit"] = np.median(ratios, axis=0).tolist()
    return figures


def made_up_scan(lesions: int, shape: tuple[int, int, int]) -> tuple[ScanToGrow, list[np.ndarray]]:
    """Make noisy tissue with dark balls of the sizes of VALDO's lesions in it, and a seed in the middle of each."""
    rng = np.random.default_rng(1)
    tissue = ndimage.zoom(rng.normal(0, 1, [n // 16 for n in shape]), 16, order=1).astype(np.float32)
    volume = 1500 + 300 * tissue + rng.normal(0, 40, shape).astype(np.float32)
    spacing = np.array(SPACING_MM[::-1])
    seeds = []
    for _ in range(lesions):
        centre = rng.integers(40, np.array(shape) - 40)
        radius = np.interp(rng.random(), *VALDO_DIAMETERS) / 2
        reach = np.ceil(radius / spacing).astype(int)
        box = tuple(slice(c - r, c + r + 1) for c, r in zip(centre, reach, strict=True))
        away = [np.arange(-r, r + 1) * s for r, s in zip(reach, spacing, strict=True)]
        distance = np.sqrt(sum(a**2 for a in np.meshgrid(*away, indexing="ij")))
        volume[box] -= 500 * np.clip((radius - distance) / 0.5 + 0.5, 0, 1)
        seeds.append(centre[None])
    image = sitk.GetImageFromArray(np.clip(volume, 0, 4095).astype(np.int16))
    image.SetSpacing(SPACING_MM)
    everywhere = sitk.Cast(image >= 0, sitk.sitkUInt8)
    return scan_to_grow(image, everywhere), seeds


def _plain_seconds(scan: ScanToGrow, seed: np.ndarray, mode: str) -> tuple[float, float]:
    """Seconds of the sweep over all tolerances, and of the part of it up to the size limit."""
    limit = scan.limit_voxels(GrowSettings().largest_diameter_mm)
    start = time.perf_counter()
    to_limit = None
    for step in range(PLAIN_STEPS):
        tolerance = step / (PLAIN_STEPS - 1) * scan.intensity_range
        _, count = plain_growth(scan.array, seed, mode, tolerance, 6, limit + 1)
        if count > limit and to_limit is None:
            to_limit = time.perf_counter() - start
    whole = time.perf_counter() - start
    return whole, to_limit or whole


if __name__ == "__main__":
    main()
