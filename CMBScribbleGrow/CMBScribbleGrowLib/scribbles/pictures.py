"""Pictures of a grown lesion: its growth curve (Fig. 5), and image, scribble and mask side by side (Fig. 6)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..growing.lesion import GrownLesion
from ..growing.scan import ScanToGrow
from ..growing.tolerance import Growth

FIELD_MM = 30.0  # as the report's crops: a 10 mm lesion and twice its width around it
SCRIBBLE, MASK, TRUTH = "#ffb000", "#00a0ff", "#7bdc5a"


def draw_curve(lesion: GrownLesion, title: str, path: Path) -> None:
    """Draw voxels against tolerance, the chosen one marked; nothing for a mode without a tolerance.

    Parameters
    ----------
    lesion : GrownLesion
    title : str
    path : Path
        PNG file.
    """
    if lesion.growth is None or lesion.tolerance_percent is None:
        return
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    plot_curve(figure.add_subplot(), lesion.growth, lesion.tolerance_percent)
    figure.suptitle(f"{title} · {lesion.mode}", fontsize=10)
    _save(figure, path)


def plot_curve(axes: Axes, growth: Growth, chosen_percent: float) -> None:
    """Plot a growth curve into axes."""
    percent, voxels = growth.percent, growth.voxels
    end = min(100.0, 1.15 * max(percent[-1], chosen_percent) + 1)
    axes.step([*percent, end], [*voxels, voxels[-1]], where="post", color=MASK)
    axes.axhline(growth.limit_voxels, color="0.5", linestyle=":")
    axes.annotate("size limit", (0.01, growth.limit_voxels), xycoords=("axes fraction", "data"), va="bottom", size=8)
    chosen = len(growth.at(chosen_percent))
    axes.plot([chosen_percent], [chosen], "o", color=SCRIBBLE)
    axes.annotate(
        f"{chosen_percent:.1f} %, {chosen} voxels",
        (chosen_percent, chosen),
        xytext=(-8, 8),
        textcoords="offset points",
        ha="right",
        size=9,
    )
    axes.set_yscale("log")  # a lesion's few voxels are lost beside the limit on a linear one
    axes.set(xlim=(0, end), ylim=(0.8, 2.5 * growth.limit_voxels))
    axes.set_xlabel("tolerance (% of the brain's intensity range)")
    axes.set_ylabel("voxels in the region")


def draw_triptych(
    scan: ScanToGrow, lesion: GrownLesion, title: str, path: Path, truth: NDArray[np.intp] | None = None
) -> None:
    """Draw the scan, the scribble and the grown mask side by side, in the slice with most of the scribble.

    Parameters
    ----------
    scan : ScanToGrow
    lesion : GrownLesion
    title : str
    path : Path
        PNG file; radiological convention, the scan's own slices.
    truth : int array (n, 3), optional
        Voxels (z, y, x) of the true mask, drawn in place of the scribble as in Fig. 6's upper row.
    """
    normal = int(np.argmax(scan.spacing_mm))  # across the thickest axis: no interpolated slices
    planes, counts = np.unique(lesion.seeds[:, normal], return_counts=True)
    plane = int(planes[np.argmax(counts)])
    across = [axis for axis in range(3) if axis != normal]
    picture = np.take(scan.array, plane, axis=normal).astype(np.float64)
    middle = lesion.seeds[lesion.seeds[:, normal] == plane].mean(axis=0)[across]
    half = FIELD_MM / 2 / scan.spacing_mm[across]
    low = np.maximum(np.floor(middle - half), 0).astype(int)
    high = np.minimum(np.ceil(middle + half) + 1, picture.shape).astype(int)
    shown = (slice(low[0], high[0]), slice(low[1], high[1]))
    laid_out, aspect = _radiological(scan, across)

    def cut(voxels: NDArray[np.intp]) -> NDArray[np.bool_]:
        mask = np.zeros(picture.shape, bool)
        mask[tuple(voxels[voxels[:, normal] == plane][:, across].T)] = True
        return laid_out(mask[shown])

    panels: list[tuple[str, NDArray[np.bool_] | None, str]] = [
        ("scan", None, ""),
        ("scribble", cut(lesion.seeds), SCRIBBLE) if truth is None else ("truth", cut(truth), TRUTH),
        (f"grown, {lesion.mode}", cut(lesion.mask), MASK),
    ]
    grey = laid_out(picture[shown])
    black, white = np.percentile(grey, (0.5, 99.5))
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    for number, (name, mask, colour) in enumerate(panels, 1):
        axes = figure.add_subplot(1, 3, number)
        axes.imshow(grey, cmap="gray", vmin=black, vmax=white, aspect=aspect, interpolation="nearest")
        if mask is not None:
            _outline(axes, mask, colour)
        axes.set_title(name, fontsize=9)
        axes.set_axis_off()
    size = f"{lesion.diameter_mm:.1f} mm, {len(lesion.mask)} voxels"
    figure.suptitle(f"{title} · {size} · field {FIELD_MM:.0f} mm", fontsize=10)
    _save(figure, path)


def _radiological(scan: ScanToGrow, across: list[int]) -> tuple[Callable[[NDArray], NDArray], float]:
    """Lay a slice out as radiologists do: the patient's right at the left, anterior or superior on top.

    Parameters
    ----------
    scan : ScanToGrow
    across : two array axes (of z, y, x) that the slice's rows and columns follow

    Returns
    -------
    callable
        Turns and flips an array of the slice.
    float
        Height over width of a pixel, then.
    """
    direction = np.array(scan.image.GetDirection()).reshape(3, 3)[:, [2 - axis for axis in across]]
    towards = np.abs(direction).argmax(axis=0)  # 0 left, 1 posterior, 2 superior: of rows and of columns
    onward = direction[towards, [0, 1]] > 0
    flips = tuple(axis for axis in range(2) if bool(onward[axis]) == (towards[axis] == 2))
    turned = towards[0] < towards[1]

    def lay_out(picture: NDArray) -> NDArray:
        picture = np.flip(picture, flips)
        return picture.T if turned else picture

    height, width = scan.spacing_mm[across[::-1] if turned else across]
    return lay_out, float(height / width)


def _outline(axes: Axes, mask: NDArray[np.bool_], colour: str) -> None:
    """Draw a line along the edges of a mask's voxels."""
    padded = np.pad(mask, 1)
    for row, column in np.argwhere(padded[1:, :] != padded[:-1, :]):
        axes.plot([column - 1.5, column - 0.5], [row - 0.5] * 2, color=colour, linewidth=1.4)
    for row, column in np.argwhere(padded[:, 1:] != padded[:, :-1]):
        axes.plot([column - 0.5] * 2, [row - 1.5, row - 0.5], color=colour, linewidth=1.4)


def _save(figure: Figure, path: Path) -> None:
    FigureCanvasAgg(figure).print_png(str(path))
