"""Values of a source's header made fit to be written anew: text as UTF-8, each value as its representation demands."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable
from typing import Any

from pydicom import config
from pydicom.charset import python_encoding
from pydicom.datadict import dictionary_description, dictionary_VM
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag
from pydicom.valuerep import VALIDATORS, PersonName, format_number_as_ds, validate_value

UTF_8 = "ISO_IR 192"
TEXT = {"LO", "LT", "PN", "SH", "ST", "UC", "UT"}
CHECKED = TEXT | {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI", "UR"}
GEOMETRY = {"SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"}  # see `source`
PIXELS, CHARACTER_SET = 0x7FE0, 0x00080005
UNREADABLE = "\ufffd"  # what a decoder puts where bytes are no character
CONTROLS = re.compile(r"[\x00-\x09\x0b\x0e-\x1f\x7f]")
SEXES = {"M": "M", "MALE": "M", "F": "F", "FEMALE": "F", "O": "O", "OTHER": "O"}  # PS3.3, C.7.1.1
DATE_WITH_SIGNS = re.compile(r"(\d{4})[.\-/](\d{2})[.\-/](\d{2})")  # the first is ACR-NEMA's
TIME = re.compile(r"(\d{2}):?(\d{2}):?(?:(\d{2})(?:\.(\d{1,6})\d*)?)?")  # with colons, as in ACR-NEMA
UID = re.compile(r"[0-9.]{1,64}")  # leading zeros, which are wrong, too: a reference must give what is there


def cleaned(header: Dataset) -> tuple[Dataset, list[str]]:
    """Make a header whose values another object can take over.

    Parameters
    ----------
    header : Dataset
        As read; it is not changed. Private elements are left out.

    Returns
    -------
    header : Dataset
        Text decoded, for Specific Character Set ISO_IR 192 (UTF-8). What is not of its value representation
        (DICOM PS3.5, 6.2) is written as it must be where the meaning is plain, else left empty.
    notes : list of str
        Which attributes were changed or left empty, by name; never their values, which may name the patient.
    """
    rewritten: dict[str, None] = {}
    emptied: dict[str, None] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's, of the very values that are looked for here
        clean = _clean(header, rewritten, emptied)
    clean.SpecificCharacterSet = UTF_8
    if hasattr(header, "file_meta"):
        clean.file_meta = header.file_meta
    notes = []
    if unknown := _unknown_character_sets(header):
        notes.append(f"DICOM has no character set {unknown}: names were read as far as they could be.")
    if rewritten:
        notes.append(f"Written for the DICOM results in the form that DICOM demands: {', '.join(rewritten)}.")
    if emptied:
        notes.append(f"Not valid in the scan, and left empty in the DICOM results: {', '.join(emptied)}.")
    return clean, notes


def _clean(source: Dataset, rewritten: dict[str, None], emptied: dict[str, None]) -> Dataset:
    clean = Dataset()
    for tag in list(source.keys()):  # not its elements: to make one of a bad value raises
        if tag.is_private or tag.group == PIXELS or tag == CHARACTER_SET:
            continue
        try:
            element = source[tag]
            value = _valid(element, rewritten, emptied)
        except Exception:  # pydicom's own, of a dozen kinds: as the damage is
            emptied[_name(tag)] = None
            clean.add(DataElement(tag, _representation(source, tag), None, validation_mode=config.IGNORE))
            continue
        clean.add(DataElement(tag, element.VR, value, validation_mode=config.IGNORE))
    return clean


def _valid(element: DataElement, rewritten: dict[str, None], emptied: dict[str, None]) -> Any:
    """Give the value as it may be written; `ValueError` where it cannot be."""
    if element.VR == "SQ":
        if element.keyword in GEOMETRY:
            return element.value
        return [_clean(item, rewritten, emptied) for item in element.value]
    if element.VR not in CHECKED or element.value is None:
        return element.value
    if element.VM > 1 and dictionary_VM(element.tag) == "1":
        raise ValueError("several values where there is one")
    texts = [str(value) for value in (element.value if element.VM > 1 else [element.value])]
    valid = [_valid_text(text, element) for text in texts]
    if element.VR != "DS" and [text.strip() for text in valid] != [text.strip() for text in texts]:
        rewritten[element.name] = None
    return valid if element.VM > 1 else valid[0]


def _valid_text(text: str, element: DataElement) -> str:
    text = REWRITE.get(element.keyword, REWRITE.get(element.VR, str))(text)
    limits_lines = element.VR not in ("LT", "ST", "UT")
    if UNREADABLE in text or CONTROLS.search(text) or (limits_lines and re.search(r"[\n\r\f]", text)):
        raise ValueError("not text")
    if element.VR == "UI":
        if text and not UID.fullmatch(text):
            raise ValueError("not a UID")
    elif element.VR in VALIDATORS:
        validate_value(element.VR, text, config.RAISE)
    return text


def _sex(text: str) -> str:
    return SEXES[text.strip().upper()] if text.strip() else ""


def _date(text: str) -> str:
    found = DATE_WITH_SIGNS.fullmatch(text.strip())
    return "".join(found.groups()) if found else text.strip()


def _time(text: str) -> str:
    found = TIME.fullmatch(text.strip())
    if not found:
        return text.strip()
    hours, minutes, seconds, fraction = found.groups()
    return hours + minutes + (seconds or "") + (f".{fraction}" if fraction else "")


def _decimal(text: str) -> str:
    return text if len(text) <= 16 else format_number_as_ds(float(text))


def _code(text: str) -> str:
    return text.strip().upper()


def _person(text: str) -> str:
    """Write a name in the three groups of at most 64 characters that it may have (PS3.5, 6.2.1)."""
    if text.count("=") > 2 or any(group.count("^") > 4 or len(group) > 64 for group in text.split("=")):
        raise ValueError("no person's name")
    return str(PersonName(text))


REWRITE: dict[str, Callable[[str], str]] = {
    "PatientSex": _sex,
    "DA": _date,
    "TM": _time,
    "DS": _decimal,
    "CS": _code,
    "PN": _person,
    "AS": _code,
    "UI": str.strip,
}
"""By keyword or value representation: how a value whose meaning is plain is written; `LookupError` if it is not."""


def _unknown_character_sets(header: Dataset) -> str:
    named = header.get("SpecificCharacterSet") or ""
    every = [named] if isinstance(named, str) else list(named)
    return ", ".join(repr(str(one)) for one in every if one not in python_encoding)


def _name(tag: BaseTag) -> str:
    try:
        return dictionary_description(tag)
    except KeyError:
        return str(tag)


def _representation(source: Dataset, tag: BaseTag) -> str:
    return str(source.get_item(tag).VR or "UN")


def together(notes: Iterable[str]) -> list[str]:
    """Give each note once, in order: the slices of a series have the same faults."""
    return list(dict.fromkeys(notes))
