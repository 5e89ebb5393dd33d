"""Paths that no reader takes, names that no file system takes, and results that outlast a power cut."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import SimpleITK as sitk
from dark_spots import ball_brain, only, write_dark_voxel_model

from CMBCommand import cli
from CMBSegmentationLib.batch.cohort import write_table
from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.files.atomic_file import keep_copy, put_in_place, replacing
from CMBSegmentationLib.results.folder import check_output_folder
from CMBSegmentationLib.results.names import all_names

HEAD = ball_brain(spacing=(2.0, 2.4, 3.0))[0]
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="platform: others do not let such names be")
posix_only = pytest.mark.skipif(os.name != "posix", reason="platform: pipes and sockets are POSIX's")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_dark_voxel_model(tmp_path_factory.mktemp("model") / "dark.onnx")


@pytest.fixture(scope="module")
def a_scan(tmp_path_factory):
    """Not to be changed."""
    path = tmp_path_factory.mktemp("scan") / "sub-1_swi.nii.gz"
    sitk.WriteImage(HEAD, str(path))
    return path


def shell(*arguments: object) -> subprocess.CompletedProcess:
    """Call `cmb` in a process of its own: what ITK aborts is not this one."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    call = [sys.executable, "-m", "CMBCommand.cli", *arguments]
    return subprocess.run(call, capture_output=True, env=environment, check=False)


@linux_only
@pytest.mark.parametrize("command", ["detect", "scan to grow", "scribbles", "out", "mask"])
@pytest.mark.parametrize("name", [b"M\xfcller", b"\xe5\x8d", b"a\xff"])
def test_a_name_that_is_not_utf_8_is_told_and_ends_no_process(a_scan, model, tmp_path, command, name):
    bad = os.path.join(os.fsencode(tmp_path), name + b".nii.gz")
    shutil.copy(a_scan, bad)
    calls = {
        "detect": ["detect", bad, "-o", tmp_path / "out", *only(model)],
        "scan to grow": ["grow", bad, "--scribbles", a_scan, "-o", tmp_path / "out"],
        "scribbles": ["grow", a_scan, "--scribbles", bad, "-o", tmp_path / "out"],
        "out": ["detect", a_scan, "-o", os.path.join(os.fsencode(tmp_path), name), *only(model)],
        "mask": ["detect", a_scan, "--mask", bad, "-o", tmp_path / "out", *only(model)],
    }
    done = shell(*calls[command])
    said = done.stderr.decode("utf-8", errors="replace").replace("\n", " ")
    assert done.returncode == 2, said
    assert "is not UTF-8" in said
    assert not list(tmp_path.glob("out/*"))


@posix_only
@pytest.mark.parametrize("kind", ["pipe", "socket", "device"])
def test_what_is_no_file_is_told_and_not_waited_for(model, tmp_path, kind, capsys):
    path = tmp_path / "scan.nii.gz"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        socket.socket(socket.AF_UNIX).bind(str(path))
    else:
        path.symlink_to("/dev/zero")
    assert cli.main(["detect", str(path), "-o", str(tmp_path / "out"), *only(model)]) == 2
    assert "neither a file nor a folder" in capsys.readouterr().err


