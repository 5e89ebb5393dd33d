"""What a node does not take, whom it does not let in, and what it says then."""

from __future__ import annotations

import os
import re
import socket
import sqlite3
import ssl
import struct
import subprocess
import sys
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from nodes import MR, Archive, Scene, association, pretended, settings_for, store, write_few
from pydicom import dcmread
from pynetdicom import AE
from pynetdicom.presentation import build_context
from test_node import looks_often
from waiting import wait_until

from CMBCommand.node.inbox import RefusedError
from CMBCommand.node.jobs import DONE, FAILED, RECEIVING
from CMBCommand.node.searching.study import Outcome
from CMBCommand.node.settings import Limits, Tls
from CMBSegmentationLib.errors import InputError, MachineError

__all__ = ["looks_often"]
ENHANCED_MR = f"{MR}.1"


@pytest.fixture(scope="module")
def archive():
    archive = Archive()
    yield archive
    archive.stop()


@pytest.fixture
def node(archive, tmp_path):
    """Start a node with some settings; it is stopped when the test ends."""
    scenes = []

    def start(search=pretended, **changes) -> Scene:
        scenes.append(Scene(settings_for(tmp_path / "node", archive, **changes), archive, search))
        return scenes[-1]

    yield start
    for scene in scenes:
        scene.stop()


@pytest.fixture
def few(tmp_path):
    return write_few(tmp_path / "few")


# who comes in


def test_only_those_who_are_named_may_send_and_only_to_its_own_title(node, few):
    scene = node(allowed=("SCANNER",))
    for options in ({"title": "STRANGER"}, {"called": "OTHER"}):
        with association(scene.node, **options) as assoc:
            assert assoc.is_rejected
    assert scene.send(few) == [0] * 3
    assert "cmb_node_associations_rejected_total 2.0" in scene.get("/metrics")[1]


def test_every_mr_class_in_every_usual_transfer_syntax_is_taken(node):
    classes = [MR, *(f"{MR}.{number}" for number in (1, 2, 3, 4))]
    syntaxes = ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"]
    syntaxes += [
        f"1.2.840.10008.1.2.{one}" for one in ("5", "4.50", "4.51", "4.57", "4.70", "4.80", "4.81", "4.90", "4.91")
    ]
    ae = AE("SCANNER")
    ae.requested_contexts = [build_context(one, syntax) for one in classes for syntax in syntaxes]
    assoc = ae.associate("127.0.0.1", node().node.server.port, ae_title="CMBNODE")
    accepted = {(one.abstract_syntax, one.transfer_syntax[0]) for one in assoc.accepted_contexts}
    assoc.release()
    assert accepted == {(one, syntax) for one in classes for syntax in syntaxes}


