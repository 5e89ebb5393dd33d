"""A table of a report, on the screen and as Markdown, and how figures are written in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class ReportTable:
    """A table with its heading; `note` says what it is of."""

    title: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def print_tables(tables: Iterable[ReportTable], console: Console) -> None:
    """Print tables one below the other."""
    for table in tables:
        shown = Table(*table.columns, title=table.title, caption=table.note, title_justify="left")
        for row in table.rows:
            shown.add_row(*row)
        console.print(shown)


def as_markdown(table: ReportTable) -> str:
    """Write a table with a heading of second level and its note."""
    lines = [table.columns, ("---",) * len(table.columns), *table.rows]
    body = ("| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |" for cells in lines)
    return f"## {table.title}\n\n{table.note}\n\n" + "\n".join(body)


def with_interval(found: Mapping[str, Any], name: str, figures: str = "figures") -> str:
    """Write a figure of ``found[figures]`` with its interval of ``found["intervals_95"]``."""
    value, (low, high) = found[figures][name], found["intervals_95"][name]
    return two_decimals(value) if value is None or low is None else f"{value:.2f} ({low:.2f}-{high:.2f})"


def two_decimals(value: float | None) -> str:
    """Write a share or a number a scan; "-" where it is undefined."""
    return "-" if value is None else f"{value:.2f}"


def one_decimal(value: float | None) -> str:
    """Write a median or a mean number; "-" where it is undefined."""
    return "-" if value is None else f"{value:.1f}"
