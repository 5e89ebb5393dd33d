"""A list made of a probability on the scan's grid, without a network."""

from __future__ import annotations

import SimpleITK as sitk

from CMBSegmentationLib.detecting.candidates.listing import candidates_in, labels_of
from CMBSegmentationLib.detecting.detect import Detection
from CMBSegmentationLib.detecting.lesions import LesionRules
from CMBSegmentationLib.detecting.search import Search


def detection_in(
    probability: sitk.Image, scan: sitk.Image, brain: sitk.Image, rules: LesionRules, search: Search | None = None
) -> Detection:
    """Find, measure and list the candidates of a probability."""
    candidates = candidates_in(probability, scan, brain)
    found = candidates.at(rules)
    lesions, labels = [one.lesion for one in found], labels_of(found, scan)
    return Detection(lesions, labels, probability, brain, scan, rules, search or Search(), candidates)
