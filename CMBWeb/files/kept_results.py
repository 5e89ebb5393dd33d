"""What is kept of a session: which scan is shown, and of each scan what was found, decided and grown."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from CMBSegmentationLib.files.atomic_file import put_in_place, replacing
from CMBSegmentationLib.reading.grid import are_same_places, index_to_lps
from CMBSegmentationLib.reading.scan_identity import voxels_sha256
from CMBSegmentationLib.worker.process import Process, Subprocess, event_in

from ..server.detection_queue import QueuedProcess, searches_at_once
from ..server.options import MOST_SESSIONS
from .session_folder import SCAN_FILE, private

RESULTS = "results"
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
    """Tells scans apart by their voxels and where these lie: files of two patients may have one name and one grid.

    Attributes
    ----------
    voxels_sha256 : str
        As `reading.scan_identity.voxels_sha256`.
    size : tuple of int
        x, y, z.
    index_to_lps : tuple of tuple of float
        4 x 4: from an index (x, y, z, 1) to mm.
    name : str
        Of the folder in which a scan is kept that is opened for the first time; the last digits count in it.
    """

    voxels_sha256: str
    size: tuple[int, ...]
    index_to_lps: tuple[tuple[float, ...], ...]
    name: str

    def is_of_same_scan(self, other: ScanKey) -> bool:
        """Whether it is of the same scan: a header's last digits change where a scene is saved and opened."""
        places = np.array(self.index_to_lps), np.array(other.index_to_lps)
        same_voxels = (self.voxels_sha256, self.size) == (other.voxels_sha256, other.size)
        return same_voxels and are_same_places(self.size, *places)


def scan_key(image: sitk.Image) -> ScanKey:
    """Give the key of a scan."""
    place = (*image.GetSpacing(), *image.GetOrigin(), *image.GetDirection())
    voxels = voxels_sha256(image)
    name = hashlib.sha256(f"{voxels} {place}".encode()).hexdigest()
    return ScanKey(voxels, image.GetSize(), tuple(map(tuple, index_to_lps(image).tolist())), name)


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
        """Keep which scan is shown; raises as `replacing`."""
        with replacing(self._folder() / SCAN_FILE) as draft:
            draft.write_text(json.dumps(asdict(scan)), encoding="utf-8")

    def scan(self) -> KeptScan | None:
        """Give the scan of the former session; None if there is none, or it is no longer there."""
        try:
            kept = KeptScan(**json.loads((self._folder() / SCAN_FILE).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return kept if Path(kept.path).exists() else None

    def take(self, key: ScanKey) -> None:
        """Keep and give the results of the scan with this key from now on, in the folder that it has already."""
        own = self._folder() / key.name
        if not own.is_dir():  # else an earlier release may have given a scan and its scene one each
            others = sorted(self._folder().glob(f"*/{SCAN_FILE}"))
            own = next((one.parent for one in others if _is_kept_of(one, key)), own)
        self._key = own.name
        told = private(own) / SCAN_FILE
        if not told.exists():
            with contextlib.suppress(OSError), replacing(told) as draft:  # a full disk: it is found by its name
                draft.write_text(json.dumps(asdict(key)), encoding="utf-8")

    def name_files(self, stem: str, *endings: str) -> None:
        """Have what the scan's folder holds begin with the name that the scan has now: it may have had another before.

        Parameters
        ----------
        stem : str
        *endings : str
            Of files that belong together, the first of which counts. Where one has the name already, all stay as they
            are; else the latest is given it.
        """
        folder = self.scan_folder()
        former = sorted(folder.glob(f"*{endings[0]}"), key=lambda one: one.stat().st_mtime)
        if not former or (folder / f"{stem}{endings[0]}").exists():
            return
        before = former[-1].name.removesuffix(endings[0])
        for ending in reversed(endings):  # what is read first comes last
            with contextlib.suppress(OSError):  # none of that kind, or a disk that says so when it is saved on
                put_in_place(folder / f"{before}{ending}", folder / f"{stem}{ending}")

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


def _is_kept_of(file: Path, key: ScanKey) -> bool:
    """Whether a scan's folder is of the scan with this key, as its `SCAN_FILE` says."""
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        place = np.array(kept["index_to_lps"], np.float64).reshape(4, 4)
        there = ScanKey(kept["voxels_sha256"], tuple(kept["size"]), tuple(map(tuple, place.tolist())), kept["name"])
        return there.is_of_same_scan(key)
    except (OSError, ValueError, TypeError, KeyError):
        return False


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
