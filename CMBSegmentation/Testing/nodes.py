"""DICOM nodes for tests: one of ours that searches in this process, an archive, and somebody who sends."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import SimpleITK as sitk
from dark_spots import ball_brain
from dicom_series import write_series
from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.sop_class import ComprehensiveSRStorage, EncapsulatedPDFStorage, EnhancedSRStorage, SegmentationStorage

from CMBCommand.node.network.server import SYNTAXES
from CMBCommand.node.searching.study import Outcome, StudySearch, search_study
from CMBCommand.node.service import Node
from CMBCommand.node.settings import Limits, NodeSettings, Peer, Search
from CMBSegmentationLib.models.loaded_models import StageChoice

COMPREHENSIVE_3D_SR = "1.2.840.10008.5.1.4.1.1.88.34"
SEG, SR, PDF = str(SegmentationStorage), COMPREHENSIVE_3D_SR, str(EncapsulatedPDFStorage)
FAILURE_SR = str(EnhancedSRStorage)
RESULTS = (SEG, SR, PDF, FAILURE_SR, str(ComprehensiveSRStorage))
MR = "1.2.840.10008.5.1.4.1.1.4"
PATIENT = ("id-4711", "Doe", "Jane", "19500102", "acc-99", "Who^Doctor")


def small_head() -> sitk.Image:
    """A ball of a brain with two dark spots, as whole numbers."""
    image = ball_brain(spacing=(2.0, 2.0, 2.0))[0]
    return sitk.Cast(sitk.Clamp(image, sitk.sitkFloat32, 0, 4000), sitk.sitkUInt16)


def write_study(folder: Path, number: int = 1, **attributes: Any) -> list[Path]:
    """Write an SWI study of its own; gives its files."""
    study = f"1.2.826.0.1.3680043.10.1561.77.{number}"
    write_series(folder, small_head(), number=number, **{"study": study, "SeriesDescription": "SWI", **attributes})
    return sorted(folder.glob("*.dcm"))


class Archive:
    """A DICOM archive that takes results, counts what arrives, and can be told to fail."""

    def __init__(self) -> None:
        self.kept: dict[str, Dataset] = {}
        self.arrived: list[str] = []
        self.status = 0x0000
        self.committed: list[tuple[int, Dataset]] = []
        self.port, self._server = 0, None
        self.start()

    def start(self) -> None:
        """Listen, at the same port each time."""
        ae = AE("ARCHIVE")
        for sop_class in RESULTS:
            ae.add_supported_context(sop_class)
        ae.add_supported_context("1.2.840.10008.1.20.1", scu_role=True, scp_role=True)
        handlers = [(evt.EVT_C_STORE, self._store), (evt.EVT_N_EVENT_REPORT, self._told)]
        self._server = ae.start_server(("127.0.0.1", self.port), block=False, evt_handlers=handlers)
        self.port = self._server.server_address[1]

    def stop(self) -> None:
        """Answer nobody."""
        self._server.shutdown()
        self._server.server_close()

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


class Here:
    """Searches in a thread of this process."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1)
        self.searched: list[str] = []
        self.may_begin = threading.Event()
        self.may_begin.set()

    def begin(self, job: StudySearch) -> Future[Outcome]:
        return self._pool.submit(self._search, job)

    def _search(self, job: StudySearch) -> Outcome:
        self.may_begin.wait(60)
        self.searched.append(job.images.name)
        return search_study(job)

    def close(self) -> None:
        self.may_begin.set()
        self._pool.shutdown()


def settings_for(folder: Path, model: Path, archive: Archive, **changes: Any) -> NodeSettings:
    """A node that waits for nothing long."""
    return replace(
        NodeSettings(
            folder,
            port=0,
            status_port=0,
            send_to=(archive.peer,),
            quiet_s=0.5,
            pause_s=0.05,
            limits=Limits(free_bytes=0),
            search=Search(str(model), "cpu", StageChoice("none", "none")),
        ),
        **changes,
    )


@contextmanager
def running(settings: NodeSettings, searchers: Here | None = None) -> Iterator[Node]:
    """Have a node run while the block does."""
    searchers = searchers or Here()
    node = Node(settings, searchers)
    try:
        node.start()
        yield node
    finally:
        node.stop()
        searchers.close()


@contextmanager
def association(node: Node, *, title: str = "SCANNER", classes: Sequence[str] = (MR,), **options: Any) -> Iterator[Any]:
    """Open an association to a node."""
    ae = AE(title)
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 20
    for sop_class in classes:
        ae.add_requested_context(sop_class, options.pop("syntaxes", None) or SYNTAXES[:2])
    assoc = ae.associate("127.0.0.1", node.server.port, ae_title=node.settings.title, **options)
    try:
        yield assoc
    finally:
        if assoc.is_established:
            assoc.release()


def send(node: Node, files: Sequence[Path], **options: Any) -> list[int]:
    """Send files; gives the answers."""
    with association(node, **options) as assoc:
        assert assoc.is_established
        return [assoc.send_c_store(dcmread(file)).Status for file in files]
