"""A DICOM node: what is sent to it is searched once, and its results arrive once, whatever happens in between."""

from __future__ import annotations

import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from dark_spots import write_dark_voxel_model
from nodes import (
    COMMITMENT,
    COMMITMENT_INSTANCE,
    FAILURE_SR,
    MR,
    PDF,
    SEG,
    SR,
    Archive,
    Scene,
    association,
    pretended,
    settings_for,
    write_few,
    write_study,
)
from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import evt
from test_dicom_out import assert_valid
from waiting import wait_until

from CMBCommand.node import service
from CMBCommand.node.jobs import DONE, FAILED, RECEIVING, SEARCHING, SENDING, Jobs, pause_after, study_id
from CMBCommand.node.network.sending import ByStow, NotSentError
from CMBCommand.node.searching.study import Outcome, StudySearch, search_study
from CMBCommand.node.settings import Limits, Peer, Search

ALL = sorted((SEG, SR, PDF))


@pytest.fixture(autouse=True)
def looks_often(monkeypatch):
    monkeypatch.setattr(service, "LOOK_S", 0.02)


@pytest.fixture
def archive():
    archive = Archive()
    yield archive
    archive.stop()


@pytest.fixture
def scene(archive, tmp_path):
    """A node whose searches are pretended."""
    scene = Scene(settings_for(tmp_path / "node", archive), archive, pretended)
    yield scene
    scene.stop()


@pytest.fixture
def few(tmp_path):
    return write_few(tmp_path / "few")


def test_it_says_that_it_is_there(scene):
    with association(scene.node, classes=["1.2.840.10008.1.1"]) as assoc:
        assert assoc.send_c_echo().Status == 0


def test_a_study_is_searched_when_no_more_images_come(scene, few):
    assert scene.send(few[:2]) == [0, 0]
    scene.clock.pass_(scene.settings.quiet_s - 1)
    assert scene.send(few[2:]) == [0]
    scene.clock.pass_(scene.settings.quiet_s - 1)
    assert scene.node.jobs.begin_searches(scene.settings.quiet_s, 1) == []
    scene.complete()
    assert scene.archive.classes() == ALL
    (job,) = scene.searchers.searched
    assert sorted(dcmread(path).SOPInstanceUID for path in job.images.iterdir()) == sorted(
        dcmread(path).SOPInstanceUID for path in few
    )


def test_a_study_sent_again_is_not_searched_again(scene, few):
    assert scene.send([*few, *few]) == [0] * 6
    scene.complete()
    assert scene.send(few) == [0] * 3
    scene.clock.pass_(scene.settings.quiet_s + 1)
    assert scene.node.jobs.begin_searches(0, 9) == []
    assert len(scene.searchers.searched) == 1
    assert len(scene.archive.arrived) == 3


def test_images_that_come_during_the_search_have_it_done_again(scene, few):
    scene.searchers.may_begin.clear()
    scene.send(few[:2])
    scene.complete(SEARCHING)
    scene.send(few[2:])
    scene.searchers.may_begin.set()
    wait_until(lambda: scene.has(RECEIVING))
    scene.complete()
    assert len(scene.searchers.searched) == 2
    assert len(scene.archive.arrived) == 3
    results = scene.settings.folder / "results"
    assert len(list(results.iterdir())) == 1  # those of the first search are gone


def test_images_that_come_after_the_results_are_told_of(scene, few):
    scene.send(few[:2])
    scene.complete()
    assert scene.send(few[2:]) == [0]
    assert "1 image came later and was not searched" in scene.get()[1]
    assert scene.has(DONE)


def test_two_studies_that_come_at_once_are_two(scene, tmp_path, few):
    others = write_few(tmp_path / "others", 2)
    scene.send([*few, *others])
    scene.complete(DONE, 2)
    assert scene.archive.classes() == sorted(ALL * 2)
    assert len({one.StudyInstanceUID for one in scene.archive.kept.values()}) == 2


def test_our_own_results_are_not_searched(scene, few):
    scene.send(few)
    scene.complete()
    for one in scene.archive.kept.values():
        refused = pytest.raises(ValueError, match="No presentation context")
        with association(scene.node, classes=[MR, one.SOPClassUID]) as assoc, refused:
            assoc.send_c_store(one)
    assert scene.node.jobs.counts()[DONE] == 1
    assert scene.node.jobs.studies()[0].late == 0


# sending results


def test_an_archive_that_is_down_gets_each_result_once_when_it_is_up(scene, few):
    scene.archive.stop()
    scene.send(few)
    scene.complete(SENDING)
    wait_until(lambda: scene.node.jobs.studies()[0].error)
    assert "does not answer" in scene.get()[1]
    scene.archive.start()
    scene.complete()
    assert sorted(scene.archive.arrived) == sorted(scene.archive.kept)
    assert scene.archive.classes() == ALL


