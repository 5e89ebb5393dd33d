"""The phase of a scan in the scene: found by name or DICOM header, given to the search, its picture shown, exported."""

from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
import slicer.util
from dicom_series import write_series
from oblique_scan import SCAN_NAME, SCAN_SHAPE, oblique_ijk_to_ras, scan_voxels

from CMBSegmentationLib.errors import InputError, MachineError
from CMBSegmentationLib.reading.phase.files import paired_before
from CMBSegmentationLib.results.names import ENDINGS_PHASE
from CMBSegmentationLib.scene import check_has_field, export_phase, find_results, load_results, phase_of, show_field
from CMBSegmentationLib.session import ReviewSession
from CMBSegmentationLib.session.export_review import detection_of


def add(name, voxels=None, matrix=None):
    voxels = scan_voxels() if voxels is None else voxels
    return slicer.util.addVolumeFromArray(
        voxels, ijkToRAS=oblique_ijk_to_ras() if matrix is None else matrix, name=name
    )


@pytest.fixture
def a_result_folder_with_phase(a_result_folder):
    (labels,) = a_result_folder.glob("*-cmb_dseg.nii.gz")
    image = sitk.ReadImage(str(labels))
    values = np.random.default_rng(1).integers(-900, 900, SCAN_SHAPE).astype(np.int16)
    field = sitk.GetImageFromArray(values)
    field.CopyInformation(image)
    sitk.WriteImage(field, str(labels).replace("_desc-cmb_dseg.nii.gz", ENDINGS_PHASE["field"]))
    return a_result_folder, values


@pytest.fixture
def a_session(a_scene, a_scan, tmp_path):
    session = ReviewSession(a_scene)
    session.reading.set(folder=str(tmp_path))
    session.detection.set_parameters(scan_node_id=a_scan.GetID())
    for name in ("Red", "Green"):
        a_scene.AddNewNodeByClass("vtkMRMLSliceCompositeNode", name).SetBackgroundVolumeID(a_scan.GetID())
        a_scene.AddNewNodeByClass("vtkMRMLSliceNode", name).SetFieldOfView(48.0, 36.0, 1.0)
    yield session
    session.close()


def shown(scene):
    number = scene.GetNumberOfNodesByClass("vtkMRMLSliceCompositeNode")
    ids = {scene.GetNthNodeByClass(k, "vtkMRMLSliceCompositeNode").GetBackgroundVolumeID() for k in range(number)}
    return [scene.GetNodeByID(one) for one in ids]


def test_the_phase_of_a_scan_is_the_volume_of_its_grid_that_is_named_so(a_scan):
    assert phase_of(a_scan) is None
    elsewhere = oblique_ijk_to_ras()
    elsewhere[:3, 3] += 40
    add("sub-01 phase of another place", matrix=elsewhere)
    add("sub-01 alphabet")
    add("sub-01 phase, cropped", scan_voxels()[2:])
    assert phase_of(a_scan) is None
    other, own = add("b1 pha"), add("sub-01 Pha_Images")
    assert phase_of(a_scan) is own
    assert phase_of(other) is None
    assert phase_of(None) is None


def test_the_phase_of_a_dicom_series_is_known_by_its_header_whatever_its_name(a_scan, tmp_path, monkeypatch):
    write_series(tmp_path / "magnitude", ImageType=["ORIGINAL", "PRIMARY", "M", "NORM"])
    write_series(tmp_path / "phase", ImageType=["ORIGINAL", "PRIMARY", "P", "NORM"])
    files = {kind: next((tmp_path / kind).iterdir()) for kind in ("magnitude", "phase")}
    database = SimpleNamespace(fileForInstance=lambda instance: str(files.get(instance, "")))
    monkeypatch.setattr(slicer, "dicomDatabase", database, raising=False)
    add("5: T2* GRE").SetAttribute("DICOM.instanceUIDs", "magnitude")
    add("7: T2* GRE").SetAttribute("DICOM.instanceUIDs", "gone")
    assert phase_of(a_scan) is None
    own = add("6: T2* GRE")
    own.SetAttribute("DICOM.instanceUIDs", "phase")
    assert phase_of(a_scan) is own
    assert phase_of(own) is None
    (note,) = paired_before(export_phase(own, a_scan, tmp_path / "for the worker")).notes
    assert note == "Phase was taken from 6: T2* GRE: its DICOM header, and the scan's grid."


def test_the_local_phase_is_shown_in_place_of_the_scan_where_one_looks(
    a_session, a_scene, a_scan, a_result_folder_with_phase
):
    folder, values = a_result_folder_with_phase
    load_results(folder, a_scan)
    a_session.reopen()
    a_session.reading.set(field=True)
    (node,) = shown(a_scene)
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(node), values)
    assert node.GetDisplayNode().GetWindowLevelMin() == -600
    for number in range(2):
        assert a_scene.GetNthNodeByClass(number, "vtkMRMLSliceNode").GetFieldOfView()[:2] == (48.0, 36.0)
    a_session.reading.set(overview=True)  # one or the other
    assert not a_session.reading.parameters.field
    assert shown(a_scene) == [find_results(a_scan).probability]
    a_session.reading.set(field=True)
    assert not a_session.reading.parameters.overview
    assert shown(a_scene) == [node]
    a_session.reading.set(field=False)
    assert shown(a_scene) == [a_scan]
    show_field(find_results(a_scan), True)
    a_session.reopen()  # a scene was opened in which the local phase was shown: nobody has asked for it here
    assert shown(a_scene) == [a_scan]


