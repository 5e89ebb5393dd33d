"""One scan with its list and its scribbles, both open, as the page has them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
import slicer.util
from module_file import ROOT

sys.path.append(str(ROOT / "CMBSegmentation" / "Testing"))
from oblique_scan import LESION_PEAKS, SCAN_NAME, SPACING_MM, oblique_ijk_to_ras, scan_voxels, write_detection

from CMBScribbleGrowLib.growing.from_point import grower
from CMBScribbleGrowLib.scene import PAINT_SEGMENT, add_to_scribble
from CMBScribbleGrowLib.session import GrowSession
from CMBSegmentationLib.scene import export_scan, load_results
from CMBSegmentationLib.session import ReviewSession

FIRST, SECOND, THIRD, FAINT = LESION_PEAKS  # k, j, i; at 0.5 the list has the first three


class Desk:
    """One scan, its list and its scribbles."""

    def __init__(self, scene: Any, folder: Any) -> None:
        self.folder = folder
        self.scan = slicer.util.addVolumeFromArray(scan_voxels(), ijkToRAS=oblique_ijk_to_ras(), name=SCAN_NAME)
        self.list = ReviewSession(scene, grower=grower)
        self.scribbles = GrowSession(scene)
        self.list.reading.set(reader="SI", folder=str(folder))
        self.list.detection.set_parameters(scan_node_id=self.scan.GetID())

    def open_list(self, scene: Any) -> None:
        """Open the list in a session of its own."""
        self.list = ReviewSession(scene, grower=grower)
        self.list.reading.set(reader="SI", folder=str(self.folder))
        self.list.detection.set_parameters(scan_node_id=self.scan.GetID())
        self.list.reopen()

    def detect(self) -> None:
        """Have the list show what a detection found."""
        folder = write_detection(export_scan(self.scan, self.folder).path, self.folder / "results")
        self.list.detection.found(load_results(folder, self.scan))
        self.list.reopen()

    def open(self) -> Any:
        """Open the annotation, if it is not; give the study."""
        if self.scribbles.study is None:
            study = self.scribbles.opening.open(self.scan, reader="SI", folder=str(self.folder))
            image = self.scribbles.growing.without_brain()
            self.scribbles.growing.take_brain(study, image, sitk.Cast(image > 0, sitk.sitkUInt8))
        return self.scribbles.study

    def grow(self, place: tuple[int, int, int]) -> int:
        """Paint two voxels there and grow them; give the lesion's number."""
        study = self.open()
        painted = np.array([place, np.add(place, (0, 0, 1))])
        add_to_scribble(study.nodes, PAINT_SEGMENT, painted, study.grid)
        (lesion,) = self.scribbles.growing.grow()
        return lesion.id

    def accept(self) -> Any:
        """Accept what was grown, and put it on the list, as the page does."""
        accepted = self.scribbles.growing.accept()
        return self.list.editing.add_voxels(accepted.mask, number=accepted.id)


@pytest.fixture
def a_desk(a_scene: Any, tmp_path: Any) -> Iterator[Desk]:
    desk = Desk(a_scene, tmp_path)
    yield desk
    desk.list.close()
    desk.scribbles.close()


def number_at(desk: Desk, place: tuple[int, int, int]) -> int:
    flat = int(np.ravel_multi_index(place, desk.list.review.candidates.shape))
    (lesion,) = [one for one in desk.list.review.lesions if flat in one.voxels]
    return lesion.id


def ras_of(place: tuple[int, int, int]) -> Any:
    """Give where a voxel (k, j, i) lies."""
    return (oblique_ijk_to_ras() @ [*place[::-1], 1])[:3]


def darken(desk: Desk, place: tuple[int, int, int]) -> None:
    """Have the scan hold a dark ball of 4 mm there, which the detector does not see."""
    values = slicer.util.arrayFromVolume(desk.scan)
    offset_mm = (np.indices(values.shape).transpose(1, 2, 3, 0) - place) * SPACING_MM[::-1]
    values[np.linalg.norm(offset_mm, axis=-1) <= 2.0] = 100
    slicer.util.arrayFromVolumeModified(desk.scan)
