"""Tables as BIDS has them, read for tests."""

from __future__ import annotations

import csv
from pathlib import Path


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a .tsv; what is missing is empty."""
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [{column: "" if value == "n/a" else value for column, value in row.items()} for row in rows]
