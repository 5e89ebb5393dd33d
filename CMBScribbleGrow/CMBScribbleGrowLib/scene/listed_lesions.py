"""The list of lesions on the same scan: a scribble has the number that its lesion has there, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import slicer
from numpy.typing import NDArray

from CMBSegmentationLib.detecting.candidates.grid import Grid
from CMBSegmentationLib.errors import CMBError
from CMBSegmentationLib.review import ReviewedLesion, SavedReview, from_text, on_grid
from CMBSegmentationLib.review.annotated import same_reader
from CMBSegmentationLib.review.kept_in import kept_in
from CMBSegmentationLib.review.review_file import ENDING
from CMBSegmentationLib.scene import ResultNodes, find_results, lesion_rows, read_review
from CMBSegmentationLib.scene.review_nodes import ids_of_segments, segment_name
from CMBSegmentationLib.scene.volumes import file_of
from CMBSegmentationLib.vocabulary.places import location_of
from CMBSegmentationLib.vocabulary.verdicts import CALCIFICATION, DECISIONS, UNCERTAIN

from .scan_grid import ScanGrid, segment_on_scan

SAME_LESION_MM = 2.0  # between a scribble and the voxel where a search found a lesion most probable


class ListedLesions:
    """The numbers that the list of a scan has given: as the scene has them now or, without a list there, the disk.

    Parameters
    ----------
    scan_node : vtkMRMLScalarVolumeNode
    grid : ScanGrid
    """

    def __init__(self, scan_node: slicer.vtkMRMLScalarVolumeNode, grid: ScanGrid) -> None:
        self._grid = grid
        self._nodes: ResultNodes | None = find_results(scan_node)
        text = list_in_scene(scan_node) if self._nodes is not None else _review_on_disk(scan_node)
        saved, here = _read(text, grid.shape, grid.ijk_to_ras.tobytes()) if text else (None, None)
        self._saved = saved if here is None and self._nodes is not None else here  # the scan may have been moved

    @property
    def last_number(self) -> int:
        """The highest number that was given; 0 if there is no list."""
        return self._saved.numbers.last if self._saved else 0

    @property
    def numbers(self) -> set[int]:
        """The numbers of all that the list in the scene shows or hides; empty if there is none."""
        return {row["id"] for row in lesion_rows(self._nodes.table)} if self._nodes is not None else set()

    @property
    def decided(self) -> dict[int, ReviewedLesion]:
        """The lesions that a reader decided on there, by number."""
        if self._saved is None or self._saved.grid.shape != self._grid.shape:
            return {}
        return {one.id: one for one in self._saved.review.fixed if one.state in DECISIONS}

    def number_at(self, voxels: NDArray[np.integer]) -> int | None:
        """Give the number of a lesion that counts or was decided on and lies where the voxels (n, 3: k, j, i) do."""
        if self._saved is None:
            return None
        flat = np.ravel_multi_index(tuple(np.asarray(voxels).T), self._grid.shape)
        if self._saved.grid.shape == self._grid.shape:
            for one in self._saved.review.fixed:
                if not one.deleted and np.isin(flat, one.voxels).any():
                    return one.id
        if self._nodes is None:
            return self._number_near(self._saved, voxels)
        for number in ids_of_segments(self._nodes.segmentation):
            own = segment_on_scan(self._nodes.segmentation, segment_name(number), self._grid).voxels
            if len(own) and np.isin(flat, np.ravel_multi_index(tuple(own.T), self._grid.shape)).any():
                return number
        return None

    def _number_near(self, saved: SavedReview, voxels: NDArray[np.integer]) -> int | None:
        """Give the number of the lesion that a search found nearest to voxels (n, 3), where that is there."""
        peaks = [peak for peak in saved.numbers.by_peak if peak >= 0]
        if not peaks:
            return None
        steps = np.abs(np.stack(np.unravel_index(peaks, self._grid.shape), -1)[:, None] - np.asarray(voxels)[None])
        spacing_mm = np.linalg.norm(self._grid.ijk_to_ras[:3, [2, 1, 0]], axis=0)
        between_mm = np.linalg.norm(np.maximum(steps - 1, 0) * spacing_mm, axis=-1).min(axis=1)
        nearest = int(between_mm.argmin())
        return saved.numbers.by_peak[peaks[nearest]] if between_mm[nearest] <= SAME_LESION_MM else None

    def answers(self, number: int, reader: str) -> dict[str, Any]:
        """Give what the list says of a lesion as answers of the protocol: only what it says.

        Parameters
        ----------
        number : int
        reader : str
            Who answers: of a lesion on which another one decided nothing is taken over.

        Returns
        -------
        dict
            Fields of `Microbleed`: location, side, cause, uncertain.
        """
        rows = lesion_rows(self._nodes.table) if self._nodes is not None else ()
        row = next((one for one in rows if one["id"] == number), None)
        if row is None or (row["decision"] in DECISIONS and not same_reader(row["reader"], reader)):
            return {}
        said = {"location": location_of(row["region"]), "side": row["side"], "cause": row.get("cause") or ""}
        answers: dict[str, Any] = {name: word for name, word in said.items() if word}
        return answers | ({"uncertain": True} if row["decision"] == UNCERTAIN else {})

    def mimic_at(self, ras_mm: Sequence[float], reader: str) -> dict[str, Any]:
        """Give what the list says that a rejected lesion at a point is: fields of `Mimic`, empty if it says nothing.

        Parameters
        ----------
        ras_mm : sequence of 3 float
            World RAS.
        reader : str
            Who marks it: what another one rejected is not taken over.
        """
        if self._saved is None or self._saved.grid.shape != self._grid.shape:
            return {}
        ijk = np.rint(np.linalg.solve(self._grid.ijk_to_ras, [*ras_mm, 1.0])[:3]).astype(int)
        if (ijk < 0).any() or (ijk[::-1] >= self._grid.shape).any():
            return {}
        flat = int(np.ravel_multi_index(tuple(ijk[::-1]), self._grid.shape))
        for one in self._saved.review.fixed:
            said = one.verdict
            if said is not None and said.mimic and same_reader(said.reader, reader) and flat in one.voxels:
                side = {"side": one.lesion.side} if said.mimic == CALCIFICATION and one.lesion.side else {}
                return {"type": said.mimic, **side}
        return {}


def list_in_scene(scan_node: slicer.vtkMRMLScalarVolumeNode) -> str:
    """Give the review of a scan's list as the scene has it now, as text; empty where there is none."""
    nodes = find_results(scan_node)
    return (read_review(nodes) or "") if nodes is not None else ""


def numbers_for(
    scribbles: list[NDArray[np.intp]], listed: ListedLesions, taken: set[int], new: Callable[[], int]
) -> list[int]:
    """Number scribbles that become lesions: as the list numbers what lies under them, else anew.

    Parameters
    ----------
    scribbles : list of int array (n, 3)
    listed : ListedLesions
    taken : set of int
        Numbers of the annotation: another lesion has them.
    new : callable
        Gives a number that nothing has.
    """
    numbers: list[int] = []
    for scribble in scribbles:
        there = listed.number_at(scribble)
        numbers.append(new() if there is None or there in taken or there in numbers else there)
    return numbers


def _review_on_disk(scan_node: slicer.vtkMRMLScalarVolumeNode) -> str | None:
    """Read the review that CMB Segmentation would find of a scan that has no list yet; None if there is none."""
    folder, stem = kept_in(file_of(scan_node), scan_node.GetName() or "", None)
    try:
        return (folder / (stem + ENDING)).read_text(encoding="utf-8") if folder is not None else None
    except (OSError, UnicodeDecodeError):  # the list tells of it
        return None


@lru_cache(maxsize=2)  # asked for each lesion that is shown
def _read(
    text: str, shape: tuple[int, int, int], ijk_to_ras: bytes
) -> tuple[SavedReview, SavedReview | None] | tuple[None, None]:
    """Give a review as it was saved, and on the scan's grid; None where it is damaged, or of another grid."""
    try:
        saved = from_text(text, "The review")
    except CMBError:  # the list tells of it
        return None, None
    zyx_to_ras = np.frombuffer(ijk_to_ras, np.float64).reshape(4, 4)[:3, [2, 1, 0, 3]]
    return saved, on_grid(saved, Grid(shape, zyx_to_ras))
