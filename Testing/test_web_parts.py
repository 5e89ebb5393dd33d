"""The page's server in its parts: tokens, addresses, folders, the command."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import subprocess
import sys
import time
import zipfile
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st
from module_file import ROOT
from scipy.spatial.transform import Rotation
from slicer_scene import a_scene, new_scene

sys.path.append(str(ROOT / "CMBSegmentation" / "Testing"))  # the series that the reader's own tests use
from dicom_series import a_volume, write_series

from CMBCommand import cli
from CMBSegmentationLib.errors import InputError, MachineError
from CMBSegmentationLib.errors import told as told_of
from CMBSegmentationLib.files.atomic_file import ASK
from CMBSegmentationLib.reading.dicom.series import OfferedSeries, SeriesChoiceError
from CMBSegmentationLib.reading.scan import FormatError, read_scan
from CMBSegmentationLib.reading.scan_identity import ScanName
from CMBSegmentationLib.scene.origin import origin_of
from CMBSegmentationLib.scene.volumes import fill_volume, geometry_of, image_from_volume
from CMBSegmentationLib.session import State, Status
from CMBWeb.bindings.edge import edge, unasked
from CMBWeb.bindings.exporting import Exported, export
from CMBWeb.bindings.phase_shown import PhaseShown
from CMBWeb.bindings.reviewing import Reviewing
from CMBWeb.bindings.scans import add_scan, read_in
from CMBWeb.files.kept_results import KeptResults, KeptScan, scan_key
from CMBWeb.files.session_folder import holds_review, private, remove_old
from CMBWeb.page import reading_ahead
from CMBWeb.page.grey_window import reading_window
from CMBWeb.page.page_session import PageSession, _by_its_name
from CMBWeb.page.routes import add_routes
from CMBWeb.server import gateway
from CMBWeb.server.access import Access, folder_name, is_plain, new_key
from CMBWeb.server.names import ADVICE, without_folders
from CMBWeb.server.page_process import SCAN_VARIABLE, PageProcess
from CMBWeb.server.serving import _open_in_browser
from CMBWeb.state.declared import PageState, ReviewState

__all__ = ["a_scene", "new_scene"]


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_every_server_has_a_token_of_its_own(host):
    tokens = {Access.to(host, 1).token for _ in range(3)}
    assert len(tokens) == 3
    assert min(map(len, tokens)) >= 24
    assert Access.to(host, 1).address().split("?token=")[0] == f"http://{host}:1/"


@pytest.mark.parametrize(
    ("headers", "is_ours"),
    [
        ({"Host": "127.0.0.1:80"}, True),
        ({"Host": "localhost:80", "Origin": "http://localhost:80"}, True),
        ({"Host": "[::1]:80"}, True),
        ({"Host": "evil.example"}, False),  # a name that was bent to this machine
        ({"Host": "127.0.0.1.evil.example"}, False),
        ({"Host": "127.0.0.1:80", "Origin": "http://evil.example"}, False),
        ({"Host": "127.0.0.1:80", "Origin": "null"}, False),
        ({"Host": "[::1"}, False),
        ({"Host": "127.0.0.1:80", "Origin": "http://[::1"}, False),
        ({}, False),
    ],
)
def test_only_our_own_page_may_ask(headers, is_ours):
    assert Access("127.0.0.1", 80, "abc").is_ours(headers) is is_ours


@pytest.mark.parametrize("target", ["/", "/index.html", "/ws?a=/../b", "/__cmb_1/cmb.js", "/download/zip", "/a%20b/"])
def test_a_plain_address_is_handed_on(target):
    assert is_plain(target)


@pytest.mark.parametrize(
    "target",
    [
        *("/./_begin", "/x/../_begin", "/%2e/_begin", "/x/%2E%2e/_begin", "/x/..%2f_begin", "//_begin", "/x//_begin"),
        *("/.", "/..", "/x/.", "\\_begin", "/x\\..\\_begin", "/x/%5c_begin", "/x%00", "/x%0d%0aHost:a", "_begin", ""),
    ],
)
def test_an_address_that_another_program_would_read_otherwise_is_not(target):
    assert not is_plain(target)


def test_an_empty_token_is_never_right():
    assert not Access("127.0.0.1", 80, "abc").is_token("")
    assert Access("0.0.0.0", 80, "abc").is_token("abc")
    assert not Access("0.0.0.0", 80, "abc").is_token("abcd")


def test_a_sessions_folder_does_not_give_its_key_away():
    key = new_key()
    assert key not in folder_name(key)
    assert folder_name(key) != folder_name(new_key())


def test_what_former_servers_left_is_removed_but_for_reviews_that_are_not_old(tmp_path):
    for name in ("old", "new", "empty"):
        (private(tmp_path / name / "upload") / "scan.nii").touch()
    for name in ("old", "new"):
        (private(tmp_path / name / "review") / "review.json").touch()
    long_ago = time.time() - 80 * 3600
    for path in [tmp_path / "old", *(tmp_path / "old").rglob("*")]:
        os.utime(path, (long_ago, long_ago))
    remove_old(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
    assert (tmp_path / "new" / "review").stat().st_mode & 0o077 == 0


def test_what_another_server_has_open_is_not_removed(tmp_path):
    (private(tmp_path / "open") / "upload").mkdir()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "open")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    remove_old(tmp_path)
    assert (tmp_path / "open" / "upload").is_dir()
    holder.kill()
    holder.communicate()
    remove_old(tmp_path)
    assert not (tmp_path / "open").exists()


HOLD = """
import sys
from pathlib import Path
from CMBWeb.files.session_folder import lock_of
with lock_of(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_browsers_command_line_does_not_hold_the_token(tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    _open_in_browser("http://127.0.0.1:1/?token=secret", tmp_path)
    (uri,) = opened
    assert "secret" not in uri
    page = tmp_path / "open.html"
    assert uri == page.as_uri()
    assert "http://127.0.0.1:1/?token=secret" in page.read_text()
    assert page.stat().st_mode & 0o077 == 0


def a_key(of, millimetres=0.0):
    image = a_volume()
    image.SetOrigin([one + millimetres for one in image.GetOrigin()])
    key = scan_key(image)
    return replace(key, voxels_sha256=of, name=f"{of}-{key.name}")


def test_results_come_back_with_their_scan(tmp_path):
    kept = KeptResults(lambda: tmp_path, lambda: tmp_path)
    scan = tmp_path / "scan.nii"
    scan.touch()
    kept.begin(KeptScan(str(scan), "A"))
    kept.take(a_key("a"))
    (kept.scan_folder() / "results").mkdir()
    (kept.scan_folder() / "study_desc-cmb_review.json").touch()
    kept.take(a_key("b"))  # of the same name and of the same grid
    assert kept.results() is None
    assert [path.name for path in kept.scan_folder().iterdir()] == ["scan.json"]
    kept.take(a_key("a", 1.0))  # of the same voxels elsewhere
    assert kept.results() is None
    for noise in (0.0, 1e-9, 1e-4, 1e-2):  # a scene's, of 64 and of 32 bits; what counts as the same grid elsewhere
        kept.take(a_key("a", noise))
        assert kept.results() == tmp_path / a_key("a").name / "results"
    scan.unlink()
    assert kept.scan() is None


def test_what_is_kept_of_a_scan_is_found_though_nothing_says_which_it_is(tmp_path):
    results = tmp_path / a_key("a").name / "results"
    results.mkdir(parents=True)  # as an earlier release left it
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "scan.json").write_text('{"voxels_sha256": "a", "size": 3}')
    kept = KeptResults(lambda: tmp_path, lambda: tmp_path)
    for noise in (0.0, 1e-9):
        kept.take(a_key("a", noise))
        assert kept.results() == results
    own = tmp_path / a_key("a", 1e-6).name  # which it gave the scene of that scan: what was done there is shown there
    own.mkdir()
    kept.take(a_key("a", 1e-6))
    assert kept.scan_folder() == own


def test_the_work_on_a_scan_is_found_by_whatever_name_the_scan_is_opened(tmp_path):
    kept = KeptResults(lambda: tmp_path, lambda: tmp_path)
    kept.take(a_key("a"))
    folder, endings = kept.scan_folder(), ("_annotation.json", "_annotation.seg.nrrd")
    kept.name_files("sub-01", *endings)
    for ending in endings:
        (folder / f"sub-01{ending}").write_text(ending)
    (folder / "sub-01_review.json").write_text("of another kind")
    kept.name_files("T2 of Slicer", *endings)
    assert [(folder / f"T2 of Slicer{ending}").read_text() for ending in endings] == list(endings)
    kept.name_files("sub-01", *endings)
    (folder / "late_annotation.json").write_text("of another name")  # as an earlier release left two
    kept.name_files("sub-01", *endings)
    assert [(folder / f"sub-01{ending}").read_text() for ending in endings] == list(endings)
    assert (folder / "late_annotation.json").read_text() == "of another name"
    assert (folder / "sub-01_review.json").exists()


def test_that_a_scan_was_opened_is_no_review(tmp_path):
    kept = KeptResults(lambda: private(tmp_path / "review"), lambda: tmp_path)
    kept.take(a_key("a"))
    assert not holds_review(tmp_path)
    (kept.scan_folder() / "study_desc-cmb_review.json").touch()
    assert holds_review(tmp_path)


def test_a_series_is_known_wherever_it_was_uploaded_to(tmp_path):
    write_series(tmp_path / "once")
    (tmp_path / "again").mkdir()
    for number, path in enumerate(sorted((tmp_path / "once").iterdir())):
        shutil.copy(path, tmp_path / "again" / f"{number:05d}")
    moved = a_volume()
    moved.SetOrigin((-20.0, -30.0, -11.0))
    write_series(tmp_path / "moved", moved)
    once, again, elsewhere = (scan_key(read_scan(tmp_path / one).image) for one in ("once", "again", "moved"))
    assert once.is_of_same_scan(again)
    assert not once.is_of_same_scan(elsewhere)


@pytest.mark.parametrize("suffix", [".nrrd", ".nii.gz"])  # Slicer stores a scene's scans as either
def test_a_scan_that_a_scene_stored_is_the_same_scan(a_scene, tmp_path, suffix):
    image = a_volume()
    image.SetDirection(Rotation.from_euler("xyz", (10, 20, 30), degrees=True).as_matrix().ravel())
    image.SetSpacing((0.4492188, 0.4492188, 4.0000001))
    image.SetOrigin((-112.3791582, 99.6670531, -73.3359381))
    node = a_scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "scan")
    fill_volume(node, sitk.GetArrayViewFromImage(image), geometry_of(image))
    assert scan_key(image_from_volume(node)[0]).is_of_same_scan(scan_key(image))
    sitk.WriteImage(image_from_volume(node)[0], str(tmp_path / f"scan{suffix}"))
    stored = scan_key(sitk.ReadImage(str(tmp_path / f"scan{suffix}")))
    assert stored.name != scan_key(image).name
    assert stored.is_of_same_scan(scan_key(image))


