"""What became of each lesion between two scans: a table, and pictures of both side by side."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from jinja2 import Environment, StrictUndefined, Template

from ..detecting.brain_mask import brain_mask
from ..detecting.detect import Detection
from ..detecting.lesions import Lesion
from ..files.csv_table import write_table
from ..files.draft_folder import drafts, move_in
from ..reading.scan_identity import ScanIdentity, doubts
from ..report.crops import FIELD_MM, Crop, Window, display_window, lesion_crops
from ..vocabulary.notice import NOTICE
from ..vocabulary.published.scales import ARIA_H
from ..vocabulary.verdicts import KEPT, UNDECIDED
from .align import STATUSES, Change, Visit, compare, register
from .clinical import clinical_change

COLUMNS = (
    "status", "first_id", "second_id", "first_r_mm", "first_a_mm", "first_s_mm", "second_r_mm", "second_a_mm",
    "second_s_mm", "first_diameter_mm", "second_diameter_mm", "region", "side", "first_decision",
    "second_decision", "why",
)  # fmt: skip
ENDINGS = {"table": "_desc-cmb_changes.csv", "json": "_desc-cmb_changes.json", "page": "_desc-cmb_changes.html"}
NO_LESION = 65535  # no label has this number
MOST_PICTURED = 80
TEMPLATE = Path(__file__).with_name("page.html.j2")


@dataclass(frozen=True)
class Study:
    """One scan with its lesions, how it is called and whose it is."""

    name: str
    detection: Detection
    identity: ScanIdentity = field(default_factory=ScanIdentity)

    @cached_property
    def visit(self) -> Visit:
        """What the alignment and the matching look at.

        The brain is found in the image, for not each result folder holds the one that was searched: the same scans
        with the same lesions compare alike, whatever else of the search was kept.
        """
        return Visit(self.detection.image, brain_mask(self.detection.image), self.detection.lesions)


@dataclass(frozen=True)
class Pair:
    """A change with pictures of its place in both scans."""

    change: Change
    first: tuple[Crop, ...]
    second: tuple[Crop, ...]


def write_comparison(first: Study, second: Study, out: Path) -> dict[str, Path]:
    """Align two scans, match their lesions and write what changed.

    Parameters
    ----------
    first, second : Study
        Of one patient, in the order of time.
    out : Path
        As `results.folder.check_output_folder` left it.

    Returns
    -------
    dict
        Path by kind: ``table`` (CSV), ``json``, ``page`` (HTML).

    Raises
    ------
    InputError
        The scans cannot be aligned.
    MachineError
        The disk is full or failed; nothing is left behind.
    """
    transform = register(first.visit, second.visit)
    changes = sorted(compare(first.visit, second.visit, transform), key=lambda one: STATUSES.index(one.status))
    counts = {status: Counter(one.status for one in changes)[status] for status in STATUSES}
    rows = [row_of(one) for one in changes]
    clinical = clinical_change(first.detection.lesions, second.detection.lesions, changes)
    content = {
        "schema_version": 1,
        "notice": NOTICE,
        "first": first.name,
        "second": second.name,
        "first_scan": first.identity.words,
        "second_scan": second.identity.words,
        "warnings": list(doubts(first.identity, second.identity)),
        "counts": counts,
        "sentence": sentence_of(counts, clinical.read),
        **clinical.to_json(),
        "movement": _movement(transform),
        "changes": rows,
    }
    page = _template().render(
        **content,
        clinical=clinical,
        grades=ARIA_H,
        pairs=_pairs(first, second, changes[:MOST_PICTURED], transform),
        all=changes,
        field_mm=FIELD_MM,
        statuses=STATUSES,
    )
    names = {kind: second.name + ending for kind, ending in ENDINGS.items()}
    with drafts(out) as draft:
        write_table(draft / names["table"], COLUMNS, rows)
        (draft / names["json"]).write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
        (draft / names["page"]).write_text(page, encoding="utf-8")
        move_in(draft, out, names.values())
    return {kind: out / name for kind, name in names.items()}


def sentence_of(counts: dict[str, int], read: str) -> str:
    """Word the changes so that they stay true where they are pasted; `read` as `ClinicalChange.read`."""
    words = "; ".join(f"{counts[status]} {status}" for status in STATUSES)
    return f"Automated comparison with research software ({read}): {words}."


def row_of(change: Change) -> dict[str, Any]:
    """Values by column name; empty where a scan does not show the lesion."""
    row: dict[str, Any] = dict.fromkeys(COLUMNS, "")
    row |= {"status": change.status, "why": change.why}
    for which, lesion in (("first", change.first), ("second", change.second)):
        if lesion is not None:
            for name in ("id", "r_mm", "a_mm", "s_mm", "diameter_mm", "decision"):
                row[f"{which}_{name}"] = getattr(lesion, name)
            row |= {"region": lesion.region, "side": lesion.side}
    return row


def _pairs(first: Study, second: Study, changes: Sequence[Change], transform: sitk.Transform) -> list[Pair]:
    windows = [display_window(one.visit.image, one.visit.brain) for one in (first, second)]
    back = transform.GetInverse()
    pairs = []
    for change in changes:
        here = change.first or _moved(change.second, back)
        there = change.second or _moved(change.first, transform)
        pairs.append(Pair(change, _crops(first, here, windows[0]), _crops(second, there, windows[1])))
    return pairs


def _crops(study: Study, lesion: Lesion, window: Window) -> tuple[Crop, ...]:
    """Three planes, or none where the place is outside the scan."""
    at = (-lesion.r_mm, -lesion.a_mm, lesion.s_mm)
    index = np.array(study.detection.image.TransformPhysicalPointToContinuousIndex(at))
    if (index < -0.5).any() or (index > np.array(study.detection.image.GetSize()) - 0.5).any():
        return ()
    return lesion_crops(study.detection, lesion, window)


def _moved(lesion: Lesion | None, transform: sitk.Transform) -> Lesion:
    """The place of a lesion in the other scan, as a lesion without voxels."""
    assert lesion is not None  # one of the two scans shows it
    left, posterior, superior = transform.TransformPoint((-lesion.r_mm, -lesion.a_mm, lesion.s_mm))
    return replace(lesion, id=NO_LESION, status=KEPT, decision=UNDECIDED, r_mm=-left, a_mm=-posterior, s_mm=superior)


def _movement(transform: sitk.Transform) -> dict[str, float]:
    """How far the head has moved between the scans: for whoever wonders about the alignment."""
    origin = np.array(transform.TransformPoint((0.0, 0.0, 0.0)))
    axes = np.array([np.array(transform.TransformPoint(tuple(axis))) - origin for axis in np.eye(3)])
    angle = np.degrees(np.arccos(np.clip((np.trace(axes) - 1) / 2, -1, 1)))
    return {"translation_mm": round(float(np.linalg.norm(origin)), 2), "rotation_degrees": round(float(angle), 2)}


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
