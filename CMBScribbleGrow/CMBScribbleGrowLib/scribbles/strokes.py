"""Scribbles of a file, on the scan's grid: one label each, apart or in strokes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy
import SimpleITK as sitk
from numpy.typing import NDArray

from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.files.present import check_present
from CMBSegmentationLib.reading.apart import apart
from CMBSegmentationLib.reading.grid import labels_on_grid
from CMBSegmentationLib.reading.image_file import read_image

from ..annotation.segments_file import read_segments
from .label_image import read_labels


@dataclass(frozen=True)
class Stroke:
    """What hangs together of one scribble.

    Attributes
    ----------
    label : int
        The scribble's number in its file.
    number : int
        From 1, among the strokes of this scribble.
    seeds : int array (n, 3)
        Voxels (z, y, x) of the scan.
    """

    label: int
    number: int
    seeds: NDArray[np.intp]


@dataclass(frozen=True)
class Scribbles:
    """The scribbles of a file.

    Attributes
    ----------
    strokes : tuple of Stroke
    names : dict
        By label, where the file names them.
    notes : tuple of str
        What was done to them, worded for the user.
    """

    strokes: tuple[Stroke, ...]
    names: dict[int, str]
    notes: tuple[str, ...] = ()


def strokes(labels: NDArray[np.integer]) -> list[Stroke]:
    """Part the scribbles of a label array into strokes that do not touch.

    Parameters
    ----------
    labels : int array (z, y, x)
        0 where nothing was painted. Strokes of a label are apart if they are not 26-connected.

    Returns
    -------
    list of Stroke
        By label, then in array order.
    """
    painted = np.argwhere(labels)  # few voxels of a large volume
    values = labels[tuple(painted.T)]
    found = []
    for label in np.unique(values):
        for number, seeds in enumerate(_apart(painted[values == label]), 1):
            found.append(Stroke(int(label), number, seeds))
    return found


def read_scribbles(path: Path, scan: sitk.Image) -> Scribbles:
    """Read scribbles and bring them onto the scan's grid.

    Parameters
    ----------
    path : Path
        A label image (NIfTI, NRRD, MetaImage), or 3D Slicer's ``.seg.nrrd``, whose names are kept.
    scan : SimpleITK.Image

    Returns
    -------
    Scribbles

    Raises
    ------
    InputError
        The file is missing or no label image, nothing is painted, or a scribble lies outside the
        scan or is lost on its grid.
    """
    check_present(path)
    names: dict[int, str] = {}
    notes: tuple[str, ...] = ()
    if path.name.endswith(".seg.nrrd"):
        apart(_seen, path, name=path.name)
        segments = [segment for segment in read_segments(path, scan) if len(segment.voxels)]
        names = {label: segment.name for label, segment in enumerate(segments, 1)}
        found = [
            Stroke(label, number, seeds)
            for label, segment in enumerate(segments, 1)
            for number, seeds in enumerate(_apart(segment.voxels), 1)
        ]
    else:
        image = read_labels(path)
        try:
            onto = sitk.GetArrayFromImage(labels_on_grid(scan, image, path.name))
        except InputError:
            notes = (f"{path.name} lies on another grid than the scan: each voxel was put where its centre lies.",)
            onto = _on_grid(image, scan, path.name)
        found = strokes(onto)
    if not found:
        raise InputError(f"{path.name} holds no scribble.", "Paint at least one voxel in each lesion.")
    return Scribbles(tuple(found), names, notes)


def _seen(path: Path) -> None:
    """Read a segmentation for trial: where its reader crashes, that is an error message of this process's parent."""
    try:
        read_image(path)
    except RuntimeError as error:
        raise InputError(f"{path.name} cannot be read as a segmentation.", "Save it again.") from error


def _on_grid(image: sitk.Image, scan: sitk.Image, name: str) -> NDArray[np.int32]:
    """Put each painted voxel into the scan's voxel that holds its centre."""
    source = sitk.GetArrayViewFromImage(image)
    onto = np.zeros(scan.GetSize()[::-1], np.int32)
    painted = np.argwhere(source)
    outside: dict[int, int] = {}
    for voxel in painted:
        point = image.TransformIndexToPhysicalPoint([int(i) for i in voxel[::-1]])
        index = scan.TransformPhysicalPointToIndex(point)
        label = int(source[tuple(voxel)])
        if all(0 <= i < n for i, n in zip(index, scan.GetSize(), strict=True)):
            onto[index[::-1]] = label
        else:
            outside[label] = outside.get(label, 0) + 1
    if outside:
        label, count = next(iter(outside.items()))
        raise InputError(
            f"Scribble {label} of {name} lies outside the scan ({count} of its voxels).",
            "Give the scan that it was painted on.",
        )
    lost = set(np.unique(source).tolist()) - set(np.unique(onto).tolist()) - {0}
    if lost:
        raise InputError(
            f"Scribble {min(lost)} of {name} shares all its voxels with another on the scan's coarser grid.",
            "Paint the scribbles on the scan itself.",
        )
    return onto


def _apart(voxels: NDArray[np.integer]) -> Iterator[NDArray[np.intp]]:
    """Part voxels (n, 3) into those that hang together."""
    low = voxels.min(axis=0)
    box = np.zeros(voxels.max(axis=0) - low + 1, bool)
    box[tuple((voxels - low).T)] = True
    components, count = scipy.ndimage.label(box, scipy.ndimage.generate_binary_structure(3, 3))
    for number in range(1, count + 1):
        yield np.argwhere(components == number) + low
