"""Who found the lesions: the algorithm as the objects name it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import ClassVar

from ..detecting.lesions import LesionRules
from ..detecting.search import Search, UsedModel

LONGEST = 64  # characters of a long string (LO, PS3.5, 6.2)


@dataclass(frozen=True)
class Software:
    """An algorithm and its version.

    Attributes
    ----------
    name : str
        The model's.
    version : str
        The model's and the program's.
    serial : str
        Start of the model file's SHA-256: two devices with the same serial number find the same.
    parameters : tuple of str
        Settings that change what is found, as ``name=value``.
    """

    name: str
    version: str
    serial: str
    parameters: tuple[str, ...]

    NONE: ClassVar[Software]


Software.NONE = Software("none", "0", "0", ())


def software_from(search: Search, rules: LesionRules) -> Software:
    """Name the detector, and what it was run with."""
    model = search.detector or UsedModel()
    about = {"overlap": search.overlap, "blending": search.blending, "brain_mask": search.brain_mask}
    settings = {**asdict(rules), **{key: value for key, value in about.items() if value not in (None, "")}}
    return Software(
        name=_long_string(model.name),
        version=_long_string(f"{model.version or '?'} (slicer-cmb {search.software or '?'})"),
        serial=(model.sha256 or "0")[:12],
        parameters=tuple(f"{key}={value}" for key, value in settings.items()),
    )


def _long_string(text: str) -> str:
    """Write a model's own words as DICOM takes them: a backslash would part values."""
    plain = "".join(letter if letter.isprintable() and letter != "\\" else " " for letter in text).strip()
    return plain[:LONGEST] or "unnamed"
