"""Storage commitment (DICOM PS3.4, J): a peer asks whether its images are here, and is told."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Sequence
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import AE, build_role

from ..jobs import Jobs, pause_after
from ..logs import LOG
from ..settings import NodeSettings, Peer
from .tls import client_context

PUSH_MODEL, PUSH_MODEL_INSTANCE = UID("1.2.840.10008.1.20.1"), UID("1.2.840.10008.1.20.1.1")
ALL_HERE, SOME_MISSING, NO_SUCH_OBJECT = 1, 2, 0x0112
MOST_TRIES = 12  # half a day
MOST_WAITING = 1000  # of one peer
MOST_TOLD_AT_ONCE = 16  # over the associations on which they were asked


class Commitments:
    """Answers each question once: over an association of its own, where the peer's address is known, else at once.

    Parameters
    ----------
    settings : NodeSettings
    jobs : Jobs
    """

    def __init__(self, settings: NodeSettings, jobs: Jobs) -> None:
        self._settings, self._jobs = settings, jobs
        self._telling = threading.BoundedSemaphore(MOST_TOLD_AT_ONCE)

    def ask(self, transaction: str, peer: str, images: Sequence[tuple[str, str]], assoc: Any) -> bool:
        """Take a question down; the answer comes after this question's own response.

        Returns
        -------
        bool
            False where too many wait already, or another peer's question has this UID.
        """
        if self._settings.known_peer(peer) is not None:
            return self._jobs.ask_commitment(transaction, peer, json.dumps(list(images)), MOST_WAITING)
        if not self._telling.acquire(blocking=False):
            return False
        report = _report(transaction, images, self._jobs.has_all(images))
        threading.Thread(target=self._tell_over, args=(assoc, report), daemon=True).start()
        return True

    def _tell_over(self, assoc: Any, report: Dataset) -> None:
        """Send a report over the association on which it was asked for, if the peer keeps it open."""
        try:
            status = _sent(assoc, report)
        except (RuntimeError, ValueError):
            status = None
        finally:
            self._telling.release()
        if status != 0:
            LOG.warning("commitment not told: the peer did not wait; give its address with --peer")

    def answer_due(self) -> None:
        """Answer what is due; what does not get through is tried again later."""
        for row in self._jobs.due_commitments():
            peer = self._settings.known_peer(row["peer"])
            if peer is None or row["tries"] >= MOST_TRIES:
                LOG.warning("commitment for %r given up: it cannot be reached", row["peer"])
                self._jobs.record_committed(row["uid"])
                continue
            try:
                images = [(str(sop_class), str(uid)) for sop_class, uid in json.loads(row["asked"])]
                self._tell(peer, _report(row["uid"], images, self._jobs.has_all(images)))
                self._jobs.record_committed(row["uid"])
            except (OSError, RuntimeError, ValueError) as error:  # pynetdicom's of a peer that refuses or goes
                LOG.warning("commitment for %s not told: %s", peer, type(error).__name__)
                self._postpone(row)

    def _postpone(self, row: sqlite3.Row) -> None:
        self._jobs.postpone_commitment(row["uid"], pause_after(row["tries"] + 1, self._settings.pause_s))

    def _tell(self, peer: Peer, report: Dataset) -> None:
        """Send a report over an association of our own, in which we are the one that provides the service."""
        ae = AE(self._settings.title)
        ae.add_requested_context(PUSH_MODEL)
        role = build_role(PUSH_MODEL, scp_role=True)
        tls = None if self._settings.tls is None else (client_context(self._settings.tls), peer.host)
        assoc = ae.associate(peer.host, peer.port, ae_title=peer.title, ext_neg=[role], tls_args=tls)
        if not assoc.is_established:
            raise OSError("no association")
        try:
            status = _sent(assoc, report)
        finally:
            assoc.release()
        if status != 0:
            raise OSError("no answer" if status is None else f"status 0x{status:04X}")


def _report(transaction: str, images: Sequence[tuple[str, str]], here: Sequence[bool]) -> Dataset:
    """Word the answer (PS3.4, J.3.3)."""
    report = Dataset()
    report.TransactionUID = transaction
    kept = [_reference(one) for one, is_here in zip(images, here, strict=True) if is_here]
    missing = [_reference(one) for one, is_here in zip(images, here, strict=True) if not is_here]
    for one in missing:
        one.FailureReason = NO_SUCH_OBJECT
    if kept:
        report.ReferencedSOPSequence = kept
    if missing:
        report.FailedSOPSequence = missing
    return report


def _reference(image: tuple[str, str]) -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = UID(image[0]), UID(image[1])
    return reference


def _sent(assoc: Any, report: Dataset) -> int | None:
    event = SOME_MISSING if "FailedSOPSequence" in report else ALL_HERE
    status, _ = assoc.send_n_event_report(report, event, PUSH_MODEL, PUSH_MODEL_INSTANCE)
    return int(status.Status) if "Status" in status else None
