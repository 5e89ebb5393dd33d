"""The status page: queue, last results, failures, links to reports; for this machine, unless it is told otherwise."""

from __future__ import annotations

import ipaddress
import re
import shutil
import socket
import threading
import time
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from CMBSegmentationLib import __version__
from CMBSegmentationLib.errors import MachineError
from CMBSegmentationLib.vocabulary.notice import NOTICE
from CMBSegmentationLib.vocabulary.numbers import counted

from ..jobs import DONE, FAILED, RECEIVING, SEARCHING, SENDING, Jobs
from ..settings import LOOPBACK, NodeSettings
from .metrics import Metrics

if TYPE_CHECKING:
    from jinja2 import Template

REPORT = re.compile(r"/reports/(study-[0-9a-f]{12})")
CONTENT_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
HEADERS = {
    "Content-Security-Policy": f"{CONTENT_POLICY}; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
HTML = "text/html; charset=utf-8"
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
PLAIN = "text/plain; charset=utf-8"
REQUEST_S = 10.0
SHOWN = 50


class StatusServer:
    """Serves the page, the reports and the numbers, read only, until it is stopped.

    Parameters
    ----------
    settings : NodeSettings
    jobs : Jobs
    metrics : Metrics

    Raises
    ------
    MachineError
        The address is taken, or not this machine's.
    """

    def __init__(self, settings: NodeSettings, jobs: Jobs, metrics: Metrics) -> None:
        self.settings, self.jobs, self.metrics = settings, jobs, metrics
        address = settings.status_host, settings.status_port
        handler = type("Handler", (_Handler,), {"status": self})
        try:
            self._server = (_OverIPv6 if ":" in address[0] else ThreadingHTTPServer)(address, handler)
        except OSError as error:
            raise MachineError(
                f"The status page cannot be served at {address[0]}:{address[1]} ({error.strerror or error}).",
                "Give another address with --status, or stop the program that listens there.",
            ) from error
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="status", daemon=True).start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def stop(self) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str) -> tuple[int, str, bytes]:
        """Give status, type and content of what is asked for."""
        if path == "/":
            return 200, HTML, self.page().encode()
        if path == "/metrics":
            return 200, PROMETHEUS, self.metrics.text()
        found = REPORT.fullmatch(path)
        study = self.jobs.study(found[1]) if found else None
        if study is not None and study.report and Path(study.report).is_file():
            return 200, HTML, Path(study.report).read_bytes()
        return 404, PLAIN, b"There is no such page.\n"

    def page(self) -> str:
        """Write the page."""
        settings, jobs = self.settings, self.jobs
        return _template().render(
            title=settings.title,
            address=f"{settings.host}:{settings.port}",
            destinations=[*map(str, settings.send_to), *settings.stow],
            watched=settings.watch,
            counts=jobs.counts(),
            free_gb=shutil.disk_usage(settings.folder).free / 1e9,
            queue=jobs.studies((RECEIVING, SEARCHING), SHOWN),
            sending=jobs.studies((SENDING,), SHOWN),
            unsent_failures=[one for one in jobs.studies((FAILED,), SHOWN) if one.unsent],
            done=jobs.studies((DONE, SENDING), SHOWN),
            failed=jobs.studies((FAILED,), SHOWN),
            now=time.time(),
            version=__version__,
            notice=NOTICE,
            counted=counted,
            at=lambda seconds: time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds)),
        )


@lru_cache(maxsize=1)
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("page.html.j2")


class _OverIPv6(ThreadingHTTPServer):
    address_family = socket.AF_INET6


def _is_address(host: str) -> bool:
    """Tell an IP address, which no other site can have pointed at us."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


class _Handler(BaseHTTPRequestHandler):
    status: StatusServer
    timeout = REQUEST_S
    server_version, sys_version = "slicer-cmb", ""

    def do_GET(self) -> None:
        """Answer a request of this machine, or of whoever may reach another address."""
        if not self._names_us():
            self._send(403, PLAIN, b"Open this page by the IP address of this machine.\n")
            return
        self._send(*self.status.answer(self.path.partition("?")[0]))

    def _names_us(self) -> bool:
        """Tell a request of our own from one that another site has a browser make under its own name."""
        try:
            host = urlsplit(f"//{self.headers.get('Host', '')}").hostname or ""
        except ValueError:
            return False
        if host in LOOPBACK:
            return True
        if self.status.settings.status_host in LOOPBACK:
            return False
        return host == self.status.settings.status_host or _is_address(host)

    def _send(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        for name, value in {**HEADERS, "Content-Type": kind, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Log no visits."""
