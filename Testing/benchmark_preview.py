"""Measure how long the session takes to show a lesion at another tolerance, on a large scan in a Slicer scene.

    python Testing/benchmark_preview.py [--previews 300]

512 x 512 x 192 voxels (VALDO RSS's grid), with 30 lesions grown already. A slider that is followed at 30
frames a second leaves 33 ms a frame; drawing the views, which needs Slicer's windows, comes on top.
"""

from __future__ import annotations

import argparse
import tempfile
import time

import numpy as np
import slicer
import slicer.util
from scipy import ndimage

from CMBScribbleGrowLib.annotation.file import StudyFiles
from CMBScribbleGrowLib.scene import PAINT_SEGMENT, add_to_scribble
from CMBScribbleGrowLib.session import GrowSession

SHAPE, SPACING_MM = (192, 512, 512), (0.488, 0.488, 0.8)
LESIONS = 30
MODES = ("parent", "seed-mean", "running-mean")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--previews", type=int, default=300)
    arguments = parser.parse_args()
    random = np.random.default_rng(1)
    voxels, centres = made_up_head(random)
    slicer.mrmlScene = slicer.vtkMRMLScene()
    scan = slicer.util.addVolumeFromArray(voxels, ijkToRAS=np.diag([*SPACING_MM, 1.0]), name="large")
    with tempfile.TemporaryDirectory() as folder:
        session = GrowSession(slicer.mrmlScene)
        session.opening.open(scan, reader="benchmark", folder=folder)
        add_to_scribble(session.study.nodes, PAINT_SEGMENT, centres, session.study.grid)
        began = time.perf_counter()
        grown = session.growing.grow()
        print(f"first grow of {len(grown)} lesions, the scan's intensities included: {seconds_since(began):.1f} s")
        print("mode            preview, ms: median  95th percentile  slowest")
        for mode in MODES:
            session.growing.change(1, mode=mode)
            times = previews(session, random, arguments.previews)
            median, high = np.percentile(times, (50, 95))
            print(f"{mode:<14} {median:>20.1f} {high:>16.1f} {max(times):>8.1f}")
        began = time.perf_counter()
        session.study.disk.flush()
        print(f"saving masks and records: {seconds_since(began):.1f} s ({saved_bytes(session.study.disk.files)} bytes)")
        session.close()


def previews(session: GrowSession, random: np.random.Generator, count: int) -> list[float]:
    """Move the tolerance and time each move, ms."""
    elbow = session.current.tolerance_percent
    times = []
    for percent in random.uniform(0, min(100, 1.2 * elbow), count):
        began = time.perf_counter()
        session.growing.preview(float(percent))
        times.append(1000 * seconds_since(began))
    session.growing.accept()
    return times


def made_up_head(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Noisy tissue in air with dark balls of 3 to 7 mm; voxels and the balls' centres (z, y, x)."""
    voxels = ndimage.zoom(random.normal(0, 1, (48, 128, 128)).astype(np.float32), 4, order=1) * 15 + 600
    z, y, x = np.ogrid[tuple(slice(n) for n in SHAPE)]
    half = np.array(SHAPE) / 2
    inside = ((z - half[0]) / half[0]) ** 2 + ((y - half[1]) / half[1]) ** 2 + ((x - half[2]) / half[2]) ** 2 < 0.8
    voxels[~inside] = 5
    grid = np.stack(np.meshgrid(*[np.linspace(-0.5, 0.5, n) for n in (3, 4, 4)], indexing="ij"), -1).reshape(-1, 3)
    centres = (half + grid * half * 0.9).astype(int)[:LESIONS]
    spacing = np.array(SPACING_MM[::-1])
    for centre in centres:
        radius = random.uniform(1.5, 3.5)
        box = np.argwhere(np.ones(2 * np.ceil(radius / spacing).astype(int) + 1)) - np.ceil(radius / spacing).astype(
            int
        )
        ball = box[np.linalg.norm(box * spacing, axis=1) <= radius]
        voxels[tuple((ball + centre).T)] = 150 + 20 * np.linalg.norm(ball * spacing, axis=1)
    return voxels.astype(np.int16), centres


def saved_bytes(files: StudyFiles) -> int:
    """Size of the files on the disk."""
    return sum(path.stat().st_size for path in (files.annotation, files.segments))


def seconds_since(began: float) -> float:
    """Time that passed."""
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
