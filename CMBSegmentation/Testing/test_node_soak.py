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
from nodes import write_study
from orthanc import Orthanc, free_ports
from pydicom import dcmread
from pynetdicom import AE
from waiting import wait_until

pytestmark = pytest.mark.soak
KILLS, STUDIES = 20, 4
LONGEST_LIFE_S = (
    15.0  # a node of one worker starts in two seconds and searches such a study in three, on an idle machine
)


def send(port: int, files: list[Path]) -> None:
    """Send files until all are taken or the node is gone."""
    ae = AE("SCANNER")
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 20
    ae.add_requested_context("1.2.840.10008.5.1.4.1.1.4")
    assoc = ae.associate("127.0.0.1", port, ae_title="CMBNODE")
    with suppress(RuntimeError, ValueError):
        for file in files:
            if not assoc.is_established or assoc.send_c_store(dcmread(file)).get("Status") != 0:
                return
    assoc.release()


def states(folder: Path) -> Counter[str]:
    """What the node was at when it was killed."""
    with closing(sqlite3.connect(folder / "jobs.sqlite")) as jobs, suppress(sqlite3.OperationalError):
        return Counter(dict(jobs.execute("SELECT state, count(*) FROM studies GROUP BY state").fetchall()))
    return Counter()


def test_a_study_sent_20_times_to_a_node_killed_20_times_has_one_result_of_each_kind(tmp_path):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    orthanc = Orthanc(tmp_path / "orthanc")
    studies = [write_study(tmp_path / f"study{number}", number) for number in range(1, STUDIES + 1)]
    (port,) = free_ports(1)
    options = ["--send-to", f"ORTHANC@127.0.0.1:{orthanc.dicom_port}", "--port", port, "--status", "127.0.0.1:0"]
    model = write_dark_voxel_model(tmp_path / "dark.onnx")
    options += ["--quiet", "1", "--keep-free-mb", "1", *only(model)]
    killed_at: Counter[str] = Counter()
    node = NodeProcess(tmp_path / "log.txt", tmp_path / "node", *options)
    try:
        for kill in range(KILLS):
            senders = [
                threading.Thread(target=send, args=(port, chance.sample(files, len(files))))
                for files in studies[: 1 + kill * STUDIES // KILLS]
            ]
            for sender in senders:
                sender.start()
            threading.Event().wait(chance.uniform(0.0, LONGEST_LIFE_S))
            node.kill()
            for sender in senders:
                sender.join()
            killed_at += states(tmp_path / "node")
            node.start()
        for files in studies:
            send(port, files)
        wait_until(lambda: states(tmp_path / "node")["done"] == STUDIES, 600)
        print(f"states of studies when the node was killed: {dict(killed_at)}")
        assert node.stop() == 0
        for files in studies:
            assert orthanc.modalities(dcmread(files[0]).StudyInstanceUID) == ["DOC", "SEG", "SR"]
        assert states(tmp_path / "node") == {"done": STUDIES}
    finally:
        node.kill()
        orthanc.stop()