def test_an_archive_that_refuses_is_asked_again(scene, few):
    scene.archive.status = 0xA700
    scene.send(few)
    scene.complete(SENDING)
    wait_until(lambda: scene.node.jobs.studies()[0].error)
    assert "0xA700" in scene.node.jobs.studies()[0].error
    scene.archive.status = 0
    scene.complete()
    assert len(scene.archive.arrived) == 3


def test_the_pause_grows_up_to_an_hour():
    assert [pause_after(tries, 10) for tries in (1, 2, 3, 4)] == [10, 20, 40, 80]
    assert pause_after(10, 10) == pause_after(10_000, 10) == 3600


def test_a_result_that_arrived_before_a_crash_is_known_by_its_uid(scene, few, monkeypatch):
    jobs = type(scene.node.jobs)
    monkeypatch.setattr(jobs, "record_sent", lambda self, one: (_ for _ in ()).throw(OSError("crashed")))
    scene.send(few)
    scene.complete(SENDING)
    wait_until(lambda: scene.archive.arrived)
    scene.stop()
    monkeypatch.undo()
    monkeypatch.setattr(service, "LOOK_S", 0.02)
    scene.start()
    wait_until(lambda: scene.has(DONE))
    assert len(scene.archive.arrived) > 3
    assert scene.archive.classes() == ALL


def test_a_node_that_is_started_again_goes_on(scene, tmp_path, few):
    scene.archive.stop()
    scene.send(few)
    scene.complete(SENDING)
    scene.stop()
    scene.start()
    scene.searchers.may_begin.clear()
    scene.send(write_few(tmp_path / "others", 2))
    scene.complete(SEARCHING)
    scene.stop()  # its search is lost
    scene.start()
    scene.archive.start()
    scene.complete(DONE, 2)
    assert scene.archive.classes() == sorted(ALL * 2)
    assert len(scene.archive.arrived) == 6


def test_results_for_a_destination_that_was_taken_away_are_told_of(scene, few):
    scene.archive.stop()
    scene.send(few)
    scene.complete(SENDING)
    gone = str(scene.archive.peer)
    scene.stop()
    scene.settings = replace(scene.settings, send_to=(Peer("OTHER", "127.0.0.1", 1),))
    scene.start()
    assert f"{gone}: it is no longer among --send-to and --stow" in scene.get()[1]


def test_files_are_removed_when_they_were_kept_long_enough(scene, few):
    scene.send(few)
    scene.complete()
    scene.clock.pass_(8 * 86400)
    scene.node._tidy()
    images, results = scene.settings.folder / "images", scene.settings.folder / "results"
    assert [list(images.glob("study*")), list(results.iterdir())] == [[], []]
    assert "removed" in scene.get()[1]
    scene.send(few)  # still known
    assert [list(images.glob("study*")), scene.has(DONE)] == [[], True]


# storage commitment


def ask_commitment(assoc, files, missing=()):
    asked = Dataset()
    asked.TransactionUID = "1.2.3.4"
    asked.ReferencedSOPSequence = []
    for uid in [*(dcmread(file).SOPInstanceUID for file in files), *missing]:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = MR, uid
        asked.ReferencedSOPSequence.append(item)
    status, _ = assoc.send_n_action(asked, 1, COMMITMENT, COMMITMENT_INSTANCE)
    return status.Status


def test_a_sender_that_waits_is_told_that_its_images_are_here(scene, few):
    told = []

    def take(event):
        told.append((event.event_type, event.event_information))
        return 0, None

    scene.send(few[:2])
    sent: list[object] = []
    handlers = [(evt.EVT_N_EVENT_REPORT, take), (evt.EVT_DIMSE_SENT, sent.append)]
    with association(scene.node, classes=[COMMITMENT], evt_handlers=handlers) as assoc:
        assert ask_commitment(assoc, few) == 0
        wait_until(lambda: told and len(sent) == 2)  # the question, and that the answer was heard
    kind, report = told[0]
    assert (kind, report.TransactionUID) == (2, "1.2.3.4")
    here = [item.ReferencedSOPInstanceUID for item in report.ReferencedSOPSequence]
    assert here == [dcmread(file).SOPInstanceUID for file in few[:2]]
    (missing,) = report.FailedSOPSequence
    assert (missing.ReferencedSOPInstanceUID, missing.FailureReason) == (dcmread(few[2]).SOPInstanceUID, 0x0112)


def test_a_sender_with_an_address_is_told_there_even_after_a_restart(archive, scene, few):
    scene.send(few)
    archive.stop()
    with association(scene.node, title="ARCHIVE", classes=[COMMITMENT]) as assoc:
        assert ask_commitment(assoc, few) == 0
    scene.stop()
    scene.start()
    archive.start()
    wait_until(lambda: scene.clock.pass_(1) or archive.committed)
    kind, report = archive.committed[0]
    assert (kind, len(report.ReferencedSOPSequence), "FailedSOPSequence" in report) == (1, 3, False)
    wait_until(lambda: not scene.node.jobs.due_commitments())