def certificate(folder: Path, name: str, *, by: str | None = None) -> None:
    """Make a key and a certificate for loopback, signed by another one or by itself."""
    new = [
        "openssl",
        "req",
        "-new",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    new += ["-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem"]
    if by is not None:
        new += ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"]
        new += ["-CA", f"{by}.pem", "-CAkey", f"{by}.key"]
    subprocess.run(new, cwd=folder, check=True, capture_output=True)


def test_with_tls_only_those_with_a_certificate_send_and_results_are_encrypted(archive, node, few, tmp_path):
    for name, by in (("authority", None), ("node", "authority"), ("scanner", "authority"), ("stranger", None)):
        certificate(tmp_path, name, by=by)
    files = Tls(tmp_path / "node.pem", tmp_path / "node.key", tmp_path / "authority.pem")
    encrypted = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    encrypted.load_cert_chain(tmp_path / "scanner.pem", tmp_path / "scanner.key")
    theirs = Archive(encrypted)
    scene = node(tls=files, send_to=(theirs.peer,))
    with closing(socket.create_connection(("127.0.0.1", scene.node.server.port))):  # who says nothing holds nobody up
        for name, is_let_in in (("scanner", True), ("stranger", False), (None, False)):
            context = ssl.create_default_context(cafile=str(tmp_path / "authority.pem"))
            if name is not None:
                context.load_cert_chain(tmp_path / f"{name}.pem", tmp_path / f"{name}.key")
            with association(scene.node, tls_args=(context, "127.0.0.1")) as assoc:
                assert assoc.is_established == is_let_in
                if is_let_in:
                    assert [store(assoc, dcmread(file)) for file in few] == [0] * 3
        with association(scene.node) as assoc:
            assert not assoc.is_established
    scene.complete()
    assert len(theirs.kept) == 3
    theirs.stop()


def test_an_unreadable_certificate_is_told(node, few):
    with pytest.raises(InputError, match="files for TLS cannot be used"):
        node(tls=Tls(few[0], few[0]))


# what comes in


def test_what_is_no_mr_image_is_refused_with_its_reason(node, few):
    scene = node()
    whole = few[0].read_bytes()
    for encoded, said, status, reason in (
        (whole, (MR, "1.2.3"), 0xA900, "not the object that its sender says"),
        (whole, (ENHANCED_MR, None), 0xA900, "not the object that its sender says"),
        (whole.replace(MR.encode(), b"1.2.840.10008.5.1.4.1.1.2"), (None, None), 0xA900, "not an MR object"),
        (whole[:300], (None, None), 0xC000, "not DICOM|no valid"),
        (b"", (None, None), 0xC000, "not DICOM"),
        (bytes(4096), (None, None), 0xC000, "not DICOM"),
    ):
        with pytest.raises(RefusedError, match=reason) as refused:
            scene.node._inbox.take(encoded, *said)
        assert refused.value.status == status
    one = dcmread(few[0])
    one.StudyInstanceUID = "../../etc/passwd"
    with association(scene.node) as assoc:
        answer = assoc.send_c_store(one)
    assert (answer.Status, answer.ErrorComment) == (0xC000, "no valid StudyInstanceUID")
    assert scene.node.jobs.studies() == []
    assert list((scene.settings.folder / "images").rglob("*.dcm")) == []


def test_an_image_is_not_taken_into_a_second_study(node, few):
    scene = node()
    scene.send(few[:1])
    other = dcmread(few[0])
    other.StudyInstanceUID = "1.2.3.4"
    with association(scene.node) as assoc:
        assert assoc.send_c_store(other).Status == 0xA900
    assert len(scene.node.jobs.studies()) == 1


def test_limits_are_kept(node, few, tmp_path):
    scene = node(limits=Limits(image_bytes=100_000, images=2, free_bytes=0))
    assert scene.send(few) == [0, 0, 0xA700]
    large = dcmread(few[2])
    large.PixelData, large.Rows, large.Columns = bytes(120_000), 300, 200
    large.save_as(tmp_path / "large.dcm")
    assert scene.send([tmp_path / "large.dcm"]) == [0xA700]
    scene.stop()
    scene.settings = replace(scene.settings, limits=Limits(free_bytes=1 << 60))
    scene.start()
    assert scene.send(few) == [0, 0, 0xA700]  # two are here already
    assert 'cmb_node_objects_refused_total{status="0xA700"} 1.0' in scene.get("/metrics")[1]


def test_an_object_without_end_ends_the_association(node, few, tmp_path):
    scene = node(limits=Limits(image_bytes=100_000, free_bytes=0))
    large = dcmread(few[0])
    large.PixelData = bytes(4 << 20)
    with association(scene.node) as assoc:
        assert "Status" not in assoc.send_c_store(large)  # ended before it was whole
        wait_until(lambda: not assoc.is_established)
    assert scene.node.jobs.studies() == []


def test_a_message_that_claims_to_be_endless_closes_the_connection(node):
    scene = node()
    with closing(socket.create_connection(("127.0.0.1", scene.node.server.port), timeout=20)) as wire:
        wire.sendall(struct.pack(">BBL", 1, 0, 0xFFFFFFF0) + bytes(1000))
        with suppress(ConnectionResetError):
            assert wire.recv(10) in (b"", b"\x07")


def test_a_sender_that_vanishes_midway_leaves_only_what_was_whole(node, few):
    scene = node()
    with association(scene.node) as assoc:
        assert assoc.send_c_store(dcmread(few[0])).Status == 0
        wire = assoc.dul.socket.socket
        header = struct.pack(">BBLLBB", 4, 0, 5000, 4996, assoc.accepted_contexts[0].context_id, 3)
        wire.sendall(header + bytes(200))  # of 5000 bytes
        wire.shutdown(socket.SHUT_RDWR)
    assert scene.send(few[1:]) == [0, 0]
    scene.complete()
    assert len(scene.searchers.searched) == 1
    assert len(list(scene.searchers.searched[0].images.iterdir())) == 3


def fill(file: Path) -> None:
    """Write until the disk is full."""
    with file.open("wb", buffering=0) as stream, suppress(OSError):
        while True:
            stream.write(bytes(256))


@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="platform: only root mounts a disk of its own, on Linux"
)
def test_a_full_disk_is_out_of_resources_and_nothing_is_lost(archive, tmp_path, few):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=True)
    try:
        no_reserve = Limits(free_bytes=-1 << 30)  # else the node would not even try
        scene = Scene(settings_for(disk / "node", archive, limits=no_reserve), archive, pretended)
        try:
            assert scene.send(few[:1]) == [0]
            filler = disk / "filler"
            fill(filler)
            assert scene.send(few[1:]) == [0xA700] * 2
            filler.unlink()
            assert scene.send(few[1:]) == [0] * 2
            scene.complete()
        finally:
            scene.stop()
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def test_an_image_is_on_the_disk_before_its_sender_is_told(node, few, monkeypatch):
    synced = []
    fsync = os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda handle: (synced.append(os.readlink(f"/proc/self/fd/{handle}")), fsync(handle))
    )
    scene = node()
    assert scene.send(few[:1]) == [0]
    images = scene.settings.folder / "images"
    (study,) = images.glob("study-*")
    assert [Path(one).parent.name for one in synced] == [".drafts", scene.settings.folder.name, "images"]
    assert synced[1:] == [str(images), str(study)]
    with closing(sqlite3.connect(scene.settings.folder / "jobs.sqlite")) as jobs:
        assert jobs.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert scene.node.jobs._db.ask("PRAGMA synchronous")[0][0] == 2  # FULL


