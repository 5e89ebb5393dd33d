"""How lesions are painted, in the views, in segmentation files and in DICOM alike; red, green, blue, 0 to 1."""

from __future__ import annotations

from .verdicts import ACCEPTED, BELOW, REJECTED, UNCERTAIN, UNREVIEWED

LESION_COLOUR = (1.0, 0.35, 0.2)  # warm against grey, and told from black lesions and white vessels
REVIEW_COLOURS = {  # after Okabe and Ito: told apart by the colour-blind, too
    UNREVIEWED: (0.90, 0.38, 0.0),
    ACCEPTED: (0.0, 0.68, 0.50),
    UNCERTAIN: (0.94, 0.89, 0.26),
    REJECTED: (0.55, 0.60, 0.66),
    BELOW: (0.45, 0.45, 0.48),
}


def luminance(colour: tuple[float, float, float]) -> float:
    """Give a colour's relative luminance, 0 to 1 (WCAG 2.2, "relative luminance")."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast_of(one: tuple[float, float, float], other: tuple[float, float, float]) -> float:
    """Give the contrast of two colours, 1 to 21 (WCAG 2.2, "contrast ratio"); text needs 4.5."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def text_on(colour: tuple[float, float, float]) -> tuple[float, float, float]:
    """Give black or white, whichever is easier to read on a colour."""
    return max(((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)), key=lambda text: contrast_of(text, colour))


TERMINOLOGY_TAG = "TerminologyEntry"  # vtkSegmentation::GetTerminologyEntryTagName
TERMINOLOGY = (
    "Segmentation category and type - DICOM master list"
    "~SCT^49755003^Morphologically Abnormal Structure~SCT^50960005^Hemorrhage~^^"
    "~Anatomic codes - DICOM master list~SCT^12738006^Brain~^^"
)
"""What a segment shows, in 3D Slicer's words for the codes of `dicom_out.codes`: it writes them to DICOM itself.

References
----------
https://slicer.readthedocs.io/en/latest/developer_guide/modules/segmentations.html, "Terminologies":
context, category, type and modifier, then the same of the region, parted by ~.
"""
