"""Who found the lesions: the algorithm as the objects name it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

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


def software_from(provenance: Mapping[str, Any]) -> Software:
    """Take it from `Detection.provenance`."""
    model, program = (provenance.get(key) or {} for key in ("model", "software"))
    return Software(
        name=_long_string(model.get("name") or ""),
        version=_long_string(f"{model.get('version', '?')} (slicer-cmb {program.get('version', '?')})"),
        serial=str(model.get("sha256") or "0")[:12],
        parameters=tuple(f"{key}={value}" for key, value in (provenance.get("settings") or {}).items()),
    )


def _long_string(text: str) -> str:
    """Write a model's own words as DICOM takes them: a backslash would part values."""
    plain = "".join(letter if letter.isprintable() and letter != "\\" else " " for letter in text).strip()
    return plain[:LONGEST] or "unnamed"
