"""Where a review is kept and by which name; two reviews of one scan; a scan that was moved since its search."""

from __future__ import annotations

import json

import pytest
import slicer.util
from detection_sessions import AWorker
from oblique_scan import scan_voxels
from refusals import refused
from refusing_disk import disk_refuses
from review_sessions import a_clock, a_session, last, states
from scenes import turned

from CMBSegmentationLib.review.kept_in import Kept, kept_in
from CMBSegmentationLib.scene import find_results, load_results, read_review, write_review
from CMBSegmentationLib.session import DetectionSession, ReviewSession

__all__ = ["a_clock", "a_session"]

DICOM_NAME = "5: T2* GRE"


@pytest.fixture
def a_time(monkeypatch):
    """A minute passes between any two steps."""
    now = iter(f"2090-01-01T00:{minute:02d}:00+00:00" for minute in range(60))
    for name in ("open_review", "deciding"):
        monkeypatch.setattr(f"CMBSegmentationLib.session.{name}.utc_now", lambda: next(now))


@pytest.fixture
def open_review():
    """Opens the review of a scan of a scene as a fresh program would; closed when the test ends."""
    opened = []

    def make(scan, folder=None, reader="KH"):
        session = ReviewSession(scan.GetScene())
        opened.append(session)
        session.said = []
        session.noticed.connect(session.said.append)
        session.reading.set(reader=reader, folder=str(folder) if folder else None)
        session.detection.set_parameters(scan_node_id=scan.GetID())
        return session

    yield make
    for session in opened:
        session.close()


