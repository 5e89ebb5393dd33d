"""The server behind the web page: who may see it, how many, and what is left when it stops."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request

import pytest
from waiting import wait_until as wait_for
from web_browser import Server, choose, new_page, take, wait_until
from web_review import give_review, rows_of, wait_for_state

from CMBSegmentationLib.files.bundled import sample_scan

pytestmark = [pytest.mark.timeout(900), pytest.mark.xdist_group("chromium")]
KEY = "k" * 43  # of a session that was left behind


def status(url, **headers):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_after_a_crash_of_the_server_the_review_goes_on(browser, asked_hosts, results, tmp_path):
    server, page = Server(tmp_path), new_page(browser, asked_hosts)
    give_review(server, KEY, results)
    resume(page, server, KEY)
    lesion = rows_of(page)[0]
    take(page, "Scene").save_as(tmp_path / "review.mrb")
    choose(page, "Open", tmp_path / "review.mrb", exact=True)  # a scene is gone on with as a scan is
    page.get_by_text("review.mrb", exact=True).wait_for()
    page.locator(f"[data-lesion='{lesion}']").wait_for()
    page.keyboard.press("n")
    page.keyboard.press("r")
    page.keyboard.press("Enter")
    wait_for_state(page, lesion, "rejected")
    review = server.folder(KEY) / "review"
    wait_until(page, lambda: any('"rejected"' in one.read_text() for one in review.rglob("*_review.json")))
    page.evaluate("() => window.trame.state.update({ not_saved: 'The disk is full.' })")
    server.kill()
    ended = page.get_by_role("alertdialog")
    ended.get_by_text("stopped or restarted").wait_for()
    ended.get_by_text("what could not be saved since is lost").wait_for()
    again = Server(tmp_path, "--port", str(server.port))
    try:
        ended.get_by_text("answers again").wait_for()
        ended.get_by_role("button", name="Go on").click()
        page.get_by_role("button", name="Resume the review").click()
        wait_for_state(page, lesion, "rejected")
        page.locator(f".cmb-current[data-lesion='{rows_of(page)[1]}']").wait_for()  # the next without a verdict
    finally:
        again.stop()
        page.context.close()


def resume(page, server, key):
    """Open the page of a session that was left behind, and go on with its review."""
    page.context.add_cookies([{"name": server.cookie, "value": key, "url": server.url}])
    page.goto(server.url)
    page.get_by_role("button", name="Resume the review").click()
    page.get_by_role("button", name="Accept", exact=True).wait_for()


@pytest.fixture(scope="module")
def small_host(tmp_path_factory):
    """A server for other machines, too, with a place for one session and a scan to open in it."""
    server = Server(tmp_path_factory.mktemp("small"), str(sample_scan()), "--host", "0.0.0.0", "--sessions", "1")
    yield server
    server.stop()


def from_here(server):
    """Its address as this machine reaches it, and with its token."""
    here = server.origin
    return here, here + "?token=" + server.url.split("?token=")[1]


def test_a_served_host_asks_for_its_token(small_host):
    here, with_token = from_here(small_host)
    assert status(here) == 403
    assert status(here + "?token=guessed") == 403
    assert status(here + "index.html", Cookie=f"{small_host.cookie}=guessed") == 403
    assert status(here + "ws", Connection="Upgrade", Upgrade="websocket") == 403
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    with opener.open(with_token, timeout=120) as answer:
        assert answer.status == 200
        assert "token" not in answer.url
    with opener.open(here, timeout=120) as answer:
        assert answer.status == 200


def test_a_server_with_all_places_taken_says_so(browser, asked_hosts, small_host):
    here, with_token = from_here(small_host)
    first, second = new_page(browser, asked_hosts), new_page(browser, asked_hosts)
    first.goto(with_token)
    first.get_by_role("button", name="Detect microbleeds").wait_for()  # the scan of the command line
    assert second.goto(with_token).status == 503
    assert "All places on this server are taken (1)." in second.get_by_role("alert").inner_text()
    first.context.close()
    wait_until(second, lambda: second.goto(here).status == 200)
    second.context.close()


def test_other_sites_cannot_use_the_page(server):
    here, with_token = from_here(server)
    assert status(with_token, Host="evil.example") == 403
    assert status(here + "alive", Origin="http://evil.example") == 403
    assert status(here + "alive") == 204


def raw(server, method, target, body=b"", **headers):
    """Send an address as it is, which urllib would normalise."""
    headers |= {"Content_Length": str(len(body))} if body else {}
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.putrequest(method, target, skip_host=False)
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders(body or None)
    answer = connection.getresponse()
    answer.content = answer.read()
    connection.close()
    return answer


@pytest.fixture
def cookie(server):
    """Of a session that the token gave."""
    here, with_token = from_here(server)
    given = raw(server, "GET", with_token.removeprefix(here[:-1])).getheader("Set-Cookie")
    return given.split(";")[0]


@pytest.mark.parametrize("target", ["/./_begin", "/x/../_begin", "/%2e/_begin", "/x/..%2f_begin", "//_begin"])
def test_an_address_that_is_not_plain_is_refused(server, cookie, target):
    assert raw(server, "POST", target, Cookie=cookie).status == 400


def test_no_request_tells_a_page_which_session_it_serves(server, cookie):
    assert raw(server, "POST", "/_begin", Cookie=cookie).status in (404, 405)
    assert raw(server, "GET", "/index.html", Cookie=cookie).status == 200


def test_without_the_token_nothing_is_shown_on_this_machine_either(server):
    here, _ = from_here(server)
    before = sessions_of(server)
    assert status(here) == status(here + "index.html") == status(here + "?token=guessed") == 403
    assert sessions_of(server) == before


def test_an_upload_on_which_its_reader_crashes_leaves_the_page_as_it_was(server, cookie):
    lines = ("NRRD0004", "type: uint16", "dimension: 3", "sizes: 24 22 10", "spacings: 4 4 4", "encoding: text", "", "")
    head = b"--b\r\nContent-Disposition: form-data; name=scan; filename=a.nrrd\r\n\r\n"
    body = head + "\n".join(lines).encode() + bytes(4096) + b"\r\n--b--\r\n"
    answer = raw(server, "POST", "/upload", body, Cookie=cookie, Content_Type="multipart/form-data; boundary=b")
    assert answer.status == 204
    uploads = server.folder(cookie.partition("=")[2]) / "upload"
    wait_for(lambda: not any(uploads.glob("*")))  # it was told of, and removed
    standing = raw(server, "GET", "/standing", Cookie=cookie)
    assert json.loads(standing.content) == {"elsewhere": False, "ended": False}


def sessions_of(server):
    return {path for path in (server.state / "slicer-cmb" / "web").iterdir() if path.is_dir()}


def test_a_link_on_another_site_neither_replaces_a_session_nor_makes_one(server, cookie):
    here, with_token = from_here(server)
    target = with_token.removeprefix(here[:-1])
    before = sessions_of(server)
    for _ in range(20):
        answer = raw(server, "GET", target, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors")
        assert answer.status == 200
        assert answer.getheader("Set-Cookie") is None
    assert sessions_of(server) == before
    again = raw(server, "GET", target, Cookie=cookie).getheader("Set-Cookie")
    assert again.split(";")[0] == cookie  # the same session as before


def test_a_second_server_leaves_the_first_ones_sessions_alone(server, cookie):
    raw(server, "GET", "/index.html", Cookie=cookie)  # the page is used: there is a folder now
    before = sessions_of(server)
    assert before
    second = Server(server.state)
    second.stop()
    assert sessions_of(server) == before
    assert raw(server, "GET", "/index.html", Cookie=cookie).status == 200
