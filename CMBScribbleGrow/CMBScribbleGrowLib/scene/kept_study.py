"""A study's records in the scene: a saved scene is whole without the files beside the scan."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import slicer

from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.review import Annotated, AnnotatedLesion, AnnotatedMimic
from CMBSegmentationLib.scene.annotated import write_annotated

from ..annotation.file import study_from_json, study_to_json
from ..annotation.records import Study
from ..annotation.words import SINGLE
from ..study.state import Snapshot
from .grow_nodes import GrowNodes, find_nodes
from .names import FILES_ATTRIBUTE, STUDY_ATTRIBUTE
from .scan_grid import ScanGrid


@dataclass(frozen=True)
class KeptStudy:
    """What a scene holds of a study.

    Attributes
    ----------
    study : Study or None
        None if there is none, or none that can be read.
    reader : str
        Who was annotating.
    folder : str or None
        Where it was saved, if that is still there.
    stem : str
        What the names of its files began with; empty if that is not known.
    """

    study: Study | None = None
    reader: str = ""
    folder: str | None = None
    stem: str = ""


def read_kept(scan_node: slicer.vtkMRMLScalarVolumeNode) -> KeptStudy:
    """Read what `write_kept` wrote."""
    nodes = find_nodes(scan_node)
    try:
        where = json.loads((nodes and nodes.scribbles.GetAttribute(FILES_ATTRIBUTE)) or "{}")
        text = nodes and nodes.scribbles.GetAttribute(STUDY_ATTRIBUTE)
        study = study_from_json(_without_head(json.loads(text))) if text else None
    except (ValueError, InputError):
        return KeptStudy()
    if study is None:
        return KeptStudy()
    folder = where.get("folder")
    there = folder if folder and Path(folder).is_dir() else None
    return KeptStudy(study, where.get("reader") or "", there, str(where.get("stem") or ""))


def write_kept(
    nodes: GrowNodes, study: Study, snapshot: Snapshot, folder: Path | None, grid: ScanGrid, stem: str = ""
) -> None:
    """Write a study's records, and what the list of lesions is to know of them, into the scene.

    Parameters
    ----------
    nodes : GrowNodes
    study : Study
        With all readers.
    snapshot : Snapshot
        Of the reader who annotates.
    folder : Path or None
        Where it is saved.
    grid : ScanGrid
        Of the scan as it was opened.
    stem : str
        What the names of its files begin with.
    """
    write_annotated(nodes.scan, _for_the_list(snapshot, grid.shape), grid.shape, grid.ijk_to_ras)
    where = {"reader": snapshot.annotation.reader, "folder": str(folder) if folder else None, "stem": stem}
    nodes.scribbles.SetAttribute(STUDY_ATTRIBUTE, json.dumps(study_to_json(study)))
    nodes.scribbles.SetAttribute(FILES_ATTRIBUTE, json.dumps(where))


def _for_the_list(snapshot: Snapshot, shape: tuple[int, int, int]) -> Annotated:
    annotation, lesions = snapshot.annotation, {}
    for one in annotation.microbleeds:
        lesions[one.id] = AnnotatedLesion(
            (one.r_mm, one.a_mm, one.s_mm),
            one.location,
            one.side,
            one.cause,
            uncertain=one.uncertain,
            accepted=one.counts,
            grouped=one.grouping != SINGLE,
            time=one.time,
        )
    mimics = [AnnotatedMimic((one.r_mm, one.a_mm, one.s_mm), one.type) for one in annotation.mimics]
    masks = {
        one.id: np.sort(np.ravel_multi_index(tuple(one.mask.T), shape)) for one in snapshot.lesions if not one.grouped
    }
    return Annotated(lesions, tuple(mimics), annotation.reader, masks)


def _without_head(data: dict[str, Any]) -> dict[str, Any]:
    return {key: data[key] for key in ("scan", "report", "priority", "annotations") if key in data}
