"""Describe sets of scans by the figures that Docs/simulation.md gives of real ones, and print both as tables.

    python training/describe_scans.py simulated/ OTHER.nii.gz

A folder is a set in VALDO's layout, as synthesize.py writes it; a file is a scan without truth. A figure of several
scans is their median, with the lowest and the highest.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.progress import track

from cmbtraining.describing.scan_tables import ScanFigures, dark_table, lesion_table, scan_figures, scans_in


def main() -> None:
    """Measure every set and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", type=Path, nargs="+", metavar="FOLDER_OR_SCAN")
    arguments = parser.parse_args()

    measured: dict[str, list[ScanFigures]] = {}
    for path in arguments.sets:
        scans = scans_in(path)
        if not scans:
            parser.error(f"no scans (sub-*/*_T2S.nii.gz) in {path}")
        name = path.name if path.is_dir() else path.name.split(".")[0]
        measured[name] = [scan_figures(scan) for scan in track(scans, name, transient=True)]
    print(dark_table(measured))
    with_truth = {
        name: figures for name, figures in measured.items() if any(one.lesions is not None for one in figures)
    }
    if with_truth:
        print()
        print(lesion_table(with_truth))


if __name__ == "__main__":
    main()
