"""One browser session: a scene, Slicer's views of it, the sessions on it, and the page that shows them."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import logging
import os
import sys
import threading
from pathlib import Path
from typing import Any

from trame.app import get_server
from trame_plotly import module as plotly_module
from trame_server import Server
from trame_slicer import module as trame_slicer_module
from trame_slicer.core import SlicerApp

from ..server.page_process import SECRET_VARIABLE
from ..ui.page import build_page
from .page_session import PageSession
from .routes import add_routes, only_with_secret

USED_LATER = ("scipy.ndimage", "scipy.special", "scipy.spatial")  # by the first growing, listing or export
LATER_S = 2.0  # after the page is shown
WWW = Path(__file__).parents[1] / "www"


def main() -> None:
    """Serve one page on a free port of 127.0.0.1 until the server that started us is gone."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--debug", action="store_true")
    debug = parser.parse_args().debug
    logging.basicConfig(level=logging.WARNING if debug else logging.CRITICAL)
    sys.argv = sys.argv[:1]  # trame would read options from it
    secret = os.environ.pop(SECRET_VARIABLE)
    server = get_server(client_type="vue3")
    desk = build(server)

    @server.controller.add("on_server_bind")
    def bind(wslink_server: Any) -> None:
        wslink_server.app.middlewares.append(only_with_secret(secret))
        add_routes(wslink_server.app, desk)

    @server.controller.add("on_server_ready")
    def ready(**_: Any) -> None:
        threading.Thread(target=_listen_to_parent, args=(asyncio.get_running_loop(), desk), daemon=True).start()
        print(json.dumps({"port": server.port}), flush=True)

    @server.controller.once("on_client_connected")
    def connected(**_: Any) -> None:
        later = threading.Timer(LATER_S, lambda: [importlib.import_module(name) for name in USED_LATER])
        later.daemon = True
        later.start()

    server.start(
        port=0,
        host="127.0.0.1",
        open_browser=False,
        show_connection_info=False,
        disable_logging=not debug,
        timeout=0,
        ws_max_msg_size=1 << 24,
    )


def build(server: Server) -> PageSession:
    """Make the scene, the sessions and the page of a server."""
    server.enable_module(trame_slicer_module)
    version = int(max(path.stat().st_mtime for path in WWW.iterdir()))
    base = f"__cmb_{version}"  # a new name with new content: browsers may keep what they have
    server.enable_module(
        {"serve": {base: str(WWW)}, "scripts": [f"{base}/cmb.js", f"{base}/roving.js"], "styles": [f"{base}/cmb.css"]},
    )
    server.state.trame__title = "CMB"
    server.state.trame__favicon = f"{base}/favicon.svg"
    desk = PageSession(server, SlicerApp())
    build_page(server, desk)
    _load_plotly_later(server)
    return desk


def _load_plotly_later(server: Server) -> None:
    """Have the browser load plotly, five times the size of all else, when the first curve is to be shown."""
    (script,), (plugin,) = plotly_module.scripts, plotly_module.vue_use
    state = server.state
    state.trame__scripts = [one for one in state.trame__scripts if one != script]
    others = [one for one in state.trame__vue_use if one != plugin]
    state.trame__vue_use = [*others, ["cmb.later", {"component": "TramePlotly", "plugin": plugin, "script": script}]]


def _listen_to_parent(loop: asyncio.AbstractEventLoop, desk: PageSession) -> None:
    """Begin with what the server's one line says; when its pipe closes, save and end."""

    def begin(folder: str, scan: str | None) -> None:
        desk.begin(Path(folder), Path(scan) if scan else None)
        print(json.dumps({"begun": True}), flush=True)

    if line := sys.stdin.buffer.readline():
        told = json.loads(line)
        loop.call_soon_threadsafe(begin, told["folder"], told["scan"])
        sys.stdin.buffer.read()

    def end() -> None:
        desk.close()
        os._exit(0)  # VTK's render windows need no leave-taking

    loop.call_soon_threadsafe(end)
    threading.Event().wait(4.0)
    os._exit(1)
