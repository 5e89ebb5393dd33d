"""What is sent to the page and taken home: limits, archives, names."""

from __future__ import annotations

import asyncio
import io
import os
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from aiohttp import ClientSession, FormData, web
from aiohttp.test_utils import TestClient, TestServer

from CMBSegmentationLib.errors import CMBError
from CMBSegmentationLib.reading.phase.files import phase_files_of
from CMBWeb.files import limits, upload
from CMBWeb.files.chosen_image import ImageChoiceError, one_of_images
from CMBWeb.files.kept_results import KeptScan
from CMBWeb.files.upload import receive, receive_earlier
from CMBWeb.server.names import LONGEST, attachment, plain_name
from CMBWeb.server.proxy import hand_on_request


def sent(folder, receiver, *parts):
    """Send files through the server to the process behind it, in chunks, no length told; give status and answer."""

    async def take(request):
        try:
            return web.json_response(str(await receiver(request, folder)))
        except CMBError as error:
            return web.json_response(f"{error.message} {error.hint}", status=422)

    async def run():
        behind, gateway = web.Application(), web.Application()
        behind.router.add_post("/upload", take)
        async with TestServer(behind) as process, ClientSession() as session:
            page = SimpleNamespace(url=lambda path: str(process.make_url(path)), headers={})
            gateway.router.add_post("/upload", lambda request: hand_on_request(request, session, page))
            form = FormData(quote_fields=False)  # as browsers send names
            for name, content in parts:
                form.add_field("scan", io.BytesIO(content), filename=name)
            async with (
                TestClient(TestServer(gateway)) as client,
                client.post("/upload", data=form(), chunked=True) as answer,
            ):
                return answer.status, await answer.json()

    return asyncio.run(run())


def test_an_upload_that_tells_no_length_is_stopped_at_the_limit(tmp_path, monkeypatch):
    assert sent(tmp_path, receive, ("scan.nii", b"0" * 3_000_000))[0] == 200
    monkeypatch.setattr(upload, "LARGEST_MB", 1)
    before = sorted(tmp_path.rglob("*"))
    status, told = sent(tmp_path, receive, ("scan.nii", os.urandom(3_000_000)))
    assert (status, "larger than" in told) == (422, True)
    assert sorted(tmp_path.rglob("*")) == before  # nothing of it stays


def zipped(**files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


RESULTS = {
    "../../sub-1_desc-cmb_lesions.json": b"{}",
    "/sub-1_desc-cmb_dseg.nii.gz": b"1",
    "sub-1_desc-regions_dseg.nii.gz": b"1",
    "evil.py": b"1",
}


def test_an_earlier_scan_and_its_results_are_stored_under_names_of_our_own(tmp_path):
    status, told = sent(tmp_path, receive_earlier, ("../sub-1.nii.gz", b"1"), ("results.zip", zipped(**RESULTS)))
    assert status == 200, told
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == [
        "00000.nii.gz", "earlier_desc-cmb_dseg.nii.gz", "earlier_desc-cmb_lesions.json",
        "earlier_desc-regions_dseg.nii.gz",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ([("scan.nii", b"1")], "both"),
        ([("results.zip", zipped(**RESULTS))], "both"),
        ([("scan.nii", b"1"), ("results.zip", b"no zip")], "cannot be unpacked"),
        ([("scan.nii", b"1"), ("results.zip", zipped(a=b"1"))], "holds no results"),
        ([("scan.nii", b"1"), ("results.zip", zipped(**RESULTS, **{"sub-2_desc-cmb_lesions.json": b"{}"}))], "several"),
        ([("scan.nii", b"1"), ("two.nii", b"1"), ("results.zip", zipped(**RESULTS))], "one scan at a time"),
    ],
)
def test_what_is_no_earlier_scan_with_results_is_refused_and_removed(tmp_path, parts, reason):
    status, told = sent(tmp_path, receive_earlier, *parts)
    assert (status, reason in told) == (422, True), told
    assert not list(tmp_path.iterdir())


