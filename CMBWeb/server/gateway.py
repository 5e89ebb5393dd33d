"""The server that browsers talk to: lets them in, gives each its own process, and hands on what they say."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from aiohttp import ClientSession, ClientTimeout, CookieJar, WSCloseCode, web
from filelock import FileLock, Timeout

from CMBSegmentationLib.errors import MachineError

from ..files.limits import LARGEST_MB, LARGEST_MESSAGE_BYTES, too_large
from ..files.session_folder import KEPT_HOURS, holds_review, lock_of, private, remove, remove_old
from .access import SECURITY_HEADERS, Access, folder_name, is_from_another_site, is_key, is_plain, new_key
from .door import Door
from .messages import own_navigation, refusal_page
from .options import MOST_SESSIONS
from .page_process import PageProcess
from .proxy import hand_on_request, hand_on_socket

IDLE_S = 1800.0
TIDY_EVERY_S = 5.0
REMOVE_EVERY_S = 600.0  # what is old goes
SPARE_AFTER_S = 10.0  # the page before it is shown by then
MOST_KEYS = 1000  # given out and not used yet
TAKEN_OVER = 4001  # websocket close code: the session is shown in another tab
log = logging.getLogger(__name__)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class BrowserSession:
    """One browser's process, its tab, and the lock that keeps other servers from its folder."""

    folder: Path
    process: PageProcess
    lock: FileLock
    socket: web.WebSocketResponse | None = None
    idle_since: float = 0.0


