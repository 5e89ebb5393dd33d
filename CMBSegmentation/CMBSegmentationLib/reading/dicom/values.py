"""One attribute of a DICOM header, read with patience: other people's headers break the standard's rules."""

from __future__ import annotations

import math
import re
from typing import Any

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag

NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")
GE_CREATOR, GE_COMPONENT = "GEMS_PARM_01", 0x2F  # (0043,xx2F): 0 magnitude, 1 phase, 2 real, 3 imaginary


def raw(dataset: Dataset, keyword: str | BaseTag) -> Any:
    """Give an attribute's value, as bytes where its value representation does not fit; None where there is none."""
    try:
        value = dataset[keyword].value if keyword in dataset else None
    except Exception:  # pydicom converts on access, and raises what the value makes it raise
        value = _unconverted(dataset, Tag(keyword))
    return None if value is None or value == "" else value


def _unconverted(dataset: Dataset, tag: BaseTag) -> Any:
    try:
        return getattr(dataset.get_item(tag), "value", None)
    except Exception:  # of a value representation that is none
        return None


def texts(dataset: Dataset, keyword: str) -> tuple[str, ...]:
    """Give the values of an attribute as stripped capitals; none where it is missing or empty."""
    value = raw(dataset, keyword)
    if value is None:
        return ()
    if isinstance(value, bytes):
        value = value.decode("latin-1").strip(" \0").split("\\")
    values = list(value) if isinstance(value, (list, tuple, MultiValue)) else [value]
    return tuple(str(one).strip(" \0").upper() for one in values)


def text(dataset: Dataset, keyword: str) -> str:
    """Give an attribute's only value, or all of them with backslashes; empty where there is none."""
    return "\\".join(texts(dataset, keyword))


def numbers(dataset: Dataset, keyword: str, count: int) -> tuple[float, ...] | None:
    """Give `count` finite numbers of an attribute, in whatever value representation they are stored.

    Returns
    -------
    tuple of float or None
        A decimal comma counts as a point, and a single number where two are expected stands for both; None where
        the value is missing, or holds anything else.
    """
    if isinstance(value := raw(dataset, keyword), str) and "\\" in value:  # a text that holds several
        found: list[str] = value.split("\\")
    else:
        found = [part for one in texts(dataset, keyword) for part in one.split("\\")]
    values = [_number(one) for one in found]
    if count == 2 and len(values) == 1:
        values *= 2
    if len(values) != count or any(one is None for one in values):
        return None
    return tuple(one for one in values if one is not None)


def number(dataset: Dataset, keyword: str) -> float | None:
    """Give one finite number, or None."""
    found = numbers(dataset, keyword, 1)
    return None if found is None else found[0]


def is_unreadable(dataset: Dataset, keyword: str, count: int) -> bool:
    """Whether an attribute is there but holds no `count` numbers."""
    return raw(dataset, keyword) is not None and numbers(dataset, keyword, count) is None


def items(dataset: Dataset | None, keyword: str) -> list[Dataset]:
    """Give the items of a sequence; none where it is missing or not a sequence."""
    value = None if dataset is None else raw(dataset, keyword)
    return list(value) if isinstance(value, Sequence) else []


def ge_component(dataset: Dataset) -> int | None:
    """Give what GE's private tag says of an image: 0 magnitude, 1 phase, 2 real, 3 imaginary; None elsewhere.

    References
    ----------
    Rorden, dcm2niix, "GE: raw data type (magnitude, phase, real, imaginary)".
    """
    try:
        value = dataset.private_block(0x0043, GE_CREATOR)[GE_COMPONENT].value
    except (KeyError, ValueError, TypeError, NotImplementedError):
        return None
    if isinstance(value, bytes) and len(value) >= 2:  # implicit VR: unknown to pydicom's dictionary
        return int.from_bytes(value[:2], "little", signed=True)
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def _number(value: str) -> float | None:
    value = value.strip(" \0")
    if not NUMBER.fullmatch(value):
        return None
    found = float(value.replace(",", "."))
    return found if math.isfinite(found) else None
