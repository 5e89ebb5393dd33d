"""What the page's process answers besides trame's own: uploads, comparisons, downloads."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from CMBSegmentationLib.errors import CMBError, told

from ..bindings.exporting import Exported
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


class TakenHome(web.FileResponse):
    """An exported file, whose folder is removed once it was sent, or the browser is gone.

    Parameters
    ----------
    made : Exported
    headers : dict
    """

    def __init__(self, made: Exported, headers: dict[str, str]) -> None:
        super().__init__(made.path, headers=headers)
        self._made = made

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Send all of it; aiohttp calls it once, and goes on with the connection."""
        try:
            return await super().prepare(request)
        finally:
            remove(self._made.folder)


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
        return TakenHome(made, headers)

    app.router.add_post("/upload", upload)
    app.router.add_post("/compare", compare)
    app.router.add_get("/download/{what:zip|report|pdf|scene|comparison}", download)


def _refused(error: CMBError) -> web.Response:
    return web.json_response(
        {"message": without_folders(error.message), "hint": without_folders(error.hint)}, status=422
    )
