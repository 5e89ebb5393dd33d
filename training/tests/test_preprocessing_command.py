"""preprocess.py: many subjects at once, on this machine's processes or on a scheduler's workers."""

import csv
from pathlib import Path

import pytest
from dask.distributed import LocalCluster
from made_up_subjects import write_subject

import preprocess as command

NAMES = ("sub-101", "sub-201", "sub-301")
pytestmark = pytest.mark.xdist_group("dask")


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    for name in NAMES:
        write_subject(folder, name)
    return folder


def test_the_command_preprocesses_in_parallel_and_tells_who_failed(raw, tmp_path, capsys):
    write_subject(tmp_path / "raw", "sub-306", sequences=("T2S",))
    for name in NAMES:
        (tmp_path / "raw" / name).symlink_to(raw / name)
    call = ["--raw", str(tmp_path / "raw"), "--out", str(tmp_path / "out"), "--spacing", "1.0", "--processes", "2"]
    assert command.main(call) == 2
    told = capsys.readouterr()
    assert "3 of 4 subjects" in told.out
    with (tmp_path / "out/preprocessing.csv").open() as stream:
        failed = {row["subject"]: bool(row["error"]) for row in csv.DictReader(stream)}
    assert failed == {**dict.fromkeys(NAMES, False), "sub-306": True}
    assert "error: sub-306" in told.err
    assert "has no T1" in told.err
    assert "Traceback" not in told.err


def test_a_scheduler_given_by_address_does_the_work(raw, tmp_path, capsys):
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0") as cluster:
        arguments = ["--raw", str(raw), "--out", str(tmp_path), "--spacing", "1", "--sequences", "T2S"]
        assert command.main([*arguments, "--scheduler", cluster.scheduler_address]) == 0
    assert "3 of 3" in capsys.readouterr().out


@pytest.mark.parametrize("spacing", [["0"], ["1", "2"]])
def test_an_impossible_voxel_size_is_refused(raw, tmp_path, spacing, capsys):
    assert command.main(["--raw", str(raw), "--out", str(tmp_path), "--spacing", *spacing]) == 2
    assert "one or three sizes" in capsys.readouterr().err