def test_the_local_phase_has_its_own_grey_window_each_time_it_is_shown(a_session, a_scan, a_result_folder_with_phase):
    load_results(a_result_folder_with_phase[0], a_scan)
    a_session.reopen()
    a_session.reading.set(field=True)
    display = find_results(a_scan).field.GetDisplayNode()
    a_scan.GetDisplayNode().SetAutoWindowLevel(False)
    a_scan.GetDisplayNode().SetWindowLevelMinMax(20, 239)
    display.SetWindowLevelMinMax(-3000, 3100)  # as a drag in a view does
    a_session.reading.set(field=False)
    a_session.reading.set(field=True)
    assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == (-600, 600)
    a_session.reading.set(field=False)
    assert (a_scan.GetDisplayNode().GetWindowLevelMin(), a_scan.GetDisplayNode().GetWindowLevelMax()) == (20, 239)


def test_a_scan_without_phase_says_so(a_session, a_scene, a_scan, a_result_folder):
    with pytest.raises(InputError, match="no local phase yet"):
        a_session.reading.set(field=True)
    load_results(a_result_folder, a_scan)
    a_session.reopen()
    with pytest.raises(InputError, match="searched without phase"):
        a_session.reading.set(field=True)
    assert not a_session.reading.parameters.field
    assert shown(a_scene) == [a_scan]


def test_what_is_missing_for_the_local_phase_is_said(a_session, a_scene, a_scan, a_result_folder):
    load_results(a_result_folder, a_scan)
    a_session.reopen()
    with pytest.raises(InputError, match="Open its phase with it, and detect again"):
        a_session.reading.set(field=True)
    with pytest.raises(InputError, match="Its phase is open: detect again"):
        check_has_field(a_session.detection.results, phase_is_open=True)
    with pytest.raises(InputError, match=r"used: it is empty\. Detect again once that is mended"):
        check_has_field(a_session.detection.results, ["Phase was not used: it is empty."], phase_is_open=True)
    phase = add(f"{SCAN_NAME} phase")
    with pytest.raises(InputError, match="Choose its phase under Phase, and detect again"):
        a_session.reading.set(field=True)
    a_session.detection.set_parameters(phase=(phase.GetID(),))
    with pytest.raises(InputError, match="Its phase is open: detect again"):
        a_session.reading.set(field=True)


def test_results_without_phase_bring_the_scan_back(a_session, a_scene, a_scan, a_result_folder_with_phase):
    folder, _ = a_result_folder_with_phase
    load_results(folder, a_scan)
    a_session.reopen()
    a_session.reading.set(field=True)
    next(folder.glob(f"*{ENDINGS_PHASE['field']}")).unlink()
    load_results(folder, a_scan)
    a_session.reopen()
    assert shown(a_scene) == [a_scan]
    assert not a_session.reading.parameters.field


def test_a_review_that_is_exported_keeps_the_local_phase(a_session, a_scan, a_result_folder_with_phase):
    folder, values = a_result_folder_with_phase
    load_results(folder, a_scan)
    a_session.reopen()
    np.testing.assert_array_equal(sitk.GetArrayFromImage(detection_of(a_session.review).field), values)


def test_the_search_is_given_the_phase_that_was_chosen(a_scene, a_scan, tmp_path):
    calls = []

    def runner(command, environment):
        given = command[command.index("--phase") + 1]
        calls.append((given, sitk.GetArrayFromImage(sitk.ReadImage(given)).ravel()[:3].tolist()))
        raise OSError(2, "no worker in a test")

    phase = add("sub-01 Pha_Images", scan_voxels() + np.int16(7))
    session = ReviewSession(a_scene, runner=runner)
    session.detection.set_parameters(phase=(phase.GetID(),))
    with pytest.raises(MachineError):
        session.detection.start(a_scan)
    ((given, values),) = calls
    assert given.endswith(".nrrd")
    assert values == (scan_voxels() + 7).ravel()[:3].tolist()
    session.close()


def test_a_phase_named_like_the_scan_does_not_replace_it(a_scene, a_scan, tmp_path):
    assert export_phase(add(SCAN_NAME), a_scan, tmp_path / "phase").parent == tmp_path / "phase"


def test_the_search_is_told_the_phases_name_and_that_it_was_asked_for_only_where_a_user_chose_it(a_scan, tmp_path):
    found, chosen = add("sub-01 Pha_Images"), add("b1 pha")
    said = [paired_before(export_phase(node, a_scan, tmp_path / "phase")) for node in (found, chosen)]
    assert [one.asked for one in said] == [False, True]
    assert [one.name for one in said] == ["sub-01 Pha_Images", "b1 pha"]
    assert said[0].notes == ("Phase was taken from sub-01 Pha_Images: its name, and the scan's grid.",)
    assert said[1].notes == ("Phase was taken from b1 pha, as asked.",)
