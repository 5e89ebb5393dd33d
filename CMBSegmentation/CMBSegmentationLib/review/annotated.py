"""What the annotation of the same scan says of its lesions: the list takes it over, and gives them no other number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..detecting.candidates.grid import Flat
from ..vocabulary.places import LOCATIONS
from ..vocabulary.regions import SIDES
from ..vocabulary.verdicts import CAUSES, MIMICS

Place = tuple[float, float, float]


@dataclass(frozen=True)
class AnnotatedLesion:
    """A microbleed of the annotation.

    Attributes
    ----------
    at : tuple of 3 float
        Centre, world RAS mm.
    location : str
        Of `vocabulary.places.LOCATIONS`, or empty.
    side : str
        Of `vocabulary.regions.SIDES`, or empty.
    cause : str
        Of `vocabulary.verdicts.CAUSES`, or empty.
    uncertain : bool
        Whether its reader is not sure that it is a microbleed.
    accepted : bool
        Whether its reader has accepted it, with its present mask or an earlier one.
    grouped : bool
        Whether it stands for a group: no lesion of the list.
    time : str
        When its reader said something of it last: UTC, ISO 8601; empty if that is not known.
    """

    at: Place
    location: str = ""
    side: str = ""
    cause: str = ""
    uncertain: bool = False
    accepted: bool = True
    grouped: bool = False
    time: str = field(default="", compare=False)


@dataclass(frozen=True)
class AnnotatedMimic:
    """A point of the annotation on what is no microbleed.

    Attributes
    ----------
    at : tuple of 3 float
        World RAS mm.
    type : str
        Of `vocabulary.verdicts.MIMICS`, or empty.
    """

    at: Place
    type: str = ""


@dataclass(frozen=True)
class Annotated:
    """What an annotation says that the list is to know.

    Attributes
    ----------
    lesions : mapping
        By number: the list has the same ones.
    mimics : tuple of AnnotatedMimic
    reader : str
        Whose annotation it is; empty where none is open.
    masks : mapping
        Voxels by number, flat indices in the scan's array: of single lesions, as they are grown now.
    """

    lesions: Mapping[int, AnnotatedLesion] = field(default_factory=dict)
    mimics: tuple[AnnotatedMimic, ...] = ()
    reader: str = ""
    masks: Mapping[int, Flat] = field(default_factory=dict, compare=False)

    def of(self, number: int | None, reader: str) -> AnnotatedLesion | None:
        """Give what a reader says of a lesion; None where the annotation has none, a group, or is another reader's."""
        said = None if number is None or not same_reader(self.reader, reader) else self.lesions.get(number)
        return None if said is None or said.grouped else said

    def is_elsewhere(self, number: int, voxels: Flat) -> bool:
        """Whether its lesion of a number shares no voxel with some: its mask is known, and is another lesion's."""
        mask = self.masks.get(number)
        return mask is not None and not np.isin(mask, voxels).any()

    def number_at(self, voxels: Flat) -> int | None:
        """Give the number of the lesion that some voxels are the same as; None if there is none."""
        return same_mask(self.masks, voxels)


def same_reader(one: str, other: str) -> bool:
    """Whether two names are of one reader."""
    return one.strip() == other.strip()


def same_mask(masks: Mapping[int, Flat], voxels: Flat) -> int | None:
    """Give the number of the mask that shares most of some voxels: at least half of the smaller of the two."""
    shared = {number: int(np.isin(mask, voxels).sum()) for number, mask in masks.items()}
    same = [number for number, count in shared.items() if count and 2 * count >= min(len(masks[number]), len(voxels))]
    return max(same, key=lambda number: shared[number], default=None)


def annotated_from_row(row: Mapping[str, Any]) -> AnnotatedLesion:
    """Read a lesion as `dataclasses.asdict` writes it; `KeyError`, `TypeError` or `ValueError` if it is none."""
    return AnnotatedLesion(
        _place(row["at"]),
        _word(row["location"], LOCATIONS),
        _word(row["side"], SIDES),
        _word(row["cause"], CAUSES),
        uncertain=bool(row.get("uncertain", False)),
        accepted=bool(row.get("accepted", True)),
        grouped=bool(row.get("grouped", False)),
        time=str(row.get("time", "")),
    )


def mimic_from_row(row: Mapping[str, Any]) -> AnnotatedMimic:
    """Read a point on a mimic, as `annotated_from_row` does a lesion."""
    return AnnotatedMimic(_place(row["at"]), _word(row["type"], MIMICS))


def _place(at: Any) -> Place:
    r_mm, a_mm, s_mm = at
    return float(r_mm), float(a_mm), float(s_mm)


def _word(word: Any, words: tuple[str, ...]) -> str:
    """Check a word; one that this program does not know is left out."""
    return word if word in words else ""