# what cannot be searched


def test_half_a_study_is_told_of_and_searched_when_the_rest_has_come(archive, tmp_path):
    model = write_dark_voxel_model(tmp_path / "dark.onnx")
    settings = settings_for(tmp_path / "node", archive, model, tells_failures=True)
    files = write_study(tmp_path / "study", OperatorsName="Secret^Name")
    half = [one for one in files if dcmread(one).InstanceNumber not in range(8, 20)]
    scene = Scene(
        settings,
        archive,
        lambda job: search_study(job) if len(list(job.images.iterdir())) < len(files) else pretended(job),
    )
    try:
        scene.send(half)
        scene.complete(FAILED)
        (study,) = scene.node.jobs.studies()
        assert "some are missing or double" in study.note
        assert "some are missing or double" in scene.get()[1]
        wait_until(lambda: archive.classes() == [FAILURE_SR])
        (report,) = archive.kept.values()
        assert report.StudyInstanceUID == dcmread(files[0]).StudyInstanceUID
        text = report.ContentSequence[-1].ContentSequence[0].TextValue
        assert "Not searched for cerebral microbleeds" in text
        assert "some are missing or double" in text
        report.save_as(tmp_path / "failure.dcm", enforce_file_format=True)
        assert_valid(tmp_path / "failure.dcm")
        scene.send([one for one in files if one not in half])
        scene.complete()
        assert archive.classes() == sorted([*ALL, FAILURE_SR])
    finally:
        scene.stop()


def test_a_study_of_which_an_image_was_refused_is_not_searched_until_it_is_here(archive, tmp_path, few):
    settings = settings_for(tmp_path / "node", archive, limits=Limits(images=2, free_bytes=0))

    def search(job):
        return search_study(job) if job.missing else pretended(job)

    scene = Scene(settings, archive, search)
    try:
        assert scene.send(few) == [0, 0, 0xA700]
        scene.complete(FAILED)
        assert "At least 1 image of this study could not be taken" in scene.get()[1]
        scene.stop()
        scene.settings = replace(settings, limits=Limits(free_bytes=0))
        scene.start()
        assert scene.send(few[2:]) == [0]
        assert not scene.node.jobs.studies()[0].note
        scene.complete()
        assert archive.classes() == ALL
    finally:
        scene.stop()


def test_what_is_unforeseen_is_named_without_its_text(tmp_path, monkeypatch):
    def quote(*_):
        raise ValueError("invalid value 'Doe^Jane'")

    monkeypatch.setattr("CMBCommand.node.searching.study.loaded_stages", quote)
    outcome = search_study(StudySearch(tmp_path, tmp_path / "out", Search()))
    assert outcome.error == "Unexpected: ValueError."


def test_images_of_two_patients_in_one_study_are_not_searched(archive, tmp_path):
    model = write_dark_voxel_model(tmp_path / "dark.onnx")
    scene = Scene(settings_for(tmp_path / "node", archive, model, tells_failures=True), archive, search_study)
    try:
        scene.send(write_study(tmp_path / "one"))
        study = dcmread(next((tmp_path / "one").iterdir())).StudyInstanceUID
        scene.send(write_few(tmp_path / "two", 2, study=study, PatientID="another", PatientName="Else^Someone"))
        scene.complete(FAILED)
        (failed,) = scene.node.jobs.studies()
        assert "2 patients" in failed.note
        assert not any(word in failed.note + failed.hint for word in ("another", "Else", "4711", "Doe"))
        assert scene.node.jobs.due_sendings(scene.node._senders[0].destination.name) == []  # whose report would it be?
    finally:
        scene.stop()


def test_what_the_machine_let_down_is_tried_again(archive, tmp_path, few):
    left = [1, 2]

    def search(job):
        if left:
            left.pop()
            return Outcome(error="The disk is full.", hint="Free some space.", may_go_next_time=True)
        return pretended(job)

    scene = Scene(settings_for(tmp_path / "node", archive), archive, search)
    try:
        scene.send(few)
        scene.clock.pass_(scene.settings.quiet_s + 1)
        for pause in (10, 20):
            wait_until(lambda: scene.node.jobs.studies()[0].note)
            study = scene.node.jobs.studies()[0]
            assert (study.state, study.due - scene.clock()) == (RECEIVING, pause)
            assert "The disk is full" in scene.get()[1]
            scene.clock.pass_(pause + 1)
            wait_until(lambda tries=study.tries: scene.node.jobs.studies()[0].tries != tries)
        wait_until(lambda: scene.has(DONE))
        assert archive.classes() == ALL
    finally:
        scene.stop()


