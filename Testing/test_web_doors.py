"""Who knocks at the server without a token: half-sent requests, odd cookies, and how little of them is kept."""

from __future__ import annotations

import asyncio
import os
import re
import time
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from CMBWeb.files.session_folder import KEPT_HOURS, lock_of
from CMBWeb.server import gateway
from CMBWeb.server.access import Access, is_key, new_key
from CMBWeb.server.door import SERVER_OPTIONS, Door
from CMBWeb.server.gateway import Gateway

TOKEN = "t" * 32


@asynccontextmanager
async def served(folder, door, **access):
    """The gateway on a free port, without a page behind it; give the port."""
    opened = Gateway(Access("127.0.0.1", 1, TOKEN, **access), folder, asyncio.get_running_loop().create_future())
    opened.door = door
    opened._spare.set_exception(RuntimeError("no page in this test"))
    runner = web.AppRunner(opened.app(), access_log=None, handle_signals=False, **SERVER_OPTIONS)
    await runner.setup()
    server = await asyncio.get_running_loop().create_server(door.watched(runner.server), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await runner.cleanup()


async def is_closed(reader, seconds=20.0):
    """Whether the server closes a connection in time, whatever it says before."""
    try:
        await asyncio.wait_for(reader.read(), seconds)
    except asyncio.TimeoutError:
        return False
    except ConnectionError:
        pass
    return True


async def asked(port, head, body=b""):
    """Send a request as bytes; give the answer's first line and headers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head + b"\r\n\r\n" + body)
    told = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
    writer.close()
    return told.decode()


@pytest.mark.parametrize("half", [b"", b"G", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ", b"POST /upload HTTP/1.1\r\n"])
def test_a_request_that_is_half_sent_is_given_up(tmp_path, half):
    async def run():
        async with served(tmp_path, Door(header_s=0.3)) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(half)
            assert await is_closed(reader)

    asyncio.run(run())


def test_a_header_in_drops_gets_no_more_time(tmp_path):
    async def run():
        door = Door(header_s=0.5)
        async with served(tmp_path, door) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n")
            closing = asyncio.ensure_future(is_closed(reader))
            while not closing.done() and not writer.is_closing():
                writer.write(b"X: y\r\n")
                await asyncio.wait([closing], timeout=0.1)
            assert await closing
            assert door.waiting == 0

    asyncio.run(run())


def test_a_connection_that_has_been_served_must_ask_again_in_time(tmp_path):
    async def run():
        async with served(tmp_path, Door(header_s=0.5)) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for _ in range(2):
                writer.write(b"GET /alive HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204")
            writer.write(b"GET /alive HTTP/1.1\r\n")
            assert await is_closed(reader)

    asyncio.run(run())


def test_of_very_many_half_sent_requests_only_the_latest_stay_and_the_page_is_served(tmp_path):
    async def run():
        door = Door(header_s=60.0, most_waiting=8)
        async with served(tmp_path, door) as port:
            open_ones = []
            for _ in range(60):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"GET / HTTP/1.1\r\n")
                open_ones.append((reader, writer))
            first = await asyncio.gather(*(is_closed(reader) for reader, _ in open_ones[:50]))
            assert all(first)
            assert door.waiting <= 8
            assert (await asked(port, b"GET /alive HTTP/1.1\r\nHost: 127.0.0.1")).startswith("HTTP/1.1 204")

    asyncio.run(run())


def test_a_large_body_without_a_token_is_not_read(tmp_path):
    async def run():
        async with served(tmp_path, Door()) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            length = 1 << 30
            writer.write(f"POST /upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n".encode())
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 403")
            assert await is_closed(reader, 10.0)  # it waits for no more of it

    asyncio.run(run())


@pytest.mark.parametrize("header", [b"X: " + b"y" * 20_000, b"\r\n".join(b"X%d: y" % n for n in range(200))])
def test_a_large_header_is_refused(tmp_path, header):
    async def run():
        async with served(tmp_path, Door()) as port:
            told = await asked(port, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + header)
            assert told.split()[1] == "400"

    asyncio.run(run())


ODD = [
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"a" * 4000,
    b"../../x",
    b"%00",
    b'"a\\"b',
    b";;=;",
    b"k" * 43 + b"\xff",
    b"=",
    b"\t",
]


@pytest.mark.parametrize("value", ODD)
def test_an_odd_cookie_is_nobodys_session(tmp_path, value):
    async def run():
        async with served(tmp_path, Door()) as port:
            for path in (b"/", b"/standing", b"/?token=" + TOKEN.encode()):
                told = await asked(
                    port, b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: cmb_session_1=%s" % (path, value)
                )
                assert told.split()[1] == ("302" if b"token" in path else "403"), told

    asyncio.run(run())


@pytest.mark.parametrize("token", [b"%ff", b"%ED%A0%80", b"%00", b"t%0d%0a", b"&token=", b"t" * 5000])
def test_an_odd_token_is_wrong(tmp_path, token):
    async def run():
        async with served(tmp_path, Door()) as port:
            told = await asked(port, b"GET /?token=%s HTTP/1.1\r\nHost: 127.0.0.1" % token)
            assert told.split()[1] == "403"

    asyncio.run(run())


@pytest.mark.parametrize("behind_tls", [False, True])
def test_behind_tls_a_cookie_is_sent_encrypted_only(tmp_path, behind_tls):
    async def run():
        async with served(tmp_path, Door(), is_behind_tls=behind_tls) as port:
            host = b"cmb.example" if behind_tls else b"127.0.0.1"
            told = await asked(port, b"GET /?token=%s HTTP/1.1\r\nHost: %s" % (TOKEN.encode(), host))
            (cookie,) = (line for line in told.splitlines() if line.startswith("Set-Cookie"))
            assert ("; Secure" in cookie) is behind_tls
            assert "HttpOnly" in cookie
            assert "SameSite=Strict" in cookie

    asyncio.run(run())


def cookie_in(told):
    """The one cookie of an answer: its value, and how many seconds a browser keeps it."""
    (line,) = (line for line in told.splitlines() if line.startswith("Set-Cookie"))
    kept = re.search(r"Max-Age=(\d+)", line)
    return line.split("=")[1].split(";")[0], int(kept[1]) if kept else 0


def test_a_browser_keeps_its_cookie_as_long_as_a_review_is_kept_and_each_request_renews_it(tmp_path):
    async def run():
        async with served(tmp_path, Door()) as port:
            told = await asked(port, b"GET /?token=%s HTTP/1.1\r\nHost: 127.0.0.1" % TOKEN.encode())
            key, kept_s = cookie_in(told)
            assert kept_s == KEPT_HOURS * 3600
            head = b"%s HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: cmb_session_1=%s"
            again = await asked(port, head % (b"GET /standing", key.encode()))
            assert cookie_in(again) == (key, kept_s)
            assert "HttpOnly" in again
            closed, _ = cookie_in(await asked(port, head % (b"POST /forget", key.encode())))
            assert closed != key
            assert "Set-Cookie" not in await asked(port, head % (b"GET /standing", key.encode()))
            assert "Set-Cookie" not in await asked(port, b"GET /alive HTTP/1.1\r\nHost: 127.0.0.1")

    asyncio.run(run())


def test_a_new_key_is_one():
    assert all(is_key(new_key()) for _ in range(50))


def left_behind(folder, name, days):
    """A session's folder with a review that was last changed so long ago."""
    review = folder / name / "review" / "x_review.json"
    review.parent.mkdir(parents=True)
    review.touch()
    then = time.time() - days * 24 * 3600
    for path in (review, review.parent, folder / name):
        os.utime(path, (then, then))
    return folder / name


def test_what_is_old_is_removed_while_the_server_runs_too(tmp_path, monkeypatch):
    monkeypatch.setattr(gateway, "TIDY_EVERY_S", 0.05)
    monkeypatch.setattr(gateway, "REMOVE_EVERY_S", 0.0)

    async def run():
        async with served(tmp_path, Door()):
            old, new = left_behind(tmp_path, "old", 3.1), left_behind(tmp_path, "new", 2.9)
            shown = left_behind(tmp_path, "shown", 30)  # a review that a browser shows for a month
            with lock_of(shown):
                for _ in range(200):
                    await asyncio.sleep(0.05)
                    if not old.exists():
                        break
                assert [old.exists(), new.exists(), shown.exists()] == [False, True, True]

    asyncio.run(run())
