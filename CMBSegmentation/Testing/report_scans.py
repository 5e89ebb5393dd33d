"""Detections on empty scans, and their reports taken apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html.parser import HTMLParser

import numpy as np
import SimpleITK as sitk
from listed_candidates import detection_in

from CMBSegmentationLib.detecting.detect import Detection
from CMBSegmentationLib.detecting.lesions import LesionRules
from CMBSegmentationLib.detecting.search import Search

SCAN_MM = (57.6, 57.6, 64.0)  # L, P, S


class Page(HTMLParser):
    """All tags of a page with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def an_empty_scan(spacing: Sequence[float] = (0.9, 0.9, 4.0), turn_degrees: float = 0.0) -> sitk.Image:
    """A grey box in L, P, S axis order, turned about a skew axis, far from the origin."""
    size = [round(extent / s) for extent, s in zip(SCAN_MM, spacing, strict=True)]
    image = sitk.GetImageFromArray(np.full(size[::-1], 100, np.float32))
    image.SetSpacing(spacing)
    turn = sitk.VersorTransform((1, 2, 3), float(np.radians(turn_degrees)))
    image.SetDirection(turn.GetMatrix())
    image.SetOrigin((-31.0, 12.0, 48.0))
    return image


def a_detection(
    blobs: Sequence[tuple[tuple[int, int, int], float]] = (((32, 32, 8), 0.9),),
    *,
    scan: sitk.Image | None = None,
    radius_mm: float = 2.5,
    rules: LesionRules = LesionRules(threshold=0.5),  # noqa: B008 - frozen
    search: Search | None = None,
    orientation: str = "LPS",
) -> Detection:
    """Dark balls at voxel indices (x, y, z), each with a probability."""
    scan = an_empty_scan() if scan is None else scan
    values = sitk.GetArrayFromImage(scan)
    p = np.zeros(values.shape, np.float32)
    grid = np.indices(p.shape)[::-1]
    for centre, probability in blobs:
        steps = zip(grid, centre, scan.GetSpacing(), strict=True)
        inside = sum(((axis - at) * s) ** 2 for axis, at, s in steps) <= radius_mm**2
        p[inside] = probability
        values[inside] *= 0.3
    image, probability_image, brain = (
        sitk.DICOMOrient(_on_grid(array, scan), orientation) for array in (values, p, np.ones(p.shape, np.uint8))
    )
    return detection_in(probability_image, image, brain, rules, search)


def _on_grid(array: np.ndarray, like: sitk.Image) -> sitk.Image:
    image = sitk.GetImageFromArray(array)
    image.CopyInformation(like)
    return image
