"""Serving the page until it is stopped."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.util
import logging
import os
import signal
import socket
import sys
import webbrowser
from html import escape
from pathlib import Path

from rich.console import Console

from CMBSegmentationLib.errors import InputError, MachineError
from CMBSegmentationLib.vocabulary.notice import NOTICE

from ..files.session_folder import sessions_folder
from .access import Access
from .detection_queue import AT_ONCE, searches_at_once
from .options import WEB_PACKAGES
from .page_process import PageProcess

LEADS_ON = """<!doctype html><html lang="en"><meta charset="utf-8"><title>CMB</title>
<meta http-equiv="refresh" content="0; url={address}"><p><a href="{address}">Open CMB</a></p></html>"""


def run_web(arguments: argparse.Namespace, screen: Console) -> int:
    """Serve the page until it is stopped.

    Parameters
    ----------
    arguments : argparse.Namespace
        As `server.options.add_web_options` defines them.
    screen : Console

    Returns
    -------
    int
        0 when stopped.

    Raises
    ------
    InputError
        The scan does not exist, or the address cannot be bound.
    MachineError
        Packages are missing, or the folder for sessions cannot be made.
    """
    missing = [name for name in WEB_PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise MachineError(
            f"The page needs packages that are not installed: {', '.join(missing)}.",
            "Install them: pip install 'trame-slicer[standalone]' trame-plotly aiohttp filelock.",
        )
    scan = arguments.scan.absolute() if arguments.scan else None
    if scan is not None and not scan.exists():
        raise InputError(f"{arguments.scan} does not exist.", "Check the path and its spelling.")
    folder = sessions_folder()
    logging.getLogger("aiohttp.access").setLevel(logging.CRITICAL)  # no token and no name in logs
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(arguments, scan, folder, screen))
    return 0


async def _serve(arguments: argparse.Namespace, scan: Path | None, folder: Path, screen: Console) -> None:
    listening = _listen(arguments.host, arguments.port)
    os.environ[AT_ONCE] = str(searches_at_once(arguments.sessions))  # the pages' processes go by it
    access = Access.to(arguments.host, listening.getsockname()[1], is_behind_tls=arguments.behind_tls)
    first = asyncio.create_task(PageProcess.start(debug=arguments.debug, scan=scan))
    await asyncio.sleep(0)  # the first page's process loads its packages while this one loads those that serve
    from aiohttp import web

    from .door import SERVER_OPTIONS
    from .gateway import Gateway

    gateway = Gateway(access, folder, first, scan=scan, most_sessions=arguments.sessions, debug=arguments.debug)
    runner = web.AppRunner(gateway.app(), access_log=None, handle_signals=False, shutdown_timeout=2.0, **SERVER_OPTIONS)
    await runner.setup()
    assert runner.server is not None
    server = await asyncio.get_running_loop().create_server(gateway.door.watched(runner.server), sock=listening)
    try:
        shown = socket.gethostname() if arguments.host in ("0.0.0.0", "::") else ""
        address = access.address(shown)
        # plain print: a line that a script can read, and that no console wraps
        print(f"CMB is served at {address}", flush=True)
        screen.print(f"{NOTICE} Ctrl-C stops it.", highlight=False, soft_wrap=True)
        if not arguments.no_browser:
            await asyncio.to_thread(_open_in_browser, address, folder)
        await _until_asked_to_stop()
    finally:
        server.close()
        await runner.cleanup()


def _open_in_browser(address: str, folder: Path) -> None:
    """Open a private file that leads to the address: a command line, token and all, is shown to every user."""
    page = folder / "open.html"
    page.unlink(missing_ok=True)
    with os.fdopen(os.open(page, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
        stream.write(LEADS_ON.format(address=escape(address, quote=True)))
    webbrowser.open(page.as_uri())


def _listen(host: str, port: int) -> socket.socket:
    """Bind the address; where the usual port is taken, the next free one."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    except (OSError, UnicodeError) as error:
        raise InputError(f"{host} is not an address of this machine.", "Leave out --host, or give 0.0.0.0.") from error
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except (OSError, OverflowError) as error:
        listening.close()
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"{host}:{port} cannot be served ({reason}).", "Give another --port; 0 takes any that is free."
        ) from error
    return listening


async def _until_asked_to_stop() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    if sys.platform == "win32":
        while True:
            await asyncio.sleep(0.5)
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    await stop.wait()
