"""What a search found, on disk and small, so that other thresholds can be listed without searching again."""

from __future__ import annotations

import json
from pathlib import Path

from CMBSegmentationLib.detecting.detect import Detection
from CMBSegmentationLib.files.atomic_file import replacing
from CMBSegmentationLib.files.fields import Fields, read_json
from CMBSegmentationLib.results.names import SCHEMA_VERSION
from CMBSegmentationLib.results.stored_list import StoredList, from_json, to_json

NAME = "detection.json"


def keep(detection: Detection, folder: Path) -> None:
    """Write what `kept` reads: rules, how the scan was searched, and all candidates; no list."""
    folder.mkdir(parents=True, exist_ok=True)
    stored = StoredList((), detection.rules, detection.search, (), detection.candidates)
    with replacing(folder / NAME) as draft:
        draft.write_text(json.dumps({"schema_version": SCHEMA_VERSION, **to_json(stored)}), encoding="utf-8")


def kept(folder: Path) -> StoredList | None:
    """Read what was kept of a search; None where nothing was."""
    path = folder / NAME
    if not path.exists():
        return None
    return from_json(Fields(read_json(path.read_text(encoding="utf-8"))), SCHEMA_VERSION, path.name)