@given(st.integers(0, 3), st.floats(1e-3, 1e5))
def test_the_first_window_shows_tissue_and_voids_at_any_scale(seed, scale):
    random = np.random.default_rng(seed)
    head = random.normal(0, 5, (24, 24, 24)).clip(0)  # air
    head[4:20, 4:20, 4:20] = random.normal(150, 20, (16, 16, 16))
    head[10, 10, 10] = 5  # a microbleed
    window = reading_window(head * scale)
    span = window.high - window.low
    assert window.lowest <= window.low < window.high <= window.highest
    assert window.low > 5 * scale  # black
    assert 0.2 < (150 * scale - window.low) / span < 0.8  # grey


def test_a_flat_scan_has_a_window_too():
    window = reading_window(np.full((4, 4, 4), 7))
    assert window.low < window.high


def test_a_missing_scan_and_a_taken_port_are_told(tmp_path, capsys):
    assert cli.main(["web", str(tmp_path / "none.nii.gz"), "--no-browser"]) == 2
    assert "does not exist" in capsys.readouterr().err
    assert cli.main(["web", "--port", "99999", "--no-browser"]) == 2
    assert "--port" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["web", "--sessions", "0"])
    assert "less than 1" in capsys.readouterr().err


def test_without_the_extra_the_command_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr("CMBWeb.server.serving.WEB_PACKAGES", ("aiohttp", "no_such_package"))
    monkeypatch.setattr(sys, "argv", ["cmb", "web"])
    for start in (cli.main, lambda: cli.main(["web"])):
        assert start() == 4
        told = capsys.readouterr().err
        assert "no_such_package" in told
        assert "pip install 'trame-slicer[standalone]'" in told.replace("\n", " ")  # with its brackets


