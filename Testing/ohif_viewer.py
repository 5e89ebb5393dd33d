"""OHIF over Orthanc's DICOMweb, both on loopback and from one origin: an archive and a viewer of others."""

from __future__ import annotations

import http.server
import os
import shutil
import subprocess
import tarfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from orthanc import PLUGIN, Orthanc

VERSION = "3.13.2"
PATIENCE_S = 60
DICOMWEB = "/dicom-web"
CONFIGURATION = """window.config = {
  routerBasename: '/', showStudyList: true, extensions: [], modes: [], defaultDataSourceName: 'dicomweb',
  showWarningMessageForCrossOrigin: false, showCPUFallbackMessage: false, investigationalUseDialog: {option: 'never'},
  maxNumberOfWebWorkers: 1,
  dataSources: [{
    namespace: '@ohif/extension-default.dataSourcesModule.dicomweb', sourceName: 'dicomweb',
    configuration: {
      friendlyName: 'Orthanc', name: 'orthanc', qidoRoot: '%(root)s', wadoRoot: '%(root)s', wadoUriRoot: '%(root)s',
      qidoSupportsIncludeField: false, imageRendering: 'wadors', thumbnailRendering: 'wadors',
      supportsFuzzyMatching: false, supportsWildcard: true, dicomUploadEnabled: false, singlepart: 'bulkdata',
      bulkDataURI: {enabled: true, relativeResolution: 'studies'},
    },
  }],
};
"""
"""Nothing in it names another host than the one that serves the page."""


def what_is_missing() -> str:
    """Say what to install where Orthanc or npm is not there; empty where both are."""
    missing = []
    if not PLUGIN.exists():
        missing.append("Orthanc with its DICOMweb plugin: apt-get install orthanc orthanc-dicomweb")
    if not shutil.which("npm") and not (cached() / "dist" / "index.html").exists():
        missing.append("npm, which fetches OHIF: apt-get install npm")
    return "; ".join(missing)


def cached() -> Path:
    """Where OHIF lies once it was fetched: outside the repository."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "slicer-cmb" / f"ohif-{VERSION}"


def ohif() -> Path:
    """Give the folder of OHIF's build, fetched from npm's registry (50 MB) the first time."""
    folder = cached()
    if not (folder / "dist" / "index.html").exists():
        folder.mkdir(parents=True, exist_ok=True)
        call = ["npm", "pack", "--silent", f"@ohif/app@{VERSION}", "--pack-destination", str(folder)]
        packed = subprocess.run(call, check=True, capture_output=True, text=True).stdout.split()[-1]
        with tarfile.open(folder / packed) as archive:
            inside = [member for member in archive.getmembers() if member.name.startswith("package/dist/")]
            for member in inside:
                member.name = member.name.removeprefix("package/")
                archive.extract(member, folder, filter="data")
        (folder / packed).unlink()
    return folder / "dist"


def send(archive: Orthanc, files: Iterable[Path]) -> None:
    """Put DICOM files into the archive."""
    for file in files:
        request = urllib.request.Request(f"http://127.0.0.1:{archive.http_port}/instances", file.read_bytes())
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            answer.read()


@contextmanager
def viewer(archive: Orthanc) -> Iterator[str]:
    """Serve OHIF and the archive's DICOMweb from one origin; gives its address."""

    class Handler(_Handler):
        origin = f"http://127.0.0.1:{archive.http_port}"

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(PATIENCE_S)


class _Handler(http.server.SimpleHTTPRequestHandler):
    origin = ""
    protocol_version = "HTTP/1.1"

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments, directory=str(ohif()))

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.startswith(DICOMWEB):
            self._pass_on()
        elif path == "/app-config.js":
            self._answer(200, "text/javascript", (CONFIGURATION % {"root": self._here() + DICOMWEB}).encode())
        else:
            if not Path(self.translate_path(path)).is_file():
                self.path = "/index.html"  # a route of the page's own
            super().do_GET()

    def _here(self) -> str:
        return f"http://{self.headers['Host']}"

    def _pass_on(self) -> None:
        request = urllib.request.Request(self.origin + self.path)
        for name in ("Accept", "Range"):
            if self.headers.get(name):
                request.add_header(name, self.headers[name])
        request.add_header("Host", self.headers["Host"])  # addresses in the answer lead back here
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                self._answer(answer.status, answer.headers["Content-Type"], answer.read())
        except urllib.error.HTTPError as error:
            self._answer(error.code, error.headers["Content-Type"] or "text/plain", error.read())

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass
