"""Connections that have not sent a request yet: for a short time, and few of them.

Whoever reaches the port may connect, before any token is asked for. A connection that stays half-said costs memory and
a file handle, and there are only so many.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

HEADER_S = 20.0  # for a request's header, and between two requests
MOST_WAITING = 128  # browsers open six connections a page
SERVER_OPTIONS: dict[str, Any] = {  # of aiohttp: a header is 512 kB at most, and what comes after it waits outside
    "keepalive_timeout": HEADER_S,
    "lingering_time": 2.0,
    "max_headers": 64,
    "max_field_size": 8190,
    "max_line_size": 8190,
    "read_bufsize": 1 << 16,
}


class Door:
    """Counts and times the connections that have not sent a request's header yet.

    Parameters
    ----------
    header_s : float
        Seconds that a header may take.
    most_waiting : int
        Connections that may wait for one; beyond it the one that has waited longest is closed.
    """

    def __init__(self, header_s: float = HEADER_S, most_waiting: int = MOST_WAITING) -> None:
        self._header_s, self._most = header_s, most_waiting
        self._waiting: dict[asyncio.BaseTransport, asyncio.TimerHandle] = {}  # in the order of time

    @property
    def waiting(self) -> int:
        """How many connections wait for a header."""
        return len(self._waiting)

    def watched(self, make: Callable[[], asyncio.BaseProtocol]) -> Callable[[], asyncio.Protocol]:
        """Give a protocol factory whose connections pass this door.

        Parameters
        ----------
        make : callable
            Gives the protocol that serves a connection: `aiohttp.web.AppRunner.server`.
        """
        return lambda: _Watched(make(), self)

    def wait(self, transport: asyncio.BaseTransport | None) -> None:
        """Have a connection send the header of its next request in time."""
        if transport is None or transport.is_closing():
            return
        self.come_in(transport)
        while len(self._waiting) >= self._most:
            self._close(next(iter(self._waiting)))
        loop = asyncio.get_running_loop()
        self._waiting[transport] = loop.call_later(self._header_s, self._close, transport)

    def come_in(self, transport: asyncio.BaseTransport | None) -> None:
        """Leave a connection alone: its header is there, or it is closed."""
        timer = self._waiting.pop(transport, None) if transport is not None else None
        if timer is not None:
            timer.cancel()

    def _close(self, transport: asyncio.BaseTransport) -> None:
        self.come_in(transport)
        if isinstance(transport, asyncio.Transport):
            transport.abort()


class _Watched(asyncio.Protocol):
    """Hands everything on to the protocol that serves."""

    def __init__(self, serving: asyncio.BaseProtocol, door: Door) -> None:
        self._serving: asyncio.Protocol = serving  # type: ignore[assignment]  # aiohttp names the base class
        self._door = door
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._door.wait(transport)
        self._serving.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._door.come_in(self._transport)
        self._serving.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._serving.data_received(data)

    def eof_received(self) -> bool | None:
        return self._serving.eof_received()

    def pause_writing(self) -> None:
        self._serving.pause_writing()

    def resume_writing(self) -> None:
        self._serving.resume_writing()