@pytest.mark.parametrize("letter", ["a", "é", "山"])
def test_names_that_are_too_long_are_told_before_the_search(a_scan, model, tmp_path, capsys, monkeypatch, letter):
    monkeypatch.setattr("CMBSegmentationLib.running.run.load_stages", None)
    stem = letter * (240 // len(letter.encode()))
    scan = Path(shutil.copy(a_scan, tmp_path / f"{stem}.nii.gz"))
    assert cli.main(["detect", str(scan), "-o", str(tmp_path / "out"), *only(model)]) == 2
    said = capsys.readouterr().err
    assert "Give the scan a name that is" in said
    assert not (tmp_path / "out").exists()


def test_the_longest_names_that_fit_are_written_and_replaced(a_scan, model, tmp_path):
    longest = max(len(name) for name in all_names(""))
    stem = "s" * (255 - longest)
    scan = Path(shutil.copy(a_scan, tmp_path / f"{stem}.nii.gz"))
    out = tmp_path / ("o" * 255)
    for _ in range(2):
        call = ["detect", str(scan), "-o", str(out), *only(model), "--save-probability", "--overwrite"]
        assert cli.main(call) == 0
    assert not [path for path in (*out.iterdir(), *tmp_path.iterdir()) if path.name.startswith(".")]
    with replacing(out / ("n" * 250 + ".json")) as draft:
        draft.write_text("{}")
    assert (out / ("n" * 250 + ".json")).read_text() == "{}"


@pytest.mark.parametrize("path", ["p" * 300, "/".join(["p" * 250] * 20)])
def test_paths_that_are_too_long_are_told(a_scan, model, tmp_path, capsys, path):
    assert cli.main(["detect", str(tmp_path / path / "a.nii"), "-o", str(tmp_path), *only(model)]) == 2
    assert cli.main(["detect", str(a_scan), "-o", str(tmp_path / path), *only(model)]) == 2
    said = capsys.readouterr().err
    assert "Unexpected" not in said
    with pytest.raises(InputError):
        check_output_folder(tmp_path / path, {"a"}, overwrite=False)


class Disk:
    """Notes what is synced and what is renamed, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[tuple[str, int]] = []
        self.names: dict[int, str] = {}
        sync, replace = os.fsync, os.replace

        def fsync(handle: int) -> None:
            self.done.append(("sync", os.fstat(handle).st_ino))
            sync(handle)

        def replaced(source: Path, target: Path) -> None:
            number = os.stat(source).st_ino
            self.done.append(("rename", number))
            self.names[number] = Path(target).name
            replace(source, target)
            self.done.append(("folder", os.stat(Path(target).parent).st_ino))

        monkeypatch.setattr(os, "fsync", fsync)
        monkeypatch.setattr(os, "replace", replaced)

    def check(self) -> set[str]:
        """Each file is synced before it gets its name, its folder after; gives the names."""
        assert self.names
        for place, (what, number) in enumerate(self.done):
            if what == "rename":
                assert ("sync", number) in self.done[:place], self.names[number]
                folder = self.done[place + 1][1]
                assert ("sync", folder) in self.done[place + 1 :], self.names[number]
        return set(self.names.values())


@pytest.mark.skipif(os.name != "posix", reason="platform: Windows opens no folders")
def test_results_are_on_the_disk_before_they_have_their_names_and_their_folder_after(
    a_scan, model, tmp_path, monkeypatch
):
    later = Path(shutil.copy(a_scan, tmp_path / "later_swi.nii.gz"))
    out, later_out = tmp_path / "out", tmp_path / "later"
    disk = Disk(monkeypatch)
    for scan, folder in ((a_scan, out), (later, later_out)):
        assert cli.main(["detect", str(scan), "-o", str(folder), *only(model), "--save-probability"]) == 0
    assert {path.name for path in out.iterdir()} <= disk.check()
    assert cli.main(["report", str(out), "--scan", str(a_scan)]) == 0
    both = [str(out), str(later_out)]
    assert cli.main(["compare", str(a_scan), str(later), "-o", str(tmp_path / "c"), "--results", *both]) == 0
    write_table([], tmp_path)
    names = disk.check()
    assert {"later_swi_desc-cmb_changes.html", "later_swi_desc-cmb_changes.csv", "cohort.tsv", "cohort.json"} <= names
    with (tmp_path / "c" / "later_swi_desc-cmb_changes.csv").open() as stream:
        assert list(csv.DictReader(stream))
    json.loads((tmp_path / "c" / "later_swi_desc-cmb_changes.json").read_text())


def test_a_folder_that_is_moved_in_is_synced_with_all_that_is_in_it(tmp_path, monkeypatch):
    draft = tmp_path / "draft"
    (draft / "below").mkdir(parents=True)
    files = [draft / "a.json", draft / "below" / "b.nii"]
    for file in files:
        file.write_text("x")
        file.chmod(0o444)
    numbers = [file.stat().st_ino for file in files]
    disk = Disk(monkeypatch)
    put_in_place(draft, tmp_path / "place")
    assert [("sync", number) for number in numbers] == sorted(disk.done[:2], key=lambda one: numbers.index(one[1]))
    assert disk.done[-1] == ("sync", tmp_path.stat().st_ino)
    assert (tmp_path / "place" / "below" / "b.nii").read_text() == "x"


def test_a_copy_of_what_is_replaced_is_on_the_disk_first(tmp_path, monkeypatch):
    path = tmp_path / "a_desc-cmb_review.json"
    path.write_text("theirs")
    disk = Disk(monkeypatch)
    copy = keep_copy(path, "other")
    assert copy.read_text() == "theirs"
    assert disk.done == [("sync", copy.stat().st_ino), ("sync", tmp_path.stat().st_ino)]


MOVES = re.compile(r"\bos\.(replace|rename)\(|\.rename\(|draft\.replace\(|shutil\.move\(")
SYNCED_THERE = {
    "files/atomic_file.py",
    "files/draft_folder.py",  # `move_in`, and a lock
    "node/inbox.py",  # an image: synced before its sender is told that it is here
    "bindings/exporting.py",  # an upload's name: nothing that must outlast the session
    "files/upload.py",  # likewise
}


def test_files_get_their_names_in_few_places_only_which_sync_them():
    root = Path(cli.__file__).resolve().parents[1]
    found = {
        "/".join(path.parts[-2:])
        for folder in (
            "CMBSegmentation/CMBSegmentationLib",
            "CMBScribbleGrow/CMBScribbleGrowLib",
            "CMBCommand",
            "CMBWeb",
            "training",
        )
        for path in (root / folder).rglob("*.py")
        if "tests" not in path.parts and MOVES.search(path.read_text(encoding="utf-8"))
    }
    assert found == SYNCED_THERE


def test_names_that_are_too_long_for_a_picture_of_each_scribble_are_told_before_any_grows(a_scan, tmp_path, capsys):
    scan = Path(shutil.copy(a_scan, tmp_path / f"{'s' * 220}.nii.gz"))
    assert cli.main(["grow", str(scan), "--scribbles", str(a_scan), "-o", str(tmp_path / "out")]) == 2
    assert "Give the scan a name that is" in capsys.readouterr().err


def test_an_import_whose_files_would_have_names_too_long_is_told_before_it_is_made(a_scan, tmp_path, capsys):
    scan = Path(shutil.copy(a_scan, tmp_path / f"{'s' * 240}.nii.gz"))
    (tmp_path / "tasks.json").write_text(json.dumps({"name": "a", "updatedBy": "SI", "series": [{"items": scan.name}]}))
    assert cli.main(["annotate-import", str(tmp_path / "tasks.json"), "-o", str(tmp_path / "out")]) == 2
    assert "Give the scan a name that is" in capsys.readouterr().err
    assert not list(tmp_path.glob("out/*"))
