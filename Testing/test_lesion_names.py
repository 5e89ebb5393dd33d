"""A lesion has one name, in the list and among the scribbles of the same scan, whichever came first."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
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
from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.review import from_text
from CMBSegmentationLib.scene import export_scan, load_results, read_review
from CMBSegmentationLib.session import ReviewSession
from CMBSegmentationLib.vocabulary.places import LOCATIONS, REGIONS_OF, location_of, region_in
from CMBSegmentationLib.vocabulary.regions import ASSIGNABLE

__all__ = ["a_scene", "new_scene"]

FIRST, SECOND, _, FAINT = LESION_PEAKS  # k, j, i; at 0.5 the list has the first three


class Desk:
    """One scan, its list and its scribbles."""

    def __init__(self, scene: Any, folder: Any) -> None:
        self.folder = folder
        self.scan = slicer.util.addVolumeFromArray(scan_voxels(), ijkToRAS=oblique_ijk_to_ras(), name=SCAN_NAME)
        self.list = ReviewSession(scene, grower=grower)
        self.scribbles = GrowSession(scene)
        self.list.reading.set(reader="SI", folder=str(folder))
        self.list.detection.set_parameters(scan_node_id=self.scan.GetID())

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
    assert [one.id for one in a_desk.list.navigation.lesions] == [1, 2, 3]


def test_a_scribble_in_a_rejected_lesion_has_its_number_and_is_not_put_back(a_desk):
    a_desk.detect()
    second = number_at(a_desk, SECOND)
    a_desk.list.deciding.decide("rejected", "vessel", lesion_id=second)
    assert a_desk.grow(SECOND) == second
    with pytest.raises(InputError, match=f"CMB {second} is rejected"):
        a_desk.accept()
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
    assert a_desk.list.editing.add_voxels(elsewhere).id == 6
    assert a_desk.accept().id == 5


def test_a_lesion_accepted_again_with_another_mask_is_the_same_one_on_the_list(a_desk):
    a_desk.detect()
    a_desk.grow(FAINT)
    a_desk.accept()
    a_desk.list.deciding.set_place("thalamus", "left", lesion_id=5)
    again = a_desk.list.editing.add_voxels(a_desk.scribbles.current.mask[:9], number=5)
    assert (again.id, again.state, len(again.voxels)) == (5, "accepted", 9)
    assert (again.lesion.region, again.lesion.side) == ("thalamus", "left")
    assert [one.id for one in a_desk.list.navigation.lesions] == [1, 2, 3, 5]


def ras_of(place):
    k, j, i = place
    return tuple((oblique_ijk_to_ras() @ [i, j, k, 1])[:3])


def test_a_lesion_accepted_as_a_scribble_keeps_its_place_side_and_cause_on_the_list(a_desk):
    a_desk.detect()
    for place in (FAINT, SECOND):  # one that the detector missed, one that it found
        number = a_desk.grow(place)
        record = next(one for one in a_desk.scribbles.annotation.microbleeds if one.id == number)
        a_desk.scribbles.answering.answer(record, location="thalamus", side="left", cause="hypertension")
        lesion = a_desk.accept()
        said = lesion.as_lesion()
        assert (said.region, said.side, said.cause, said.decision) == ("thalamus", "left", "hypertension", "accepted")
        kept = from_text(read_review(a_desk.list.detection.results), "the scene").review.find(lesion.id)
        assert kept.as_lesion() == said


def test_a_lesion_of_the_list_that_is_grown_by_another_keeps_its_verdict(a_desk):
    a_desk.detect()
    number = a_desk.grow(SECOND)
    a_desk.list.reading.set(reader="KH")
    a_desk.list.deciding.decide("uncertain", lesion_id=number)
    given = a_desk.list.review.find(number).verdict
    a_desk.list.reading.set(reader="Xavier")
    (record,) = a_desk.scribbles.annotation.microbleeds
    a_desk.scribbles.answering.answer(record, cause="CAA")
    assert a_desk.accept().verdict == replace(given, cause="CAA")


def test_an_answer_that_comes_after_accepting_reaches_the_list_by_itself(a_desk):
    a_desk.detect()
    number = a_desk.grow(SECOND)
    a_desk.accept()
    (record,) = a_desk.scribbles.annotation.microbleeds

    def said(**answers):
        a_desk.scribbles.answering.answer(record, **answers)
        a_desk.list.poll()
        lesion = a_desk.list.review.find(number).as_lesion()
        return lesion.region, lesion.side, lesion.cause

    assert said(location="thalamus") == ("thalamus", "", "")
    assert said(side="left", cause="CAA") == ("thalamus", "left", "CAA")
    assert said(location="brainstem") == ("brainstem", "left", "CAA")
    steps = a_desk.list.deciding.undo()
    assert steps == f"place and cause of CMB {number} as annotated"
    a_desk.list.deciding.set_place("external capsule", "right", lesion_id=number)  # the list's own reader
    assert said(location="cerebellum", cause="trauma") == ("external capsule", "right", "trauma")
    assert a_desk.accept().as_lesion().region == "external capsule"


def test_a_scribble_on_a_lesion_of_the_list_is_described_as_the_list_does(a_desk):
    a_desk.detect()
    second = number_at(a_desk, SECOND)
    a_desk.list.deciding.set_place("internal capsule", "right", lesion_id=second)
    a_desk.list.deciding.decide("uncertain", lesion_id=second)
    a_desk.grow(SECOND)
    (record,) = a_desk.scribbles.annotation.microbleeds
    assert (record.location, record.side, record.uncertain) == ("internal and external capsule", "right", True)
    a_desk.list.deciding.set_place("frontal", "left", lesion_id=number_at(a_desk, FIRST))
    number = a_desk.grow(FIRST)
    record = next(one for one in a_desk.scribbles.annotation.microbleeds if one.id == number)
    assert (record.location, record.side) == ("", "left")  # a lobe does not say whether it is cortex


def test_a_mimic_is_the_same_on_the_list_and_as_a_point(a_desk):
    a_desk.detect()
    first, second = number_at(a_desk, FIRST), number_at(a_desk, SECOND)
    a_desk.list.deciding.decide("rejected", "artefact", lesion_id=second)
    a_desk.open()
    assert a_desk.scribbles.answering.add_mimic(ras_of(SECOND)).type == "artefact"
    a_desk.scribbles.answering.add_mimic(ras_of(FIRST), type="cavernoma")
    assert a_desk.list.deciding.decide("rejected", lesion_id=first).verdict.mimic == "cavernoma"


@pytest.mark.parametrize("location", LOCATIONS)
def test_every_location_has_regions_and_comes_back_where_it_has_one(location):
    regions = REGIONS_OF[location]
    assert set(regions) <= set(ASSIGNABLE)
    assert [region_in(location, region) for region in regions] == list(regions)
    assert all(location_of(region) in (location, "") for region in regions)
    assert region_in(location, "corpus callosum") == (regions[0] if len(regions) == 1 else "")
