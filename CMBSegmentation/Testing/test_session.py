"""A detection as a user interface sees it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pydicom
import pytest
import slicer
import slicer.util
from detection_sessions import a_session, a_worker, nothing_is_left
from dicom_series import write_series
from oblique_scan import LESION_PEAKS, scan_voxels

from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.reading.scan_identity import ScanName
from CMBSegmentationLib.scene import candidates_of, find_results, lesion_rows, load_results
from CMBSegmentationLib.scene.origin import origin_of
from CMBSegmentationLib.session import State

__all__ = ["a_session", "a_worker"]


# the call


def test_the_worker_is_called_on_the_exported_scan(a_session, a_worker, a_scan):
    a_session.start(a_scan)
    assert a_worker.command[:3] == ["the-python", "-m", "CMBSegmentationLib.worker"]
    assert a_worker.scan.name == "sub-01_swi.nrrd"
    assert a_worker.scan.exists()
    assert "--save-probability" in a_worker.command
    assert a_worker.out.parent == a_worker.scan.parent


def test_what_the_user_did_not_choose_is_left_to_the_model(a_session, a_worker, a_scan):
    a_session.start(a_scan)
    assert not {"--threshold", "--overlap", "--model"} & set(a_worker.command)
    assert a_worker.command[-4:-1] == ["--device", "auto", "--origin"]


def test_what_the_user_chose_is_handed_on(a_session, a_worker, a_scan):
    a_session.set_parameters(model="/my model.onnx", threshold=0.3, overlap=0.0, device="cpu")
    a_session.start(a_scan)
    options = a_worker.command[a_worker.command.index("--save-probability") + 1 :]
    chosen = dict(zip(options[::2], options[1::2], strict=True))
    assert json.loads(chosen.pop("--origin"))["file"] == "sub-01 swi"
    assert chosen == {"--model": "/my model.onnx", "--threshold": "0.3", "--overlap": "0.0", "--device": "cpu"}


def test_the_worker_is_told_which_series_slicer_has_read(a_session, a_worker, a_scan, tmp_path, monkeypatch):
    write_series(tmp_path / "study")
    file = next((tmp_path / "study").iterdir())
    stored = pydicom.dcmread(file, stop_before_pixels=True)
    database = SimpleNamespace(fileForInstance={stored.SOPInstanceUID: str(file)}.get)
    monkeypatch.setattr(slicer, "dicomDatabase", database, raising=False)
    a_scan.SetAttribute("DICOM.instanceUIDs", f"{stored.SOPInstanceUID} 1.2.3")
    a_session.start(a_scan)
    told = json.loads(a_worker.command[a_worker.command.index("--origin") + 1])
    named = ScanName(
        "sub-01 swi",
        study_uid=stored.StudyInstanceUID,
        series_uid=stored.SeriesInstanceUID,
        series_number="1",
        series_description="series 1",
        study_date="2026-01-02",
    )
    assert told == asdict(named)
    whose = origin_of(a_scan).identity
    assert (whose.patient, whose.subject, whose.date) == (stored.PatientID, "", "2026-01-02")


def test_the_worker_can_import_the_package(a_session, a_worker, a_scan):
    a_session.start(a_scan)
    first = Path(a_worker.environment["PYTHONPATH"].split(os.pathsep)[0])
    assert (first / "CMBSegmentationLib" / "worker" / "__main__.py").exists()


# from start to end


def test_a_detection_goes_from_idle_over_running_to_done(a_session, a_worker, a_scan):
    told = []
    a_session.status_changed.connect(lambda status: told.append((status.state, status.fraction, status.message)))
    assert a_session.status.state is State.IDLE
    a_session.start(a_scan)
    a_worker.says(event="progress", fraction=0.4, message="Searching, patch 8 of 20")
    a_session.poll()
    a_worker.finds_the_lesions()
    a_session.poll()
    assert told == [
        (State.RUNNING, 0.0, "Starting the detector"),
        (State.RUNNING, 0.4, "Searching, patch 8 of 20"),
        (State.DONE, 1.0, "sub-01 swi: 3 microbleeds, 1 candidate dropped."),
    ]
    assert not a_session.is_running


def test_when_it_is_done_the_results_are_in_the_scene_and_nothing_is_left_on_disk(a_session, a_worker, a_scan):
    told = []
    a_session.start(a_scan)
    a_session.results_changed.connect(told.append)
    a_worker.finds_the_lesions()
    a_session.poll()
    assert told == [find_results(a_scan)]
    assert a_session.results == told[0]
    assert sum(row["status"] == "kept" for row in lesion_rows(a_session.results.table)) == 3
    assert nothing_is_left(a_worker)


def test_a_second_detection_replaces_the_first(a_scene, a_session, a_worker, a_scan):
    results, nodes = [], []
    for threshold in (0.5, 0.8):
        a_worker.code = None
        a_session.start(a_scan)
        a_worker.finds_the_lesions(threshold)
        a_session.poll()
        results.append(a_session.results)
        nodes.append(a_scene.GetNumberOfNodes())
    assert results[0] == results[1]
    assert nodes[0] == nodes[1]
    assert results[1].points.GetNumberOfControlPoints() == 2


def test_the_user_hears_that_a_transform_was_applied(a_scene, a_session, a_scan):
    transform = a_scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "to atlas")
    a_scan.SetAndObserveTransformNodeID(transform.GetID())
    a_session.start(a_scan)
    assert "to atlas" in a_session.status.notes[0]


def test_the_user_hears_that_the_scan_is_called_phase(a_session, a_worker, a_scan):
    a_scan.SetName("SWI_phase")
    a_session.start(a_scan)
    a_worker.finds_the_lesions()
    a_session.poll()
    assert "SWI_phase is phase, by its name. Choose the magnitude" in a_session.status.notes[0]


def test_the_user_hears_what_was_repaired_in_the_scan(a_session, a_worker, a_scan):
    voxels = scan_voxels().astype(np.float32)
    voxels[0, 0, :5] = np.nan
    slicer.util.updateVolumeFromArray(a_scan, voxels)
    a_session.start(a_scan)
    a_worker.finds_the_lesions()
    a_session.poll()
    assert "5 of" in a_session.status.notes[0]
    candidates = candidates_of(a_session.results).at(0.2)
    assert len(candidates) == len(LESION_PEAKS)
    assert all(one.lesion.contrast > 0.5 for one in candidates)


def test_polling_without_a_worker_does_nothing(a_session):
    a_session.poll()
    a_session.cancel()
    assert a_session.status.state is State.IDLE


def test_only_one_detection_runs_at_a_time(a_session, a_scan):
    a_session.start(a_scan)
    with pytest.raises(InputError, match="is running"):
        a_session.start(a_scan)
    assert a_session.is_running


def test_results_of_another_scan_that_was_chosen_meanwhile_are_not_shown_as_its_own(a_session, a_worker, a_scan):
    other = slicer.util.addVolumeFromArray(scan_voxels(), name="other")
    a_session.start(a_scan)
    a_session.set_parameters(scan_node_id=other.GetID())
    told = []
    a_session.results_changed.connect(told.append)
    a_worker.finds_the_lesions()
    a_session.poll()
    assert told == []
    assert a_session.results is None
    assert find_results(a_scan) is not None


# parameters and signals


def test_changed_parameters_are_told_once(a_session):
    told = []
    a_session.parameters_changed.connect(told.append)
    a_session.set_parameters(threshold=0.4)
    a_session.set_parameters(threshold=0.4)
    assert [parameters.threshold for parameters in told] == [0.4]


def test_choosing_a_scan_shows_the_results_it_has(a_session, a_scan, a_result_folder):
    nodes = load_results(a_result_folder, a_scan)
    told = []
    a_session.results_changed.connect(told.append)
    a_session.set_parameters(scan_node_id=a_scan.GetID())
    a_session.set_parameters(scan_node_id=None)
    assert told == [nodes, None]


def test_who_disconnected_hears_nothing(a_session):
    told = []
    a_session.parameters_changed.connect(told.append)
    a_session.parameters_changed.disconnect(told.append)
    a_session.set_parameters(threshold=0.4)
    assert told == []
