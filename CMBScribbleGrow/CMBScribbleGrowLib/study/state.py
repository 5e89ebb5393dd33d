"""What a user interface shows of an annotation in work, and what undo goes back to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from CMBSegmentationLib.errors import CMBError
from CMBSegmentationLib.review.history import Step

from ..annotation.edits import with_entry
from ..annotation.records import Annotation
from ..growing.settings import AUTO, GrowSettings
from .linked_lesion import LinkedLesion

NO_VOXELS: NDArray[np.intp] = np.empty((0, 3), np.intp)


class State(str, Enum):
    """Where a session is."""

    IDLE = "idle"
    WORKING = "working"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True)
class GrowParameters:
    """What a reader chose.

    Attributes
    ----------
    scan_node_id : str or None
        Node ID of the scan.
    reader : str
        Whose annotation it is.
    folder : str or None
        Where it is saved; None takes the scan's own folder.
    mode, tolerance_percent, largest_diameter_mm, connectivity
        Of the lesions that are grown next, as in `growing.settings.GrowSettings`.
    grouped : bool
        Whether all strokes that are grown next are one group (cerebral amyloid angiopathy); else each is a lesion. Off
        again once they are grown, and with another scan or reader.
    """

    scan_node_id: str | None = None
    reader: str = ""
    folder: str | None = None
    mode: str = AUTO
    tolerance_percent: float | None = None
    largest_diameter_mm: float = 10.0
    connectivity: int = 6
    grouped: bool = False

    def settings(self) -> GrowSettings:
        """Give the settings of the next lesion; `InputError` if one is out of range."""
        return GrowSettings(self.mode, self.tolerance_percent, self.largest_diameter_mm, self.connectivity)


@dataclass(frozen=True)
class Status:
    """What a user interface tells its reader.

    Attributes
    ----------
    state : State
        FAILED if the last thing that was asked for was refused; what was there before still is.
    message : str
    notes : tuple of str
        What the reader should know.
    error : CMBError or None
        Message and hint; only if it failed.
    """

    state: State = State.IDLE
    message: str = ""
    notes: tuple[str, ...] = ()
    error: CMBError | None = None


@dataclass(frozen=True, eq=False)
class Snapshot:
    """An annotation at one moment: its records, and the lesions that were grown.

    Attributes
    ----------
    annotation : Annotation
    lesions : tuple of LinkedLesion
        By id; a record that was imported without a mask has none.
    """

    annotation: Annotation
    lesions: tuple[LinkedLesion, ...] = ()

    def lesion(self, lesion_id: int | None) -> LinkedLesion | None:
        """Find a lesion by its id."""
        return next((one for one in self.lesions if one.id == lesion_id), None)

    def with_lesion(self, lesion: LinkedLesion) -> Snapshot:
        """Set a lesion, new or known."""
        others = [one for one in self.lesions if one.id != lesion.id]
        return replace(self, lesions=tuple(sorted([*others, lesion], key=lambda one: one.id)))

    def without_lesion(self, lesion_id: int) -> Snapshot:
        """Remove a lesion."""
        return replace(self, lesions=tuple(one for one in self.lesions if one.id != lesion_id))


def as_tagged(snapshot: Snapshot) -> Snapshot:
    """Have records say of each mask whether it is accepted, as the mask itself does: those of 0.1.0 do not say."""
    annotation = snapshot.annotation
    for record in annotation.microbleeds:
        lesion = snapshot.lesion(record.id)
        if lesion is not None and record.acceptance != lesion.acceptance:
            annotation = with_entry(annotation, replace(record, acceptance=lesion.acceptance))
    return replace(snapshot, annotation=annotation)


@dataclass(frozen=True, eq=False)
class GrowStep(Step):
    """One thing that an annotator did, from one `Snapshot` to the next.

    Attributes
    ----------
    segment : str
        Of the scribbles that are not grown yet, in which it painted or erased; empty where it did neither.
    painted, taken : int array (n, 3)
        Voxels (z, y, x) that it painted there, and those that it took away: erased, or lesions' own from then on.
        Undo turns just these back, since others may be there by then.
    """

    segment: str = ""
    painted: NDArray[np.intp] = field(default_factory=lambda: NO_VOXELS)
    taken: NDArray[np.intp] = field(default_factory=lambda: NO_VOXELS)
