"""Batches: what is done, kept, told and done again."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import SimpleITK as sitk
from batches import (
    RESULT,
    batch,
    batch_on_cluster,
    last_takes_long,
    made_tiny,
    make_dataset,
    records,
    results,
)
from dark_spots import only, write_dark_voxel_model
from made_up_parcellation import made_up_parcellation, middle_of
from tsv_table import rows_of
from waiting import wait_until

from CMBCommand import cli
from CMBSegmentationLib.batch.bids import BidsScan, find_scans
from CMBSegmentationLib.batch.derivatives import dataset_name
from CMBSegmentationLib.batch.jobs import Job, Row, do_scan, earlier_row
from CMBSegmentationLib.batch.plan import about, common_of, keep_common
from CMBSegmentationLib.detecting.detect import Settings
from CMBSegmentationLib.detecting.lesions import Lesion
from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.models.loaded_models import StageChoice, load_stages

__all__ = ["batch", "batch_on_cluster", "last_takes_long"]

pytestmark = pytest.mark.xdist_group("dask")


def broken(dataset: Path) -> Path:
    """Break the second and the last scan."""
    scans = find_scans(dataset)
    for scan, content in ((scans[1], b""), (scans[-1], b"no scan")):
        scan.path.unlink()
        scan.path.write_bytes(content)
    return dataset


def results_files(out: Path) -> list[Path]:
    return sorted(out.rglob(f"*{RESULT}"))


# The whole command


def test_two_of_four_scans_are_done_and_two_failures_are_explained(batch, tmp_path, a_small_head):
    dataset = broken(make_dataset(tmp_path / "data", a_small_head, 4))
    code, out, said = batch(dataset, "--workers", "2")
    assert code == 2
    assert "Done: 2 of 4 scans" in out
    table = rows_of(tmp_path / "out" / "cohort.tsv")
    assert len(table) == 4
    failed = [row for row in table if row["error"]]
    assert {row["lobar"] + row["definite"] + row["possible"] for row in table} == {""}  # not assessed, not read
    lesions = rows_of(tmp_path / "out" / "cohort_lesions.tsv")
    counted_ones = [row["scan"] for row in lesions if row["status"] == "kept"]
    assert sorted(counted_ones) == sorted(2 * [row["scan"] for row in table if not row["error"]])
    assert all(float(row["diameter_mm"]) > 0 for row in lesions)
    assert [row["microbleeds"] for row in table if not row["error"]] == ["2"] * 2
    assert len(failed) == 2
    assert "is an empty file" in failed[0]["error"]
    assert "is not a gzip file" in failed[1]["error"]
    assert all(row["hint"] for row in failed)
    assert "is an empty file" in said
    description = json.loads((tmp_path / "out" / "dataset_description.json").read_text())
    assert description["DatasetType"] == "derivative"
    page = (tmp_path / "out" / "cohort.html").read_text(encoding="utf-8")
    assert page.count("data:image/png") == 2
    assert "is an empty file" in page
    assert "http" not in page.replace("http://www.w3.org", "")
    assert "Searched by dark-voxels 1 at threshold 0.5, as of 20" in page
    assert "Regions were not assessed." in page
    reports = re.findall(r'<a href="([^"]+)"', page)
    assert len(reports) == 2
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
    (row,) = rows_of(tmp_path / "out" / "cohort.tsv")
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
    keep_common(tmp_path, common_of(stages, Settings()), overwrite=False)
    assert f"at threshold {stages.verifier.manifest.threshold:g}," in about(tmp_path)
    keep_common(tmp_path, common_of(stages, Settings(threshold=0.4)), overwrite=True)
    assert "at threshold 0.4," in about(tmp_path)


def test_each_scan_of_a_batch_has_the_regions_of_its_own_parcellation(batch_on_cluster, tmp_path, a_small_head):
    dataset, folder = make_dataset(tmp_path / "data", a_small_head, 2), tmp_path / "data" / "derivatives" / "fs"
    folder.mkdir()
    labels = made_up_parcellation(middle_of(sitk.ReadImage(str(a_small_head))), lobes=False)
    sitk.WriteImage(labels, str(folder / "sub-001.nii.gz"))
    code, _, said = batch_on_cluster(dataset, "--parcellation", "derivatives/fs/sub-{subject}.nii.gz")
    assert code == 2
    assert "There is no parcellation" in said
    done, failed = rows_of(tmp_path / "out" / "cohort.tsv")
    assert int(done["lobar"]) + int(done["deep"]) + int(done["infratentorial"]) == int(done["microbleeds"]) == 2
    assert (done["cromis_2"], failed["cromis_2"]) == ("2-4", "")
    assert "sub-002.nii.gz" in failed["error"]


def test_started_again_it_does_only_what_was_left(batch_on_cluster, tmp_path, a_small_head):
    dataset = make_dataset(tmp_path / "data", a_small_head, 2)
    assert batch_on_cluster(dataset)[0] == 0
    before = results(tmp_path / "out")
    gone = next(iter(before))
    next((tmp_path / "out").rglob(gone)).unlink()
    del before[gone]
    code, out, _ = batch_on_cluster(dataset)
    assert code == 0
    assert "Done: 2 of 2 scans, 1 of them in an earlier run" in out
    after = results(tmp_path / "out")
    assert len(after) == 2
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
    assert "another model, threshold or parcellation" in said
    assert batch_on_cluster(dataset, "--threshold", "0.9", "--overwrite")[0] == 0


def test_results_of_another_threshold_count_as_unfinished_from_the_moment_they_are_overwritten(tmp_path, a_small_head):
    scan = find_scans(make_dataset(tmp_path / "data", a_small_head, 1))[0]
    job = Job(
        scan, tmp_path / "out", str(write_dark_voxel_model(tmp_path / "dark.onnx")), "cpu", StageChoice("none", "none")
    )
    job.out.mkdir()
    keep_common(job.out, {"threshold": 0.5}, overwrite=False)
    assert not do_scan(job).error
    keep_common(job.out, {"threshold": 0.5}, overwrite=True)
    assert earlier_row(job) is not None
    keep_common(job.out, {"threshold": 0.9}, overwrite=True)  # and stopped here
    keep_common(job.out, {"threshold": 0.9}, overwrite=False)
    assert earlier_row(job) is None


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


def test_a_batch_of_an_earlier_version_whose_results_have_other_names_is_not_gone_on_with(tmp_path):
    common = {"layout": 2, "model": {"name": "x"}}
    (tmp_path / "batch_settings.json").write_text(json.dumps({"model": {"name": "x"}}))
    with pytest.raises(InputError, match="by an earlier version"):
        keep_common(tmp_path, common, overwrite=False)
    keep_common(tmp_path, common, overwrite=True)
    keep_common(tmp_path, common, overwrite=False)