# its folder


def test_jobs_that_are_damaged_while_it_runs_stop_the_node(node, monkeypatch):
    scene = node()

    def damaged(*_):
        raise sqlite3.DatabaseError("database disk image is malformed")

    monkeypatch.setattr(scene.node.jobs, "begin_searches", damaged)
    with pytest.raises(MachineError, match="are damaged"):
        scene.node.wait(60)


def test_two_nodes_do_not_share_a_folder(node):
    node()
    with pytest.raises(MachineError, match="Another node works in"):
        node()


# its page


def test_the_page_shows_what_others_sent_as_text(node, few):
    scene = node(lambda job: Outcome(error="Series <script>alert(1)</script> & more", hint="<b>Do</b>."))
    scene.send(few)
    scene.complete(FAILED)
    status, text, headers = scene.get()
    assert status == 200
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in text
    assert "<script" not in text
    assert "<b>Do" not in text
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//""", text)


def test_the_page_links_to_reports_and_to_nothing_else(node, few):
    scene = node()
    scene.send(few)
    scene.complete()
    (link,) = re.findall(r'href="(/reports/[^"]+)"', scene.get()[1])
    assert scene.get(link)[:2] == (200, "<!DOCTYPE html><title>made up</title>")
    for path in ("/reports/../jobs.sqlite", "/reports/study-000000000000", "/jobs.sqlite", "/images", f"{link}/.."):
        assert scene.get(path)[0] == 404
    assert scene.get(Host="evil.example")[0] == 403
    assert scene.get(Host="localhost:1")[0] == 200


def test_prometheus_reads_the_numbers(node, few):
    from prometheus_client.parser import text_string_to_metric_families

    scene = node()
    scene.send(few)
    scene.complete()
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(scene.get("/metrics")[1])
        for sample in family.samples
    }
    assert found["cmb_node_studies", DONE] == 1
    assert found["cmb_node_studies", RECEIVING] == 0
    assert found["cmb_node_images_received_total",] == 3
    assert found["cmb_node_searches_total", "found"] == 1
    assert found["cmb_node_results_sent_total", str(scene.archive.peer)] == 3
    assert found["cmb_node_search_seconds_count",] == 1
