"""What all scans of a batch have in common, kept beside the results so that nothing is mixed; and whose names clash."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..detecting.detect import Settings
from ..errors import InputError
from ..files.atomic_file import replacing
from ..files.fields import Fields, read_json
from ..files.paths import printable
from ..models.loaded_models import Stages
from .jobs import Job, Row
from .result_record import ENDING

SETTINGS = "batch_settings.json"
LAYOUT = 2  # of the names and folders of results; 1, that of earlier versions, is not said


def common_of(stages: Stages, settings: Settings, parcellation: str = "") -> dict[str, Any]:
    """Say what all results of a batch have in common: models by name and content, settings, parcellations."""
    models = {"model": stages.detector, "regions": stages.regions, "verifier": stages.verifier}
    told = {
        kind: one and {"name": one.manifest.name, "version": one.manifest.version, "sha256": one.sha256}
        for kind, one in models.items()
    }
    threshold = stages.judge.manifest.threshold if settings.threshold is None else settings.threshold
    common = {"layout": LAYOUT, **told, "threshold": threshold, "settings": asdict(settings)}
    return {**common, **({"parcellation": parcellation} if parcellation else {})}


def keep_common(out: Path, common: dict[str, Any], overwrite: bool) -> None:
    """Write what all results have in common; refuse to mix those of different models or thresholds.

    Where others are overwritten, they count as unfinished from now on, also if this run is stopped.

    Raises
    ------
    InputError
        The folder has results of others, or what is said of them cannot be read.
    """
    path = out / SETTINGS
    if path.exists() and not overwrite and _read(path) != common:
        raise InputError(
            f"{out} was started with another model, threshold or parcellation, or by an earlier version (see "
            f"{SETTINGS}).",
            "Give the same ones, another folder, or --overwrite with all scans to search everything again.",
        )
    if path.exists() and overwrite and not _holds(path, common):
        for record in out.rglob(f"*{ENDING}"):
            record.unlink(missing_ok=True)
    with replacing(path) as draft:
        draft.write_text(json.dumps(common, indent=1), encoding="utf-8")


def about(out: Path) -> str:
    """Say, in a sentence, how and when the results in a folder were pooled.

    Raises
    ------
    InputError
        There are none, or what is said of them cannot be read.
    """
    if not (out / SETTINGS).exists():
        raise InputError(f"{out} holds no results of a batch.", "Search the scans first.")
    try:
        common = Fields(_read(out / SETTINGS))
        models = [common.fields(kind) for kind in ("model", "verifier") if common.plain.get(kind)]
        names = [f"{one.text('name')} {one.text('version')}" for one in models]
        threshold = common.number("threshold")
    except ValueError as error:
        raise _unreadable(out / SETTINGS, error) from error
    day = datetime.now(timezone.utc).date().isoformat()
    return f"Searched by {' and '.join(names)} at threshold {threshold:g}, as of {day}."


def namesakes(jobs: Sequence[Job]) -> dict[Job, Row]:
    """Give an error row to each scan whose results would replace those of another: ``x.nii`` beside ``x.nii.gz``."""
    taken: dict[Path, Job] = {}
    rows = {}
    for job in sorted(jobs, key=lambda one: not one.scan.path.name.endswith(".gz")):
        first = taken.setdefault(job.folder / job.scan.stem, job)
        if first is not job:
            names = [printable(one.scan.path.name) for one in (job, first)]
            if names[0] == names[1]:
                names = [printable(one.scan.source) for one in (job, first)]
            rows[job] = Row(
                job.scan,
                error=f"{names[0]} lies beside {names[1]}: their results would have the same names.",
                hint="The other was taken. Remove one of them, or give it another name.",
            )
    return rows


def _read(path: Path) -> Any:
    try:
        return read_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def _holds(path: Path, common: dict[str, Any]) -> bool:
    try:
        return bool(_read(path) == common)
    except InputError:
        return False


def _unreadable(path: Path, error: Exception) -> InputError:
    hint = "Give another folder, or --overwrite to search everything again."
    return InputError(f"{path} cannot be read ({error}).", hint)
