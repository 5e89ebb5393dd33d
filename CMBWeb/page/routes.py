"""What the page's process answers besides trame's own: uploads, comparisons, downloads."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable

from aiohttp import web

from CMBSegmentationLib.errors import CMBError, told

from ..files.session_folder import remove
from ..files.upload import receive, receive_earlier
from ..server.names import attachment, without_folders
from ..server.page_process import SECRET_HEADER
from .page_session import PageSession

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def only_with_secret(secret: str) -> Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]:
    """Refuse what does not come from the server that started this process."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not hmac.compare_digest(
            request.headers.get(SECRET_HEADER, "").encode(errors="surrogatepass"), secret.encode()
        ):
            raise web.HTTPForbidden
        return await handler(request)

    return check


def add_routes(app: web.Application, desk: PageSession) -> None:
    """Add the routes of a page.

    Parameters
    ----------
    app : aiohttp.web.Application
        Not started yet.
    desk : PageSession
    """

    async def upload(request: web.Request) -> web.Response:
        try:
            received = await receive(request, desk.upload_folder())
        except Exception as error:
            return _refused(told(error))
        desk.open_uploaded(received)
        return web.Response(status=204)

    async def compare(request: web.Request) -> web.StreamResponse:
        try:
            page = await desk.compare(await receive_earlier(request, desk.upload_folder()))
        except Exception as error:
            return _refused(told(error))
        return web.FileResponse(page, headers={"Content-Type": "text/html"})

    async def download(request: web.Request) -> web.StreamResponse:
        try:
            made = await desk.export(request.match_info["what"])
        except Exception as error:
            return _refused(told(error))
        headers = {"Content-Type": made.kind}
        if made.kind != "text/html":
            headers["Content-Disposition"] = attachment(made.name)
        try:
            response = web.FileResponse(made.path, headers=headers)
            await response.prepare(request)  # sends all of it
        finally:
            remove(made.folder)
        return response

    app.router.add_post("/upload", upload)
    app.router.add_post("/compare", compare)
    app.router.add_get("/download/{what:zip|report|pdf|scene|comparison}", download)


def _refused(error: CMBError) -> web.Response:
    return web.json_response(
        {"message": without_folders(error.message), "hint": without_folders(error.hint)}, status=422
    )
