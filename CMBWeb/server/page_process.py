"""The process behind one browser session: its own scene, views and sessions, apart from all others."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from CMBSegmentationLib.errors import MachineError

SECRET_HEADER = "X-CMB-Secret"
SECRET_VARIABLE = "CMB_WEB_SECRET"
SCAN_VARIABLE = "CMB_WEB_SCAN"
STARTS_WITHIN_S = 60.0
BEGINS_WITHIN_S = 30.0
ENDS_WITHIN_S = 5.0


@dataclass
class PageProcess:
    """A running `python -m CMBWeb.page.main`.

    Attributes
    ----------
    process : asyncio.subprocess.Process
    port : int
        On 127.0.0.1; what comes without `secret` is refused there.
    secret : str
    """

    process: asyncio.subprocess.Process
    port: int
    secret: str

    @classmethod
    async def start(cls, *, debug: bool = False, scan: Path | None = None) -> PageProcess:
        """Start one and wait until it serves.

        Parameters
        ----------
        debug : bool
            Whether it may write to the terminal.
        scan : Path, optional
            Read meanwhile, to be opened by `begin`.

        Raises
        ------
        MachineError
            It ended, or did not begin to serve.
        """
        secret = secrets.token_urlsafe(24)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "CMBWeb.page.main",
            *(["--debug"] if debug else []),
            env={**os.environ, SECRET_VARIABLE: secret, SCAN_VARIABLE: str(scan) if scan else ""},
            stdin=asyncio.subprocess.PIPE,  # it ends when this closes: no orphan where the server was killed
            stdout=asyncio.subprocess.PIPE,
            stderr=None if debug else asyncio.subprocess.DEVNULL,
        )
        try:
            port = int(await asyncio.wait_for(_told(process, "port"), STARTS_WITHIN_S))
        except (asyncio.TimeoutError, ValueError) as error:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            raise MachineError(
                "The page's own process did not start.",
                "Run again with --debug to see why; on Debian it needs libegl1 and libgl1-mesa-dri.",
            ) from error
        return cls(process, port, secret)

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self.process.returncode is None

    @property
    def headers(self) -> dict[str, str]:
        """What a request to it must carry."""
        return {SECRET_HEADER: self.secret}

    def url(self, path: str) -> str:
        """Give the address of a path on it."""
        return f"http://127.0.0.1:{self.port}{path}"

    async def begin(self, folder: Path, scan: Path | None) -> None:
        """Tell it which browser session it serves: the session's folder, and a scan to open at once.

        This goes through the process's standard input, which no request reaches.

        Raises
        ------
        MachineError
            It ended, or did not begin.
        """
        told = json.dumps({"folder": str(folder), "scan": str(scan) if scan else None})
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(told.encode() + b"\n")
            await self.process.stdin.drain()
            await asyncio.wait_for(_told(self.process, "begun"), BEGINS_WITHIN_S)
        except (OSError, asyncio.TimeoutError, ValueError) as error:
            raise MachineError("The page's own process did not begin.", "Reload the page.") from error

    async def stop(self) -> None:
        """End it; what is reviewed is on the disk already."""
        if not self.is_alive:
            return
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            await asyncio.wait_for(self.process.wait(), ENDS_WITHIN_S)
        except asyncio.TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()


async def _told(process: asyncio.subprocess.Process, what: str) -> Any:
    """Wait for a line of JSON with this key; other lines may come before it."""
    assert process.stdout is not None
    while line := await process.stdout.readline():
        with contextlib.suppress(ValueError, TypeError, KeyError):
            return json.loads(line)[what]
    raise ValueError("it ended")
