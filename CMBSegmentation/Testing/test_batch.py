"""A whole dataset: every scan is searched once, what fails is explained, and a second start does only the rest."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import SimpleITK as sitk
from counted_jobs import counted
from dark_spots import MANIFEST, ball_brain, only, write_dark_voxel_model
from rich.console import Console
from rich.progress import Progress
from waiting import wait_until

from CMBCommand import cli
from CMBCommand.batch import ScansDone, _about
from CMBSegmentationLib.batch.bids import BidsScan, dataset_name, find_scans, left_out
from CMBSegmentationLib.batch.cluster import run_jobs, workers
from CMBSegmentationLib.batch.cohort import _sizes
from CMBSegmentationLib.batch.jobs import Job, Row, do_scan, earlier_row
from CMBSegmentationLib.detecting.detect import Settings
from CMBSegmentationLib.detecting.lesions import Lesion
from CMBSegmentationLib.errors import InputError, MachineError
from CMBSegmentationLib.models.hardware import open_session
from CMBSegmentationLib.models.loaded_models import StageChoice, Stages, load_stages

RESULT = "_desc-cmb_lesions.json"

pytestmark = pytest.mark.xdist_group("dask")


@pytest.fixture(scope="module")
def a_small_head(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("head") / "head.nii.gz"
    sitk.WriteImage(ball_brain(spacing=(2.0, 2.0, 2.0))[0], str(path))
    return path


def make_dataset(folder: Path, head: Path, subjects: int) -> Path:
    """Scans in every place and form that BIDS has for them, and others that are none."""
    (folder / "derivatives").mkdir(parents=True)
    (folder / "dataset_description.json").write_text('{"Name": "made up", "BIDSVersion": "1.9.0"}')
    forms = ("anat/sub-{}_T2starw", "swi/sub-{}_part-mag_swi", "ses-1/anat/sub-{}_ses-1_GRE", "ses-1/swi/sub-{}_swi")
    for number in range(1, subjects + 1):
        label = f"{number:03d}"
        scan = folder / f"sub-{label}" / (forms[number % 4].format(label) + ".nii.gz")
        scan.parent.mkdir(parents=True)
        scan.symlink_to(head)
        (scan.parent / f"sub-{label}_T1w.nii.gz").write_text("no T2*")
    return folder


def broken(dataset: Path) -> Path:
    """Break the second and the last scan."""
    scans = find_scans(dataset)
    for scan, content in ((scans[1], b""), (scans[-1], b"no scan")):
        scan.path.unlink()
        scan.path.write_bytes(content)
    return dataset


@pytest.fixture
def batch(dark_model, tmp_path, capsys):
    """Call the command on processes of its own; gives its exit code, what it printed and what it said on the side."""

    def call(dataset: Path, *options: str) -> tuple[int, str, str]:
        code = cli.main(["batch", str(dataset), str(tmp_path / "out"), *only(dark_model), *options])
        said = capsys.readouterr()
        return code, said.out, said.err.replace("\n", " ")

    return call


@pytest.fixture(scope="module")
def a_cluster() -> Iterator[str]:
    """The address of a scheduler with one worker, for all tests that kill neither."""
    from dask.distributed import LocalCluster

    apart = {"CMB_READING_APART": "1"}  # as in this process, see the conftest.py of all tests
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0", env=apart) as cluster:
        yield cluster.scheduler_address


@pytest.fixture
def batch_on_cluster(batch, a_cluster):
    """`batch` on `a_cluster`, which is there already."""
    return lambda dataset, *options: batch(dataset, "--scheduler", a_cluster, *options)


def results(out: Path) -> dict[str, float]:
    # a folder that is being written has a name with a dot, and may be gone before it is looked into
    done = [p for way in ("*/[!.]*", "*/*/[!.]*") for p in out.glob(f"{way}/*{RESULT}")]
    return {p.name: p.stat().st_mtime for p in done}


def results_files(out: Path) -> list[Path]:
    return sorted(out.rglob(f"*{RESULT}"))


@pytest.fixture
def last_takes_long(dark_model, tmp_path, a_small_head):
    """Have a model that looks at every place: three tiny scans take it a second each, the fourth half a minute.

    Gives the dataset and its last scan.
    """
    write_dark_voxel_model(dark_model, replace(MANIFEST, patch_size=(8, 8, 8), overlap=0.875), (8, 8, 8))
    tiny = sitk.ReadImage(str(a_small_head))
    tiny.SetSpacing([0.3 * s for s in tiny.GetSpacing()])
    sitk.WriteImage(tiny, str(tmp_path / "tiny.nii.gz"))
    dataset = make_dataset(tmp_path / "data", tmp_path / "tiny.nii.gz", 4)
    last = find_scans(dataset)[-1].path
    last.unlink()
    last.symlink_to(a_small_head)
    return dataset, last


def made_tiny(last: Path, folder: Path) -> None:
    """Have the scan that took long be like the others."""
    last.unlink()
    last.symlink_to(folder / "tiny.nii.gz")


def records(out: Path) -> list[Path]:
    try:
        return [path for path in out.rglob("*_desc-cmb_files.json") if not path.name.startswith(".")]
    except FileNotFoundError:  # a draft went while it was listed
        return records(out)


# BIDS


def test_every_place_for_a_t2star_or_swi_scan_is_known_and_nothing_else(tmp_path, a_small_head):
    dataset = make_dataset(tmp_path / "data", a_small_head, 4)
    for extra in ("sub-001/swi/sub-001_part-phase_swi", "sub-001/anat/sub-001_desc-x_swi", "derivatives/sub-9_swi"):
        path = dataset / f"{extra}.nii.gz"
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text("")
    scans = find_scans(dataset)
    assert [(s.subject, s.session, s.stem) for s in scans] == [
        ("001", "", "sub-001_part-mag_swi"),
        ("002", "1", "sub-002_ses-1_GRE"),
        ("003", "1", "sub-003_swi"),
        ("004", "", "sub-004_T2starw"),
    ]
    assert scans[1].folder == Path("sub-002/ses-1/anat")


def files(dataset: Path, *names: str) -> Path:
    for name in names:
        path = dataset / name[:6] / "anat" / f"{name}.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    return dataset


@pytest.mark.parametrize(
    ("names", "taken"),
    [
        (["sub-01_echo-1_part-mag_MEGRE", "sub-01_echo-2_part-mag_MEGRE", "sub-01_echo-2_part-phase_MEGRE"], [1]),
        (["sub-01_T2star"], [0]),
        (["sub-01_T2starmap"], []),
        (["sub-01_echo-2_T2starw", "sub-01_echo-10_T2starw", "sub-01_echo-9_T2starw"], [1]),
        (["sub-01_run-1_echo-1_T2starw", "sub-01_run-2_echo-1_T2starw"], [0, 1]),
        (
            ["sub-01_swi", "sub-01_acq-mIP_swi", "sub-01_rec-mIP_swi", "sub-01_acq-pha_swi", "sub-01_rec-minIP10_swi"],
            [0],
        ),
        (["sub-01_acq-minTE_swi", "sub-01_acq-SWImIP_swi", "sub-01_rec-phaseMap_swi", "sub-01_acq-SWIphase_swi"], [0]),
        (["sub-01_acq-highres_swi", "sub-01_acq-qsm_swi", "sub-01_part-real_swi"], [0]),
        (["sub-01_T2starw", "sub-01_swi"], [0, 1]),
    ],
)
def test_of_an_acquisition_one_magnitude_is_taken_and_the_others_are_named(tmp_path, names, taken):
    dataset = files(tmp_path, *names, "sub-02_swi")
    scans = find_scans(dataset)
    assert {scan.stem for scan in scans} == {*(names[k] for k in taken), "sub-02_swi"}
    expected = {name for k, name in enumerate(names) if k not in taken and not name.endswith("map")}
    assert {name.removesuffix(".nii.gz") for name in left_out(dataset, scans)} == expected


def test_the_longest_echo_is_told_by_the_echo_time_where_that_is_known(tmp_path):
    dataset = files(tmp_path, "sub-01_echo-1_T2starw", "sub-01_echo-2_T2starw")
    for echo, seconds in ((1, 0.03), (2, 0.01)):
        (tmp_path / "sub-01" / "anat" / f"sub-01_echo-{echo}_T2starw.json").write_text(f'{{"EchoTime": {seconds}}}')
    assert find_scans(dataset)[0].stem == "sub-01_echo-1_T2starw"


@pytest.mark.parametrize(
    ("folders", "reason"), [(None, "not a folder"), (["x"], "not a BIDS dataset"), (["sub-1/anat"], "no T2")]
)
def test_a_folder_that_is_no_dataset_is_refused(tmp_path, folders, reason):
    for folder in folders or []:
        (tmp_path / "data" / folder).mkdir(parents=True)
    with pytest.raises(InputError, match=reason):
        find_scans(tmp_path / "data")


# The whole command


def test_four_of_six_scans_are_done_and_two_failures_are_explained(batch, tmp_path, a_small_head):
    dataset = broken(make_dataset(tmp_path / "data", a_small_head, 6))
    code, out, said = batch(dataset, "--workers", "2")
    assert code == 2
    assert "Done: 4 of 6 scans" in out
    with (tmp_path / "out" / "cohort.csv").open() as stream:
        table = list(csv.DictReader(stream))
    assert len(table) == 6
    failed = [row for row in table if row["error"]]
    assert {row["lobar"] + row["definite"] + row["possible"] for row in table} == {""}  # not assessed, not read
    with (tmp_path / "out" / "cohort_lesions.csv").open() as stream:
        lesions = list(csv.DictReader(stream))
    counted_ones = [row["scan"] for row in lesions if row["status"] == "kept"]
    assert sorted(counted_ones) == sorted(2 * [row["scan"] for row in table if not row["error"]])
    assert all(float(row["diameter_mm"]) > 0 for row in lesions)
    assert [row["microbleeds"] for row in table if not row["error"]] == ["2"] * 4
    assert len(failed) == 2
    assert "is an empty file" in failed[0]["error"]
    assert "is not a gzip file" in failed[1]["error"]
    assert all(row["hint"] for row in failed)
    assert "is an empty file" in said
    description = json.loads((tmp_path / "out" / "dataset_description.json").read_text())
    assert description["DatasetType"] == "derivative"
    page = (tmp_path / "out" / "cohort.html").read_text(encoding="utf-8")
    assert page.count("data:image/png") == 4
    assert "is an empty file" in page
    assert "http" not in page.replace("http://www.w3.org", "")
    assert "Searched by dark-voxels 1 at threshold 0.5, as of 20" in page
    assert "Regions were not assessed." in page
    reports = re.findall(r'<a href="([^"]+)"', page)
    assert len(reports) == 4
    assert all((tmp_path / "out" / report).is_file() for report in reports)


def test_a_scan_that_was_mapped_and_read_is_counted_by_group_and_by_decision():
    said = [("frontal", "accepted"), ("insula", "none"), ("thalamus", "uncertain"), ("", "none")]
    lesions = tuple(
        Lesion(number, "kept", 0, 0, 0, 14, 3, 1, 0.5, 0.9, region=region, decision=decision)
        for number, (region, decision) in enumerate([*said, ("brainstem", "rejected")], start=1)
    )
    scan = BidsScan(Path("sub-01_swi.nii.gz"), "01", "", Path("sub-01/anat"))
    cells = Row(scan, lesions).cells()
    assert [cells[name] for name in ("lobar", "deep", "infratentorial")] == [1, 1, 0]
    assert [cells[name] for name in ("definite", "possible")] == [1, 1]
    assert (cells["microbleeds"], cells["class"], cells["below_5_mm"]) == (2, "2-4", 2)


def test_an_exported_review_is_kept_and_counted_when_the_batch_is_started_again(
    batch_on_cluster, tmp_path, a_small_head
):
    dataset = make_dataset(tmp_path / "data", a_small_head, 1)
    assert batch_on_cluster(dataset)[0] == 0
    (path,) = results_files(tmp_path / "out")
    content = json.loads(path.read_text())
    for lesion, decision in zip(content["lesions"], ("accepted", "uncertain"), strict=False):
        lesion |= {"decision": decision, "mimic": "", "reader": "SI", "decided_at": "", "origin": "detected"}
    content["search"] |= {"readers": ["SI"], "reviewed_at": "2026-01-02T03:04:05+00:00"}
    path.write_text(json.dumps(content))
    before = path.read_text()
    assert batch_on_cluster(dataset)[0] == 0
    assert path.read_text() == before  # nothing that a reader did is searched over
    (row,) = csv.DictReader((tmp_path / "out" / "cohort.csv").open())
    assert (row["definite"], row["possible"]) == ("1", "1")
    assert (row["microbleeds"], row["class"]) == ("2", "2-4")
    page = (tmp_path / "out" / "cohort.html").read_text()
    assert "Reviewed, at least in part: 1 of 1 scan;" in page
    assert "<b>2</b> definite or possible" in page
    assert "Not reviewed" not in page
    assert "<b>1</b>scan<" in page


def test_the_cohort_names_the_dataset_and_the_threshold_that_was_used(tmp_path):
    (tmp_path / "dataset_description.json").write_text('{"Name": "Small vessels 2026"}')
    assert dataset_name(tmp_path) == "Small vessels 2026"
    (tmp_path / "dataset_description.json").write_text("[]")
    assert dataset_name(tmp_path) == tmp_path.name
    stages = load_stages(None, "cpu")
    assert stages.verifier.manifest.threshold != stages.detector.manifest.threshold
    assert f"at threshold {stages.verifier.manifest.threshold:g}," in _about(stages, Settings())
    assert "at threshold 0.4," in _about(stages, Settings(threshold=0.4))


def test_started_again_it_does_only_what_was_left(batch_on_cluster, tmp_path, a_small_head):
    dataset = make_dataset(tmp_path / "data", a_small_head, 4)
    assert batch_on_cluster(dataset)[0] == 0
    before = results(tmp_path / "out")
    for name in list(before)[:2]:
        next((tmp_path / "out").rglob(name)).unlink()
        del before[name]
    code, out, _ = batch_on_cluster(dataset)
    assert code == 0
    assert "Done: 4 of 4 scans, 2 of them in an earlier run" in out
    after = results(tmp_path / "out")
    assert len(after) == 4
    assert {name: after[name] for name in before} == before


@pytest.mark.skipif(os.name != "posix", reason="platform: signals are POSIX's")
def test_a_batch_that_is_killed_goes_on_where_it_was(batch_on_cluster, dark_model, tmp_path, last_takes_long):
    (dataset, last), out = last_takes_long, tmp_path / "out"
    call = [sys.executable, "-m", "CMBCommand.cli", "batch", dataset, out, *only(dark_model)]
    process = subprocess.Popen(
        [*map(str, call), "--workers", "1"], cwd=Path(cli.__file__).parents[1], stderr=subprocess.DEVNULL
    )
    wait_until(lambda: len(records(out)) == 3, 120)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 130
    before = results(out)
    assert len(before) == 3
    made_tiny(last, tmp_path)
    assert "Done: 4 of 4 scans, 3 of them in an earlier run" in batch_on_cluster(dataset)[1]
    after = results(out)
    assert len(after) == 4
    assert {name: after[name] for name in before} == before


def test_results_of_another_threshold_are_not_mixed_in(batch_on_cluster, tmp_path, a_small_head):
    dataset = make_dataset(tmp_path / "data", a_small_head, 1)
    assert batch_on_cluster(dataset)[0] == 0
    code, _, said = batch_on_cluster(dataset, "--threshold", "0.9")
    assert code == 2
    assert "another model or threshold" in said
    assert batch_on_cluster(dataset, "--threshold", "0.9", "--overwrite")[0] == 0


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "no address"])
def test_a_scheduler_that_does_not_answer_is_told(batch, tmp_path, a_small_head, monkeypatch, address):
    monkeypatch.setattr("CMBSegmentationLib.batch.cluster.CONNECT_SECONDS", 1)
    code, _, said = batch(make_dataset(tmp_path / "data", a_small_head, 1), "--scheduler", address)
    assert code == 4
    assert "does not answer" in said


def test_a_wrong_model_is_told_once_and_before_the_work(tmp_path, a_small_head, capsys):
    dataset = make_dataset(tmp_path / "data", a_small_head, 3)
    code = cli.main(["batch", str(dataset), str(tmp_path / "out"), *only(a_small_head)])
    assert code == 3
    assert capsys.readouterr().err.count("Error:") == 1


@pytest.mark.parametrize("where", ["file/out", "/proc/out"])
def test_an_output_folder_that_cannot_be_written_is_told_before_a_model_is_loaded(
    batch, tmp_path, a_small_head, monkeypatch, where
):
    def load_stages(*_: object) -> None:
        raise AssertionError("the models were loaded")

    monkeypatch.setattr("CMBCommand.batch.load_stages", load_stages)
    (tmp_path / "file").write_text("")
    dataset = make_dataset(tmp_path / "data", a_small_head, 1)
    assert cli.main(["batch", str(dataset), str(tmp_path / where)]) == 2


def test_a_subjects_folder_that_cannot_be_written_stops_only_that_scan(batch_on_cluster, tmp_path, a_small_head):
    dataset = make_dataset(tmp_path / "data", a_small_head, 3)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sub-001").write_text("in the way")
    code, out, said = batch_on_cluster(dataset)
    assert code == 2
    assert "Done: 2 of 3 scans" in out
    assert "cannot be written" in said


def test_the_dataset_itself_is_no_place_for_its_derivatives(tmp_path, a_small_head, capsys):
    dataset = make_dataset(tmp_path / "data", a_small_head, 1)
    before = (dataset / "dataset_description.json").read_text()
    assert cli.main(["batch", str(dataset), str(dataset)]) == 2
    assert "is the dataset itself" in capsys.readouterr().err
    assert (dataset / "dataset_description.json").read_text() == before


def test_settings_that_were_cut_off_are_told(batch_on_cluster, tmp_path, a_small_head):
    dataset = make_dataset(tmp_path / "data", a_small_head, 1)
    assert batch_on_cluster(dataset)[0] == 0
    (tmp_path / "out" / "batch_settings.json").write_text('{"mod')
    code, _, said = batch_on_cluster(dataset)
    assert code == 2
    assert "batch_settings.json cannot be read" in said


def hidden(out: Path) -> list[Path]:
    return [path for path in out.rglob(".*") if path.is_dir()]


@pytest.mark.skipif(sys.platform == "win32", reason="platform: Windows has no such signal and no such locks")
def test_the_draft_of_a_killed_worker_goes_with_the_next_start_and_that_of_a_living_one_stays(
    batch_on_cluster, tmp_path, a_small_head
):
    dataset = make_dataset(tmp_path / "data", a_small_head, 2)
    assert batch_on_cluster(dataset)[0] == 0
    first, second = (tmp_path / "out" / scan.folder for scan in find_scans(dataset))
    mine = first.with_name(f".{first.name}-mine")
    mine.mkdir()
    killed, alive = (a_draft_of(folder) for folder in (first, second))
    killed.kill()
    killed.wait()
    assert len(hidden(tmp_path / "out")) == 3
    assert "2 of them in an earlier run" in batch_on_cluster(dataset)[1]
    assert sorted(path.parent for path in hidden(tmp_path / "out")) == [mine.parent, second.parent]
    alive.communicate("end")
    assert alive.returncode == 0
    assert hidden(tmp_path / "out") == [mine]


def a_draft_of(folder: Path) -> subprocess.Popen:
    """A process that is writing a draft, until it reads a line."""
    code = (
        "import pathlib, sys; from CMBSegmentationLib.results.folder import drafts\n"
        "with drafts(pathlib.Path(sys.argv[1])) as draft: (draft / 'x').touch(); print('begun', flush=True); input()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)],
        cwd=Path(cli.__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


ENDINGS_OF_A_RESULT = [
    "_desc-cmb_thumbnail.png",
    "_desc-cmb_lesions.json",
    "_desc-cmb_lesions.csv",
    "_desc-cmb_dseg.nii.gz",
    "_desc-cmb_report.html",
    "_desc-cmb_files.json",
]


@pytest.fixture(scope="module")
def a_done_batch(a_cluster, a_small_head, tmp_path_factory):
    """Two scans and their results. Each test leaves them as they were."""
    folder = tmp_path_factory.mktemp("done")
    model = write_dark_voxel_model(folder / "dark.onnx")
    dataset = make_dataset(folder / "data", a_small_head, 2)
    call = ["batch", str(dataset), str(folder / "out"), *only(model), "--scheduler", a_cluster]
    assert cli.main(call) == 0
    return folder / "out", call


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def one_byte_changed(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES = (Path.unlink, emptied, cut_off, one_byte_changed)


@pytest.mark.parametrize("ending", ENDINGS_OF_A_RESULT)
def test_a_result_that_is_not_whole_is_no_result(a_done_batch, a_small_head, ending):
    out, _ = a_done_batch
    first, second = (Job(scan, out) for scan in find_scans(out.with_name("data")))
    (path,) = first.folder.glob(f"*{ending}")
    content = path.read_bytes()
    for damage in DAMAGES:
        damage(path)
        assert earlier_row(first) is None
        assert earlier_row(second) is not None
        path.write_bytes(content)
        assert earlier_row(first) is not None


@pytest.mark.parametrize(("damage", "ending"), zip(DAMAGES, ENDINGS_OF_A_RESULT, strict=False))
def test_a_result_that_is_not_whole_is_searched_again(a_done_batch, capsys, ending, damage):
    out, call = a_done_batch
    damage(min(out.rglob(f"*{ending}")))
    capsys.readouterr()
    assert cli.main(call) == 0
    assert "Done: 2 of 2 scans, 1 of them in an earlier run" in capsys.readouterr().out
    assert len(list(out.rglob(f"*{ending}"))) == 2


def test_a_scan_and_its_compressed_copy_do_not_overwrite_each_other(batch_on_cluster, tmp_path, a_small_head):
    dataset = make_dataset(tmp_path / "data", a_small_head, 2)
    scan = find_scans(dataset)[0].path
    other = sitk.Flip(sitk.ReadImage(str(scan)), [True, False, False])
    sitk.WriteImage(other, str(scan).removesuffix(".gz"))
    for _ in range(2):
        code, out, said = batch_on_cluster(dataset)
        assert code == 2
        assert "Done: 2 of 3 scans" in out
        assert f"{scan.name.removesuffix('.gz')} lies beside {scan.name}" in said
        listed = next((tmp_path / "out").rglob(f"{scan.name.removesuffix('.nii.gz')}{RESULT}"))
        assert json.loads(listed.read_text())["search"]["scan"]["file"] == scan.name
    scan.unlink()  # what is left is another scan than the one whose results are there
    assert "Done: 2 of 2 scans, 1 of them in an earlier run" in batch_on_cluster(dataset)[1]


@pytest.mark.skipif(sys.platform != "linux", reason="platform: others do not let such names be")
@pytest.mark.parametrize("name", [b"sub-M\xfcller", b"sub-\xff\xfe"])
def test_a_name_that_is_not_utf_8_costs_its_own_scan_only(batch, tmp_path, a_small_head, name):
    dataset = make_dataset(tmp_path / "data", a_small_head, 2)
    folder = os.path.join(os.fsencode(dataset), name, b"anat")
    os.makedirs(folder)
    os.symlink(os.fsencode(a_small_head), os.path.join(folder, name + b"_T2starw.nii.gz"))
    code, out, said = batch(dataset, "--workers", "1")
    assert code == 2
    assert "Done: 2 of 3 scans" in out
    assert "is not UTF-8" in said
    assert "\ufffd" in (tmp_path / "out" / "cohort.csv").read_text(encoding="utf-8")
    assert "is not UTF-8" in (tmp_path / "out" / "cohort.html").read_text(encoding="utf-8")


@pytest.mark.skipif(os.name != "posix", reason="platform: named pipes and sockets are POSIX's")
def test_a_pipe_among_the_scans_is_told_and_not_waited_for(batch_on_cluster, tmp_path, a_small_head):
    dataset = make_dataset(tmp_path / "data", a_small_head, 2)
    os.mkfifo(find_scans(dataset)[0].path.with_name("sub-001_run-2_T2starw.nii.gz"))
    code, out, said = batch_on_cluster(dataset)
    assert code == 2
    assert "Done: 2 of 3 scans" in out
    assert "is neither a file nor a folder" in said


def test_the_sizes_on_the_page_add_up_to_all_microbleeds():
    sizes = _sizes([1.5, 2.0, 3.999, 4.0, 10.0])
    assert dict(sizes) == {"< 2": 1, "2–3": 1, "3–4": 1, "4–5": 1, "5–6": 0, "6–8": 0, "8–10": 1}


# Threads and models


@pytest.mark.parametrize(("number", "threads"), [(1, 4), (2, 2), (3, 1), (4, 1), (None, 1)])
def test_the_workers_share_the_cores(batch, tmp_path, a_small_head, monkeypatch, number, threads):
    given: list[Job] = []

    def search(jobs: list[Job], scheduler: str | None, workers: int, _: object) -> list[Row]:
        assert (scheduler, workers) == (None, number or 4)  # one a core
        given.extend(jobs)
        return [Row(job.scan) for job in jobs]

    monkeypatch.setattr("CMBCommand.batch.usable_cores", lambda: 4)
    monkeypatch.setattr("CMBCommand.batch._search", search)
    options = ("--workers", str(number)) if number else ()
    assert batch(make_dataset(tmp_path / "data", a_small_head, 5), *options)[0] == 0
    assert {job.threads for job in given} == {threads}


def test_a_worker_loads_its_models_once_and_keeps_to_its_threads(tmp_path, dark_model, a_small_head, monkeypatch):
    loaded: list[int | None] = []

    def load(*arguments: Any, threads: int | None) -> Stages:
        loaded.append(threads)
        return load_stages(*arguments, threads=threads)

    monkeypatch.setattr("CMBSegmentationLib.batch.jobs.load_stages", load)
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    try:
        for job in jobs_of(make_dataset(tmp_path / "data", a_small_head, 3), tmp_path / "out", dark_model):
            assert not do_scan(job).error
        assert sitk.ProcessObject.GetGlobalDefaultNumberOfThreads() == 1
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)
    assert loaded == [1]


def test_openvino_leaves_it_to_the_system_on_which_core_a_worker_runs(dark_model):
    session, device = open_session(dark_model, "openvino", threads=1)
    assert device == "openvino"
    assert session._compiled.get_property("ENABLE_CPU_PINNING") is False


# On a cluster


def jobs_of(dataset: Path, out: Path, model: Path) -> list[Job]:
    out.mkdir()
    return [Job(scan, out, str(model), "cpu", StageChoice("none", "none")) for scan in find_scans(dataset)]


@pytest.mark.soak
def test_a_worker_that_is_killed_half_way_costs_nothing(tmp_path, dark_model, a_small_head):
    jobs = jobs_of(make_dataset(tmp_path / "data", a_small_head, 10), tmp_path / "out", dark_model)
    told: list[Row] = []
    with workers(None, 2) as client:
        pids = list(client.run(os.getpid).values())

        def tell(row: Row) -> None:
            told.append(row)
            if len(told) == 3:
                os.kill(pids[0], signal.SIGKILL)

        rows = run_jobs(jobs, client, tell, counted)
    assert [row.scan for row in rows] == [job.scan for job in jobs]
    assert not [row.error for row in rows if row.error]
    assert len(results(tmp_path / "out")) == len(told) == 10
    searched = Counter((tmp_path / "out" / "searched.txt").read_text().split())
    assert max(searched.values()) == 1
    assert len(searched) >= 9  # the one in hand when the worker died may have been finished but not noted


def test_the_bar_moves_while_a_scan_is_searched(a_cluster, tmp_path, dark_model, last_takes_long):
    (job, *_) = jobs_of(last_takes_long[0], tmp_path / "out", dark_model)
    bar, seen = Progress(console=Console(quiet=True)), []
    shown = ScansDone(bar, bar.add_task("", total=5, completed=2), 2)

    def move(job: Job, share: float) -> None:
        shown.move(job, share)
        seen.append(bar.tasks[0].completed)

    with workers(a_cluster, 1) as client:
        (row,) = run_jobs([job], client, shown.end, moved=move)
    assert not row.error
    assert seen == sorted(seen)
    assert any(2 < completed < 3 for completed in seen)
    shown.move(job, 0.9)  # said last, heard after the result
    assert bar.tasks[0].completed == 3


def test_the_batch_runs_on_a_scheduler_given_by_address(batch, a_cluster, tmp_path, a_small_head):
    dataset = make_dataset(tmp_path / "data", a_small_head, 3)
    code, out, _ = batch(dataset, "--scheduler", a_cluster)
    assert code == 0
    assert "Done: 3 of 3 scans" in out


@pytest.mark.soak
def test_a_scheduler_that_goes_away_is_told_and_what_is_done_is_kept(tmp_path, dark_model, a_small_head):
    from dask.distributed import Client, LocalCluster

    jobs = jobs_of(make_dataset(tmp_path / "data", a_small_head, 5), tmp_path / "out", dark_model)
    cluster = LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=50)
    client = Client(cluster, timeout=2)
    with pytest.raises(MachineError, match="went away after") as caught:
        run_jobs(jobs, client, lambda row: cluster.close() if row.scan == jobs[2].scan else None)
    assert "start the batch again" in caught.value.hint
    assert 3 <= len(results(tmp_path / "out")) < 5


def dying(job: Job) -> Row:
    """A scan that takes its worker with it, as one that needs too much memory does."""
    if job.scan.subject.endswith("002"):
        os.kill(os.getpid(), signal.SIGKILL)
    return counted(job)


def test_a_scan_that_kills_every_worker_is_told_and_the_others_are_done(tmp_path, dark_model, a_small_head):
    import dask

    jobs = jobs_of(make_dataset(tmp_path / "data", a_small_head, 4), tmp_path / "out", dark_model)
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}), workers(None, 1) as client:
        rows = run_jobs(jobs, client, lambda row: None, dying)
    errors = {row.scan.subject: row.error for row in rows if row.error}
    (subject,) = errors
    assert subject.endswith("002")
    assert "worker was killed" in errors[subject]


def test_a_cluster_without_workers_is_told(tmp_path, dark_model, a_small_head, monkeypatch):
    from dask.distributed import Client, LocalCluster

    monkeypatch.setattr("CMBSegmentationLib.batch.cluster.WITHOUT_WORKERS_SECONDS", 0.5)
    jobs = jobs_of(make_dataset(tmp_path / "data", a_small_head, 1), tmp_path / "out", dark_model)
    with (
        LocalCluster(n_workers=0, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as client,
        pytest.raises(MachineError, match="No worker has been connected") as caught,
    ):
        run_jobs(jobs, client, lambda row: None)
    assert "start the batch again" in caught.value.hint


def lacking(job: Job) -> Row:
    """A worker where this program is not installed."""
    raise ModuleNotFoundError("No module named 'CMBSegmentationLib'")


def test_a_worker_without_this_program_is_told_as_such(tmp_path, dark_model, a_small_head):
    from dask.distributed import Client, LocalCluster

    jobs = jobs_of(make_dataset(tmp_path / "data", a_small_head, 1), tmp_path / "out", dark_model)
    with (
        LocalCluster(n_workers=1, processes=False, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as client,
        pytest.raises(MachineError, match="No module named") as caught,
    ):
        run_jobs(jobs, client, lambda row: None, lacking)
    assert "Install slicer-cmb" in caught.value.hint


@pytest.fixture
def a_cluster_of_its_own(tmp_path):
    """A scheduler and a worker as two processes, as on a cluster: the address and the scheduler."""
    started: list[subprocess.Popen] = []
    root = Path(cli.__file__).parents[1]
    folders = [root, root / "CMBSegmentation", root / "CMBScribbleGrow", Path(__file__).parent]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders))}

    def start(*arguments: str) -> subprocess.Popen:
        call = [sys.executable, "-m", "distributed.cli." + arguments[0], *arguments[1:]]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        started.append(subprocess.Popen(call, cwd=tmp_path, env=environment, start_new_session=True, **quiet))
        return started[-1]

    file = tmp_path / "scheduler.json"
    scheduler = start(
        "dask_scheduler", "--port", "0", "--dashboard-address", "127.0.0.1:0", "--scheduler-file", str(file)
    )
    start("dask_worker", "--scheduler-file", str(file), "--nthreads", "1", "--no-dashboard")
    wait_until(lambda: file.exists() and file.read_text())
    yield json.loads(file.read_text())["address"], scheduler
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.skipif(os.name != "posix", reason="platform: groups of processes are POSIX's")
def test_a_scheduler_that_is_killed_half_way_is_told_in_time_and_another_does_the_rest(
    a_cluster_of_its_own, batch_on_cluster, tmp_path, dark_model, last_takes_long
):
    (dataset, last), out = last_takes_long, tmp_path / "out"
    address, scheduler = a_cluster_of_its_own
    call = [sys.executable, "-m", "CMBCommand.cli", "batch", dataset, out, *only(dark_model)]
    process = subprocess.Popen(
        [*map(str, call), "--scheduler", address], cwd=Path(cli.__file__).parents[1], stderr=subprocess.PIPE, text=True
    )
    wait_until(lambda: len(records(out)) == 3, 120)
    scheduler.kill()
    _, said = process.communicate(timeout=90)
    assert process.returncode == 4, said
    assert "scheduler went away" in said
    assert "Traceback" not in said
    made_tiny(last, tmp_path)
    code, told, _ = batch_on_cluster(dataset)
    assert code == 0
    assert "Done: 4 of 4 scans, 3 of them in an earlier run" in told
