"""The node with a real archive and real senders: Orthanc, and dcmtk's storescu; the commands are the guide's."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
import yaml
from dark_spots import only, write_dark_voxel_model
from node_process import NodeProcess
from nodes import PATIENT, PDF, SEG, SR, Here, settings_for, write_study
from orthanc import Orthanc, call, referenced, stored_uids
from pydicom import dcmread
from test_dicom_out import assert_valid
from waiting import wait_until

from CMBCommand import cli
from CMBCommand.node import service
from CMBCommand.node.command import settings_from
from CMBCommand.node.searching.study import search_study

GUIDE = (Path(__file__).parents[2] / "Docs" / "node.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"^(?:cmb|echoscu|storescu) .*$", GUIDE, re.MULTILINE)
ALL = ["DOC", "SEG", "SR"]


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory):
    orthanc = Orthanc(tmp_path_factory.mktemp("archive") / "orthanc")
    yield orthanc
    orthanc.stop()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_dark_voxel_model(tmp_path_factory.mktemp("model") / "dark.onnx")


def assert_results_are_those_of(study: Path, orthanc: Orthanc, folder: Path) -> None:
    """One SEG, one SR and one PDF, valid, in the study, referring to its images and to each other."""
    files = sorted(study.glob("*.dcm"))
    first = dcmread(files[0])
    folder.mkdir()
    assert orthanc.modalities(first.StudyInstanceUID) == ALL
    found = orthanc.results(first.StudyInstanceUID, folder)
    images = stored_uids(files)
    assert referenced(found[SEG]) <= images
    assert referenced(found[SEG]) & images
    assert referenced(found[SR]) - {found[SEG].SOPInstanceUID} == images
    assert found[SEG].SOPInstanceUID in referenced(found[SR])
    assert referenced(found[PDF]) == images
    there = orthanc.ask("/tools/find", "POST", {"Level": "Instance", "Expand": True, "Query": {}})
    assert images <= {one["MainDicomTags"]["SOPInstanceUID"] for one in there}
    for one in found.values():
        assert (one.PatientID, one.PatientName) == (first.PatientID, first.PatientName)
    assert len(found[SEG].SegmentSequence) == 2
    assert found[PDF].EncapsulatedDocument.startswith(b"%PDF")
    assert_valid(*folder.glob("*.dcm"))


def test_storescu_sends_a_study_and_its_results_are_in_orthanc(orthanc, model, tmp_path):
    study = tmp_path / "study"
    files = write_study(study, 1, MRAcquisitionType="3D")
    started, echo, to_archive, to_node, _ = [shlex.split(line) for line in SHOWN]
    assert started[:2] == ["cmb", "node"]
    ours = {"/var/lib/cmb-node": tmp_path / "node", "ORTHANC@127.0.0.1:4242": f"ORTHANC@127.0.0.1:{orthanc.dicom_port}"}
    options = [ours.get(one, one) for one in started[2:]]
    quick = ["--quiet", "2", "--port", "0", "--status", "127.0.0.1:0", "--keep-free-mb", "1"]
    node = NodeProcess(tmp_path / "log.txt", *options, *quick, *only(model))
    try:
        orthanc.knows(node.port)
        theirs = {"11112": node.port, "4242": orthanc.dicom_port, "study/": study}
        for line in (echo, to_archive, to_node):
            call(*(str(theirs.get(one, one)) for one in line))
        uid = dcmread(files[0]).StudyInstanceUID
        wait_until(lambda: "dicom_pdf sent to ORTHANC@" in node.log.read_text(), 300)
        assert_results_are_those_of(study, orthanc, tmp_path / "found")

        (resource,) = orthanc.ask("/tools/find", "POST", {"Level": "Study", "Query": {"StudyInstanceUID": uid}})
        images = [one for one in orthanc.ask(f"/studies/{resource}/series") if one["MainDicomTags"]["Modality"] == "MR"]
        orthanc.ask(
            "/modalities/cmb/store", "POST", {"Resources": [one["ID"] for one in images], "StorageCommitment": True}
        )
        asked = orthanc.ask("/modalities/cmb/storage-commitment", "POST", {"Resources": [images[0]["ID"]]})
        wait_until(lambda: orthanc.ask(asked["Path"])["Status"] == "Success", 60)
    finally:
        assert node.stop() == 0
    assert orthanc.modalities(uid) == ALL  # Orthanc has sent all of it again
    log = (tmp_path / "log.txt").read_text()
    assert not [word for word in (*PATIENT, uid) if word in log]


def test_a_watched_archive_gets_results_by_stow(orthanc, model, tmp_path, monkeypatch):
    monkeypatch.setattr(service, "LOOK_S", 0.05)
    study = tmp_path / "study"
    files = write_study(study, 2, StudyDate=date.today().strftime("%Y%m%d"))
    settings = settings_for(
        tmp_path / "node", None, model, stow=(orthanc.web,), watch=orthanc.web, watch_s=0.5, quiet_s=2.0
    )
    searchers = Here(search_study)
    node = service.Node(settings, searchers)
    try:
        call("storescu", "-aec", "ORTHANC", "+sd", "127.0.0.1", str(orthanc.dicom_port), study)
        node.start()
        uid = dcmread(files[0]).StudyInstanceUID
        wait_until(lambda: node.jobs.counts()["done"] == 1, 300)
        looked = node.jobs.studies()[0]
        assert (looked.uid, looked.images, looked.late) == (uid, len(files), 0)  # its results were not taken for images
        assert len(node.jobs.studies()) == 1  # the other study is an old one
    finally:
        node.stop()
        searchers.close()
    assert_results_are_those_of(study, orthanc, tmp_path / "found")
    assert len(searchers.searched) == 1


def node_options(arguments: list[str]) -> list[str]:
    """What follows `cmb node` in a command line."""
    return arguments[arguments.index("node") + 1 :]


def test_the_guides_service_files_start_the_node(tmp_path):
    parser = cli._parser("node")
    (unit,) = re.findall(r"```ini\n(.*?)```", GUIDE, re.DOTALL)
    (compose,) = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
    (started,) = re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    services = yaml.safe_load(compose)["services"]
    watching = shlex.split(SHOWN[-1])
    for options in (node_options(shlex.split(started)), services["cmb-node"]["command"], node_options(watching)):
        settings = settings_from(parser.parse_args(["node", *options]))
        assert settings.send_to or settings.stow
    checked = tmp_path / "cmb-node.service"
    checked.write_text(re.sub(r"^ExecStart=\S+", f"ExecStart={sys.executable}", unit, flags=re.MULTILINE))
    if os.path.exists("/usr/bin/systemd-analyze"):
        done = subprocess.run(["systemd-analyze", "verify", checked], capture_output=True, text=True)
        assert "cmb-node" not in done.stderr, done.stderr
