"""What is kept of a session: which scan is shown, and of each scan what was found, decided and grown."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import SimpleITK as sitk

from CMBSegmentationLib.files.atomic_file import put_in_place
from CMBSegmentationLib.reading.scan_identity import voxels_sha256
from CMBSegmentationLib.worker.process import Process, Subprocess, event_in

from ..server.detection_queue import QueuedProcess, searches_at_once
from ..server.options import MOST_SESSIONS
from .session_folder import SCAN_FILE, private

RESULTS = "results"
STEP = 1e-3  # mm, and of a direction's cosine
OFF_STEP = 0.3819660112501051  # of a step: no number of a header lies where one ends, so that noise never parts two
WORKER_NICENESS = 10  # the page answers its reader first; an idle machine loses nothing by it


@dataclass(frozen=True)
class KeptScan:
    """The scan of a session.

    Attributes
    ----------
    path, name : str
        Where it lies, and what the reader calls it.
    uploaded : bool
    series : str or None
        UID of the DICOM series that the reader chose.
    """

    path: str
    name: str
    uploaded: bool = False
    series: str | None = None


@dataclass(frozen=True)
class ScanKey:
    """Names a scan by its voxels and where they lie: files of two patients may have one name and one grid.

    Attributes
    ----------
    name : str
        The same for a scan and for what a scene has of it: places count to `STEP`.
    former : str
        The name in releases in which they counted to the last digit, which a scene changes.
    """

    name: str
    former: str


def scan_key(image: sitk.Image) -> ScanKey:
    """Give the key of a scan."""
    place = (*image.GetSpacing(), *image.GetOrigin(), *image.GetDirection())
    steps = tuple(math.floor(one / STEP + OFF_STEP) for one in place)
    voxels = voxels_sha256(image)
    name, former = (hashlib.sha256(f"{voxels} {where}".encode()).hexdigest() for where in (steps, place))
    return ScanKey(name, former)


class KeptResults:
    """Keeps in a folder which scan is shown, and the results of each that was searched.

    Parameters
    ----------
    folder : callable
        Gives the folder; asked when something is to be kept.
    queue : callable
        Gives the folder in which detections queue.
    """

    def __init__(self, folder: Callable[[], Path], queue: Callable[[], Path]) -> None:
        self._folder, self._queue = folder, queue
        self._key = ""

    def begin(self, scan: KeptScan) -> None:
        """Keep which scan is shown."""
        (self._folder() / SCAN_FILE).write_text(json.dumps(asdict(scan)), encoding="utf-8")

    def scan(self) -> KeptScan | None:
        """Give the scan of the former session; None if there is none, or it is no longer there."""
        try:
            kept = KeptScan(**json.loads((self._folder() / SCAN_FILE).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return kept if Path(kept.path).exists() else None

    def take(self, key: ScanKey) -> None:
        """Keep and give the results of the scan with this key from now on."""
        self._key = key.name
        former, now = self._folder() / key.former, self._folder() / key.name
        if former.is_dir() and not now.exists():
            former.rename(now)

    def scan_folder(self) -> Path:
        """Give the private folder in which review and annotation of the scan are saved as they are made."""
        return private(self._folder() / self._key)

    def results(self) -> Path | None:
        """Give the folder with what the detector found in the scan; None if it was not searched."""
        folder = self._folder() / self._key / RESULTS
        return folder if folder.is_dir() else None

    def runner(self, command: Sequence[str], environment: Mapping[str, str]) -> Process:
        """Have a worker start in its turn, behind the page in priority; its results are kept: a `ProcessRunner`."""
        nice = shutil.which("nice")
        command = [nice, "-n", str(WORKER_NICENESS), *command] if nice else command
        at_once = searches_at_once(MOST_SESSIONS)
        queued = QueuedProcess(lambda: Subprocess(command, environment), self._queue(), at_once)
        return _KeepingProcess(queued, self._keep)

    def _keep(self, results: Path) -> None:
        with contextlib.suppress(OSError):  # a full disk: the review goes on, only resuming will search anew
            target = self.scan_folder() / RESULTS
            draft = target.with_suffix(".new")
            shutil.rmtree(draft, ignore_errors=True)
            shutil.copytree(results, draft)
            shutil.rmtree(target, ignore_errors=True)
            put_in_place(draft, target)


class _KeepingProcess:
    """A worker; as soon as it tells of its results they are copied."""

    def __init__(self, process: Process, keep: Callable[[Path], None]) -> None:
        self._process, self._keep = process, keep

    @property
    def log(self) -> str:
        """The last lines of what it wrote for developers."""
        return self._process.log

    def lines(self) -> list[str]:
        """Return what it has said since the last call."""
        lines = self._process.lines()
        for line in lines:
            event = event_in(line)
            if event is not None and event["event"] == "result":
                self._keep(event["folder"])
        return lines

    def exit_code(self) -> int | None:
        """Return how it ended, or None while it runs."""
        return self._process.exit_code()

    def wait(self, seconds: float) -> None:
        """Wait until it says something or ends."""
        self._process.wait(seconds)

    def kill(self) -> None:
        """End it."""
        self._process.kill()
