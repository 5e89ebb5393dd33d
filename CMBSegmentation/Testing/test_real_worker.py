"""From a node in the scene, through the real worker and ONNX Runtime, to segments, table and points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
import slicer.util
from dark_spots import ball_brain, only
from dicom_series import write_series
from oblique_scan import LESION_PEAKS, SPACING_MM, oblique_ijk_to_ras, probability_blobs
from test_dicom_out import as_stored

from CMBCommand import cli
from CMBSegmentationLib.reading.scan import read_scan
from CMBSegmentationLib.reading.scan_identity import identity_of
from CMBSegmentationLib.results.read_back import read_result_folder
from CMBSegmentationLib.scene import lesion_rows, list_of
from CMBSegmentationLib.scene.names import ORIGIN_ATTRIBUTE
from CMBSegmentationLib.scene.origin import Origin, keep_origin
from CMBSegmentationLib.scene.volumes import geometry_of
from CMBSegmentationLib.session import DetectionSession, State
from CMBSegmentationLib.worker.process import Subprocess


@pytest.fixture
def a_head(a_scene):
    """An oblique head, grey outside, with balls of signal void."""
    shape = (30, 64, 68)
    index = np.indices(shape).transpose(1, 2, 3, 0)
    middle = (np.array(shape) - 1) / 2
    inside = np.linalg.norm((index - middle) / (middle - 3), axis=-1) < 1
    noise = np.random.default_rng(3).normal(0, 8, shape)
    voxels = np.where(inside, 600, 400) + noise
    shift = (5, 10, 10)  # brings the lesions to the middle
    blobs = np.zeros(shape, bool)
    blobs[tuple(slice(s, s + n) for s, n in zip(shift, probability_blobs().shape, strict=True))] = (
        probability_blobs() > 0
    )
    voxels[blobs & inside] = 0
    node = slicer.util.addVolumeFromArray(voxels.astype(np.int16), ijkToRAS=oblique_ijk_to_ras(), name="head")
    true = [(oblique_ijk_to_ras() @ [i + 10, j + 10, k + 5, 1])[:3] for k, j, i in LESION_PEAKS]
    return node, true


def test_a_scan_in_the_scene_is_searched_and_its_lesions_come_back_where_they_are(a_scene, a_head, dark_model):
    scan, true = a_head
    session = DetectionSession(a_scene)
    session.set_parameters(model=str(dark_model), device="cpu")
    fractions = []
    session.status_changed.connect(lambda status: fractions.append(status.fraction))
    session.start(scan)
    status = session.wait()

    assert status.state is State.DONE, status.message
    assert fractions == sorted(fractions)
    found = [row for row in lesion_rows(session.results.table) if row["status"] == "kept"]
    assert len(found) == len(true)
    for row in found:
        position = (row["r_mm"], row["a_mm"], row["s_mm"])
        assert min(np.linalg.norm(np.subtract(position, at)) for at in true) < min(SPACING_MM)
    segmentation = session.results.segmentation.GetSegmentation()
    assert segmentation.GetNumberOfSegments() == len(true)


def test_a_dicom_scan_searched_in_the_scene_has_the_name_that_the_shell_gives_it(a_scene, dark_model, tmp_path):
    study = tmp_path / "study"
    write_series(study, as_stored(ball_brain(spacing=(1.5, 1.5, 2.0))[0]))
    assert cli.main(["detect", str(study), "-o", str(tmp_path / "out"), *only(dark_model)]) == 0
    by_shell = read_result_folder(tmp_path / "out").stored.search.scan

    opened = read_scan(study)
    place = geometry_of(opened.image)
    node = slicer.util.addVolumeFromArray(sitk.GetArrayFromImage(opened.image), ijkToRAS=place, name="study")
    keep_origin(node, Origin("study", identity_of(opened)))
    session = DetectionSession(a_scene)
    session.set_parameters(model=str(dark_model), device="cpu")
    session.start(node)
    assert session.wait().state is State.DONE, session.status.message
    assert list_of(session.results).search.scan == by_shell
    assert (by_shell.file, by_shell.series_uid) == ("study", pydicom.dcmread(next(study.iterdir())).SeriesInstanceUID)
    assert "id-4711" not in (node.GetAttribute(ORIGIN_ATTRIBUTE) or "")


def test_a_cancelled_search_leaves_no_process_and_no_files(a_scene, a_head, dark_model):
    started = []

    def run(command, environment):
        started.append((command, Subprocess(command, environment)))
        return started[-1][1]

    session = DetectionSession(a_scene, runner=run)
    session.set_parameters(model=str(dark_model), device="cpu")
    session.start(a_head[0])
    command, process = started[0]
    while session.status.message == "Starting the detector":
        process.wait(1)
        session.poll()
    session.cancel()
    while process.exit_code() is None:
        process.wait(0.1)
    assert session.status.state is State.CANCELLED
    assert not Path(command[3]).parent.exists()
    assert session.results is None


def test_a_scan_that_the_worker_refuses_is_told_in_its_words(a_scene, dark_model):
    flat = slicer.util.addVolumeFromArray(np.full((20, 40, 40), 7, np.int16), name="flat")
    session = DetectionSession(a_scene)
    session.set_parameters(model=str(dark_model), device="cpu")
    session.start(flat)
    status = session.wait()
    assert status.state is State.FAILED
    assert "same everywhere" in status.error.message


def test_a_model_that_does_not_exist_is_told(a_scene, a_head):
    session = DetectionSession(a_scene)
    session.set_parameters(model="/no/such/model.onnx")
    session.start(a_head[0])
    status = session.wait()
    assert status.state is State.FAILED
    assert "no model" in status.error.message
