"""DICOM nodes for tests: one of ours that searches in this process, an archive, and somebody who sends."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import SimpleITK as sitk
from dark_spots import ball_brain
from dicom_series import a_volume, write_series
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from pynetdicom import AE, evt
from waiting import wait_until

from CMBCommand.node.jobs import DONE
from CMBCommand.node.searching.study import Outcome, StudySearch, search_study
from CMBCommand.node.service import Node
from CMBCommand.node.settings import Limits, NodeSettings, Peer, Search
from CMBSegmentationLib.models.loaded_models import StageChoice

SEG, SR, PDF = "1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.88.34", "1.2.840.10008.5.1.4.1.1.104.1"
FAILURE_SR = "1.2.840.10008.5.1.4.1.1.88.22"
COMMITMENT, COMMITMENT_INSTANCE = "1.2.840.10008.1.20.1", "1.2.840.10008.1.20.1.1"
MR = "1.2.840.10008.5.1.4.1.1.4"
PATIENT = ("id-4711", "Doe", "Jane", "19500102", "acc-99", "Who^Doctor")


@cache
def small_head() -> sitk.Image:
    """A ball of a brain with two dark spots, as whole numbers. Not to be changed."""
    image = ball_brain(spacing=(2.0, 2.0, 3.0))[0]
    return sitk.Cast(sitk.Clamp(image, sitk.sitkFloat32, 0, 4000), sitk.sitkUInt16)


def write_study(folder: Path, number: int = 1, **attributes: Any) -> list[Path]:
    """Write an SWI study of its own; gives its files."""
    study = f"1.2.826.0.1.3680043.10.1561.77.{number}"
    write_series(folder, small_head(), number=number, **{"study": study, "SeriesDescription": "SWI", **attributes})
    return sorted(folder.glob("*.dcm"))


def write_few(folder: Path, number: int = 1, slices: int = 3, **attributes: Any) -> list[Path]:
    """Write a study of a few slices, for what is not about searching; gives its files."""
    study = f"1.2.826.0.1.3680043.10.1561.77.{number}"
    write_series(folder, a_volume(slices), number=number, **{"study": study, **attributes})
    return sorted(folder.glob(f"series{number}-*.dcm"))


class Archive:
    """A DICOM archive that takes results, counts what arrives, and can be told to fail."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.kept: dict[str, Dataset] = {}
        self.arrived: list[str] = []
        self.status = 0x0000
        self.committed: list[tuple[int, Dataset]] = []
        self.port, self._server = 0, None
        self.start()

    def start(self) -> None:
        """Listen, at the same port each time."""
        ae = AE("ARCHIVE")
        for sop_class in (SEG, SR, PDF, FAILURE_SR):
            ae.add_supported_context(sop_class)
        ae.add_supported_context(COMMITMENT, scu_role=True, scp_role=True)
        handlers = [(evt.EVT_C_STORE, self._store), (evt.EVT_N_EVENT_REPORT, self._told)]
        self._server = ae.start_server(
            ("127.0.0.1", self.port), block=False, evt_handlers=handlers, ssl_context=self._tls
        )
        self.port = self._server.server_address[1]

    def stop(self) -> None:
        """Answer nobody."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def _store(self, event: evt.Event) -> int:
        if self.status == 0:
            one = event.dataset
            one.file_meta = event.file_meta
            self.arrived.append(one.SOPInstanceUID)
            self.kept[one.SOPInstanceUID] = one
        return self.status

    def _told(self, event: evt.Event) -> tuple[int, None]:
        self.committed.append((event.event_type, event.event_information))
        return 0, None

    @property
    def peer(self) -> Peer:
        return Peer("ARCHIVE", "127.0.0.1", self.port)

    def classes(self) -> list[str]:
        """SOP classes of what is kept."""
        return sorted(str(one.SOPClassUID) for one in self.kept.values())


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0

    def __call__(self) -> float:
        return self.seconds

    def pass_(self, seconds: float) -> None:
        self.seconds += seconds


class Here:
    """Searches in a thread of this process, when it may."""

    def __init__(self, search: Callable[[StudySearch], Outcome] = search_study) -> None:
        self._pool, self._work = ThreadPoolExecutor(1), search
        self.searched: list[StudySearch] = []
        self.may_begin = threading.Event()
        self.may_begin.set()

    def begin(self, job: StudySearch) -> Future[Outcome]:
        return self._pool.submit(self._search, job)

    def _search(self, job: StudySearch) -> Outcome:
        self.may_begin.wait(60)
        self.searched.append(job)
        return self._work(job)

    def close(self) -> None:
        self.may_begin.set()
        self._pool.shutdown()


def pretended(job: StudySearch, found: str = "2 cerebral microbleeds.") -> Outcome:
    """Give results without a search: a report, and three small objects of the right kinds in the right study."""
    source = dcmread(sorted(job.images.glob("*.dcm"))[0], stop_before_pixels=True)
    job.out.mkdir(parents=True)
    files = {}
    for kind, sop_class in {"dicom_seg": SEG, "dicom_sr": SR, "dicom_pdf": PDF}.items():
        one = Dataset()
        one.file_meta = FileMetaDataset()
        one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        one.SOPClassUID, one.SOPInstanceUID, one.SeriesInstanceUID = sop_class, generate_uid(), generate_uid()
        one.StudyInstanceUID, one.PatientID, one.PatientName = source.StudyInstanceUID, "id-4711", "Doe^Jane"
        one.save_as(job.out / f"{kind}.dcm", enforce_file_format=True)
        files[kind] = str(job.out / f"{kind}.dcm")
    report = job.out / "report.html"
    report.write_text("<!DOCTYPE html><title>made up</title>")
    return Outcome(files, found, str(report), 1.0)


class Scene:
    """A node with its clock, its archive and whoever searches for it; the node can be stopped and started again."""

    def __init__(self, settings: NodeSettings, archive: Archive, search: Callable[[StudySearch], Outcome]) -> None:
        self.settings, self.archive, self.clock = settings, archive, Clock()
        self._search = search
        self.start()

    def start(self) -> None:
        self.searchers = Here(self._search)
        try:
            self.node = Node(self.settings, self.searchers, self.clock)
        except Exception:
            self.searchers.close()
            raise
        self.node.start()

    def stop(self) -> None:
        self.searchers.close()
        self.node.stop()

    def send(self, files: Sequence[Path], **options: Any) -> list[int]:
        """Send files; gives the answers."""
        with association(self.node, **options) as assoc:
            assert assoc.is_established
            return [store(assoc, dcmread(file)) for file in files]

    def has(self, state: str, number: int = 1) -> bool:
        return self.node.jobs.counts()[state] == number

    def complete(self, state: str = DONE, number: int = 1) -> None:
        """Let the time pass after which studies are complete, and more, until so many are in a state."""
        self.clock.pass_(self.settings.quiet_s + 1)
        wait_until(lambda: self.clock.pass_(1) or self.has(state, number))

    def get(self, path: str = "/", **headers: str) -> tuple[int, str, dict[str, str]]:
        """Ask the status page."""
        connection = HTTPConnection("127.0.0.1", self.node.status.port, timeout=20)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text, dict(answer.headers)


def settings_for(folder: Path, archive: Archive | None, model: Path | None = None, **changes: Any) -> NodeSettings:
    """What a node is told that looks for no network's files and takes any free port."""
    known = NodeSettings(
        folder,
        port=0,
        status_port=0,
        send_to=(archive.peer,) if archive else (),
        limits=Limits(free_bytes=0),
        search=Search(str(model), "cpu", StageChoice("none", "none")),
    )
    return replace(known, **changes)


def store(assoc: Any, one: Dataset) -> int:
    """Send an object; gives the answer."""
    wait_until(
        lambda: not assoc._is_paused
    )  # else pynetdicom 3.0 may lose the answer: it has not gone on since the last
    return int(assoc.send_c_store(one).Status)


@contextmanager
def association(
    node: Node, *, title: str = "SCANNER", classes: Sequence[str] = (MR,), called: str = "", **options: Any
) -> Iterator[Any]:
    """Open an association to a node."""
    ae = AE(title)
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 20
    for sop_class in classes:
        ae.add_requested_context(sop_class)
    called = called or node.settings.title
    assoc = ae.associate("127.0.0.1", node.server.port, ae_title=called, **options)
    try:
        yield assoc
    finally:
        if assoc.is_established:
            assoc.release()
