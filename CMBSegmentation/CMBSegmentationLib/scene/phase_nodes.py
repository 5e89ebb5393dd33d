"""Phase in the scene: the image that belongs to a scan found by name or DICOM header, and the local phase shown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import slicer

from ..detecting.phase.local_field import PER_RADIAN, SHOWN_RAD
from ..errors import InputError
from ..reading.grid import SAME_GRID_VOXELS
from ..reading.phase.files import write_phase
from ..reading.phase.image import PhaseImage
from ..vocabulary.reasons import PHASE_NOT_USED
from .names import RESULT_ATTRIBUTE
from .origin import dicom_file_of
from .shown.views import slice_contents
from .volumes import image_from_volume, world_ijk_to_ras

if TYPE_CHECKING:
    from .results import ResultNodes

PHASE = "phase"  # of `reading.dicom.headers.KINDS`
PHASE_NAME = re.compile(r"(?<![a-z])(pha?(se)?)(?![a-z])", re.IGNORECASE)


def phase_of(scan_node: slicer.vtkMRMLScalarVolumeNode | None) -> slicer.vtkMRMLScalarVolumeNode | None:
    """Find the phase of a scan among the volumes of its scene.

    Parameters
    ----------
    scan_node : vtkMRMLScalarVolumeNode or None

    Returns
    -------
    vtkMRMLScalarVolumeNode or None
        A volume on the scan's grid that is phase by its name or its DICOM header; of several, the one that is named
        most like the scan.
    """
    if scan_node is None or scan_node.GetScene() is None or phase_by(scan_node):
        return None
    scene = scan_node.GetScene()
    nodes = [
        scene.GetNthNodeByClass(number, "vtkMRMLScalarVolumeNode")
        for number in range(scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode"))
    ]
    found = [
        node
        for node in nodes
        if node.GetClassName() == "vtkMRMLScalarVolumeNode"
        and not node.GetAttribute(RESULT_ATTRIBUTE)
        and _lie_alike(node, scan_node)
        and phase_by(node)
    ]
    name = scan_node.GetName() or ""
    return max(found, key=lambda node: SequenceMatcher(None, node.GetName(), name).ratio(), default=None)


def export_phase(
    phase_node: slicer.vtkMRMLScalarVolumeNode, scan_node: slicer.vtkMRMLScalarVolumeNode, folder: Path
) -> Path:
    """Write the phase of a scan to a file for the worker, with its name and why it is taken, and give its path.

    Raises
    ------
    InputError
        As `volumes.image_from_volume`.
    """
    image, _ = image_from_volume(phase_node)
    name, asked = phase_node.GetName() or "phase", phase_of(scan_node) is not phase_node
    why = ", as asked." if asked else f": its {phase_by(phase_node)}, and the scan's grid."
    folder.mkdir(exist_ok=True)
    path = folder / f"{phase_node.GetID()}.nrrd"
    write_phase(PhaseImage(image, name, asked=asked), [f"Phase was taken from {name}{why}"], path)
    return path


def phase_by(node: slicer.vtkMRMLScalarVolumeNode) -> str:
    """Give what says that a volume is phase: its name, or the DICOM header of its series; empty if nothing does."""
    if PHASE_NAME.search(node.GetName() or ""):
        return "name"
    file = dicom_file_of(node)
    if file is None:
        return ""
    from ..reading.dicom.headers import kind_in_file  # a scene without DICOM needs no pydicom

    return "DICOM header" if kind_in_file(file) == PHASE else ""


def style_field(display_node: slicer.vtkMRMLScalarVolumeDisplayNode) -> None:
    """Show the local phase in greys, nothing in the middle."""
    display_node.SetAutoWindowLevel(False)
    display_node.SetWindowLevelMinMax(-SHOWN_RAD * PER_RADIAN, SHOWN_RAD * PER_RADIAN)
    display_node.SetAndObserveColorNodeID("vtkMRMLColorTableNodeGrey")


def check_has_field(
    results: ResultNodes | None,
    notes: Sequence[str] = (),
    *,
    phase_is_open: bool = False,
    phase_is_chosen: bool = True,
) -> None:
    """Raise InputError where there is no local phase to show.

    Parameters
    ----------
    results : ResultNodes or None
    notes : sequence of str
        Of the search: one of them may say why phase was not used.
    phase_is_open : bool
        Whether the scan's phase is at hand outside the scene; in the scene it is looked for.
    phase_is_chosen : bool
        Whether a search that begins now is given it.
    """
    if results is None:
        raise InputError("There is no local phase yet.", "Choose a scan that has phase, and detect its microbleeds.")
    if results.field is None:
        is_open = phase_is_open or phase_of(results.scan) is not None
        hint = "Open its phase with it, and detect again."
        if is_open:
            choose = "Choose its phase under Phase, and detect again."
            hint = "Its phase is open: detect again." if phase_is_chosen else choose
        for note in notes:
            if note.startswith(PHASE_NOT_USED):
                hint = f"{note} Detect again once that is mended."
        raise InputError(f"{results.scan.GetName()} was searched without phase.", hint)


def show_field(results: ResultNodes, shown: bool) -> None:
    """Show the local phase, if there is one, in every slice view in place of the scan; or the scan again.

    Where the views look, and how near, stays as it is; the local phase has its own grey window each time.
    """
    field = results.field if shown else None
    if field is not None:
        style_field(field.GetDisplayNode())
    volume = field if field is not None else results.scan
    for view in slice_contents(results.scan.GetScene()):
        view.SetBackgroundVolumeID(volume.GetID())


def field_is_shown(results: ResultNodes) -> bool:
    """Whether any slice view shows the local phase in place of the scan."""
    field = results.field
    return field is not None and any(
        view.GetBackgroundVolumeID() == field.GetID() for view in slice_contents(results.scan.GetScene())
    )


def _lie_alike(one: slicer.vtkMRMLScalarVolumeNode, other: slicer.vtkMRMLScalarVolumeNode) -> bool:
    sizes = [node.GetImageData().GetDimensions() if node.GetImageData() else None for node in (one, other)]
    if one is other or sizes[0] is None or sizes[0] != sizes[1]:
        return False
    try:
        apart = (world_ijk_to_ras(one) - world_ijk_to_ras(other)) * [*sizes[0], 1]
    except InputError:  # warped or sheared
        return False
    return bool(np.linalg.norm(apart, axis=0).sum() <= SAME_GRID_VOXELS * min(one.GetSpacing()))
