"""What a scan's results in a batch are: which files, how large, and their hashes; so that a resumed run can look."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from ..files.atomic_file import replacing
from ..files.fields import Fields, read_json

SCHEMA_VERSION = 1
ENDING = "_desc-cmb_files.json"


def write_record(path: Path, scan: str, names: Iterable[str]) -> None:
    """Write the record of results that are complete: last of all, for it says that they are.

    Parameters
    ----------
    path : Path
        Of the record, beside the results.
    scan : str
        The scan's name with its extension: ``x.nii`` and ``x.nii.gz`` are two.
    names : iterable of str
        Of the files.
    """
    folder = path.parent
    files = {
        name: {"bytes": (folder / name).stat().st_size, "sha256": _sha256(folder / name)} for name in sorted(names)
    }
    with replacing(path) as draft:
        draft.write_text(
            json.dumps({"schema_version": SCHEMA_VERSION, "scan": scan, "files": files}, indent=1), encoding="utf-8"
        )


def is_whole(record: Path, scan: str, needed: Iterable[str]) -> bool:
    """Tell whether the results of a scan are those that were recorded, every byte of them.

    Parameters
    ----------
    record, scan
        As `write_record` takes them.
    needed : iterable of str
        Files that must be among them.
    """
    try:
        content = Fields(read_json(record.read_text(encoding="utf-8")))
        files = content.fields("files")
        if content.whole("schema_version") != SCHEMA_VERSION or content.text("scan") != scan:
            return False
        if not set(needed) <= set(files.plain):
            return False
        for name in files.plain:
            path, about = record.with_name(Path(name).name), files.fields(name)
            if path.stat().st_size != about.whole("bytes") or _sha256(path) != about.text("sha256"):
                return False
    except (OSError, ValueError):
        return False
    return True


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        digest = hashlib.sha256()
        while part := stream.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()
