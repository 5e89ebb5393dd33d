"""What a BIDS derivative says of itself: the JSON file beside an image, and the table of the labels in it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from .. import __version__
from ..detecting.lesions import Lesion, columns_of
from ..detecting.regions import FIRST_TISSUE, NAMES
from ..detecting.search import Search
from ..files.csv_table import write_table
from ..vocabulary.columns import COLUMNS, MEANINGS, REVIEW_COLUMNS
from ..vocabulary.verdicts import REJECTED

LOOKUP = ("index", "name")
"""BIDS' columns of a table of labels."""
NO_REGION = "tissue without a region"
NAME = {"name": {"Description": "What the label stands for"}}
DESCRIPTIONS = {
    "about": "Cerebral microbleeds, one label each: the rows of the table that are named microbleed. Those named "
    "dropped or rejected are not in the image.",
    "about_probability": "Probability of a microbleed, by the detector alone, 0 to 1.",
}
OF_BRAIN = {
    True: {"Description": "Regions of the Microbleed Anatomical Rating Scale (MARS); label 1 is brain without region."},
    False: {"Description": "Brain mask: 0 outside, 1 inside.", "Type": "Brain"},
}


def meanings_of(columns: Iterable[str]) -> dict[str, Any]:
    """Give the data dictionary of a table."""
    return {column: MEANINGS[column] for column in columns}


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a sidecar or a data dictionary."""
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def write_lesions(path: Path, lesions: Sequence[Lesion]) -> None:
    """Write the table of labels: all lesions of a list, what was dropped included; ``index`` is their number."""
    columns = [column for column in columns_of(lesions) if column != "id"]
    write_table(path, (*LOOKUP, *columns), ({**_label(one), **one.as_row(columns)} for one in lesions))


def write_regions(path: Path) -> None:
    """Write the table of the labels of a map of regions."""
    rows = ({"index": label, "name": name or NO_REGION} for label, name in enumerate(NAMES, FIRST_TISSUE))
    write_table(path, LOOKUP, rows)


def write_sidecars(folder: Path, names: dict[str, str], search: Search, *, reviewed: bool) -> None:
    """Write the sidecar of each image that is among the results.

    Parameters
    ----------
    folder : Path
    names : dict
        Of the results, by kind (`results.names.result_names`).
    search : Search
        Knows the scan's BIDS URI, where it has one.
    reviewed : bool
        Whether a reader has had a hand in it.

    References
    ----------
    BIDS 1.11.1, "Imaging data types" of derivatives: Segmentations, Masks.
    """
    scan = search.scan.uri
    where = {"SpatialReference": scan or "orig", **({"Sources": [scan]} if scan else {})}
    mapped = "region_names" in names
    for kind in {"about", "about_probability", "about_brain"} & set(names):
        own = OF_BRAIN[mapped] if kind == "about_brain" else {"Description": DESCRIPTIONS[kind]}
        content: dict[str, Any] = {**own, **where}
        if kind == "about":
            content |= {"Manual": reviewed, "SoftwareVersion": f"slicer-cmb {__version__}", **NAME}
            content |= meanings_of(column for column in (*COLUMNS, *REVIEW_COLUMNS) if column != "id")
        elif kind == "about_brain" and mapped:
            content |= NAME
        write_json(folder / names[kind], content)


def _label(lesion: Lesion) -> dict[str, Any]:
    kind = "microbleed" if lesion.certainty else "rejected" if lesion.decision == REJECTED else "dropped"
    return {"index": lesion.id, "name": f"{kind} {lesion.id}"}
