"""Writing tables: the one place, so that no cell of any table is a formula to the program that opens it.

Names of scans, readers' remarks and errors come from others. A spreadsheet takes text that begins with certain signs
for a formula, which may send the table elsewhere or start programs.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

FORMULA = re.compile(r"[=+\-@\t\r\n＝＋－＠]")
NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")
TSV = ".tsv"
MISSING = "n/a"  # BIDS 1.11.1, "Tabular files"


def plain_cell(value: Any) -> Any:
    """Give what stands in a cell: text that a spreadsheet would take for a formula gets a ``'`` before it.

    Parameters
    ----------
    value
        Numbers, also as text, stay as they are.

    References
    ----------
    owasp.org/www-community/attacks/CSV_Injection
    """
    if isinstance(value, str) and FORMULA.match(value) and not NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a table in UTF-8, comma-separated, or as BIDS has tables where the name ends in ``.tsv``.

    BIDS separates by tabs, quotes nothing and writes ``n/a`` for what is missing.

    Parameters
    ----------
    path : Path
    columns : sequence of str
        In their order.
    rows : iterable of mapping
        Values by column; a column that is missing stays empty.

    Raises
    ------
    ValueError
        A row has a value for no column.
    OSError
        It cannot be written.
    """
    bids = path.suffix == TSV
    cell = _tsv_cell if bids else plain_cell
    how: dict[str, Any] = {}
    if bids:
        how = {"delimiter": "\t", "quoting": csv.QUOTE_NONE, "quotechar": None, "lineterminator": "\n"}
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, columns, restval=MISSING if bids else "", **how)
        table.writeheader()
        table.writerows({column: cell(value) for column, value in row.items()} for row in rows)


def _tsv_cell(value: Any) -> Any:
    if value is None or value == "":
        return MISSING
    return re.sub(r"[\t\r\n]", " ", plain_cell(value)) if isinstance(value, str) else value
