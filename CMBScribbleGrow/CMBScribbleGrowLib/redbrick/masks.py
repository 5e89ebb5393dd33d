"""The numbered segments of an export, on the scan's grid, each with what the export says of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.files.paths import is_there
from CMBSegmentationLib.reading.grid import onto_grid

from ..scribbles.label_image import read_labels


@dataclass(frozen=True, eq=False)
class NumberedSegment:
    """One number of a segmentation.

    Attributes
    ----------
    key : str
        The number as the export's ``segmentMap`` writes it.
    label : object
        What the map says of it; None for a number that only the voxels have.
    voxels : integer array (n, 3)
        Array indices k, j, i on the scan's grid; none for a number that only the map has.
    """

    key: str
    label: Any
    voxels: NDArray[np.intp]


def numbered_segments(
    series: dict[str, Any], folder: Path, scan: sitk.Image, segmentation: Path | None = None
) -> list[NumberedSegment]:
    """Read the segments of a series.

    Parameters
    ----------
    series : dict
        With ``segmentMap`` and, in its entries or beside it, the files.
    folder : Path
        From which relative paths start.
    scan : SimpleITK.Image
    segmentation : Path, optional
        In place of the files that the export names.

    Returns
    -------
    list of NumberedSegment
        As in the map, then those that the map lacks.

    Raises
    ------
    InputError
        The map is none, or a file is missing, unreadable or lies on another grid.
    """
    segment_map = series.get("segmentMap") or {}
    if not isinstance(segment_map, dict):
        raise InputError(f"segmentMap is {str(segment_map)[:40]!r}.", "It must name a category for each number.")
    shared = [segmentation] if segmentation else [folder / name for name in _names(series.get("segmentations"))]
    files: dict[Path, _Labels] = {}
    described: set[tuple[Path, int]] = set()
    found = []
    for key, label in segment_map.items():
        own = _names(label.get("mask")) if isinstance(label, dict) and not segmentation else []
        paths = [folder / name for name in own] or shared
        number = int(key) if str(key).strip().isdecimal() else 0
        parts = []
        for path in paths:
            labels = files.setdefault(path, _Labels(path, scan)) if path not in files else files[path]
            numbers = labels.numbers if own and series.get("binaryMask") else {number} - {0}
            described |= {(path, one) for one in numbers}
            parts += [labels.voxels(one) for one in sorted(numbers)]
        voxels = np.unique(np.concatenate(parts), axis=0) if parts else np.empty((0, 3), np.intp)
        found.append(NumberedSegment(str(key), label, voxels))
    for path in dict.fromkeys([*shared, *files]):
        labels = files.get(path) or _Labels(path, scan)
        left = sorted(number for number in labels.numbers if (path, number) not in described)
        found += [NumberedSegment(str(number), None, labels.voxels(number)) for number in left]
    return found


def _names(value: Any) -> list[str]:
    names = value if isinstance(value, list) else [value]
    return [str(name) for name in names if name]


class _Labels:
    """One file of numbers, read once."""

    def __init__(self, path: Path, scan: sitk.Image) -> None:
        if not is_there(path) or not path.is_file():
            raise InputError(
                f"The segmentation {path} is not there.", "Put it beside the export, or give it with --segmentation."
            )
        image = read_labels(path)
        values = sitk.GetArrayViewFromImage(image)
        index = np.argwhere(values)
        self._values = values[tuple(index.T)]
        self._index = onto_grid(scan, image, index, path.name)
        self.numbers = {int(value) for value in np.unique(self._values)}

    def voxels(self, number: int) -> NDArray[np.intp]:
        """Indices k, j, i on the scan's grid."""
        return self._index[self._values == number]
