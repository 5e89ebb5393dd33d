"""A review on disk: JSON beside the scan, and the same text in a saved scene."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from ..detecting.candidates.grid import Flat, Grid, flat_of, runs_of
from ..detecting.lesions import Lesion
from ..files.atomic_file import DamagedFileError
from ..files.fields import Fields, read_json
from ..reading.image_size import check_voxels
from ..results.lesion_rows import checked_lesion, row_of
from ..vocabulary.regions import ASSIGNABLE, SIDES
from ..vocabulary.verdicts import Verdict
from .annotated import annotated_from_row
from .lesion_list import ORIGINS, Link, Numbering, Place, Review, ReviewedLesion

SCHEMA_VERSION = 1
KIND = "cmb-review"
ENDING = "_desc-cmb_review.json"
MOST_LESIONS = 65535  # numbers that a label image holds
MOST_TIMES = 4  # lesions may overlap, and what they were before they followed an annotation


@dataclass(frozen=True, eq=False)
class SavedReview:
    """A review and what it needs to be shown again.

    Attributes
    ----------
    review : Review
    numbers : Numbering
    grid : Grid
        Voxels are counted in it.
    scan : str
        The scan's name.
    changed_at : str
        When a reader last did anything to it (ISO 8601, UTC); of one that version 0.1.0 wrote, the last verdict.
    operating_points : dict of str to float
        Threshold by name, of the model that its threshold was set for; empty in what version 0.1.0 wrote.
    """

    review: Review
    numbers: Numbering
    grid: Grid
    scan: str = ""
    changed_at: str = ""
    operating_points: Mapping[str, float] = field(default_factory=dict)


def to_text(saved: SavedReview) -> str:
    """Write a review as JSON; equal reviews give equal text."""
    return json.dumps(
        {
            "kind": KIND,
            "schema_version": SCHEMA_VERSION,
            "scan": saved.scan,
            "changed_at": saved.changed_at,
            "shape": list(saved.grid.shape),
            "zyx_to_ras": saved.grid.zyx_to_ras.round(6).tolist(),
            "threshold": saved.review.threshold,
            "operating_points": dict(saved.operating_points),
            "last_number": saved.numbers.last,
            "numbers": [[peak, number] for peak, number in saved.numbers.by_peak.items()],
            "lesions": [_lesion_to_json(one, saved.review.threshold) for one in saved.review.fixed],
            "places": [[number, *place] for number, place in sorted(saved.review.places.items())],
            "links": [
                _link_to_json(one, saved.review.threshold)
                for _, one in sorted(saved.review.links.items())
                if one.withdrawn is None
            ],
        },
        ensure_ascii=False,
    )


def from_text(text: str, source: str) -> SavedReview:
    """Read a review.

    Parameters
    ----------
    text : str
        As `to_text` wrote it.
    source : str
        Names the file in messages.

    Raises
    ------
    DamagedFileError
        It is not JSON, no review, of another schema version, or a value is impossible.
    """
    try:
        data = read_json(text)
        if not isinstance(data, dict) or data.get("kind") != KIND:
            raise DamagedFileError(f"{source} is no review of microbleeds.", "Choose another folder.")
        if data.get("schema_version") != SCHEMA_VERSION:
            raise DamagedFileError(
                f"{source} has schema version {data.get('schema_version')}, this program reads {SCHEMA_VERSION}.",
                "Open it with the version that wrote it.",
            )
        shape = tuple(int(n) for n in data["shape"])
        if len(shape) != 3 or min(shape) < 1:
            raise ValueError(f"shape {shape}")
        check_voxels(shape, source)
        voxels = math.prod(shape)
        stored = [*data["lesions"], *(one["own"] for one in data.get("links", ()))]
        if sum(int(length) for one in stored for _, length in one["voxels"]) > MOST_TIMES * voxels:
            raise ValueError("lesions larger than the scan")
        fixed = tuple(_lesion_from_json(one, voxels) for one in data["lesions"])
        numbers = Numbering({int(p): int(n) for p, n in data["numbers"]}, int(data["last_number"]))
        highest = max([one.id for one in fixed] + list(numbers.by_peak.values()), default=0)
        numbers.last = max(numbers.last, highest)
        if any(not -1 <= peak < voxels for peak in (*numbers.by_peak, *(one.peak for one in fixed))):
            raise ValueError("a peak outside the scan")
        threshold = float(data["threshold"])
        if not 0 < threshold < 1:
            raise ValueError(f"threshold {threshold}")
        to_ras = np.array(data["zyx_to_ras"], np.float64).reshape(3, 4)
        places = {int(n): _place(region, side) for n, region, side in data.get("places", ())}  # since 0.2.0
        links = {link.own.id: link for link in (_link_from_json(one, voxels) for one in data.get("links", ()))}
        changed_at = str(data.get("changed_at", _last_verdict(fixed)))  # since 0.2.0
        review, grid = Review(threshold, fixed, places, links), Grid(shape, to_ras)
        points = {str(name): float(at) for name, at in data.get("operating_points", {}).items()}  # since 0.2.0
        return SavedReview(review, numbers, grid, str(data["scan"]), changed_at, points)
    except DamagedFileError:
        raise
    except Exception as error:  # whatever a damaged file holds
        raise DamagedFileError(f"{source} is damaged ({error!r}).", "Nothing in it was changed.") from error


def on_grid(saved: SavedReview, grid: Grid) -> SavedReview | None:
    """Bring a review onto the grid that its scan has now; None if that is another scan's."""
    if not saved.grid.is_like(grid):
        return None
    fixed = tuple(_moved_lesion(saved.grid, grid, one) for one in saved.review.fixed)
    links = {n: replace(one, own=_moved_lesion(saved.grid, grid, one.own)) for n, one in saved.review.links.items()}
    peaks = _moved(saved.grid, grid, list(saved.numbers.by_peak))
    numbers = Numbering(dict(zip(peaks.tolist(), saved.numbers.by_peak.values(), strict=True)), saved.numbers.last)
    return replace(saved, review=replace(saved.review, fixed=fixed, links=links), numbers=numbers, grid=grid)


