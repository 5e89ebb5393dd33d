"""One phase image on a scan's grid."""

from __future__ import annotations

from dataclasses import dataclass

import SimpleITK as sitk


@dataclass(frozen=True)
class PhaseImage:
    """A phase image as it is stored, brought onto the scan's grid.

    Attributes
    ----------
    image : SimpleITK.Image
        In whatever range it came.
    name : str
        Names it in messages.
    te_ms : float
        Echo time; 0 if not known.
    manufacturer : str
        As DICOM's Manufacturer has it; empty if not known.
    asked : bool
        Whether a user named it: then it is an error where it cannot be used, else a note.
    """

    image: sitk.Image
    name: str
    te_ms: float = 0.0
    manufacturer: str = ""
    asked: bool = False