SERVES_AND_STOPS = """
import sys
from CMBCommand import cli
from CMBWeb.server import serving
from CMBWeb.server.page_process import PageProcess
async def nothing(*_, **__): pass
serving._until_asked_to_stop = PageProcess.start = nothing  # the page's own process shows scans, this one hands on
sys.argv[1:] = ["web", "--port", "0", "--no-browser"]
assert cli.main() == 0
print(sorted({"aiohttp", "numpy", "scipy", "SimpleITK", "onnxruntime", "pydicom", "slicer"} & set(sys.modules)))
"""


def test_the_command_serves_without_loading_the_detector(tmp_path):
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path)}
    command_line = [sys.executable, "-c", SERVES_AND_STOPS]
    done = subprocess.run(command_line, env=environment, capture_output=True, text=True, check=True)
    served, loaded = done.stdout.splitlines()
    assert served.startswith("CMB is served at http://127.0.0.1:")
    assert loaded == "['aiohttp']"


def test_a_process_is_kept_ready_for_the_next_reader(tmp_path, monkeypatch):
    monkeypatch.setattr(gateway, "SPARE_AFTER_S", 0.0)
    started = []

    async def start(**_):
        started.append(SimpleNamespace(is_alive=True))
        return started[-1]

    async def run():
        monkeypatch.setattr(PageProcess, "start", start)
        served = gateway.Gateway(Access.to("127.0.0.1", 1), tmp_path, asyncio.create_task(start()))
        taken = []
        for _ in range(3):
            taken.append(await served._process())
            await asyncio.sleep(0.01)
        return taken

    taken = asyncio.run(run())
    assert taken == started[:3]
    assert len(started) == 4  # one more than was asked for