def moved_with_scan(saved: SavedReview, grid: Grid) -> SavedReview:
    """Move a review to where its scan was moved: the voxels stay the same, their positions change.

    Parameters
    ----------
    saved : SavedReview
    grid : Grid
        Of the same shape as the review's, with the axes in the same order.
    """
    before, after = (np.vstack([one.zyx_to_ras, (0, 0, 0, 1)]) for one in (saved.grid, grid))
    by = after @ np.linalg.inv(before)

    def moved(one: ReviewedLesion) -> ReviewedLesion:
        r_mm, a_mm, s_mm = (by @ (one.lesion.r_mm, one.lesion.a_mm, one.lesion.s_mm, 1.0))[:3].round(2).tolist()
        return replace(one, lesion=replace(one.lesion, r_mm=r_mm, a_mm=a_mm, s_mm=s_mm))

    fixed = tuple(moved(one) for one in saved.review.fixed)
    links = {
        n: replace(one, own=moved(one.own), withdrawn=one.withdrawn and moved(one.withdrawn))
        for n, one in saved.review.links.items()
    }
    return replace(saved, review=replace(saved.review, fixed=fixed, links=links), grid=grid)


def _moved_lesion(grid: Grid, other: Grid, one: ReviewedLesion) -> ReviewedLesion:
    peak = int(_moved(grid, other, [one.peak])[0]) if one.peak >= 0 else -1
    return replace(one, voxels=np.sort(_moved(grid, other, one.voxels)), peak=peak)


def _last_verdict(fixed: Sequence[ReviewedLesion]) -> str:
    return max((one.verdict.time for one in fixed if one.verdict), default="")


def _moved(grid: Grid, other: Grid, flat: Sequence[int] | Flat) -> Flat:
    moved = grid.moved_onto(other, np.asarray(flat, np.int64))
    assert moved is not None  # the corners were, and so is what lies between
    return moved


def _lesion_to_json(one: ReviewedLesion, threshold: float) -> dict[str, Any]:
    return {
        "id": one.id,
        "origin": one.origin,
        "deleted": one.deleted,
        **({"of_added": True} if one.of_added else {}),  # since 0.2.0
        "peak": one.peak,
        "threshold": threshold,  # 0.1.0 wants one for each
        "verdict": _verdict_to_json(one.verdict) if one.verdict else None,
        "voxels": runs_of(one.voxels),
        "lesion": row_of(one.lesion),
    }


def _link_to_json(link: Link, threshold: float) -> dict[str, Any]:
    own, said = _lesion_to_json(link.own, threshold), asdict(link.said)
    return {"own": own, "said": said, "reader": link.reader, "is_added": link.is_added}


def _link_from_json(data: Mapping[str, Any], voxels: int) -> Link:
    said = annotated_from_row(data["said"])
    return Link(_lesion_from_json(data["own"], voxels), said, str(data["reader"]), bool(data["is_added"]))


def _verdict_to_json(verdict: Verdict) -> dict[str, Any]:
    said = asdict(verdict)
    return said if verdict.cause else {name: value for name, value in said.items() if name != "cause"}  # as in 0.1.0


def _lesion_from_json(data: Mapping[str, Any], voxels: int) -> ReviewedLesion:
    if data["origin"] not in ORIGINS:
        raise ValueError(f"origin {data['origin']!r}")
    return ReviewedLesion(
        id=Fields(data).whole("id", least=1, most=MOST_LESIONS),
        voxels=flat_of(data["voxels"], voxels),
        lesion=_measured(data["lesion"]),
        peak=int(data["peak"]),
        origin=data["origin"],
        verdict=Verdict(**data["verdict"]) if data["verdict"] else None,
        deleted=bool(data["deleted"]),
        of_added=bool(data.get("of_added", False)),
    )


def _place(region: str | None, side: str | None) -> Place:
    if region not in (None, "", *ASSIGNABLE) or side not in (None, "", *SIDES):
        raise ValueError(f"place {region!r}, {side!r}")
    return region, side


def _measured(data: Mapping[str, Any]) -> Lesion:
    """Check a lesion's values; its number is 0 until the review gives it one."""
    number = int(data["id"])
    return replace(checked_lesion(Fields({**data, "id": max(1, number)})), id=number)
