"""The figures and the page of an evaluation of region growing (paper Figs. 4, 5 and 6)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from CMBScribbleGrowLib.growing.settings import METHODS

from .growing_evaluation import SIZE_CLASSES, SMALLEST, GrownDice, median_dice, size_class

COLOURS = dict(
    zip(METHODS, ("#000000", "#d55e00", "#cc79a7", "#0072b2", "#009e73", "#e69f00"), strict=True)
)  # Okabe and Ito's, which colour-blind readers tell apart
TREND_DEGREE = 2  # of the polynomial through Dice against the logarithm of size


def draw_dice_against_size(rows: Sequence[GrownDice], path: Path) -> None:
    """Draw every lesion's Dice against its size, and a smoothed trend of each mode (Fig. 4)."""
    figure = Figure(figsize=(8, 4.6), layout="constrained")
    axes = figure.add_subplot()
    for mode in METHODS:
        of_mode = [row for row in rows if row.mode == mode]
        if not of_mode:
            continue
        size = np.array([row.true_voxels for row in of_mode])
        dice = np.array([row.dice for row in of_mode])
        axes.plot(size, dice, ".", color=COLOURS[mode], alpha=0.25, markersize=5)
        at = np.geomspace(size.min(), size.max(), 80)
        trend = np.polynomial.Polynomial.fit(np.log(size), dice, TREND_DEGREE)(np.log(at))
        axes.plot(at, np.clip(trend, 0, 1), color=COLOURS[mode], label=mode, linewidth=2 + (mode == "auto"))
    axes.set(xscale="log", ylim=(0, 1.02), xlabel="true lesion, raw voxels", ylabel="Dice")
    axes.legend(loc="lower right", fontsize=8)
    FigureCanvasAgg(figure).print_png(str(path))


def dice_table(rows: Sequence[GrownDice], groups: Sequence[tuple[str, Sequence[GrownDice]]]) -> str:
    """Give a Markdown table: median Dice and its interval by mode (columns) and group (rows)."""
    modes = [mode for mode in METHODS if any(row.mode == mode for row in rows)]
    lines = ["| | lesions | " + " | ".join(modes) + " |", "| --- | ---: |" + " --- |" * len(modes)]
    for name, group in groups:
        cells = []
        for mode in modes:
            median, (low, high) = median_dice([row for row in group if row.mode == mode])
            cells.append("" if np.isnan(median) else f"{median:.2f} ({low:.2f}–{high:.2f})")
        count = len({(row.subject, row.lesion) for row in group})
        lines.append(f"| {name} | {count} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def groups_of(rows: Sequence[GrownDice]) -> list[tuple[str, list[GrownDice]]]:
    """Part lesions by size, then those of `SMALLEST` voxels or more by cohort."""
    large = [row for row in rows if row.true_voxels >= SMALLEST]
    by_size = [
        (f"{size_class(low, high)} voxels", [row for row in rows if low <= row.true_voxels < high])
        for low, high in SIZE_CLASSES
    ]
    cohorts = sorted({row.cohort for row in large})
    by_cohort = [(name or "another cohort", [row for row in large if row.cohort == name]) for name in cohorts]
    return [(f"all of {SMALLEST} voxels or more", large), *by_size, *by_cohort]