@pytest.fixture
def elsewhere(tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder


def said(session):
    return "\n".join(notice.message for notice in session.said)


def forget(scan, kept=None):
    """Have the scene hold another state of the review, none where not given, and not know where it was saved."""
    table = find_results(scan).table
    table.RemoveAttribute("CMBSegmentation.Review")
    table.RemoveAttribute("CMBSegmentation.Kept")
    if kept is not None:
        write_review(find_results(scan), kept)


def decisions(path):
    lesions = json.loads(path.read_text(encoding="utf-8"))["lesions"]
    return {one["id"]: one["verdict"]["decision"] for one in lesions}


def copies(folder):
    return sorted(folder.glob("*_review.other-*.json"))


@pytest.fixture
def two_reviews(a_session, a_scan, elsewhere, open_review, a_time):
    """A review at hand (lesion 1 rejected), and a later one of another reader in a folder (lesion 2 accepted)."""
    a_session.deciding.decide("rejected", lesion_id=1, advance=False)
    a_session.save()
    mine = read_review(find_results(a_scan))
    forget(a_scan)
    other = open_review(a_scan, elsewhere, reader="Else")
    other.deciding.decide("accepted", lesion_id=2, advance=False)
    other.save()
    forget(a_scan, mine)
    return a_session


# two reviews


def test_choosing_a_folder_keeps_the_review_at_hand_and_the_one_that_lies_there(two_reviews, elsewhere):
    two_reviews.reading.set(folder=str(elsewhere))
    assert states(two_reviews)[1] == "rejected"
    assert states(two_reviews)[2] == "unreviewed"
    assert decisions(two_reviews.review.path) == {1: "rejected"}
    (copy,) = copies(elsewhere)
    assert decisions(copy) == {2: "accepted"}
    told = last(two_reviews).message
    assert f"The review is saved in {two_reviews.review.path}" in told
    assert "by Else" in told
    assert "2090-01-01 00:0" in told
    assert copy.name in told
    two_reviews.deciding.undo()
    assert states(two_reviews)[1] == "unreviewed"


def test_an_empty_list_goes_on_with_the_review_in_the_chosen_folder(two_reviews, a_scan, elsewhere, open_review):
    forget(a_scan)
    session = open_review(a_scan)
    session.reading.set(folder=str(elsewhere))
    assert states(session)[2] == "accepted"
    assert "The review that was there is shown, last changed" in last(session).message
    assert copies(elsewhere) == []


def test_a_later_state_of_the_same_review_is_gone_on_with_and_can_be_taken_back(
    a_session, a_scan, elsewhere, open_review, a_time
):
    a_session.deciding.decide("accepted", lesion_id=1, advance=False)
    a_session.reading.set(folder=str(elsewhere))
    saved_scene = read_review(find_results(a_scan))
    a_session.deciding.decide("rejected", lesion_id=2, advance=False)
    a_session.save()
    forget(a_scan, saved_scene)
    session = open_review(a_scan)
    assert states(session)[2] == "unreviewed"
    session.reading.set(folder=str(elsewhere))
    assert states(session)[2] == "rejected"
    assert copies(elsewhere) == []
    session.deciding.undo()
    assert states(session)[2] == "unreviewed"


def test_the_review_that_is_not_shown_when_a_scan_is_opened_is_kept(two_reviews, a_scan, elsewhere, open_review):
    session = open_review(a_scan, elsewhere)
    assert states(session)[2] == "accepted"
    (copy,) = copies(elsewhere)
    assert decisions(copy) == {1: "rejected"}
    assert "on the disk is shown, last changed 2090-01-01 00:0" in said(session)
    assert "by Else" in said(session)
    assert f"is kept as {copy}" in said(session)
    forget(a_scan, copy.read_text(encoding="utf-8"))
    open_review(a_scan, elsewhere)  # the same scene again
    assert copies(elsewhere) == [copy]


def test_a_scene_whose_review_was_gone_on_with_says_so(a_session, a_scan, elsewhere, open_review, a_time):
    a_session.deciding.decide("accepted", lesion_id=1, advance=False)
    a_session.reading.set(folder=str(elsewhere))
    saved_scene = read_review(find_results(a_scan))
    forget(a_scan, saved_scene)
    assert "on the disk" not in said(open_review(a_scan, elsewhere))  # both say the same
    a_session.deciding.decide("rejected", lesion_id=2, advance=False)
    a_session.save()
    forget(a_scan, saved_scene)
    session = open_review(a_scan, elsewhere)
    assert states(session)[2] == "rejected"
    assert copies(elsewhere) == []
    assert "The review on the disk is shown, last changed 2090-01-01 00:0" in said(session)
    assert "by SI: it goes on from the one in the scene." in said(session)


def test_an_earlier_review_on_the_disk_is_kept_when_the_scenes_is_shown(two_reviews, a_scan, elsewhere, open_review):
    later = json.loads(read_review(find_results(a_scan))) | {"changed_at": "2091-01-01T00:00:00+00:00"}
    forget(a_scan, json.dumps(later))
    session = open_review(a_scan, elsewhere)
    assert states(session)[1] == "rejected"
    (copy,) = copies(elsewhere)
    assert decisions(copy) == {2: "accepted"}


def test_a_review_in_the_scene_is_shown_where_no_copy_can_be_kept(two_reviews, a_scan, elsewhere, open_review):
    with disk_refuses():
        session = open_review(a_scan, elsewhere)
        assert states(session)[1] == "rejected"
        assert "disk is full" in said(session)
    session.save()
    (copy,) = copies(elsewhere)
    assert decisions(copy) == {2: "accepted"}


def test_a_folder_that_cannot_be_written_changes_nothing(two_reviews, elsewhere):
    before = two_reviews.review.path

    with disk_refuses(), refused("disk is full"):
        two_reviews.reading.set(folder=str(elsewhere))
    assert two_reviews.review.path == before
    assert states(two_reviews)[1] == "rejected"
    two_reviews.deciding.undo()
    assert states(two_reviews)[1] == "unreviewed"


def test_the_same_folder_chosen_again_makes_no_copy(a_session, elsewhere, tmp_path):
    a_session.deciding.decide("accepted", lesion_id=1)
    a_session.save()
    a_session.deciding.decide("rejected", lesion_id=1)
    a_session.reading.set(folder=str(elsewhere / ".."))
    assert copies(tmp_path) == []


def test_a_search_that_goes_on_with_a_review_on_the_disk_says_whose_it_is(a_session, a_scan, a_time, tmp_path):
    a_session.deciding.decide("rejected", lesion_id=1, advance=False)
    a_session.close()
    find_results(a_scan).table.GetScene().RemoveNode(find_results(a_scan).table)
    worker = AWorker()
    session = ReviewSession(a_scan.GetScene(), runner=worker)
    session.said = []
    session.noticed.connect(session.said.append)
    session.reading.set(reader="KH", folder=str(tmp_path))
    session.detection.set_parameters(scan_node_id=a_scan.GetID())
    for _ in range(2):  # the second time the review is open already, and is not told of
        session.detection.start(a_scan)
        worker.finds_the_lesions()
        session.poll()
        worker.code = None
        assert states(session)[1] == "rejected"
        assert said(session).count("The review on the disk is shown, last changed 2090-01-01 00:0") == 1
    assert "UTC by SI." in said(session)
    session.close()


def test_a_scan_that_was_reviewed_and_not_searched_yet_says_so(a_session, a_scan, a_time, elsewhere, open_review):
    a_session.deciding.decide("accepted", lesion_id=1, advance=False)
    a_session.reading.set(folder=str(elsewhere))
    a_session.close()
    a_scan.GetScene().RemoveNode(find_results(a_scan).table)
    (kept,) = elsewhere.glob("*_review.json")
    session = open_review(a_scan, elsewhere)
    session.tell_of_review_on_disk()
    assert session.review is None
    assert f"There is a review of {a_scan.GetName()}, last changed 2090-01-01 00:0" in said(session)
    assert f"UTC by SI: {kept}. Detect microbleeds to go on with it." in said(session)
    whole = kept.read_text()
    for damaged in (whole[:200], json.dumps(json.loads(whole) | {"shape": [9, 9, 9]})):
        kept.write_text(damaged)
        again = open_review(a_scan, elsewhere)
        again.tell_of_review_on_disk()
        assert said(again) == ""
        assert kept.read_text() == damaged


@pytest.mark.parametrize(
    ("stored", "listed_at", "note"),
    [
        ({}, 0.42, "It is listed at 0.42, as it was when it was last open."),
        ({"threshold": "sensitive"}, "sensitive", "It is listed at"),
        ({"operating_points": {"balanced": 0.2}}, "balanced", "now: 0.42 was set for another model."),
        ({"operating_points": {}}, "balanced", "now: 0.42 was set by an earlier version."),
        ({"threshold": "balanced"}, "balanced", ""),
    ],
)
def test_a_review_on_the_disk_goes_on_at_its_threshold(
    a_session, a_scan, elsewhere, open_review, a_result_folder, stored, listed_at, note
):
    points = a_session.listing.operating_points
    a_session.deciding.decide("accepted", lesion_id=1, advance=False)
    a_session.listing.set_threshold(0.42)
    a_session.reading.set(folder=str(elsewhere))
    a_session.close()
    (kept,) = elsewhere.glob("*_review.json")
    stored = stored | ({"threshold": points[stored["threshold"]]} if "threshold" in stored else {})
    kept.write_text(json.dumps(json.loads(kept.read_text()) | stored))
    a_scan.GetScene().RemoveNode(find_results(a_scan).table)
    session = open_review(a_scan, elsewhere)
    session.detection.started(a_scan)
    session.reading.set(operating_point="balanced")
    session.detection.found(load_results(a_result_folder, a_scan))
    session.detection.results_changed(session.detection.results)
    assert session.listing.threshold == points.get(listed_at, listed_at)
    assert note in said(session)
    assert bool(note) == ("listed at" in said(session) or "The threshold is" in said(session))
    session.save()
    assert json.loads(kept.read_text())["threshold"] == session.listing.threshold


def test_a_threshold_alone_goes_on_from_the_disk_too(a_session, a_scan, elsewhere, open_review, a_result_folder):
    a_session.reading.set(folder=str(elsewhere))
    a_session.listing.set_threshold(0.42)
    a_session.close()
    a_scan.GetScene().RemoveNode(find_results(a_scan).table)
    session = open_review(a_scan, elsewhere)
    session.detection.started(a_scan)
    session.detection.found(load_results(a_result_folder, a_scan))
    session.detection.results_changed(session.detection.results)
    assert session.listing.threshold == 0.42
    assert said(session) == "It is listed at 0.42, as it was when it was last open."


def test_a_review_that_was_kept_under_another_name_says_so(a_session, a_scan, elsewhere, open_review):
    a_session.deciding.decide("accepted", lesion_id=1, advance=False)
    a_session.reading.set(folder=str(elsewhere))
    forget(a_scan)
    assert "under the name" not in said(open_review(a_scan, elsewhere))
    (kept,) = elsewhere.glob("*_review.json")
    kept.write_text(json.dumps(json.loads(kept.read_text()) | {"scan": "visit 1"}))
    forget(a_scan)
    assert "Its review was kept under the name visit 1." in said(open_review(a_scan, elsewhere))


# one name


def test_a_scan_keeps_its_name_in_a_saved_scene(a_session, a_scan, reopened, open_review, elsewhere, tmp_path):
    a_scan.SetName(DICOM_NAME)
    forget(a_scan)
    session = open_review(a_scan, elsewhere)
    session.deciding.decide("accepted", lesion_id=1)
    session.save()
    assert session.review.path.name == "5_T2_GRE_desc-cmb_review.json"
    scene = reopened(a_scan.GetScene())
    for folder, stem in ((elsewhere, "5_T2_GRE"), (None, "5_T2_GRE")):
        again = open_review(scene.GetFirstNodeByName(DICOM_NAME), folder)
        assert again.review.path.name == f"{stem}_desc-cmb_review.json"
        files = again.exporting.export(tmp_path / f"out{folder is None}")
        assert files["labels"].name.startswith(f"{stem}_desc-cmb")
    assert [one.name for one in elsewhere.iterdir()] == ["5_T2_GRE_desc-cmb_review.json"]


def test_a_scan_without_a_folder_is_exported_by_a_plain_name(a_session, a_scan, open_review, tmp_path):
    a_scan.SetName(DICOM_NAME)
    forget(a_scan)
    session = open_review(a_scan)
    assert session.review.path is None
    files = session.exporting.export(tmp_path / "out")
    assert all(path.name.startswith("5_T2_GRE_desc-") for path in files.values())


@pytest.mark.parametrize("name", ["5%3a T2%2a GRE", DICOM_NAME])
def test_a_review_under_a_former_name_is_found_and_renamed(a_session, a_scan, open_review, elsewhere, name):
    a_scan.SetName(DICOM_NAME)
    forget(a_scan)
    session = open_review(a_scan, elsewhere)
    session.deciding.decide("accepted", lesion_id=1)
    session.close()
    (path,) = elsewhere.iterdir()
    path.rename(elsewhere / f"{name}_desc-cmb_review.json")
    forget(a_scan)
    again = open_review(a_scan, elsewhere)
    assert states(again)[1] == "accepted"
    assert [one.name for one in elsewhere.iterdir()] == ["5_T2_GRE_desc-cmb_review.json"]
    assert f"was found as {name}" in said(again)


def test_a_review_of_another_scan_with_a_similar_name_is_left_alone(a_session, a_scan, open_review, elsewhere):
    a_scan.SetName("5; T2* GRE")
    forget(a_scan)
    session = open_review(a_scan, elsewhere)
    session.deciding.decide("accepted", lesion_id=1)
    session.close()
    (path,) = elsewhere.iterdir()
    other = path.rename(elsewhere / "5; T2* GRE_desc-cmb_review.json")
    a_scan.SetName(DICOM_NAME)
    forget(a_scan)
    assert states(open_review(a_scan, elsewhere))[1] == "unreviewed"
    assert other.exists()


def test_the_later_of_a_review_under_both_names_is_taken_and_the_other_kept(
    a_session, a_scan, open_review, elsewhere, a_time
):
    a_scan.SetName(DICOM_NAME)
    for decision, name in (("rejected", "5_T2_GRE"), ("accepted", "5%3a T2%2a GRE")):
        forget(a_scan)
        session = open_review(a_scan)
        session.deciding.decide(decision, lesion_id=1)
        text = read_review(find_results(a_scan))
        (elsewhere / f"{name}_desc-cmb_review.json").write_text(text, encoding="utf-8")
    forget(a_scan)
    assert states(open_review(a_scan, elsewhere))[1] == "accepted"
    (copy,) = copies(elsewhere)
    assert decisions(copy) == {1: "rejected"}
    assert len(list(elsewhere.iterdir())) == 2


def test_a_file_keeps_its_own_name_whatever_the_scene_remembers(tmp_path):
    own, gone = tmp_path / "sub-01 swi.nii.gz", tmp_path / "gone" / "sub-01 swi.nrrd"
    assert kept_in(str(own), "a node", None) == (tmp_path, "sub-01 swi")
    assert kept_in(str(own), "a node", None, Kept("5_T2_GRE", str(tmp_path))) == (tmp_path, "sub-01 swi")
    assert kept_in(str(gone), "a node", None, Kept("sub-01", str(tmp_path))) == (tmp_path, "sub-01")
    assert kept_in(str(gone), "a node", None, Kept("../../sub-01", "")) == (None, "sub-01 swi")


# the folder of a saved scene


def test_a_saved_scene_is_saved_in_the_chosen_folder_again(a_session, a_scan, reopened, open_review, tmp_path):
    a_session.deciding.decide("accepted", lesion_id=1)
    a_session.save()
    path = a_session.review.path
    again = open_review(reopened(a_session.scene).GetFirstNodeByName("sub-01 swi"))
    assert again.review.path == path


def test_a_folder_that_is_gone_is_named(a_session, a_scan, reopened, open_review, elsewhere):
    a_session.reading.set(folder=str(elsewhere))
    a_session.save()
    scene = reopened(a_session.scene)
    for one in elsewhere.iterdir():
        one.unlink()
    elsewhere.rmdir()
    again = open_review(scene.GetFirstNodeByName("sub-01 swi"))
    assert again.review.path is None
    assert f"There is no folder {elsewhere} any more" in said(again)


# a scan that was moved


def test_a_scan_that_was_moved_since_its_search_is_told_at_once_and_nothing_is_exported(
    a_session, a_scan, a_scene, tmp_path
):
    a_session.navigation.next()
    a_scan.SetAndObserveTransformNodeID(turned(a_scene).GetID())
    a_session.poll()
    assert "sub-01 swi was moved or resampled since it was searched" in last(a_session).message
    count = len(a_session.said)
    a_session.poll()
    assert len(a_session.said) == count
    out = tmp_path / "out"
    for action in (
        a_session.navigation.next,
        lambda: a_session.deciding.decide("accepted"),
        lambda: a_session.exporting.export(out),
        lambda: a_session.exporting.export_pdf(tmp_path / "out.pdf"),
    ):
        with refused("Put it back there (it is under the transform to atlas now)"):
            action()
    assert not out.exists()
    a_scan.SetAndObserveTransformNodeID(None)
    a_session.poll()
    assert "lies where it was searched again" in last(a_session).message
    a_session.deciding.decide("accepted", lesion_id=1)
    assert a_session.exporting.export(out)


@pytest.mark.parametrize("is_resampled", [False, True])
def test_a_review_goes_with_a_scan_that_was_moved_and_searched_again(
    a_session, a_scan, a_scene, tmp_path, a_clock, is_resampled
):
    worker = a_session.detection._runner = AWorker()
    a_session.deciding.decide("accepted", lesion_id=1, advance=False)
    a_session.save()
    before, path = a_session.review.find(1), a_session.review.path
    transform = turned(a_scene)
    a_scan.SetAndObserveTransformNodeID(transform.GetID())
    if is_resampled:
        slicer.util.updateVolumeFromArray(a_scan, slicer.util.arrayFromVolume(a_scan) + 1)
    a_session.poll()
    a_session.detection.start(a_scan)
    worker.finds_the_lesions()
    a_session.poll()
    a_session.poll()
    assert "lies where it was searched again" not in said(a_session).split("moved or resampled")[-1]
    if is_resampled:
        assert states(a_session)[1] == "unreviewed"
        assert decisions(*copies(tmp_path)) == {1: "accepted"}
        assert f"It was set aside as {copies(tmp_path)[0].name}" in said(a_session)
        return
    after = a_session.review.find(1)
    assert after.state == "accepted"
    assert after.voxels.tolist() == before.voxels.tolist()
    found = next(one for one in a_session.review.stored.lesions if one.id == 1)
    assert (after.lesion.r_mm, after.lesion.s_mm) == pytest.approx((found.r_mm, found.s_mm), abs=0.05)
    assert after.lesion.r_mm != before.lesion.r_mm
    assert decisions(path) == {1: "accepted"}
    assert copies(tmp_path) == []


def test_a_scan_that_is_opened_moved_is_reviewed_once_it_is_back(a_session, a_scan, a_scene, open_review):
    a_scan.SetAndObserveTransformNodeID(turned(a_scene).GetID())
    session = open_review(a_scan)
    assert session.review is None
    assert "moved or resampled" in last(session).message
    a_scan.SetAndObserveTransformNodeID(None)
    session.poll()
    assert states(session)[1] == "unreviewed"


# which scan


def test_how_a_search_ended_names_its_scan_where_another_is_chosen(a_session, a_scan, a_scene):
    worker = AWorker()
    session = DetectionSession(a_scene, runner=worker)
    other = slicer.util.addVolumeFromArray(scan_voxels(), name="other")
    for code, said in ((0, "sub-01 swi: 3 microbleeds, 1 candidate dropped."), (9, "sub-01 swi: ")):
        worker.code = None
        session.start(a_scan)
        session.set_parameters(scan_node_id=other.GetID())
        if code:
            worker.ends(code)
        else:
            worker.finds_the_lesions()
        session.poll()
        assert session.status.message.startswith(said)
