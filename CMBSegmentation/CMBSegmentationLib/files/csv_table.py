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
    """Write a CSV file in UTF-8.

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
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, columns)
        table.writeheader()
        table.writerows({column: plain_cell(value) for column, value in row.items()} for row in rows)
