"""Who found the lesions: the algorithm as the objects name it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import ClassVar

from pydicom.dataset import Dataset

from ..detecting.lesions import LesionRules
from ..detecting.search import Search, UsedModel
from . import codes

LONGEST = 64  # characters of a long string (LO, PS3.5, 6.2)


@dataclass(frozen=True)
class Network:
    """A model that took part.

    Attributes
    ----------
    name, version : str
    uid : str
        Of the hash of its file, so that a model trained anew has another.
    """

    name: str
    version: str
    uid: str


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
    networks : tuple of Network
        The detector first.
    program : str
        Version of the program.
    """

    name: str
    version: str
    serial: str
    parameters: tuple[str, ...]
    networks: tuple[Network, ...]
    program: str = "0"

    NONE: ClassVar[Software]


Software.NONE = Software("none", "0", "0", (), (Network("none", "0", "2.25.0"),))


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
        networks=tuple(_network(one, search) for one in (model, search.verifier, search.regions) if one is not None),
        program=_long_string(search.software or "?"),
    )


def _network(model: UsedModel, search: Search) -> Network:
    version = _long_string(f"{model.version or '?'} (slicer-cmb {search.software or '?'})")
    return Network(_long_string(model.name), version, f"2.25.{int((model.sha256 or '0')[:32], 16)}")


def name_equipment(one: Dataset, software: Software) -> None:
    """Name in an object what made it: the program, and each network as equipment that contributed to it.

    As IHE AI Results (AIR, 6.5.3.1) asks for each algorithm, but with DICOM's own word for its purpose (PS3.16,
    CID 7005): that of the profile is a placeholder.
    """
    one.ManufacturerModelName, one.SoftwareVersions = software.name, software.version
    one.DeviceSerialNumber = software.serial
    purpose = Dataset()
    purpose.CodeValue, purpose.CodingSchemeDesignator = codes.PROCESSING.value, codes.PROCESSING.scheme_designator
    purpose.CodeMeaning = codes.PROCESSING.meaning
    for network in software.networks:
        item = Dataset()
        item.PurposeOfReferenceCodeSequence = [purpose]
        item.Manufacturer, item.ManufacturerModelName = "slicer-cmb", network.name
        item.SoftwareVersions, item.DeviceUID = network.version, network.uid
        one.ContributingEquipmentSequence = [*one.get("ContributingEquipmentSequence", []), item]


def _long_string(text: str) -> str:
    """Write a model's own words as DICOM takes them: a backslash would part values."""
    plain = "".join(letter if letter.isprintable() and letter != "\\" else " " for letter in text).strip()
    return plain[:LONGEST] or "unnamed"
