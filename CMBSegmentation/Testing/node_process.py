"""`cmb node` as a program of its own, which can be stopped, killed and started again."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path


class NodeProcess:
    """`cmb node` as a program."""

    def __init__(self, log: Path, *arguments: str | Path) -> None:
        self.log = log
        self._command = [sys.executable, "-m", "CMBCommand.cli", "node", *map(str, arguments)]
        self.start()

    def start(self) -> None:
        """Start it, and wait until it takes studies."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, "CMB_READING_APART": "1"},
            )
        line = self.process.stdout.readline() if self.process.stdout else ""
        assert "takes studies at" in line, f"{line!r}: {self.log.read_text()}"
        self.port = int(re.findall(r"127\.0\.0\.1:(\d+)\.", line)[0])
        self.status = line.split()[-1]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def kill(self) -> None:
        """End it as a power cut does."""
        self.process.kill()
        self.process.wait(60)
