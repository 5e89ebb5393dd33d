"""Where a scan of the scene came from: the name it was opened by, and of a DICOM series which one it is and whose."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import slicer

from ..files.fields import Fields, read_json
from ..reading.scan import scan_stem
from ..reading.scan_identity import ScanIdentity, ScanName, identity_by_name, identity_in_file, name_in
from .names import ORIGIN_ATTRIBUTE
from .volumes import file_of

KEPT = ("file", "study_uid", "series_uid", "series_number", "series_description", "study_date")  # of `ScanName`


@dataclass(frozen=True)
class Origin:
    """Where a scan came from.

    Attributes
    ----------
    file : str
        The name of its file, its DICOM folder or, in Slicer, its series.
    identity : ScanIdentity
        As far as the scene and Slicer's DICOM database say.
    """

    file: str
    identity: ScanIdentity

    @property
    def name(self) -> ScanName:
        """As results keep it: without whose it is."""
        return name_in(self.identity, self.file)


def keep_origin(scan_node: slicer.vtkMRMLScalarVolumeNode, origin: Origin) -> None:
    """Have a scan's node remember where it came from; whose it is stays out of the scene."""
    kept = {key: getattr(origin.name, key) for key in KEPT}
    scan_node.SetAttribute(ORIGIN_ATTRIBUTE, json.dumps(kept))


def origin_of(scan_node: slicer.vtkMRMLScalarVolumeNode) -> Origin:
    """Tell where a scan came from: by `keep_origin`, else by Slicer's DICOM database, else by its file."""
    name = scan_node.GetName() or ""
    kept = _kept(scan_node)
    if kept is not None:
        by_name = identity_by_name(scan_stem(Path(kept.file or name)))
        identity = replace(
            by_name,
            date=kept.study_date,
            study_uid=kept.study_uid,
            series_uid=kept.series_uid,
            number=kept.series_number,
            description=kept.series_description,
        )
        return Origin(kept.file or name, identity)
    dicom = dicom_file_of(scan_node)
    if dicom is not None:
        return Origin(name, identity_in_file(dicom, name))
    file = Path(file_of(scan_node)).name or name
    return Origin(file, identity_by_name(scan_stem(Path(file))))


def is_of_series(scan_node: slicer.vtkMRMLScalarVolumeNode) -> bool:
    """Tell whether a scan was loaded from a DICOM series, also in a scene that was saved since."""
    kept = _kept(scan_node)
    return bool((kept is not None and kept.series_uid) or scan_node.GetAttribute("DICOM.instanceUIDs"))


def dicom_file_of(scan_node: slicer.vtkMRMLScalarVolumeNode) -> Path | None:
    """Give a file of the series that a scan's node was loaded from; None if Slicer's DICOM database knows none."""
    instances = (scan_node.GetAttribute("DICOM.instanceUIDs") or "").split()
    database = getattr(slicer, "dicomDatabase", None)
    file = database.fileForInstance(instances[0]) if instances and database is not None else ""
    return Path(file) if file else None


def _kept(scan_node: slicer.vtkMRMLScalarVolumeNode) -> ScanName | None:
    try:
        kept = Fields(read_json(scan_node.GetAttribute(ORIGIN_ATTRIBUTE) or "null"))
        return ScanName(**{key: kept.text(key, default="") for key in KEPT})
    except ValueError:  # none, or a scene that another program has changed
        return None