def test_the_commands_scan_is_read_once_while_the_page_starts(tmp_path, monkeypatch):
    scan, read = tmp_path / "scan.nii", []
    scan.touch()
    monkeypatch.setattr(reading_ahead, "read_scan_apart", lambda path, series=None: read.append(path) or len(read))
    monkeypatch.setenv(SCAN_VARIABLE, str(scan))
    reading_ahead.begin()
    assert SCAN_VARIABLE not in os.environ  # no process that this one starts reads it, too
    assert reading_ahead.read_scan_once(scan, None) == 1
    assert reading_ahead.read_scan_once(scan, None) == 2  # later it may be another
    monkeypatch.setenv(SCAN_VARIABLE, str(scan))
    reading_ahead.begin()
    os.utime(scan, (1, 1))
    reading_ahead.read_scan_once(scan, None)
    assert read == [scan] * 4


# taking home

OURS = "the server's folder"


def exported(tmp_path, scan, write, study=None, **attributes):
    """What the page says after an export of a review of this scan, whose node has these attributes."""
    said = []

    def write_list(folder, **how):
        (folder / "list.tsv").write_text(write(**how))
        return {"table": folder / "list.tsv"}

    exporting = SimpleNamespace(export=write_list)
    desk = SimpleNamespace(
        node=SimpleNamespace(GetName=lambda: "scan", GetAttribute=attributes.get),
        opened=SimpleNamespace(scan=scan, path=tmp_path / "study", series=None, header=None),
        reviewing=SimpleNamespace(session=SimpleNamespace(review=object(), exporting=exporting)),
        scribbling=SimpleNamespace(to_take_home=lambda: nullcontext(study)),
        tell=lambda message, hint="", kind="info": said.append(f"{message} {hint}"),
    )
    made = asyncio.run(export(desk, "zip", tmp_path / "export"))
    assert (made.path.is_file(), made.name) == (True, "scan_cmb.zip")
    shutil.copy(made.path, tmp_path / "files.zip")
    made.path.unlink()
    return said


def not_writable(**_):
    raise InputError("scan_annotation.json could not be saved: review is not writable.", "Ask.")


def an_annotation(copy_to):
    """A study that cannot be saved where it lies."""
    files = SimpleNamespace(annotation=None, segments=None)
    study = SimpleNamespace(annotations=[SimpleNamespace(is_empty=False)])
    disk = SimpleNamespace(files=files, study=study, flush=not_writable, copy_to=copy_to)
    return SimpleNamespace(disk=disk)


def test_results_are_exported_with_an_annotation_that_cannot_be_saved(tmp_path):
    study = an_annotation(lambda folder: (folder / "scan_annotation.json").write_text("{}"))
    (said,) = exported(tmp_path, None, lambda **_: "", study)
    assert "has the annotation as it is now" in said
    with zipfile.ZipFile(tmp_path / "files.zip") as archive:
        assert archive.namelist() == ["list.tsv", "scan_annotation.json"]


def full(path):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


@pytest.fixture
def disks(tmp_path, monkeypatch):
    """The session's folder for exports, and the system's temporary one: two disks."""
    session, system = tmp_path / "session" / "export", tmp_path / "system"
    session.parent.mkdir()
    system.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(system))
    return session, system