def test_results_that_unpack_beyond_the_limit_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(upload, "LARGEST_MB", 1)
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("sub-1_desc-cmb_dseg.nii.gz", bytes(5_000_000))
    status, told = sent(tmp_path, receive_earlier, ("scan.nii", b"1"), ("results.zip", bomb.getvalue()))
    assert (status, "larger than" in told) == (422, True)
    assert not list(tmp_path.iterdir())


def test_a_session_may_send_so_many_scans(tmp_path, monkeypatch):
    monkeypatch.setenv(limits.MOST_UPLOADS_VARIABLE, "2")
    for _ in range(2):
        assert sent(tmp_path, receive, ("scan.nii", b"1"))[0] == 200
    for receiver, parts in ((receive, [("s.nii", b"1")]), (receive_earlier, [("s.nii", b"1"), ("r.zip", zipped())])):
        status, told = sent(tmp_path, receiver, *parts)
        assert (status, "2 scans were uploaded" in told) == (422, True)
        assert limits.MOST_UPLOADS_VARIABLE in told
    assert len(list(tmp_path.iterdir())) == 2


def test_a_session_may_send_so_many_bytes(tmp_path, monkeypatch):
    monkeypatch.setenv(limits.LARGEST_SESSION_VARIABLE, "4")
    for _ in range(2):
        assert sent(tmp_path, receive, ("scan.nii", os.urandom(1_500_000)))[0] == 200
    status, told = sent(tmp_path, receive, ("scan.nii", os.urandom(1_500_000)))
    assert (status, "larger than 0.00391 GB together" in told) == (422, True)
    assert limits.LARGEST_SESSION_VARIABLE in told
    assert sent(tmp_path, receive, ("scan.nii", os.urandom(500_000)))[0] == 200
    assert len(list(tmp_path.iterdir())) == 3


ODD_NAMES = ["a\r\nSet-Cookie: x=y.nii", "a\x1b]0;owned\x07.nii", "scan\u202egnp.nii"]
ODD_NAMES += ["a\u2028b.nii", 'a"b;c.nii', "a\x00.nii"]


@pytest.mark.parametrize("name", [*ODD_NAMES, "Müller 木.nii.gz", "50%.nii", "x" * 400 + ".nii.gz", ""])
def test_a_download_of_any_name_is_one_header(name):
    head = attachment(name)
    assert head.isascii()
    assert head.isprintable()
    assert head.count('"') == 2
    assert web.Response(headers={"Content-Disposition": head}).headers["Content-Disposition"] == head


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_name_is_shown_without_what_steers(name):
    shown = plain_name(name)
    assert not set(shown) & set("\r\n\x00\x1b\x07\u202e\u2028")
    assert shown.endswith(".nii")


def test_names_of_any_script_stay_as_they_are_and_long_ones_keep_their_end():
    assert plain_name("Müller 木 नमस्ते.nii.gz") == "Müller 木 नमस्ते.nii.gz"
    assert len(plain_name("x" * 400 + ".nii.gz")) == LONGEST
    assert plain_name("x" * 400 + ".nii.gz").endswith(".nii.gz")


def test_an_uploads_name_comes_in_without_controls(tmp_path):
    head = b"Content-Disposition: form-data; name=scan; filename*=UTF-8''a%0D%0Ab%1B.nii"
    body = b"--b\r\n" + head + b"\r\n\r\n1\r\n--b--\r\n"

    async def run():
        app = web.Application()

        async def take(request):
            return web.json_response((await receive(request, tmp_path)).name)

        app.router.add_post("/upload", take)
        async with TestClient(TestServer(app)) as client:
            headers = {"Content-Type": "multipart/form-data; boundary=b"}
            async with client.post("/upload?name=x", data=body, headers=headers) as answer:
                assert answer.status == 200
                return await answer.json()

    assert asyncio.run(run()) == "a_b_.nii"


