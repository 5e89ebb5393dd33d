"""A lesion has one name, in the list and among the scribbles of the same scan, whichever came first."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
import slicer.util
from module_file import ROOT
from slicer_scene import a_scene, new_scene

sys.path.append(str(ROOT / "CMBSegmentation" / "Testing"))
from oblique_scan import LESION_PEAKS, SCAN_NAME, oblique_ijk_to_ras, scan_voxels, write_detection

from CMBScribbleGrowLib.growing.from_point import grower
from CMBScribbleGrowLib.scene import PAINT_SEGMENT, add_to_scribble
from CMBScribbleGrowLib.session import GrowSession
from CMBSegmentationLib.scene import export_scan, load_results
from CMBSegmentationLib.session import ReviewSession

__all__ = ["a_scene", "new_scene"]

FIRST, SECOND, _, FAINT = LESION_PEAKS  # k, j, i; at 0.5 the list has the first three


class Desk:
    """One scan, its list and its scribbles."""

    def __init__(self, scene: Any, folder: Any) -> None:
        self.folder = folder
        self.scan = slicer.util.addVolumeFromArray(scan_voxels(), ijkToRAS=oblique_ijk_to_ras(), name=SCAN_NAME)
        self.list = ReviewSession(scene, grower=grower)
        self.scribbles = GrowSession(scene)
        self.said: list[Any] = []
        self.list.noticed.connect(self.said.append)
        self.list.set_reading(reader="SI", folder=str(folder))
        self.list.set_parameters(scan_node_id=self.scan.GetID())

    def detect(self) -> None:
        """Have the list show what a detection found."""
        load_results(write_detection(export_scan(self.scan, self.folder).path, self.folder / "results"), self.scan)
        self.list._searched = self.scan.GetID()
        self.list.reopen()

    def grow(self, place: tuple[int, int, int]) -> int:
        """Paint two voxels there and grow them; give the lesion's number."""
        if self.scribbles.study is None:
            study = self.scribbles.open(self.scan, reader="SI", folder=str(self.folder))
            image = self.scribbles.without_brain()
            self.scribbles.take_brain(study, image, sitk.Cast(image > 0, sitk.sitkUInt8))
        study = self.scribbles.study
        painted = np.array([place, np.add(place, (0, 0, 1))])
        add_to_scribble(study.nodes, PAINT_SEGMENT, painted, study.grid)
        (lesion,) = self.scribbles.grow()
        return lesion.id

    def accept(self) -> Any:
        """Accept what was grown, and put it on the list, as the page does."""
        accepted = self.scribbles.accept()
        return self.list.add_voxels(accepted.mask, number=accepted.id)


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


def test_a_missed_lesion_has_a_number_of_its_own_and_keeps_it_on_the_list(a_desk):
    a_desk.detect()
    number = a_desk.grow(FAINT)
    assert number == 5  # the list has given 1 to 4
    assert a_desk.accept().id == number
    assert number_at(a_desk, FAINT) == number


def test_a_scribble_in_a_lesion_of_the_list_has_its_number(a_desk):
    a_desk.detect()
    second = number_at(a_desk, SECOND)
    assert a_desk.grow(SECOND) == second
    assert a_desk.accept().state == "accepted"
    assert [one.id for one in a_desk.list.lesions] == [1, 2, 3]


def test_a_scribble_in_a_rejected_lesion_has_its_number_and_is_not_put_back(a_desk):
    a_desk.detect()
    second = number_at(a_desk, SECOND)
    a_desk.list.decide("rejected", "vessel", lesion_id=second)
    assert a_desk.grow(SECOND) == second
    assert a_desk.accept() is None
    assert f"CMB {second} is rejected" in a_desk.said[-1].message
    assert a_desk.list.review.find(second).state == "rejected"


def test_a_detection_after_the_scribble_names_it_as_the_scribble_is_named(a_desk):
    assert a_desk.grow(SECOND) == 1
    assert a_desk.grow(FAINT) == 2
    a_desk.detect()
    assert number_at(a_desk, SECOND) == 1
    assert number_at(a_desk, FAINT) == 2
    assert number_at(a_desk, FIRST) == 3


def test_a_lesion_added_to_the_list_has_no_number_of_a_scribble(a_desk):
    a_desk.detect()
    assert a_desk.grow(FAINT) == 5
    elsewhere = np.array([(3, 5, 5), (3, 5, 6)])
    assert a_desk.list.add_voxels(elsewhere).id == 6
    assert a_desk.accept().id == 5


def test_a_lesion_accepted_again_with_another_mask_is_the_same_one_on_the_list(a_desk):
    a_desk.detect()
    a_desk.grow(FAINT)
    a_desk.accept()
    a_desk.list.set_place("thalamus", "left", lesion_id=5)
    again = a_desk.list.add_voxels(a_desk.scribbles.current.mask[:9], number=5)
    assert (again.id, again.state, len(again.voxels)) == (5, "accepted", 9)
    assert (again.lesion.region, again.lesion.side) == ("thalamus", "left")
    assert [one.id for one in a_desk.list.lesions] == [1, 2, 3, 5]