def a_reviewed_desk(writes, said):
    """A page with a review whose files, report, PDF and scene are written by this, which is given a file's path."""

    def put(path):
        writes(path)
        with zipfile.ZipFile(path, "w"):
            pass
        return path

    def export_files(folder, **_):
        folder.mkdir(exist_ok=True)
        return {"report": put(folder / "report.html")}

    exporting = SimpleNamespace(export=export_files, export_pdf=put)
    return SimpleNamespace(
        node=SimpleNamespace(GetName=lambda: "scan", GetAttribute=lambda name: None),
        opened=SimpleNamespace(scan=None, path=None, series=None, header=None),
        reviewing=SimpleNamespace(session=SimpleNamespace(review=object(), exporting=exporting)),
        scribbling=SimpleNamespace(to_take_home=lambda: nullcontext(None), put_down=lambda: None),
        app=SimpleNamespace(io_manager=SimpleNamespace(write_scene=lambda path: put(Path(path)))),
        tell=lambda message, hint="", kind="info": said.append(message),
    )


@pytest.mark.parametrize("what", ["zip", "report", "pdf", "scene"])
def test_an_export_is_made_on_another_disk_where_that_of_the_session_is_full(disks, what):
    session, system = disks
    said = []

    def on_a_full_disk(path):
        if session in path.parents:
            path.write_bytes(b"half")
            full(path)

    desk = a_reviewed_desk(on_a_full_disk, said)
    if what == "scene":  # Slicer says nothing
        desk.app.io_manager.write_scene = lambda path: (
            Path(path).write_bytes(b"half") if str(session) in path else zipfile.ZipFile(path, "w").close()
        )
    made = asyncio.run(export(desk, what, session))
    assert made.folder in made.path.parents
    assert (list(session.iterdir()), list(system.iterdir()), said) == ([], [made.folder], [])
    assert made.folder.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("begins", ["full", "fills"])
def test_an_export_for_which_no_disk_has_room_says_who_can_help_and_leaves_nothing(disks, monkeypatch, begins):
    if begins == "fills":  # as the files are packed
        monkeypatch.setattr("zipfile.ZipFile.write", lambda archive, *_, **__: full(archive.filename))
    desk = a_reviewed_desk(full if begins == "full" else lambda path: None, [])
    with pytest.raises(MachineError, match="The disk is full: nothing could be exported") as refused:
        asyncio.run(export(desk, "zip", disks[0]))
    assert refused.value.hint.startswith("Whoever runs cmb web has to free some space. What you did stays in this page")
    assert [list(disk.iterdir()) for disk in disks] == [[], []]


def test_an_export_is_made_also_where_not_even_a_folder_can_be(disks, monkeypatch):
    session, system = disks
    monkeypatch.setattr("CMBWeb.bindings.exporting.private", full)
    assert asyncio.run(export(a_reviewed_desk(lambda path: None, []), "zip", session)).folder.parent == system


def test_a_file_is_removed_once_it_was_taken_home_and_the_connection_goes_on(tmp_path):
    async def exported(what):
        folder = tmp_path / what
        folder.mkdir()
        (folder / "a.zip").write_bytes(what.encode())
        return Exported(folder / "a.zip", "a.zip", "application/zip", folder)

    async def taken():
        app = web.Application()
        add_routes(app, SimpleNamespace(export=exported))
        async with TestClient(TestServer(app)) as client:  # one connection, as a browser keeps it
            return [await (await client.get(f"/download/{what}")).read() for what in ("zip", "scene")]

    assert asyncio.run(taken()) == [b"zip", b"scene"]
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_is_told_as_such_wherever_it_is_noticed():
    error = told_of(OSError(errno.ENOSPC, "No space left on device"))
    assert (error.message, error.hint) == ("The disk is full.", "Free some space and try again.")
    assert told_of(OSError(errno.EIO, "")).unforeseen


