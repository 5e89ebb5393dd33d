"""What a call of ``train.py`` gives besides the configuration, and what of it each task takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from CMBSegmentationLib.errors import InputError


@dataclass(frozen=True)
class Given:
    """Where a run's data are and where it goes; each task's lesson says what it needs.

    Attributes
    ----------
    out : Path
        Run folder.
    data, validation : sequence of Path
    split : Path or None
        JSON of ``split.py``; `fold` of it, counted from 0.
    region_maps : Path or None
    start_from : str or None
        Weights: a file, or a bundled model's name.
    hard_negatives : Path or None
        ``lesions.csv`` of ``evaluate.py score``.
    """

    out: Path
    data: Sequence[Path] = ()
    validation: Sequence[Path] = ()
    split: Path | None = None
    fold: int = 0
    region_maps: Path | None = None
    start_from: str | None = None
    hard_negatives: Path | None = None

    def only(self, task: str, *takes: str) -> None:
        """Refuse (`InputError`) what has no effect on a task, which takes ``data``, ``start_from`` and these."""
        for name in (one.name for one in fields(self)):
            if name not in ("out", "data", "start_from", *takes) and getattr(self, name):
                option = f"--{name.replace('_', '-')}"
                raise InputError(f"{option} has no effect on a configuration of task {task}.", f"Remove {option}.")

    def folder(self) -> Path:
        """Give the one folder of `data`; `InputError` where there are several or none."""
        if len(self.data) != 1:
            raise InputError(f"--data names {len(self.data)} folders; this task takes one.", "See --help.")
        return self.data[0]
