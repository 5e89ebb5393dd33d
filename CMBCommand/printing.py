"""Printing for the commands: a progress bar, and text with its markup escaped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn

MOST_ROWS = 40
"""Of a table; the rest is in the list on disk."""


def time_left() -> tuple[ProgressColumn, ...]:
    """Columns of a bar that estimate how long it will still take."""
    return TimeRemainingColumn(compact=True), TextColumn("left")


@contextmanager
def progress_bar(screen: Console) -> Iterator[Callable[[float, str], None]]:
    """Show a bar with the time left, and give what moves it: the fraction that is done, and what is being done."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), *time_left())
    with Progress(*columns, console=screen, transient=True) as bar:
        task = bar.add_task("Starting", total=1.0)
        yield lambda fraction, message: bar.update(task, completed=fraction, description=message)


def plain(text: str) -> str:
    """Keep square brackets in a message from being read as markup."""
    return text.replace("[", "\\[")
