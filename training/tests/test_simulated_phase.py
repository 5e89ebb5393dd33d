"""The simulator's phase images: the scan stays as it was, and blood and calcium have opposite signs."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from test_calibrated_simulator import head_labels

import synthesize
from cmbtraining.synthesis import calcifications
from cmbtraining.synthesis.calcifications import Rates
from cmbtraining.synthesis.contrast import Sequence
from cmbtraining.synthesis.grid import Grid
from cmbtraining.synthesis.lesions import Change, Lesion
from cmbtraining.synthesis.phase import VENDORS, Receiver, beyond, draw_receiver
from cmbtraining.synthesis.realism import CALIBRATED
from cmbtraining.synthesis.scan import simulate

B0 = np.array([0.0, 0.0, 1.0])
WITHOUT_PHASE = "c97f976a322d655f1e0d"  # of the scan below, before there was phase


@pytest.fixture(scope="module")
def label_map(tmp_path_factory):
    path = tmp_path_factory.mktemp("labels") / "head.nii.gz"
    sitk.WriteImage(sitk.GetImageFromArray(head_labels()), str(path))
    return path


@pytest.fixture(scope="module")
def scan(label_map):
    return simulate(label_map, 5, protocol="alfa", realism=CALIBRATED, lesions=5, phase_echoes=2)


@pytest.fixture(scope="module")
def calcified(label_map):
    """A folder and subject with a calcified pineal gland, as the command writes it with two echoes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calcifications.draw_calcifications, "__defaults__", (Rates(pineal=1.0, cavernoma=1.0),))
        job = synthesize.plan([label_map], ["alfa"], 1, 5, label_map.parent, "valdo")[0]
        synthesize.run(replace(job, phase_echoes=2))
    return label_map.parent / job.subject, job.subject


def test_phase_leaves_the_scan_as_it_was(scan):
    digest = hashlib.sha256()
    for image in (scan.image, scan.mask, scan.mimics):
        digest.update(sitk.GetArrayFromImage(image).tobytes())
    settings = {key: value for key, value in scan.settings.items() if key != "phase"}
    settings["label_map"] = "head.nii.gz"
    digest.update(json.dumps([scan.lesions, settings]).encode())
    assert digest.hexdigest()[:20] == WITHOUT_PHASE


def test_the_truth_knows_calcium_by_its_negative_moment(calcified):
    folder, subject = calcified
    bodies = json.loads((folder / f"{subject}_truth.json").read_text())["substances"]
    assert {body["kind"] for body in bodies} == {"calcification", "cavernoma"}
    for body in bodies:
        assert (body["moment_ppm_mm3"] < 0) == (body["substance"] == "calcium") == (body["kind"] == "calcification")


def test_every_echo_has_phase_on_the_scans_grid_in_the_vendors_range(scan):
    low, high = scan.settings["phase"]["range"]
    assert [round(echo.te_ms, 2) for echo in scan.echoes] == scan.settings["phase"]["te_ms"]
    assert scan.echoes[1].te_ms == pytest.approx(scan.settings["te_ms"], abs=0.01)
    for echo in scan.echoes:
        values = sitk.GetArrayFromImage(echo.phase)
        assert echo.phase.GetSize() == echo.magnitude.GetSize() == scan.image.GetSize()
        assert low <= values.min() < low + 0.01 * (high - low)
        assert high - 0.01 * (high - low) < values.max() <= high
    np.testing.assert_array_equal(  # T2*: the last echo's magnitude is the scan
        sitk.GetArrayFromImage(scan.echoes[1].magnitude), sitk.GetArrayFromImage(scan.image)
    )


@pytest.mark.parametrize(("ppm", "above"), [(1.0, 1), (-1.0, -1)])
def test_beyond_its_box_a_body_has_its_dipoles_phase(ppm, above):
    grid = Grid((41, 41, 41), np.ones(3), np.zeros(3), np.eye(3))
    body = Lesion(np.full(3, 20.0), ((np.zeros(3), 1.5),), ppm)
    box = (slice(17, 24),) * 3
    nothing = np.zeros((7, 7, 7), np.complex64)
    phase = beyond([Change(box, nothing, nothing.real > 0, body, share=0.5)], grid, Sequence(3.0, 0.02, 1, 18), B0)
    assert not phase[box].any()
    on_axis = 16.05 * 0.5 * ppm / 3 * (1.5 / 6) ** 3 * 2
    assert phase[26, 20, 20] == pytest.approx(on_axis, rel=0.02)
    assert phase[20, 20, 26] == pytest.approx(-on_axis / 2, rel=0.05)
    assert np.sign(phase[26, 20, 20]) == above


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.manufacturer)
@pytest.mark.parametrize("sign", [1, -1])
def test_a_vendors_values_are_the_phase_in_its_scale_and_sign(vendor, sign):
    angles = np.linspace(-3.1, 3.1, 63).reshape(1, 7, 9)
    receiver = Receiver(vendor, sign, False, np.zeros((1, 7, 9), np.float32), np.random.default_rng(0))
    stored = receiver.stored(np.exp(1j * angles).astype(np.complex64))
    span = vendor.highest + vendor.step - vendor.lowest
    radians = (stored - vendor.lowest) * (2 * np.pi / span) - np.pi
    np.testing.assert_allclose(radians, sign * angles, atol=2 * 2 * np.pi / (span / vendor.step))


def test_only_the_phase_of_swi_may_come_high_passed():
    drawn = {
        swi: {draw_receiver((2, 3, 4), swi, np.random.default_rng(seed)).filtered for seed in range(20)}
        for swi in (False, True)
    }
    assert drawn == {False: {False}, True: {False, True}}


def test_the_command_writes_phase_and_earlier_echoes_with_sidecars(calcified):
    folder, subject = calcified
    settings = json.loads((folder / f"{subject}_truth.json").read_text())["simulation"]
    for echo, part in (("", "phase"), ("_echo-1", "phase"), ("_echo-1", "mag")):
        stem = f"{subject}{echo}_space-T2S_part-{part}_T2S"
        sidecar = json.loads((folder / f"{stem}.json").read_text())
        assert sidecar["ImageType"][2] == part[0].upper()
        assert sidecar["Manufacturer"] == settings["phase"]["manufacturer"]
        assert (folder / f"{stem}.nii.gz").exists()