def test_an_address_is_known_by_its_title(tmp_path, archive):
    settings = settings_for(tmp_path, archive, peers=(Peer("PACS", "10.0.0.1", 104),))
    assert settings.known_peer("PACS") == Peer("PACS", "10.0.0.1", 104)
    assert settings.known_peer("ARCHIVE") == archive.peer
    assert settings.known_peer("OTHER") is None


def test_a_study_is_named_by_a_hash():
    assert study_id("1.2.3") == study_id("1.2.3") != study_id("1.2.4")
    assert study_id("1.2.3").startswith("study-")


def test_what_was_half_sent_when_the_node_ended_has_its_quiet_time_anew(tmp_path):
    now = [0.0]
    jobs = Jobs(tmp_path / "jobs.sqlite", lambda: now[0])
    jobs.add_image("1.2", "1.2.3", "1.2.840.10008.5.1.4.1.1.4")
    jobs.close()
    now[0] = 1000.0
    jobs = Jobs(tmp_path / "jobs.sqlite", lambda: now[0])
    assert not jobs.begin_searches(60, 1)
    now[0] = 1061.0
    assert len(jobs.begin_searches(60, 1)) == 1
    jobs.close()


def test_files_of_a_study_that_was_taken_up_again_are_not_forgotten(tmp_path):
    jobs = Jobs(tmp_path / "jobs.sqlite", lambda: 0.0)
    jobs.add_image("1.2", "1.2.3", MR)
    (study,) = jobs.begin_searches(0, 1)
    assert jobs.record_failed(study.id, "", "no", "", {}, [])
    (failed,) = jobs.expired(0)
    jobs.add_image("1.2", "1.2.4", MR)
    assert not jobs.forget_files(failed)
    assert not jobs.is_wanted("1.2.3")
    jobs.close()


def test_a_search_that_nobody_does_is_done_again(tmp_path):
    jobs = Jobs(tmp_path / "jobs.sqlite", lambda: 0.0)
    for number in "12":
        jobs.add_image(f"1.2.{number}", f"1.2.{number}.3", MR)
    first, _ = jobs.begin_searches(0, 2)
    jobs.return_lost([first.id])
    assert {one.id: one.state for one in jobs.studies()}[first.id] == SEARCHING
    assert jobs.counts()[RECEIVING] == 1
    jobs.close()


def test_a_result_that_took_anothers_place_while_that_was_sent_is_still_to_be_sent(tmp_path):
    jobs = Jobs(tmp_path / "jobs.sqlite", lambda: 0.0)
    jobs.add_image("1.2", "1.2.3", MR)
    (study,) = jobs.begin_searches(0, 1)
    assert jobs.record_failed(study.id, "", "no", "", {"dicom_failure": "first"}, ["ARCHIVE"])
    (first,) = jobs.due_sendings("ARCHIVE")
    jobs.add_image("1.2", "1.2.4", MR)
    jobs.begin_searches(0, 1)
    assert jobs.record_failed(study.id, "", "no", "", {"dicom_failure": "second"}, ["ARCHIVE"])
    jobs.record_sent(first)
    assert [one.file for one in jobs.due_sendings("ARCHIVE")] == ["second"]
    jobs.close()


def test_questions_for_images_are_bounded_and_are_their_askers(tmp_path):
    jobs = Jobs(tmp_path / "jobs.sqlite", lambda: 0.0)
    assert [jobs.ask_commitment(uid, "A", f"[{uid}]", 2) for uid in ("1", "2", "3", "2")] == [True, True, False, True]
    assert not jobs.ask_commitment("1", "B", "[]", 2)
    assert {row["uid"]: (row["peer"], row["asked"]) for row in jobs.due_commitments()} == {
        "1": ("A", "[1]"),
        "2": ("A", "[2]"),
    }
    jobs.close()


@pytest.mark.parametrize(("reason", "is_sent"), [(0x0111, True), (0x0110, False), (None, False)])
def test_an_archive_that_has_a_result_already_and_calls_it_a_conflict_is_not_asked_for_ever(few, reason, is_sent):
    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            answer = Dataset()
            answer.FailedSOPSequence = [Dataset()]
            answer.FailedSOPSequence[0].FailureReason = reason
            self.send_response(409)
            self.send_header("Content-Type", "application/dicom+json")
            self.end_headers()
            self.wfile.write(b"<html>conflict" if reason is None else answer.to_json().encode())

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sending = ByStow(f"http://127.0.0.1:{server.server_port}").send([dcmread(few[0])])
        try:
            if is_sent:
                assert len(list(sending)) == 1
            else:
                with pytest.raises(NotSentError, match="409"):
                    next(sending)
        finally:
            server.shutdown()