class Gateway:
    """Serves pages until it is stopped.

    Parameters
    ----------
    access : Access
    sessions_folder : Path
        Private; holds a folder a session.
    first : asyncio.Task
        Gives the process behind the first page.
    scan : Path, optional
        Opened in each new session.
    most_sessions : int
        That are open at a time; each holds a scene in its own process, about half a gigabyte.
    debug : bool
        Whether the processes behind the pages may write to the terminal.
    """

    def __init__(
        self,
        access: Access,
        sessions_folder: Path,
        first: asyncio.Task[PageProcess],
        *,
        scan: Path | None = None,
        most_sessions: int = MOST_SESSIONS,
        debug: bool = False,
    ) -> None:
        self._access, self._folder, self._scan, self._debug = access, sessions_folder, scan, debug
        self._most = most_sessions
        self._sessions: dict[str, BrowserSession] = {}
        self._opening: dict[str, asyncio.Lock] = {}
        self._given: deque[str] = deque(maxlen=MOST_KEYS)
        self._spare: asyncio.Task[PageProcess] | None = first
        self._is_closing = False
        self._client: ClientSession | None = None
        self.door = Door()

    def app(self) -> web.Application:
        """Give the web application."""
        app = web.Application(middlewares=[self._let_in], client_max_size=1024)
        app.router.add_get("/alive", _alive)
        app.router.add_get("/ws", self._socket)
        app.router.add_get("/standing", self._standing)
        app.router.add_post("/forget", self._forget)
        app.router.add_route("*", "/{path:.*}", self._request)
        app.cleanup_ctx.append(self._while_serving)
        app.on_response_prepare.append(self._renew)
        app.on_shutdown.append(self._say_goodbye)
        return app

    async def _while_serving(self, _app: web.Application) -> AsyncIterator[None]:
        remove_old(self._folder)
        self._client = ClientSession(
            timeout=ClientTimeout(total=None, sock_connect=5), cookie_jar=CookieJar(unsafe=True), auto_decompress=False
        )
        tidying = asyncio.create_task(self._tidy())
        yield
        tidying.cancel()
        self._is_closing = True
        spare = (await asyncio.gather(self._spare, return_exceptions=True))[0] if self._spare else None
        processes = [session.process for session in self._sessions.values()]
        processes += [spare] if isinstance(spare, PageProcess) else []
        await asyncio.gather(*(process.stop() for process in processes))
        for session in self._sessions.values():
            session.lock.release()
            if not holds_review(session.folder):
                remove(session.folder)
        await self._client.close()

    async def _say_goodbye(self, _app: web.Application) -> None:
        for session in self._sessions.values():
            if session.socket is not None:
                await session.socket.close(code=WSCloseCode.GOING_AWAY)

    @web.middleware
    async def _let_in(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Serve a request that is ours while its connection's door is open."""
        self.door.come_in(request.transport)
        try:
            return await self._checked(request, handler)
        finally:
            self.door.wait(request.transport)

    async def _checked(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse what is not ours; exchange the token in the address for a cookie; add the page's rules."""
        if not is_plain(request.raw_path):
            return refusal_page(400, "This address is not well formed.", "Open the address that cmb web printed.")
        if not self._access.is_ours(request.headers):
            return refusal_page(403, "This address is not served here.", "Open the address that cmb web printed.")
        if request.path == "/alive":
            return await handler(request)
        key = request.cookies.get(self._access.cookie, "")
        if self._access.is_token(request.query.get("token", "")):
            if is_from_another_site(request.headers):
                return own_navigation()
            return self._with_key(key if self._is_known(key) else new_key())
        if not self._is_known(key):
            return refusal_page(
                403, "This page needs its token.", "Open the whole address that cmb web printed, with ?token=…"
            )
        request["key"] = key
        answer = await handler(request)
        if not answer.prepared:
            answer.headers.update(SECURITY_HEADERS)
        return answer

    def _is_known(self, key: str) -> bool:
        """A key is known once it is given out, and while its folder is there, also after the server was restarted."""
        return is_key(key) and (key in self._given or (self._folder / folder_name(key)).is_dir())

    def _with_key(self, key: str) -> web.Response:
        """Send a browser to the page's start with the cookie of its session."""
        answer = web.Response(status=302, headers={"Location": "/"})
        self._give(key, answer)
        answer.headers.update(SECURITY_HEADERS)
        return answer

    def _give(self, key: str, answer: web.Response) -> None:
        """Send a session's cookie; its folder is made once the page is used."""
        if key not in self._given:
            self._given.append(key)
        self._set_cookie(key, answer)

    def _set_cookie(self, key: str, answer: web.StreamResponse) -> None:
        """Have a browser keep a session's cookie for as long as an untouched review is kept, also when it is closed."""
        answer.set_cookie(
            self._access.cookie,
            key,
            max_age=round(KEPT_HOURS * 3600),
            httponly=True,
            samesite="Strict",
            path="/",
            secure=self._access.is_behind_tls,
        )

    async def _renew(self, request: web.Request, answer: web.StreamResponse) -> None:
        """Have the cookie live on from each request of its session, unless the session was closed meanwhile."""
        key = request.get("key")
        if key is None or self._access.cookie in answer.cookies or not self._is_known(key):
            return
        renewed = web.Response()
        self._set_cookie(key, renewed)
        answer.headers.add("Set-Cookie", renewed.cookies[self._access.cookie].OutputString())

    async def _session(self, key: str) -> BrowserSession:
        """Find a browser's session, or begin it (again, if its process has died)."""
        lock = self._opening.setdefault(key, asyncio.Lock())
        async with lock:
            session = self._sessions.get(key)
            if session is not None and session.process.is_alive:
                return session
            if session is None and len(self._sessions) >= self._most:
                await self._make_room()
            folder = private(self._folder / folder_name(key))
            held = session.lock if session is not None else _locked(folder)
            process = await self._process()
            await process.begin(folder, self._scan)
            session = BrowserSession(folder, process, held, idle_since=_now())
            self._sessions[key] = session
            return session

    async def _make_room(self) -> None:
        """End the session that nobody has looked at for longest; its review can be resumed."""
        idle = [(session.idle_since, key) for key, session in self._sessions.items() if session.socket is None]
        if not idle:
            raise MachineError(
                f"All places on this server are taken ({self._most}).",
                "Close a session (in its page: Export, Close this session), or try again later.",
            )
        await self._end(min(idle)[1])

    async def _end(self, key: str) -> None:
        session = self._sessions.pop(key)
        await session.process.stop()
        session.lock.release()
        if not holds_review(session.folder):
            remove(session.folder)

    async def _process(self) -> PageProcess:
        """Take the process that was started ahead, else start one."""
        spare, self._spare = self._spare, None
        asyncio.get_running_loop().call_later(SPARE_AFTER_S, self._keep_one_ready)
        if spare is not None:
            process = await spare
            if process.is_alive:
                return process
        return await PageProcess.start(debug=self._debug)

    def _keep_one_ready(self) -> None:
        """Start a process for the reader who comes next, where there is a place."""
        if self._spare is None and not self._is_closing and len(self._sessions) < self._most:
            self._spare = asyncio.create_task(PageProcess.start(debug=self._debug))

    async def _request(self, request: web.Request) -> web.StreamResponse:
        if (request.content_length or 0) > LARGEST_MB << 20:  # before a byte of it is read
            error = too_large()
            return web.json_response({"message": error.message, "hint": error.hint}, status=422)
        try:
            session = await self._session(request["key"])
        except MachineError as machine_error:
            return refusal_page(503, machine_error.message, machine_error.hint)
        assert self._client is not None
        return await hand_on_request(request, self._client, session.process)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        try:
            session = await self._session(request["key"])
        except MachineError as error:
            return refusal_page(503, error.message, error.hint)
        former = session.socket
        socket = web.WebSocketResponse(max_msg_size=LARGEST_MESSAGE_BYTES, heartbeat=30.0)
        session.socket = socket
        if former is not None and not former.closed:
            await former.close(code=TAKEN_OVER, message=b"shown in another tab")
        await socket.prepare(request)
        assert self._client is not None
        try:
            await hand_on_socket(socket, self._client, session.process)
        finally:
            if session.socket is socket:
                session.socket, session.idle_since = None, _now()
        return socket

    async def _standing(self, request: web.Request) -> web.Response:
        """Tell a page that lost its connection why: its session is shown elsewhere, or its process has ended."""
        session = self._sessions.get(request["key"])
        return web.json_response(
            {
                "elsewhere": session is not None and session.socket is not None,
                "ended": session is not None and not session.process.is_alive,
            }
        )

    async def _forget(self, request: web.Request) -> web.StreamResponse:
        """End a session, remove all that it left, and give the browser a new one."""
        session = self._sessions.pop(request["key"], None)
        if session is not None:
            await session.process.stop()
            session.lock.release()
        if request["key"] in self._given:
            self._given.remove(request["key"])
        remove(self._folder / folder_name(request["key"]))
        answer = web.Response(status=204)
        self._give(new_key(), answer)
        return answer

    async def _tidy(self) -> None:
        """End sessions that nobody looks at; their reviews stay on the disk until they are old."""
        tidied = _now()
        while True:
            await asyncio.sleep(TIDY_EVERY_S)
            if _now() - tidied > REMOVE_EVERY_S:
                tidied = _now()
                with contextlib.suppress(OSError):  # a folder that goes meanwhile
                    remove_old(self._folder)
            for key, session in list(self._sessions.items()):
                is_idle = session.socket is None and _now() - session.idle_since > IDLE_S
                if is_idle or (session.socket is None and not session.process.is_alive):
                    await self._end(key)


def _locked(folder: Path) -> FileLock:
    lock = lock_of(folder)
    try:
        lock.acquire()
    except Timeout as error:
        raise MachineError("This session is open in another cmb web.", "Close that one, then reload.") from error
    return lock


async def _alive(_request: web.Request) -> web.Response:
    return web.Response(status=204)


def _now() -> float:
    return asyncio.get_running_loop().time()