def test_what_is_missing_in_an_export_is_said(tmp_path):
    (said,) = exported(tmp_path, None, lambda **_: "", an_annotation(lambda folder: not_writable()))
    assert said.startswith("Something is missing in what was exported: scan_annotation.json could not be saved")
    with zipfile.ZipFile(tmp_path / "files.zip") as archive:
        assert archive.namelist() == ["list.tsv"]
    study = an_annotation(lambda folder: (folder / "scan_annotation.json").write_text("{}"))
    (said,) = exported(tmp_path, None, not_writable, study)
    assert "Something is missing" in said
    with pytest.raises(InputError, match="not writable"):
        exported(tmp_path, None, not_writable)


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("Give the folder: /home/u/.local/state/slicer-cmb/web/9037/upload/ab.", "Give the folder: ab."),
        ("[Errno 2] No such file: '/tmp/cmb-x/results/a.json'", "[Errno 2] No such file: 'a.json'"),
        ("a_review.json could not be saved in /s/web/" + "9f" * 32 + ".", "a_review.json could not be saved."),
        (r"C:\Users\u\scan.nii, or (/data/scans/b.nii)", "scan.nii, or (b.nii)"),
        (
            "It could not be saved: /s/web/" + "9f" * 32 + " is not writable.",
            f"It could not be saved: {OURS} is not writable.",
        ),
        (f"{'9f' * 32} is not writable. Kept. {ASK}", f"{OURS} is not writable. Kept. {ADVICE}"),
        ("There is no folder /s/web/" + "9f" * 32 + ".", "There is no folder for it on the server."),
        (f"{'9f' * 32}.nii.gz is empty.", f"{'9f' * 32}.nii.gz is empty."),  # a scan's own name
        ("5 mm/s, 3/4 and https://example.org/a/b", "5 mm/s, 3/4 and https://example.org/a/b"),
        ("Supported are .nii, .nii.gz and DICOM.", "Supported are .nii, .nii.gz and DICOM."),
    ],
)
def test_a_message_does_not_say_where_on_the_server_a_file_lies(told, shown):
    assert without_folders(told) == shown


def a_page_session(folder):
    """As much of one as asks and tells; nothing is read."""
    desk = PageSession.__new__(PageSession)
    desk.state = SimpleNamespace(**asdict(PageState()))
    desk.server = SimpleNamespace(state=nullcontext())
    desk.folder, desk._waiting, desk._is_opening = folder, None, False
    detection = SimpleNamespace(is_running=False)
    desk.reviewing = SimpleNamespace(session=SimpleNamespace(detection=detection))
    desk.opening = []
    desk.start = lambda work: (desk.opening.append(True), work.close())
    return desk


def test_what_is_not_saved_is_shown_until_it_is_and_names_no_folder(tmp_path):
    desk = a_page_session(tmp_path)
    review = desk.reviewing.session
    desk.scribbling = SimpleNamespace(session=SimpleNamespace(not_saved=None))
    review.not_saved = InputError("a.json could not be saved: /srv/x/review is not writable.", "Ask.")
    desk._show_saving()
    assert desk.state.not_saved.startswith("Not saved. a.json could not be saved: review is not writable. Ask.")
    review.not_saved, desk.scribbling.session.not_saved = None, InputError("The disk is full.")
    desk._show_saving()
    assert "The disk is full." in desk.state.not_saved
    desk.scribbling.session.not_saved = None
    desk._show_saving()
    assert desk.state.not_saved == ""


def test_a_message_that_something_is_not_saved_goes_once_it_is(tmp_path):
    desk = a_page_session(tmp_path)
    desk.scribbling = SimpleNamespace(session=SimpleNamespace(not_saved=None))
    review, error = desk.reviewing.session, MachineError("The disk is full: a.json could not be saved.", "Free some.")
    review.not_saved = error
    desk.tell_error(error)
    desk._show_saving()
    assert desk.state.message_shown
    review.not_saved = None
    desk._show_saving()
    assert not desk.state.message_shown
    desk.tell("Another.")
    desk._show_saving()
    assert desk.state.message_shown


class Acting:
    """A binding whose actions are refused, done, or told of."""

    def __init__(self, desk):
        self._desk = desk

    def refused(self, error):
        self._desk.refuse(error)

    @edge
    def refuse(self):
        raise InputError("These cannot be merged.", "Choose two.")

    @edge
    def act(self):
        pass

    @edge
    def warn(self):
        self._desk.tell("Exported without DICOM objects.")

    @unasked
    def follow(self):
        pass


def test_a_refusal_goes_with_the_next_action_that_succeeds(tmp_path):
    desk = a_page_session(tmp_path)
    acting = Acting(desk)
    acting.refuse()
    acting.follow()
    assert desk.state.message == "These cannot be merged."
    acting.refuse()
    assert desk.state.message_shown
    acting.act()
    assert not desk.state.message_shown
    acting.refuse()
    acting.warn()
    acting.act()
    assert (desk.state.message, desk.state.message_shown) == ("Exported without DICOM objects.", True)


