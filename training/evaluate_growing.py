"""Grow every true lesion from its centre voxel in every mode, and compare with its true mask.

    python training/evaluate_growing.py --scans VALDO/ --out growing/

Reads VALDO's file layout (``--masks DIR`` takes the masks from another folder of that layout); writes
``lesions.csv`` (a row a lesion and mode), ``README.md`` with the table of median Dice by mode, size and
cohort, ``dice_against_size.png`` (the paper's Fig. 4), ``growth_curve.png`` (Fig. 5) and
``triptych.png`` (Fig. 6) of the lesion whose Dice in "auto" is the median.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path

from rich.console import Console
from rich.progress import track

from CMBScribbleGrowLib.growing.lesion import grow
from CMBScribbleGrowLib.growing.settings import AUTO, METHODS, GrowSettings
from CMBScribbleGrowLib.scribbles.pictures import draw_curve, draw_triptych
from CMBSegmentationLib.errors import CMBError, InputError
from cmbtraining.data.dataset import DatasetError, Subject, find_subjects
from cmbtraining.data.masks import MaskError
from cmbtraining.evaluation.growing_evaluation import SMALLEST, GrownDice, evaluate_subject, scan_and_lesions
from cmbtraining.evaluation.growing_figures import dice_table, draw_dice_against_size, groups_of


def main(arguments: Sequence[str] | None = None) -> int:
    """Evaluate all subjects, one process a core, and write table and figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scans", type=Path, required=True, help="folder in VALDO's layout")
    parser.add_argument("--masks", type=Path, help="folder with the masks, if they are elsewhere")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--modes", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--data", default="", help="one line on what the scans are, for the page")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    options = parser.parse_args(arguments)
    try:
        rows = evaluate(options)
        write(rows, options)
    except (CMBError, DatasetError, MaskError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(options.out / "README.md")
    return 0


def evaluate(options: argparse.Namespace) -> list[GrownDice]:
    """Grow all lesions of all subjects."""
    jobs = [(subject, tuple(options.modes)) for subject in subjects_of(options)]
    rows = []
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        for found in track(pool.imap(_evaluate, jobs), "Growing", total=len(jobs), console=Console(stderr=True)):
            rows += found
    if not any(row.true_voxels >= SMALLEST for row in rows):
        raise InputError(f"No lesion of {SMALLEST} voxels or more in {options.scans}.", "Give scans with lesions.")
    return rows


def subjects_of(options: argparse.Namespace) -> list[Subject]:
    """List the subjects, their masks taken from the other folder where one is given."""
    subjects = find_subjects(options.scans)
    if options.masks is None:
        return subjects
    moved = [replace(s, mask=options.masks / s.name / s.mask.name) for s in subjects]
    missing = [s.mask for s in moved if not s.mask.exists()]
    if missing:
        raise InputError(f"{missing[0]} does not exist.", "Give masks for every subject.")
    return moved


def _evaluate(job: tuple[Subject, tuple[str, ...]]) -> list[GrownDice]:
    return evaluate_subject(*job)


def write(rows: list[GrownDice], options: argparse.Namespace) -> None:
    """Write the page, its figures and the list."""
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    with (out / "lesions.csv").open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, [field.name for field in fields(GrownDice)])
        table.writeheader()
        table.writerows({**asdict(row), "dice": round(row.dice, 4)} for row in rows)
    draw_dice_against_size([row for row in rows if row.true_voxels >= SMALLEST], out / "dice_against_size.png")
    example = draw_example(rows, options)
    (out / "README.md").write_text(page(rows, options, example), encoding="utf-8")


def draw_example(rows: list[GrownDice], options: argparse.Namespace) -> str:
    """Draw curve and triptych of the lesion with the median Dice; say which it is."""
    mode = AUTO if AUTO in options.modes else options.modes[0]
    ranked = sorted((row for row in rows if row.mode == mode and row.true_voxels >= SMALLEST), key=lambda r: r.dice)
    row = ranked[len(ranked) // 2]
    subject = next(s for s in subjects_of(options) if s.name == row.subject)
    scan, lesions = scan_and_lesions(subject)
    lesion = next(one for one in lesions if one.number == row.lesion)
    grown = grow(scan, lesion.seed, GrowSettings(mode=mode))
    title = f"{row.subject}, lesion {row.lesion}, Dice {row.dice:.2f}"
    draw_curve(grown, title, options.out / "growth_curve.png")
    draw_triptych(scan, grown, title, options.out / "triptych.png", truth=lesion.voxels)
    return f"{title}: {row.true_voxels} true voxels, {row.grown_voxels} grown, mode {grown.mode}"


def page(rows: list[GrownDice], options: argparse.Namespace, example: str) -> str:
    """Word the page."""
    subjects = len({row.subject for row in rows})
    return f"""# Region growing from one voxel, against true masks

{options.data or f"Scans: {options.scans.name}."} {subjects} subjects with lesions. Every true lesion (26-connected) is
grown from the voxel nearest to its centre of mass, with the automatic tolerance; a lesion's Dice is that of its grown
mask and its true one. Median over lesions, and in brackets the 95 % bootstrap interval over subjects; by cohort, of
lesions of {SMALLEST} voxels or more. Made by `python training/evaluate_growing.py --scans {options.scans.name}/`.

{dice_table(rows, groups_of(rows))}

![Dice against lesion size](dice_against_size.png)

{example}.

![Growth curve](growth_curve.png)

![Scan, truth and grown mask](triptych.png)
"""


if __name__ == "__main__":
    sys.exit(main())
