"""Studies sent again and again to a node that is killed again and again: each ends with one SEG, one SR and one PDF."""

from __future__ import annotations

import random
import sqlite3
import threading
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path

import pytest
from dark_spots import only, write_dark_voxel_model
from node_process import NodeProcess
from nodes import store, write_study
from orthanc import Orthanc, free_ports
from pydicom import dcmread
from pynetdicom import AE
from waiting import wait_until

pytestmark = pytest.mark.soak
KILLS = 20
PHASES = {  # what is waited for in the log, and how long it then takes at most until the kill, in seconds
    "receiving": ("", 3.0),
    "searching": ("search begins", 4.0),
    "searched": ("its results are to be sent", 0.3),
    "sending": (" sent to ", 0.1),
}
LONGEST_LIFE_S = 300.0


def send(port: int, files: list[Path]) -> None:
    """Send files until all are taken or the node is gone."""
    ae = AE("SCANNER")
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 20
    ae.add_requested_context("1.2.840.10008.5.1.4.1.1.4")
    assoc = ae.associate("127.0.0.1", port, ae_title="CMBNODE")
    with suppress(RuntimeError, ValueError, AttributeError):  # there is no answer
        for file in files:
            if not assoc.is_established or store(assoc, dcmread(file)) != 0:
                return
    assoc.release()


def states(folder: Path) -> Counter[str]:
    """How many studies the node has in each state."""
    with closing(sqlite3.connect(folder / "jobs.sqlite")) as jobs, suppress(sqlite3.OperationalError):
        return Counter(dict(jobs.execute("SELECT state, count(*) FROM studies GROUP BY state").fetchall()))
    return Counter()


def wait_for_phase(log: Path, begun_at: int, phase: str, chance: random.Random) -> None:
    """Wait until the node is at something, and then a moment longer."""
    word, seconds = PHASES[phase]
    wait_until(lambda: word in log.read_text()[begun_at:], LONGEST_LIFE_S)
    threading.Event().wait(chance.uniform(0.0, seconds))


def test_studies_sent_20_times_to_a_node_killed_20_times_have_one_result_of_each_kind(tmp_path):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    orthanc = Orthanc(tmp_path / "orthanc")
    (port,) = free_ports(1)
    options = ["--send-to", f"ORTHANC@127.0.0.1:{orthanc.dicom_port}", "--port", port, "--status", "127.0.0.1:0"]
    model = write_dark_voxel_model(tmp_path / "dark.onnx")
    options += ["--quiet", "1", "--keep-free-mb", "1", *only(model)]
    node = NodeProcess(tmp_path / "log.txt", tmp_path / "node", *options)
    studies: list[list[Path]] = []
    killed_at: Counter[str] = Counter()
    try:
        for kill in range(KILLS):
            studies.append(write_study(tmp_path / f"study{kill + 1}", kill + 1))  # the first is sent each time
            phase = list(PHASES)[kill % len(PHASES)]
            begun_at = len(node.log.read_text())
            senders = [
                threading.Thread(target=send, args=(port, chance.sample(one, len(one))))
                for one in (studies[0], studies[-1])
            ]
            for sender in senders:
                sender.start()
            wait_for_phase(node.log, begun_at, phase, chance)
            node.kill()
            killed_at += states(tmp_path / "node")
            for sender in senders:
                sender.join()
            node.start()
        for files in studies:
            send(port, files)
        wait_until(lambda: states(tmp_path / "node") == {"done": len(studies)}, 2 * LONGEST_LIFE_S)
        print(f"{len(studies)} studies; their states when the node was killed: {dict(killed_at)}")
        assert node.stop() == 0
        for files in studies:
            assert orthanc.modalities(dcmread(files[0]).StudyInstanceUID) == ["DOC", "SEG", "SR"]
    finally:
        node.kill()
        orthanc.stop()