MAG, PHASE = "sub-01_part-mag_T2starw.nii.gz", "sub-01_part-phase_T2starw.nii.gz"


def files_in(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def sent_together(folder, *names):
    """Send files to be opened, and give what the page makes of them."""
    status, told = sent(folder, receive, *((name, b"1" * 2000) for name in names))
    assert status == 200, told
    (sent_to,) = folder.iterdir()
    return one_of_images(KeptScan(str(sent_to), "study", uploaded=True))


def test_a_scan_that_is_sent_with_its_phase_is_known_by_the_names(tmp_path):
    chosen, notes = sent_together(tmp_path, f"study/{PHASE}", f"study/{MAG}", "study/sub-01_minIP.nii.gz", "README")
    assert (chosen.name, notes) == (MAG, ("Sent along and not opened: sub-01_minIP.nii.gz.",))
    assert [file.path.name for file in phase_files_of(Path(chosen.path))[0]] == [PHASE]
    assert files_in(tmp_path) == ["sub-01_minIP.nii.gz", MAG, PHASE]


def test_of_several_scans_the_reader_chooses(tmp_path):
    with pytest.raises(ImageChoiceError) as asked:
        sent_together(tmp_path, MAG, PHASE, "sub-01_swi.nii.gz")
    assert [one.uid for one in asked.value.offered] == [MAG, "sub-01_swi.nii.gz"]
    assert PHASE in asked.value.offered[0].why
    (folder,) = tmp_path.iterdir()
    chosen, _ = one_of_images(KeptScan(str(folder), "study", uploaded=True, series="sub-01_swi.nii.gz"))
    assert chosen.path == str(folder / "sub-01_swi.nii.gz")
    for outside in ("../sub-01_swi.nii.gz", "/etc/passwd", PHASE):
        with pytest.raises(ImageChoiceError):
            one_of_images(KeptScan(str(folder), "study", uploaded=True, series=outside))


def test_names_of_files_that_are_sent_together_stay_in_their_folder(tmp_path):
    odd = [
        "..\\..\\a.nii",
        "b:c|d\u202e.nii",
        ".hidden.nii",
        "x" * 400 + ".nii",
        "木" * 100 + ".nii",
        "A.nii",
        "con.json",
    ]
    assert sent(tmp_path, receive, *((name, b"1") for name in odd))[0] == 200
    (folder,) = tmp_path.iterdir()
    stored = files_in(tmp_path)
    assert len(stored) == len(odd)
    assert all(path.parent == folder for path in tmp_path.rglob("*") if path.is_file())
    assert {"a.nii", "00005.nii", "b_c_d_.nii", "hidden.nii"} <= set(stored)


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ([f"{number}.nii" for number in range(limits.MOST_IMAGES + 1)], "101 images"),
        (["a.nii", "b.mrb"], "Choose one kind"),
        (["a.nii", "scene.mrb", "c.nii"], "Choose one kind"),
    ],
)
def test_what_is_no_set_of_images_is_refused_and_removed(tmp_path, names, reason):
    status, told = sent(tmp_path, receive, *((name, b"1") for name in names))
    assert (status, reason in told) == (422, True), told
    assert not list(tmp_path.iterdir())


def test_images_and_dicom_files_are_not_mixed(tmp_path):
    status, told = sent(tmp_path, receive, ("a.nii", b"1"), ("IM1", b"\0" * 128 + b"DICM" + b"1" * 500))
    assert (status, "Choose one kind" in told) == (422, True), told


def test_the_earlier_scan_is_known_by_the_name_of_its_results(tmp_path):
    parts = [("sub-1.nii.gz", b"1"), ("sub-2.nii.gz", b"1"), ("results.zip", zipped(**RESULTS))]
    status, told = sent(tmp_path, receive_earlier, *parts)
    assert (status, "name='sub-1.nii.gz'" in told) == (200, True), told