@pytest.mark.parametrize(
    ("found", "used", "notes", "hint"),
    [
        ("", "", [], "Open its phase with it, and detect again."),
        ("phase.nii", "phase.nii", [], "Its phase is open: detect again."),
        ("phase.nii", "", [], "Choose its phase under Phase, and detect again."),
        ("p", "p", ["Phase was not used: it is empty."], "Phase was not used: it is empty. Detect again once that"),
    ],
)
def test_the_page_says_what_is_missing_for_the_local_phase(a_scene, tmp_path, found, used, notes, hint):
    desk = a_page_session(tmp_path)
    bound = PhaseShown.__new__(PhaseShown)
    bound._desk, bound.state = desk, SimpleNamespace(phase_found=found, phase_used=used)
    scan = a_scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "scan")
    session = desk.reviewing.session
    session.detection.results = SimpleNamespace(field=None, scan=scan)
    session.review = SimpleNamespace(stored=SimpleNamespace(notes=notes))
    session.reading = SimpleNamespace(parameters=SimpleNamespace(field=False))
    bound.toggle()
    assert desk.state.message == "scan was searched without phase."
    assert desk.state.message_hint.startswith(hint)


def test_a_scan_that_was_not_opened_is_named_until_the_one_that_is_shown_is_saved(tmp_path):
    def not_writable():
        raise InputError("a.json could not be saved: b is not writable.", "Ask.")

    desk = a_page_session(tmp_path)
    desk.scribbling = SimpleNamespace(session=SimpleNamespace(not_saved=None))
    desk.reviewing.save, desk.reviewing.session.not_saved = not_writable, None
    with pytest.raises(MachineError) as refused:
        desk._leave()
    desk.tell_error(_by_its_name(refused.value, tmp_path / "00000.nii", "next.nii"))
    assert desk.state.message == "next.nii was not opened: the review of the scan that is shown is not saved yet."
    assert desk.state.message_hint == "a.json could not be saved: b is not writable. Ask."
    desk._show_saving()
    assert not desk.state.message_shown


def test_a_scan_stays_while_its_review_cannot_be_saved(tmp_path):
    def full():
        raise MachineError("The disk is full.", "Free some space.")

    desk = a_page_session(tmp_path)
    desk.opened, left = SimpleNamespace(node=object()), []
    desk.scribbling = SimpleNamespace(leave=lambda: left.append("annotation"))
    bound = Reviewing.__new__(Reviewing)
    bound.session, bound._desk = SimpleNamespace(save=full), desk
    desk.reviewing = bound
    with pytest.raises(MachineError):
        desk._leave()
    assert desk.opened is not None
    assert left == []


@pytest.fixture
def an_asking_page(tmp_path):
    """It asks which series of an uploaded folder is meant."""
    (tmp_path / "study").mkdir()
    desk = a_page_session(tmp_path)
    offered = [OfferedSeries("1.2", "5 'SWI'", "a"), OfferedSeries("1.3", "6 'SWI'", "b")]
    kept = KeptScan(str(tmp_path / "study"), "two visits", uploaded=True)
    desk._ask_for_series(kept, SeriesChoiceError("Two DICOM series.", "", offered))
    assert desk.state.series_shown
    return desk


def test_escape_closes_the_question_which_series_is_meant(an_asking_page, tmp_path):
    an_asking_page.state.series_shown = False  # the browser says so
    an_asking_page._close_series_choice()
    assert an_asking_page.state.series_offered == []
    assert not (tmp_path / "study").exists()
    an_asking_page.choose_series("1.3")
    assert an_asking_page.opening == []


def test_another_scan_takes_the_place_of_the_question_which_series_is_meant(an_asking_page, tmp_path):
    assert an_asking_page._begin_opening("another.nii")
    assert (an_asking_page.state.series_shown, an_asking_page.state.series_offered) == (False, [])
    assert not (tmp_path / "study").exists()


def test_a_series_that_was_chosen_is_opened(an_asking_page, tmp_path):
    an_asking_page.choose_series("1.3")
    assert an_asking_page.opening == [True]
    assert not an_asking_page.state.series_shown
    assert (tmp_path / "study").exists()


def test_a_message_that_asks_to_wait_goes_when_there_is_nothing_left_to_wait_for(tmp_path):
    desk = a_page_session(tmp_path)
    detection = desk.reviewing.session.detection
    detection.is_running = True
    assert not desk._begin_opening("a.nii")
    assert desk.state.message == "A detection is running."
    desk.detection_is_over()
    assert not desk.state.message_shown
    detection.is_running = False
    assert desk._begin_opening("a.nii")
    assert not desk._begin_opening("b.nii")
    assert desk.state.message == "A scan is being opened."
    desk.detection_is_over()
    assert desk.state.message_shown
    desk._opening_is_over()
    assert not desk.state.message_shown


