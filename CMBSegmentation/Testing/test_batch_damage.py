"""Batches whose results are damaged, or whose names are odd."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import SimpleITK as sitk
from batches import RESULT, batch, batch_on_cluster, make_dataset
from dark_spots import only, write_dark_voxel_model

from CMBCommand import cli
from CMBSegmentationLib.batch.bids import find_scans
from CMBSegmentationLib.batch.cohort import _sizes
from CMBSegmentationLib.batch.jobs import Job, earlier_row

__all__ = ["batch", "batch_on_cluster"]

pytestmark = pytest.mark.xdist_group("dask")


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
        "import pathlib, sys; from CMBSegmentationLib.files.draft_folder import drafts\n"
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
def test_a_name_that_is_not_utf_8_costs_its_own_scan_only(batch_on_cluster, tmp_path, a_small_head):
    dataset = make_dataset(tmp_path / "data", a_small_head, 1)
    for name in (b"sub-M\xfcller", b"sub-\xff\xfe"):
        folder = os.path.join(os.fsencode(dataset), name, b"anat")
        os.makedirs(folder)
        os.symlink(os.fsencode(a_small_head), os.path.join(folder, name + b"_T2starw.nii.gz"))
    code, out, said = batch_on_cluster(dataset)
    assert code == 2
    assert "Done: 1 of 3 scans" in out
    assert said.count("is not UTF-8") == 2
    for name in ("cohort.csv", "cohort.html"):
        told = (tmp_path / "out" / name).read_text(encoding="utf-8")
        assert told.count("is not UTF-8") == 2
        assert "sub-M\ufffdller" in told
        assert "sub-\ufffd\ufffd" in told


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
