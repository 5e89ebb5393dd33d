"""What the annotation of a scan says, for its list: numbers, places and causes of lesions, and what is none."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..detecting.candidates.grid import Grid, flat_of, runs_of
from ..errors import InputError
from ..review import Annotated
from ..review.annotated import Place, annotated_from_row, mimic_from_row
from .names import ANNOTATED_ATTRIBUTE
from .volumes import world_ijk_to_ras


def write_annotated(
    scan_node: Any, annotated: Annotated, shape: tuple[int, ...], ijk_to_ras: NDArray[np.float64]
) -> None:
    """Have a scan's node hold what its annotation says.

    Parameters
    ----------
    scan_node : vtkMRMLScalarVolumeNode
    annotated : Annotated
    shape : tuple of int
        Of the scan's voxel array, k, j, i.
    ijk_to_ras : float array (4, 4)
        World RAS mm of the scan's voxels when it was annotated: the positions are of that place.
    """
    data = {
        "grid": {"shape": [*shape], "ijk_to_ras": np.asarray(ijk_to_ras).tolist()},
        "masks": {str(number): runs_of(mask) for number, mask in sorted(annotated.masks.items()) if len(mask)},
        "reader": annotated.reader,
        "lesions": {str(number): asdict(one) for number, one in sorted(annotated.lesions.items())},
        "mimics": [asdict(one) for one in annotated.mimics],
    }
    text = json.dumps(data)
    if scan_node.GetAttribute(ANNOTATED_ATTRIBUTE) != text:
        scan_node.SetAttribute(ANNOTATED_ATTRIBUTE, text)


def read_annotated(scan_node: Any) -> Annotated:
    """Give what `write_annotated` wrote, where the scan lies now; without a reader if nothing can be read."""
    try:
        data = json.loads(scan_node.GetAttribute(ANNOTATED_ATTRIBUTE) or "{}")
        lesions = {int(number): annotated_from_row(one) for number, one in data.get("lesions", {}).items()}
        mimics = [mimic_from_row(one) for one in data.get("mimics", ())]
    except (AttributeError, KeyError, TypeError, ValueError):
        return Annotated()
    annotated = Annotated(lesions, tuple(mimics), str(data.get("reader", "")))
    try:
        then = _grid(data["grid"]["shape"], np.array(data["grid"]["ijk_to_ras"], np.float64))
        voxels = int(np.prod(then.shape))
        masks = {int(number): flat_of(runs, voxels) for number, runs in data.get("masks", {}).items()}
        now = _grid(scan_node.GetImageData().GetDimensions()[::-1], world_ijk_to_ras(scan_node))
        return _where_it_lies_now(replace(annotated, masks=masks), then, now)
    except (AttributeError, IndexError, InputError, KeyError, TypeError, ValueError, np.linalg.LinAlgError):
        return annotated  # a scene of an earlier version, or a scan under a warp


def _grid(shape: Any, ijk_to_ras: NDArray[np.float64]) -> Grid:
    k, j, i = (int(size) for size in shape)
    return Grid((k, j, i), ijk_to_ras[:3, [2, 1, 0, 3]])


def _where_it_lies_now(annotated: Annotated, then: Grid, now: Grid) -> Annotated:
    """Bring it onto the scan as it is: its array may have been turned by saving, and the scan moved by a transform."""
    if then.is_like(now):
        moved = {number: then.moved_onto(now, mask) for number, mask in annotated.masks.items()}
        return replace(annotated, masks={n: np.sort(mask) for n, mask in moved.items() if mask is not None})
    if then.shape != now.shape:
        return replace(annotated, masks={})
    back = np.linalg.inv(then.zyx_to_ras[:, :3])

    def moved_place(at: Place) -> Place:
        zyx = back @ (np.array(at) - then.zyx_to_ras[:, 3])
        r_mm, a_mm, s_mm = (round(float(x), 3) for x in now.ras_mm(zyx[None])[0])
        return r_mm, a_mm, s_mm

    lesions = {number: replace(one, at=moved_place(one.at)) for number, one in annotated.lesions.items()}
    mimics = tuple(replace(one, at=moved_place(one.at)) for one in annotated.mimics)
    return replace(annotated, lesions=lesions, mimics=mimics)
