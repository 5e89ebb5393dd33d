"""Handing a browser's requests and its websocket on to the process of its session."""

from __future__ import annotations

import asyncio

from aiohttp import ClientError, ClientSession, ClientWebSocketResponse, WSMsgType, web
from yarl import URL

from .access import SECURITY_HEADERS
from .messages import refusal_page
from .page_process import PageProcess

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "upgrade", "host", "cookie", "content-length", "te"}
PIECE_BYTES = 1 << 16
PROCESS_ENDED = 4002  # websocket close code


async def hand_on_request(request: web.Request, client: ClientSession, process: PageProcess) -> web.StreamResponse:
    """Have the session's process answer a request; bodies flow through in pieces."""
    headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP}
    if request.content_length is not None:
        headers["Content-Length"] = str(request.content_length)
    try:
        async with client.request(
            request.method,
            URL(process.url(request.raw_path), encoded=True),  # as it was checked, not normalised anew
            headers={**headers, **process.headers},
            data=request.content.iter_chunked(PIECE_BYTES) if request.can_read_body else None,
            allow_redirects=False,
        ) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP}
            response = web.StreamResponse(status=answer.status, headers=kept)
            if answer.content_length is not None:
                response.content_length = answer.content_length
            response.headers.update(SECURITY_HEADERS)
            await response.prepare(request)
            async for piece in answer.content.iter_chunked(PIECE_BYTES):
                await response.write(piece)
            await response.write_eof()
            return response
    except (ClientError, ConnectionError, asyncio.TimeoutError):
        return refusal_page(502, "The page's own process has ended.", "Reload the page: what you reviewed is saved.")


async def hand_on_socket(socket: web.WebSocketResponse, client: ClientSession, process: PageProcess) -> None:
    """Join a browser's websocket and the process's until one of them closes."""
    try:
        async with client.ws_connect(process.url("/ws"), headers=process.headers, max_msg_size=0, compress=0) as behind:
            pumps = [asyncio.create_task(_to_process(socket, behind)), asyncio.create_task(_to_browser(behind, socket))]
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
    except (ClientError, ConnectionError):
        pass
    if not socket.closed:
        await socket.close(code=PROCESS_ENDED, message=b"the process ended")


async def _to_process(socket: web.WebSocketResponse, behind: ClientWebSocketResponse) -> None:
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            await behind.send_str(message.data)
        elif message.type is WSMsgType.BINARY:
            await behind.send_bytes(message.data)


async def _to_browser(behind: ClientWebSocketResponse, socket: web.WebSocketResponse) -> None:
    async for message in behind:
        if message.type is WSMsgType.TEXT:
            await socket.send_str(message.data)
        elif message.type is WSMsgType.BINARY:
            await socket.send_bytes(message.data)
