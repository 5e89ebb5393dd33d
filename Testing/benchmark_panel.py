"""Measure CMB Segmentation's panel in the Qt harness: opening, a row's jump, the slider over 200 candidates, blocking.

    python Testing/benchmark_panel.py [--candidates 200]

On Slicer's real scene without its windows: drawing the slice and 3D views is not in the figures.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "CMBSegmentation" / "Testing")]
SHAPE, SPACING_MM = (40, 320, 320), (0.7, 0.7, 3.0)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, default=200)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    monkeypatch = pytest.MonkeyPatch()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        rows += _reviewing(Path(folder), arguments.candidates, monkeypatch)
        rows += _detecting(Path(folder), monkeypatch)
    monkeypatch.undo()
    print("| | measured | wanted |\n| --- | ---: | ---: |")
    for what, seconds, wanted in rows:
        print(f"| {what} | {1e3 * seconds:.0f} ms | {wanted} ms |")


def _reviewing(folder: Path, count: int, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float, int]]:
    import slicer
    import slicer.util
    from qt_harness.desktop import Desktop
    from slicer_scene import SlicerScene

    from CMBSegmentationLib.scene import export_scan, load_results

    held = SlicerScene(folder / "cache")
    slicer.mrmlScene = held.scene
    voxels, probability = _spots(count)
    scan = slicer.util.addVolumeFromArray(voxels, ijkToRAS=np.diag([-0.7, -0.7, 3.0, 1.0]), name="many")
    load_results(_result(export_scan(scan, folder).path, probability, folder / "results"), scan)
    panel = Desktop("CMBSegmentation", held.scene, monkeypatch)
    rows = [("the panel opens", panel.opened_in_s, 1000)]
    table = panel.ui.lesionTable
    assert table.rowCount > 0

    def timed(action) -> float:
        start = time.perf_counter()
        action()
        panel.settle()
        return time.perf_counter() - start

    jumps = [timed(lambda row=row: table.setCurrentCell(row, 0)) for row in range(1, min(30, table.rowCount))]
    rows.append((f"a row's jump, median of {len(jumps)}", statistics.median(jumps), 50))
    moves = [timed(lambda t=t: panel.ui.thresholdSlider.setValue(float(t))) for t in np.linspace(0.3, 0.7, 15)]
    rows.append((f"the slider lists {count} candidates anew, median of {len(moves)}", statistics.median(moves), 100))
    panel.key("D")
    moves = [timed(lambda t=t: panel.ui.thresholdSlider.setValue(float(t))) for t in np.linspace(0.3, 0.7, 15)]
    rows.append(("the same with dropped candidates shown", statistics.median(moves), 100))
    panel.close()
    return rows


def _detecting(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float, int]]:
    import SimpleITK as sitk
    import slicer
    from qt_harness.desktop import Desktop
    from slicer_scene import SlicerScene

    from CMBSegmentationLib.files.bundled import sample_scan
    from CMBSegmentationLib.scene.volumes import fill_volume, geometry_of

    held = SlicerScene(folder / "cache2")
    slicer.mrmlScene = held.scene
    image = sitk.ReadImage(str(sample_scan()))
    node = held.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "sample")
    fill_volume(node, sitk.GetArrayFromImage(image), geometry_of(image))
    panel = Desktop("CMBSegmentation", held.scene, monkeypatch)
    session = panel.widget.logic.session
    start = time.perf_counter()
    panel.click(panel.ui.detectButton)
    gaps = [time.perf_counter() - start]
    while session.detection.is_running:
        before = time.perf_counter()
        panel.settle()
        gaps.append(time.perf_counter() - before)
        time.sleep(0.005)
    assert session.review is not None, session.detection.status.message
    panel.close()
    return [
        ("a click on Detect", gaps[0], 200),
        ("the longest block while the sample scan is searched", max(gaps[1:-1]), 200),
        ("the results are shown", gaps[-1], 200),
    ]


def _spots(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Dark balls in noise, with a probability from 0.2 to 0.95 in each."""
    rng = np.random.default_rng(1)
    voxels = rng.normal(600, 20, SHAPE)
    probability = np.zeros(SHAPE, np.float32)
    index = np.indices((3, 9, 9)).transpose(1, 2, 3, 0)
    ball = np.linalg.norm((index - (1, 4, 4)) * SPACING_MM[::-1], axis=-1) <= 2.5
    places = [(k, j, i) for k in range(4, 36, 6) for j in range(40, 280, 30) for i in range(40, 280, 30)]
    for k, j, i in rng.permutation(places)[:count].tolist():
        box = np.s_[k - 1 : k + 2, j - 4 : j + 5, i - 4 : i + 5]
        voxels[box][ball] = 150
        probability[box][ball] = rng.uniform(0.2, 0.95)
    return voxels.astype(np.int16), probability


def _result(path: Path, probability: np.ndarray, out: Path) -> Path:
    import oblique_scan

    oblique_scan.probability_blobs = lambda: probability
    return oblique_scan.write_detection(path, out, threshold=0.5)


if __name__ == "__main__":
    main()
