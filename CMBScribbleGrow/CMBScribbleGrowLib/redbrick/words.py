"""What an export's taxonomy calls things, in the words of the protocol.

Every project names its categories and attributes itself, so names are compared without case, spaces and
signs, and the answers that projects write for the protocol's are listed here. What is not understood is kept
as text in a comment and told in a note: nothing is guessed, nothing is lost.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..annotation.words import (
    CALCIFICATION,
    CAUSES,
    LOCATIONS,
    MIMICS,
    NOT_ANSWERED,
    OTHER,
    QUALITIES,
    SERIES_FLAGS,
    SIDES,
)

YES = ("yes", "true", "y", "1", "included")
NO = ("no", "false", "n", "0", "excluded")

LOCATION_WORDS = {
    "cortex": LOCATIONS[0], "cortical": LOCATIONS[0], "greywhitejunction": LOCATIONS[0],
    "cortexgraywhitejunction": LOCATIONS[0], "graywhitejunction": LOCATIONS[0], "subcorticalwm": LOCATIONS[1],
    "basalganglia": LOCATIONS[2], "basalgangliagraymatter": LOCATIONS[2], "internalexternalcapsule": LOCATIONS[3],
    "internalcapsule": LOCATIONS[3], "externalcapsule": LOCATIONS[3], "capsule": LOCATIONS[3],
    "brainstem": LOCATIONS[5],
}  # fmt: skip
SIDE_WORDS = {"l": SIDES[0], "r": SIDES[1], "lefthemisphere": SIDES[0], "righthemisphere": SIDES[1], "middle": SIDES[2]}
CAUSE_WORDS = {
    "diffuseaxonalinjury": "DAI", "daitrauma": "trauma-DAI", "cerebralamyloidangiopathy": "CAA",
    "hypertensive": "hypertension", "radiationtherapy": "radiotherapy", "radiation": "radiotherapy",
}  # fmt: skip
MIMIC_WORDS = {
    "bloodvessel": "vessel", "vein": "vessel", "cavernousmalformation": "cavernoma",
    "calcification": CALCIFICATION, "basalgangliacalcifications": CALCIFICATION,
}  # fmt: skip
QUALITY_WORDS = {
    "insufficientt2s": QUALITIES[1], "insufficientswi": QUALITIES[1], "insufficientt2sswi": QUALITIES[1],
    "insufficientt2starswi": QUALITIES[1],
}  # fmt: skip
FLAG_WORDS = {"blur": SERIES_FLAGS[0], "faulty": SERIES_FLAGS[1], "other": SERIES_FLAGS[4], "artefact": SERIES_FLAGS[4],
              "artifact": SERIES_FLAGS[4], "otherartifact": SERIES_FLAGS[4]}  # fmt: skip

NAMES = {
    "location": ("location", "cmblocation", "anatomicallocation", "region"),
    "side": ("side", "laterality", "hemisphere"),
    "cause": ("cause", "suspectedcause", "possiblecause", "etiology", "aetiology"),
    "cause_text": ("causetext", "othercause", "causeother", "suspectedcauseother"),
    "uncertain": ("uncertain", "uncertaincmb", "isuncertain"),
    "smaller_than_5_mm": ("smallerthan5mm", "lessthan5mm", "5mm", "size", "diameter", "diameterlessthan5mm"),
    "grouping": ("group", "grouping", "caagroup", "multiple"),
    "type": ("type", "mimictype", "mimic", "typeofmimic"),
    "text": ("text", "othertype", "typeother", "description", "finding", "otherfinding"),
    "included": ("included", "include", "inclusion"),
    "why_not": ("whynot", "reason", "reasonforexclusion", "exclusionreason"),
    "quality": ("quality", "imagequality", "studyquality"),
    "flags": ("flags", "quality", "qualityflags", "artefacts", "artifacts", "imagequality"),
    "comment": ("comment", "comments", "note", "notes", "remarks"),
}
"""By field: what attributes are called, as `plain` writes it."""


def plain(text: object) -> str:
    """Write a name without case, spaces and signs; < becomes words."""
    return re.sub(r"[^a-z0-9]+", "", str(text).casefold().replace("<", "lessthan").replace("≥", "atleast"))


@dataclass
class Attributes:
    """The attributes of one label, taken out one by one; what stays was not understood.

    Parameters
    ----------
    where : str
        Names the label in notes.
    values : dict
        By the export's own names.
    """

    where: str
    values: dict[str, Any]
    notes: list[str] = field(default_factory=list)

    def word(self, name: str, words: tuple[str, ...], also: Mapping[str, str]) -> str:
        """Take an answer that is one of the protocol's words; empty if there is none that is."""
        known = {**{plain(word): word for word in words}, **also}
        for key in self._keys(name):
            answers = _answers(self.values[key])
            if not answers:
                del self.values[key]
            elif len(answers) == 1 and plain(answers[0]) in known:
                del self.values[key]
                return known[plain(answers[0])]
        return NOT_ANSWERED

    def words(self, name: str, words: tuple[str, ...], also: Mapping[str, str]) -> tuple[str, ...]:
        """Take all answers that are of the protocol's words: of a multiple choice, or yes/no ones named so."""
        known = {**{plain(word): word for word in words}, **also}
        found: list[str] = []
        for key in self._keys(name):
            answers = _answers(self.values.pop(key))
            found += [known[plain(answer)] for answer in answers if plain(answer) in known]
            if rest := [answer for answer in answers if plain(answer) not in known]:
                self.values[key] = rest
        for key in [key for key in self.values if plain(key) in known]:
            if plain(self.values[key]) in (*YES, *NO):
                found += [known[plain(key)]] * (plain(self.values.pop(key)) in YES)
        return tuple(dict.fromkeys(found))

    def flag(self, name: str, *, yes: tuple[str, ...] = (), no: tuple[str, ...] = ()) -> bool | None:
        """Take a yes or no; None if there is neither."""
        for key in self._keys(name):
            answers = [plain(answer) for answer in _answers(self.values[key])]
            if len(answers) == 1 and answers[0] in (*YES, *yes, *NO, *no):
                del self.values[key]
                return answers[0] in (*YES, *yes)
        return None

    def text(self, name: str) -> str:
        """Take a text; empty if there is none."""
        found = [", ".join(map(str, _answers(self.values.pop(key)))) for key in self._keys(name)]
        return "; ".join(part for part in found if part)

    def comment(self) -> str:
        """Take the comments, and with them all that was not understood; call it last."""
        parts = [self.text("comment")]
        for name, value in self.values.items():
            answer = ", ".join(map(str, _answers(value)))
            if answer:
                parts.append(f"{name}: {answer}")
                self.notes.append(f"{self.where}: {name} = {answer!r} was not understood; it is kept in the comment.")
        self.values.clear()
        return "\n".join(part for part in parts if part)

    def _keys(self, name: str) -> list[str]:
        return [key for key in self.values if plain(key) in NAMES[name]]


