"""`cmb methods`: how lesions were found, as a paragraph for a paper, with its references as BibTeX."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.report.methods import bibtex_of, paragraph, ways_of
from CMBSegmentationLib.results.names import ENDINGS
from CMBSegmentationLib.results.read_back import read_list


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add RESULTS and --bibtex to a parser."""
    parser.add_argument("results", metavar="RESULTS", type=Path, help="folder with results of one scan or of a batch")
    parser.add_argument("--bibtex", action="store_true", help="the references alone, for a .bib file")


def run(arguments: argparse.Namespace, screen: Console) -> int:
    """Print a paragraph for each way in which the scans of the folder were searched, and the references."""
    folder = arguments.results
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder.", "Give the folder that `cmb detect` or `cmb batch` wrote.")
    lists = [path for path in sorted(folder.rglob("*" + ENDINGS["json"])) if not _is_draft(path.relative_to(folder))]
    if not lists:
        raise InputError(f"{folder} has no results.", "Give the folder that `cmb detect` or `cmb batch` wrote.")
    ways = ways_of([read_list(path) for path in lists])
    if len(ways) > 1:
        screen.print(f"The scans were searched in {len(ways)} different ways: a paragraph each.", highlight=False)
    if not arguments.bibtex:
        for way in ways:
            print(" ".join(paragraph(way)) + "\n")
    print(bibtex_of(*(way.search for way in ways)))
    return 0


def _is_draft(path: Path) -> bool:
    """Tell whether a file lies in a folder that is still being written."""
    return any(part.startswith(".") for part in path.parts)
