"""`cmb bids`: called and answering as BIDS apps do; its derivatives are what the BIDS validator takes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from dark_spots import MANIFEST, only, write_dark_voxel_model
from rich.console import Console
from tsv_table import rows_of

from CMBCommand import bids, cli
from CMBSegmentationLib.batch.derivatives import IGNORED
from CMBSegmentationLib.batch.validation import errors_of, validator
from CMBSegmentationLib.vocabulary.columns import COLUMNS, MEANINGS, REVIEW_COLUMNS
from CMBSegmentationLib.vocabulary.regions import ASSIGNABLE, LOBE_UNKNOWN

pytestmark = pytest.mark.xdist_group("dask")

PAGE = Path(__file__).parents[2] / "Docs" / "bids.md"
OUT = "derivatives/slicer-cmb"
ECHOES = {1: 0.01, 2: 0.02}
SCANS = (
    "sub-01/ses-1/anat/sub-01_ses-1_run-1_T2starw",
    "sub-01/ses-1/anat/sub-01_ses-1_run-2_T2starw",
    "sub-01/ses-2/anat/sub-01_ses-2_acq-high_echo-2_part-mag_MEGRE",
    "sub-02/ses-1/swi/sub-02_ses-1_swi",
)
OTHERS = (
    "sub-01/ses-1/anat/sub-01_ses-1_run-1_part-phase_T2starw",
    "sub-01/ses-2/anat/sub-01_ses-2_acq-high_echo-1_part-mag_MEGRE",
    "sub-01/ses-2/anat/sub-01_ses-2_acq-high_echo-1_part-phase_MEGRE",
    "sub-01/ses-2/anat/sub-01_ses-2_acq-high_echo-2_part-phase_MEGRE",
    "sub-02/ses-1/swi/sub-02_ses-1_minIP",
)


def a_dataset(folder: Path, head: Path) -> Path:
    """Two participants with sessions, runs, echoes, phase and a projection; valid, but for the folder of SWI."""
    folder.mkdir(parents=True)
    about = {"Name": "Made up", "BIDSVersion": "1.11.1", "DatasetType": "raw", "DatasetDOI": "doi:10.1234/made-up"}
    (folder / "dataset_description.json").write_text(json.dumps(about))
    (folder / "README.md").write_text("Balls with dark spots.\n")
    for name in (*SCANS, *OTHERS):
        path = folder / f"{name}.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        told: dict[str, object] = {"ImagingFrequency": 127.7}
        if "part-phase" in name:
            told["Units"] = "arbitrary"
            sitk.WriteImage(a_phase(sitk.ReadImage(str(head))), str(path))
        else:
            path.symlink_to(head)
        for echo, seconds in ECHOES.items():
            if f"echo-{echo}" in name:
                told |= {"EchoTime": seconds}
        (folder / f"{name}.json").write_text(json.dumps(told))
    return folder


def a_phase(scan: sitk.Image) -> sitk.Image:
    """A ramp that wraps, in radians."""
    z, y, x = np.indices(scan.GetSize()[::-1])
    phase = sitk.GetImageFromArray(np.angle(np.exp(1j * (0.3 * x + 0.2 * y + 0.1 * z))).astype(np.float32))
    phase.CopyInformation(scan)
    return phase


@pytest.fixture(scope="module")
def app(a_cluster, a_small_head, tmp_path_factory):
    """Call the app on one dataset; gives its exit code."""
    folder = tmp_path_factory.mktemp("app")
    coarse = replace(MANIFEST, spacing_mm=(2.0, 2.0, 2.0))  # an eighth of the voxels
    model = write_dark_voxel_model(folder / "dark.onnx", coarse)
    dataset = a_dataset(folder / "dataset", a_small_head)

    def call(level: str, *options: str, out: Path = dataset / OUT, of: Path = dataset) -> int:
        search = [*only(model), "--scheduler", a_cluster] if level == "participant" else []
        return cli.main(["bids", str(of), str(out), level, *options, *search])

    call.dataset, call.model = dataset, model
    return call


@pytest.fixture(scope="module")
def derivatives(app):
    """What the commands that the page shows leave of the dataset."""
    shown = re.findall(r"^cmb bids dataset/ dataset/(\S+) (.*?)(?: +#.*)?$", PAGE.read_text(), re.MULTILINE)
    assert {out for out, _ in shown} == {OUT}
    assert [options.split()[0] for _, options in shown] == ["participant", "participant", "group"]
    for _, options in shown:
        assert app(*options.split()) == 0
    return app.dataset / OUT


def test_the_validator_finds_no_error_in_the_derivatives(derivatives, app, a_small_head, tmp_path):
    program = validator()
    assert program is not None
    one = shutil.copy(a_small_head, tmp_path / "sub-03_T2starw.nii.gz")  # with all that a search can write
    search = ["detect", str(one), "-o", str(derivatives / "sub-03" / "anat"), "--save-probability", *only(app.model)]
    assert cli.main(search) == 0
    done = subprocess.run([program, str(derivatives), "--format", "json"], capture_output=True, text=True)
    issues = json.loads(done.stdout)["issues"]["issues"]
    assert [one for one in issues if one["severity"] == "error"] == []
    warned = {(one["code"], one.get("subCode", "")) for one in issues}
    # whoever publishes them is an author; a scan that is searched by itself is of no dataset
    assert warned <= {("TOO_FEW_AUTHORS", ""), ("SIDECAR_KEY_RECOMMENDED", "Sources")}
    assert done.returncode == 0
    (derivatives / "sub-02/ses-1/anat/sub-02_ses-1_T2starw_desc-cmb_dseg.tsv").write_text("id\n1\n")
    assert any("sub-02_ses-1_T2starw_desc-cmb_dseg.tsv" in line for line in errors_of(derivatives, program))
    (derivatives / "sub-02/ses-1/anat/sub-02_ses-1_T2starw_desc-cmb_dseg.tsv").unlink()


def test_every_scan_has_segmentation_table_and_sidecar_and_only_what_bids_has_no_name_for_is_ignored(derivatives):
    stems = (
        "sub-01_ses-1_run-1_space-T2starw", "sub-01_ses-1_run-2_space-T2starw", "sub-02_ses-1_space-swi",
        "sub-01_ses-2_acq-high_echo-2_part-mag_space-MEGRE",
    )  # fmt: skip
    for stem in stems:
        folder = derivatives / stem[:6] / stem[7:12] / "anat"
        about = json.loads((folder / f"{stem}_desc-cmb_dseg.json").read_text())
        table = rows_of(folder / f"{stem}_desc-cmb_dseg.tsv")
        assert set(table[0]) <= {"index", *about}
        labels = nibabel.load(folder / f"{stem}_desc-cmb_dseg.nii.gz").get_fdata()
        assert {int(row["index"]) for row in table if row["status"] == "kept"} == set(labels[labels > 0].astype(int))
        assert {row["region"] for row in table} == {""}
        assert about["SpatialReference"].startswith("bids:raw:sub-")
        assert (derivatives / "../.." / about["SpatialReference"].removeprefix("bids:raw:")).exists()
    ignored = (derivatives / ".bidsignore").read_text().splitlines()
    assert ignored == list(IGNORED)
    assert not [pattern for pattern in ignored if any(word in pattern for word in ("dseg", "probseg", "mask", "tsv"))]


def test_the_description_names_the_dataset_and_the_program_and_no_path_of_this_machine(derivatives):
    about = json.loads((derivatives / "dataset_description.json").read_text())
    assert about["DatasetType"] == "derivative"
    assert about["BIDSVersion"] == "1.11.1"
    assert about["SourceDatasets"] == [{"URL": "../..", "DOI": "doi:10.1234/made-up"}]
    assert about["DatasetLinks"] == {"raw": "../.."}
    assert about["GeneratedBy"][0]["Name"] == "slicer-cmb"


def test_the_group_level_pools_all_scans_and_lesions_each_with_a_dictionary(derivatives):
    scans, lesions = rows_of(derivatives / "cohort.tsv"), rows_of(derivatives / "cohort_lesions.tsv")
    assert [row["scan"] for row in scans] == sorted(f"{scan}.nii.gz" for scan in SCANS)
    assert {row["microbleeds"] for row in scans} == {"2"}
    assert len([row for row in lesions if row["status"] == "kept"]) == 8
    for name, table in (("cohort", scans), ("cohort_lesions", lesions)):
        assert list(table[0]) == list(json.loads((derivatives / f"{name}.json").read_text()))


def test_phase_is_used_and_what_is_not_searched_is_said_with_its_reason(derivatives):
    of_first, of_all = sorted((derivatives / "logs").glob("*participant*"))[:2]
    assert "shorter echo" not in of_first.read_text()  # nor is anything of another session
    said = of_all.read_text()
    assert "3 images (phase that goes with its scan): sub-01_ses-1_run-1_part-phase_T2starw" in said
    assert "1 image (projection): sub-02_ses-1_minIP.nii.gz" in said
    assert "1 image (shorter echo): sub-01_ses-2_acq-high_echo-1_part-mag_MEGRE.nii.gz" in said
    assert "sub-02_ses-1_swi: 2 microbleeds" in said
    listed = next(derivatives.rglob("*run-1_space-T2starw_desc-cmb_lesions.json")).read_text()
    assert "Phase was taken from sub-01_ses-1_run-1_part-phase_T2starw.nii.gz" in listed
    assert next(derivatives.rglob("*run-1_space-T2starw_desc-cmb_localphase.nii.gz"))
    assert "Done: 4 of 4 scans" in next((derivatives / "logs").glob("*group*")).read_text()


@pytest.mark.parametrize(
    ("level", "options", "code", "said"),
    [
        ("subject", (), 17, "no level subject"),
        ("participant", ("--participant-label", "01", "07"), 18, "participant 07 can"),
        ("participant", ("--participant-label", "02", "--session-label", "2"), 18, "these sessions"),
        ("participant", ("--workers", "0"), 64, "--workers must be 1 or more"),
        (
            "participant",
            ("--skip-bids-validation", "--threshold", "0.9"),
            64,
            "another model, threshold or parcellation",
        ),
        (
            "participant",
            ("--skip-bids-validation", "--threshold", "0.9", "--overwrite", "--participant-label", "01"),
            64,
            "--overwrite with all scans",
        ),
    ],
)
def test_a_wrong_call_ends_with_the_code_of_bids_apps(app, derivatives, capsys, level, options, code, said):
    assert app(level, *options) == code
    assert said in capsys.readouterr().err


def test_folders_that_lack_something_end_with_the_code_of_bids_apps(app, tmp_path, capsys):
    assert app("participant", of=tmp_path / "none", out=tmp_path / "out") == 66
    assert app("group", out=tmp_path / "out") == 66
    assert "holds no results of a batch" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert app("participant", out=tmp_path / "file") == 73


def test_a_dataset_with_errors_is_refused_unless_validation_is_skipped_and_a_broken_scan_fails_alone(
    app, a_small_head, tmp_path, capsys
):
    dataset = a_dataset(tmp_path / "data", a_small_head)
    broken = dataset / "sub-02/ses-1/swi/sub-02_ses-1_swi.nii.gz"
    broken.unlink()
    broken.write_text("no scan")
    (dataset / "sub-01/ses-1/anat/sub-01_ses-1_T2starw_extra.nii.gz").symlink_to(a_small_head)
    call = ("participant", "--participant-label", "02")
    assert app(*call, of=dataset, out=tmp_path / "out") == 16
    assert "sub-01_ses-1_T2starw_extra.nii.gz" in capsys.readouterr().err
    assert app(*call, "--skip-bids-validation", of=dataset, out=tmp_path / "out") == 1
    assert "is not a gzip file" in capsys.readouterr().err
    assert app("group", of=dataset, out=tmp_path / "out") == 1
    assert {row["error"] != "" for row in rows_of(tmp_path / "out" / "cohort.tsv")} == {True}


def test_every_column_of_every_table_is_explained():
    assert {*COLUMNS, *REVIEW_COLUMNS} <= set(MEANINGS)
    assert all(meaning["Description"] for meaning in MEANINGS.values())


def test_runs_that_start_at_once_log_apart_and_any_error_that_ends_one_is_in_its_log(tmp_path):
    for number in (1, 2):
        with pytest.raises(ZeroDivisionError), bids._logged(tmp_path, "participant", Console(stderr=True)):
            raise ZeroDivisionError(f"run {number}")
    texts = [path.read_text(encoding="utf-8") for path in sorted((tmp_path / "logs").iterdir())]
    ended = [re.findall("CRITICAL Unexpected: ZeroDivisionError: (run .)", text) for text in texts]
    assert ended == [["run 1"], ["run 2"]], texts


def test_every_region_that_a_lesion_can_have_is_explained():
    assert set(MEANINGS["region"]["Levels"]) == set(ASSIGNABLE)
    assert LOBE_UNKNOWN in MEANINGS["lobar"]["Description"]