def attributes_of(label: Any, where: str) -> Attributes:
    """Read a label's attributes: an object by name, or a list of ``{"name", "value"}``."""
    raw = (label.get("attributes") if isinstance(label, dict) else None) or {}
    if isinstance(raw, list):
        pairs = [one for one in raw if isinstance(one, dict) and "name" in one]
        odd = [one for one in raw if one not in pairs]
        raw = {str(one["name"]): one.get("value") for one in pairs}
        raw.update({f"attribute {number}": one for number, one in enumerate(odd, 1)})
    return Attributes(where, dict(raw) if isinstance(raw, dict) else {"attributes": raw})


def category_of(label: Any) -> str:
    """Name a label's category; nested ones with a slash."""
    category = label.get("category", "") if isinstance(label, dict) else label
    return " / ".join(map(str, category)) if isinstance(category, list) else str(category)


def microbleed_answers(attributes: Attributes) -> dict[str, Any]:
    """Take the fields of a `Microbleed` that an export's attributes answer."""
    cause = attributes.word("cause", CAUSES, CAUSE_WORDS)
    small = attributes.flag(
        "smaller_than_5_mm", yes=("lessthan5mm", "smallerthan5mm"), no=("510mm", "atleast5mm", "5mm")
    )
    return {
        "location": attributes.word("location", LOCATIONS, LOCATION_WORDS),
        "side": attributes.word("side", SIDES, SIDE_WORDS),
        "cause": cause,
        "cause_text": attributes.text("cause_text") if cause == OTHER else "",
        "uncertain": bool(attributes.flag("uncertain", yes=("uncertain",), no=("certain", "definite"))),
        "smaller_than_5_mm": small,
    }


def mimic_answers(attributes: Attributes, category: str) -> dict[str, Any]:
    """Take the fields of a `Mimic`; its type may be the last part of its category."""
    kind = attributes.word("type", MIMICS, MIMIC_WORDS)
    named = {**{plain(word): word for word in MIMICS}, **MIMIC_WORDS}
    kind = kind or named.get(plain(category.split("/")[-1]), NOT_ANSWERED)
    side = attributes.word("side", SIDES, SIDE_WORDS) if kind == CALCIFICATION else NOT_ANSWERED
    return {"type": kind, "side": side, "text": attributes.text("text") if kind == OTHER else ""}


def _answers(value: Any) -> list[Any]:
    """The answers of an attribute: none, one, or the several of a multiple choice."""
    if value is None or value == "" or value == []:
        return []
    return list(value) if isinstance(value, list) else [value]
