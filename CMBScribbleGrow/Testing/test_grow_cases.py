"""Going through a worklist: each study opens where it was left, and none is left unsaved."""

from __future__ import annotations

import pytest
import SimpleITK as sitk
import slicer
from painted_scan import add_head, head, paint
from refusals import refused

from CMBScribbleGrowLib.annotation.file import read_study
from CMBScribbleGrowLib.scene import find_nodes
from CMBScribbleGrowLib.session import Cases, GrowSession
from CMBSegmentationLib.errors import InputError


def load_volume(path):
    """Read a file as Slicer does; `slicer.util.loadVolume` needs the whole application."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", path.rsplit("/", 1)[-1].split(".")[0])
    storage = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLVolumeArchetypeStorageNode")
    storage.SetFileName(path)
    if not storage.ReadData(node):
        raise RuntimeError("it could not be read")
    node.SetAndObserveStorageNodeID(storage.GetID())
    return node


@pytest.fixture
def studies(tmp_path):
    """Three scans, one with a report."""
    folder = tmp_path / "studies"
    folder.mkdir()
    for number in (1, 2, 3):
        sitk.WriteImage(sitk.GetImageFromArray(head()), str(folder / f"sub-0{number}_swi.nii.gz"))
    (folder / "sub-01_swi_report.txt").write_text("Keine Mikroblutungen, größer.", encoding="utf-8")
    return folder


@pytest.fixture
def cases(a_scene, studies):
    session = GrowSession(a_scene)
    session.opening.set_parameters(reader="SI")
    made = Cases(session, load_volume)
    assert made.open_worklist(str(studies))
    yield made
    session.close()


def scans(scene):
    return scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode")


def test_the_first_study_opens_with_its_report(cases):
    assert cases.item.study == "sub-01_swi"
    assert "größer" in cases.report
    assert cases.progress == (0, 3)
    assert cases.session.study.nodes.scan.GetName() == "sub-01_swi"
    assert cases.session.study.disk.study.report == "sub-01_swi_report.txt"


def test_done_and_next_saves_and_goes_on(cases, studies, a_scene):
    paint(cases.session.study.nodes.scan, "A")
    cases.session.growing.grow()
    assert cases.done_and_next().study == "sub-02_swi"
    assert read_study(studies / "sub-01_swi_desc-cmb_annotation.json").of("SI").done
    assert cases.progress == (1, 3)
    assert cases.report == ""
    assert "Left open in the study before" in " ".join(cases.session.status.notes)
    assert scans(a_scene) == 1


def test_a_stroke_that_was_never_grown_is_named_by_done_and_next_in_the_last_study_too(cases, studies):
    for where in ("the study before", "the study before", "this study"):
        paint(cases.session.study.nodes.scan, "A")
        cases.done_and_next()
        assert f"Left open in {where}: 1 stroke painted, not grown; " in " ".join(cases.session.status.notes)
    assert "3 of 3 are done" in cases.session.status.message


def test_what_was_left_open_is_named_where_the_next_study_cannot_be_loaded(cases, studies):
    (studies / "sub-02_swi.nii.gz").write_bytes(b"damaged")
    paint(cases.session.study.nodes.scan, "A")
    with pytest.raises(InputError, match="cannot be loaded") as said:
        cases.done_and_next()
    assert "1 stroke painted, not grown" in said.value.hint


def test_the_study_before_opens_as_it_was_left(cases):
    paint(cases.session.study.nodes.scan, "A")
    mask = cases.session.growing.grow()[0].mask
    cases.next()
    assert cases.session.lesions == ()
    assert cases.previous().study == "sub-01_swi"
    assert len(cases.session.lesions[0].mask) == len(mask)


def test_there_is_nothing_before_the_first_and_nothing_after_all_is_done(cases):
    with refused("no study before"):
        cases.previous()
    for _ in range(3):
        cases.done_and_next()
    assert cases.progress == (3, 3)
    assert "3 of 3 are done" in cases.session.status.message


def test_a_list_of_which_nothing_can_be_opened_says_so(a_scene, studies):
    for file in studies.glob("*.nii.gz"):
        file.unlink()
    table = studies / "list.csv"
    table.write_text("scan\nsub-01_swi.nii.gz\n")
    session = GrowSession(a_scene)
    session.opening.set_parameters(reader="SI")
    Cases(session, load_volume).open_worklist(str(table))
    assert session.status.message == "None of the studies to do can be opened (sub-01_swi): 0 of 1 are done."
    session.close()


def test_what_cannot_be_opened_is_still_to_do_when_the_rest_is_done(a_scene, studies):
    (studies / "sub-02_swi.nii.gz").unlink()
    table = studies / "list.csv"
    table.write_text("scan\nsub-01_swi.nii.gz\nsub-02_swi.nii.gz\n")
    session = GrowSession(a_scene)
    session.opening.set_parameters(reader="SI")
    cases = Cases(session, load_volume)
    cases.open_worklist(str(table))
    cases.done_and_next()
    assert session.status.message == "None of the other studies to do can be opened (sub-02_swi): 1 of 2 are done."
    session.close()


def test_a_list_of_which_all_is_done_is_shown_as_such(cases, a_scene, studies):
    for _ in range(3):
        cases.done_and_next()
    again, shown = Cases(cases.session, load_volume), []
    again.changed.connect(lambda told: shown.append(told.progress))
    again.open_worklist(str(studies))
    assert shown == [(3, 3)]
    assert again.session.status.message == "There is no other study to do: 3 of 3 are done."
    assert again.previous().study == "sub-02_swi"  # the last one is open


@pytest.fixture
def all_done(cases, studies, a_scene):
    """The same list in a session of its own, once all of it is done."""
    for _ in range(3):
        cases.done_and_next()
    cases.session.close()
    session = GrowSession(a_scene)
    session.opening.set_parameters(reader="SI")
    again = Cases(session, load_volume)
    again.open_worklist(str(studies))
    yield again
    session.close()


def test_every_study_can_be_reached_once_all_are_done(all_done):
    assert "3 of 3 are done. Previous opens the last one." in all_done.session.status.message
    assert (all_done.after, all_done.can_finish) == (None, False)
    assert [all_done.previous().study for _ in range(3)] == ["sub-03_swi", "sub-02_swi", "sub-01_swi"]
    assert (all_done.before, all_done.can_finish) == (None, True)
    assert [all_done.next().study for _ in range(2)] == ["sub-02_swi", "sub-03_swi"]
    assert all_done.next() is None
    assert all_done.session.status.message == "There is no other study to do: 3 of 3 are done."


def test_a_study_of_the_same_name_in_another_list_is_opened(cases, studies, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (studies / "sub-01_swi.nii.gz").rename(other / "sub-01_swi.nii.gz")
    assert cases.open_worklist(str(other))
    assert cases.item.scan.parent == other


def test_a_scan_that_cannot_be_loaded_is_said_and_can_be_passed_over(cases, studies):
    (studies / "sub-02_swi.nii.gz").write_bytes(b"damaged")
    with refused("sub-02_swi.nii.gz cannot be loaded"):
        cases.next()
    assert cases.next().study == "sub-03_swi"


def test_a_list_whose_first_scan_cannot_be_loaded_is_shown_and_gone_through(cases, studies):
    (studies / "sub-01_swi.nii.gz").write_bytes(b"damaged")
    session = cases.session
    again, shown = Cases(session, load_volume), []
    again.changed.connect(lambda told: shown.append((told.progress, told.after.study)))
    with refused("sub-01_swi.nii.gz cannot be loaded"):
        again.open_worklist(str(studies))
    assert shown[-1] == ((0, 3), "sub-02_swi")
    assert (again.report, again.before, again.can_finish) == ("", None, False)
    assert [again.next().study for _ in range(2)] == ["sub-02_swi", "sub-03_swi"]


def test_the_study_before_one_that_cannot_be_loaded_is_open_to_be_chosen(cases, studies):
    (studies / "sub-02_swi.nii.gz").write_bytes(b"damaged")
    former, shown = cases.session.study.nodes.scan, []
    cases.session.parameters_changed.connect(lambda parameters: shown.append(parameters.scan_node_id))
    with refused("cannot be loaded"):
        cases.done_and_next()
    assert shown == [None]
    assert (cases.before.study, cases.after.study, cases.report) == ("sub-01_swi", "sub-03_swi", "")
    assert cases.item_of(former).study == "sub-01_swi"
    assert cases.previous().study == "sub-01_swi"


def test_a_scan_that_cannot_be_loaded_is_tried_again_where_nothing_else_is_to_do(cases, studies):
    for _ in range(2):
        cases.done_and_next()
    scan = studies / "sub-03_swi.nii.gz"
    whole = scan.read_bytes()
    cases.previous()
    scan.write_bytes(b"damaged")
    with pytest.raises(InputError, match="cannot be loaded") as said:
        cases.next()
    assert said.value.hint == "Check the file; Next tries it again."
    scan.write_bytes(whole)
    assert cases.next().study == "sub-03_swi"


def test_a_scan_that_cannot_be_loaded_is_tried_again_before_what_is_done_is_opened(cases, studies):
    (studies / "sub-02_swi.nii.gz").write_bytes(b"damaged")
    with refused("sub-02_swi.nii.gz cannot be loaded"):
        cases.done_and_next()
    assert cases.next().study == "sub-03_swi"
    for go_on in (cases.done_and_next, cases.next):  # it alone is to do
        with pytest.raises(InputError, match="cannot be loaded") as said:
            go_on()
        assert said.value.hint.startswith("Check the file; Next tries it again.")
    assert cases.before.study == "sub-01_swi"


def test_what_is_wrong_with_a_list_is_said_where_its_first_scan_cannot_be_loaded_too(cases, studies, tmp_path):
    (studies / "sub-01_swi.nii.gz").write_bytes(b"damaged")
    table = tmp_path / "list.csv"
    table.write_text("scan,report\nstudies/sub-01_swi.nii.gz,\nstudies/sub-02_swi.nii.gz,gone.txt\n")
    with pytest.raises(InputError, match="cannot be loaded") as said:
        cases.open_worklist(str(table))
    assert "the report gone.txt does not exist" in said.value.hint


def test_a_study_that_cannot_be_saved_is_not_left(cases, studies, tmp_path):
    paint(cases.session.study.nodes.scan, "A")
    cases.session.growing.grow()
    studies.rename(tmp_path / "elsewhere")
    studies.write_text("a file in its place")
    with refused(""):
        cases.next()
    assert len(cases.session.lesions) == 1
    assert find_nodes(cases.session.study.nodes.scan) is not None


def test_a_list_is_resumed_from_what_is_on_the_disk(cases, a_scene, studies):
    cases.done_and_next()
    again = Cases(GrowSession(a_scene), load_volume)
    again.session.opening.set_parameters(reader="SI")
    again.open_worklist(str(studies))
    assert again.progress == (1, 3)
    assert again.item.study == "sub-02_swi"
    again.session.close()


def test_what_is_wrong_with_a_list_is_said(a_scene, tmp_path):
    cases = Cases(GrowSession(a_scene), load_volume)
    with refused("No reader"):
        cases.open_worklist(str(tmp_path))
    cases.session.opening.set_parameters(reader="SI")
    with refused("does not exist"):
        cases.open_worklist(str(tmp_path / "missing"))
    with refused("No worklist"):
        cases.next()


def test_a_list_follows_the_reader(cases, studies):
    shown = []
    cases.changed.connect(lambda told: shown.append(told.progress))
    cases.done_and_next()
    cases.session.opening.set_parameters(reader="ZZ")
    assert (cases.progress, shown[-1]) == ((0, 3), (0, 3))
    assert cases.item.study == "sub-02_swi"
    assert cases.done_and_next().study == "sub-03_swi"
    assert cases.done_and_next().study == "sub-01_swi"
    assert cases.progress == (2, 3)
    cases.session.opening.set_parameters(reader="SI")
    assert cases.progress == (1, 3)
    assert cases.after.study == "sub-02_swi"


def test_a_list_that_was_chosen_before_a_reader_was_named_opens_with_the_name(a_scene, studies):
    cases = Cases(GrowSession(a_scene), load_volume)
    with pytest.raises(InputError, match="No reader") as said:
        cases.open_worklist(str(studies))
    assert "the worklist opens then" in said.value.hint
    cases.session.opening.set_parameters(reader=" ")
    cases.open_asked_for()
    assert cases.worklist is None
    cases.session.opening.set_parameters(reader="SI")
    cases.open_asked_for()
    assert cases.item.study == "sub-01_swi"
    assert cases.session.study.nodes.scan.GetName() == "sub-01_swi"
    cases.session.opening.set_parameters(reader="ZZ")
    cases.open_asked_for()
    assert cases.worklist.reader == "ZZ"
    cases.session.close()


def test_a_scan_that_was_chosen_after_the_list_is_not_left_for_it(a_scene, studies):
    cases = Cases(GrowSession(a_scene), load_volume)
    with refused("No reader"):
        cases.open_worklist(str(studies))
    scan = add_head()
    cases.session.opening.set_parameters(scan_node_id=scan.GetID())
    cases.session.opening.set_parameters(reader="SI")
    cases.open_asked_for()
    assert cases.worklist is None
    assert cases.session.study.nodes.scan is scan
    cases.session.close()


def test_where_an_annotation_cannot_be_opened_the_former_is_no_longer_shown(cases, studies):
    (studies / "sub-02_swi_desc-cmb_annotation.json").write_text('{"schema_version": 99}')
    session, shown = cases.session, []
    session.parameters_changed.connect(lambda parameters: shown.append(parameters.scan_node_id))
    session.annotation_changed.connect(shown.append)
    other = load_volume(str(studies / "sub-02_swi.nii.gz"))
    with refused("sub-02_swi_desc-cmb_annotation.json"):
        session.opening.set_parameters(scan_node_id=other.GetID())
    assert (session.study, shown) == (None, [None, None])