def test_a_scan_that_is_chosen_during_an_export_is_to_be_opened_after_it(tmp_path):
    desk = a_page_session(tmp_path)
    desk.state.busy = "Writing the results …"  # as the browser sets it
    assert not desk._begin_opening("a.nii")
    assert desk.state.message == "Results are being written or compared."
    assert "Open the scan once that is done." in desk.state.message_hint
    desk.state.busy = ""
    assert desk._begin_opening("a.nii")


def test_a_review_that_is_resumed_says_how_it_was_searched(tmp_path):
    bound = Reviewing.__new__(Reviewing)
    bound.state = SimpleNamespace(**asdict(ReviewState()))
    bound.session = SimpleNamespace(review=SimpleNamespace(stored=SimpleNamespace(notes=["Series 5 was taken."])))
    bound._desk = a_page_session(tmp_path)
    bound._show_search_notes()
    assert bound.state.detect_notes == ["Series 5 was taken."]
    bound._show_status(Status(State.DONE, 1.0, "Done.", ("As it was searched now.",)))
    assert bound.state.detect_notes == ["As it was searched now."]


def test_the_page_says_what_it_opens_besides_scans(tmp_path):
    (tmp_path / "00000").write_bytes(b"%PDF-1.7")
    with pytest.raises(FormatError) as refused:
        read_scan(tmp_path / "00000")
    assert ".mrb" not in refused.value.hint
    told = _by_its_name(refused.value, tmp_path / "00000", "letter.pdf")
    assert told.message.startswith("letter.pdf is not a scan")
    assert ".mhd, .mrb and DICOM folders" in told.hint


def test_an_export_without_dicom_objects_says_why(tmp_path):
    def fails(dicom_folder=None, **_):
        if dicom_folder is not None:
            raise InputError("DICOM results need highdicom.", "Install it.")
        return ""

    (of_scene,) = exported(tmp_path, None, lambda **_: "", **{"DICOM.instanceUIDs": "1.2.3"})
    assert of_scene.startswith("Exported without DICOM objects: a scene does not hold the DICOM files")
    assert "Open the DICOM folder itself" in of_scene
    assert exported(tmp_path, None, lambda **_: "") == []  # of a NIfTI file
    of_dicom = SimpleNamespace(frames=("a frame",))
    assert exported(tmp_path, of_dicom, fails) == [
        "Exported without DICOM objects: DICOM results need highdicom. Install it."
    ]
    assert exported(tmp_path, of_dicom, lambda **_: "") == []
    assert exported(tmp_path, SimpleNamespace(frames=()), fails) == []  # NIfTI


def test_an_opened_series_keeps_its_name_and_uids_in_the_scene_and_nothing_of_the_patient(a_scene, tmp_path):
    write_series(tmp_path / "00000")
    opened = read_in(tmp_path / "00000", "sub-01 study")  # as an upload lies under a name of our own
    assert opened.identity is not None
    assert (opened.identity.patient, opened.identity.date) == ("id-4711", "2026-01-02")
    node = add_scan(a_scene, opened)
    origin = origin_of(node)
    assert origin.name == ScanName(
        "sub-01 study",
        study_uid=opened.identity.study_uid,
        series_uid=opened.identity.series_uid,
        series_number="1",
        series_description="series 1",
        study_date="2026-01-02",
    )
    assert origin.name.series_uid
    assert origin.identity.patient == ""


def test_the_page_says_which_visit_is_open_and_names_its_files_apart(a_scene, tmp_path):
    for number, date in ((105, "20250615"), (205, "20260712")):
        write_series(tmp_path, number=number, SeriesDescription="SWI", StudyDate=date, study=f"{number}")
    opened = read_in(tmp_path, "two_visits", "105")
    assert opened.facts.startswith("series 105 'SWI', 2025-06-15 · 22 × 24 × 12 voxels")
    assert opened.notes == ("Of 2 DICOM series, 105 'SWI' of 2025-06-15 was taken: it was asked for.",)
    names = [add_scan(a_scene, read_in(tmp_path, "two_visits", number)).GetName() for number in ("105", "205")]
    assert names == ["two_visits_series-105", "two_visits_series-205"]
