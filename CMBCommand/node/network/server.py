"""The DICOM service that takes images: C-ECHO, C-STORE, storage commitment; who may come in, and how much of it."""

from __future__ import annotations

from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import AE, evt
from pynetdicom.pdu import P_DATA_TF

from CMBSegmentationLib.errors import MachineError

from ..inbox import MR_CLASSES, OUT_OF_RESOURCES, Inbox, RefusedError
from ..logs import LOG
from ..settings import NodeSettings
from ..status.metrics import Metrics
from .commitment import PUSH_MODEL, Commitments
from .tls import server_context

VERIFICATION = UID("1.2.840.10008.1.1")  # C-ECHO
PDU_BYTES = 1 << 17  # that senders may put into one message; they have to keep to it
LONGEST_PDU = 1 << 20  # of any kind: what claims to be longer is an attack, or no DICOM
SILENT_S = 60.0  # a sender that says nothing for so long is gone
SYNTAXES = [  # those whose pixels are read: uncompressed, deflated, RLE, JPEG, JPEG-LS, JPEG 2000
    *("1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"),
    *("1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.57"),
    *("1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.4.90"),
    "1.2.840.10008.1.2.4.91",
]
SUCCESS, PROCESSING_FAILURE = 0x0000, 0x0110


class DicomServer:
    """Listens until it is stopped.

    Parameters
    ----------
    settings : NodeSettings
    inbox : Inbox
    commitments : Commitments
    metrics : Metrics

    Raises
    ------
    InputError
        The files for TLS are wrong.
    MachineError
        The address is taken, or not this machine's.
    """

    def __init__(self, settings: NodeSettings, inbox: Inbox, commitments: Commitments, metrics: Metrics) -> None:
        self._limits, self._inbox, self._commitments, self._metrics = settings.limits, inbox, commitments, metrics
        self._lengths: WeakKeyDictionary[Any, int] = WeakKeyDictionary()
        self._ae = AE(settings.title)
        self._ae.maximum_pdu_size = PDU_BYTES
        self._ae.maximum_associations = settings.limits.associations
        self._ae.acse_timeout = self._ae.dimse_timeout = self._ae.network_timeout = SILENT_S
        self._ae.require_called_aet = True
        self._ae.require_calling_aet = list(settings.allowed)
        self._ae.add_supported_context(VERIFICATION)
        self._ae.add_supported_context(PUSH_MODEL)
        for sop_class in MR_CLASSES:
            self._ae.add_supported_context(sop_class, SYNTAXES)
        try:
            self._server = self._ae.start_server(
                (settings.host, settings.port),
                block=False,
                ssl_context=None if settings.tls is None else server_context(settings.tls),
                evt_handlers=[
                    (evt.EVT_CONN_OPEN, _guard),
                    (evt.EVT_PDU_RECV, self._weigh),
                    (evt.EVT_DIMSE_RECV, self._weighed),
                    (evt.EVT_REJECTED, self._tell_rejected),
                    (evt.EVT_C_STORE, self._store),
                    (evt.EVT_N_ACTION, self._commit),
                ],
            )
        except OSError as error:
            raise MachineError(
                f"The node cannot listen at {settings.host}:{settings.port} ({error.strerror or error}).",
                "Give another --host or --port, or stop the program that listens there.",
            ) from error

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        return int(self._server.server_address[1])

    def stop(self) -> None:
        """Take nothing more."""
        self._ae.shutdown()

    def _weigh(self, event: Any) -> None:
        """End an association whose object grows too large, before the memory does."""
        if isinstance(event.pdu, P_DATA_TF):
            length = self._lengths.get(event.assoc, 0) + event.pdu.pdu_length
            self._lengths[event.assoc] = length
            if length > self._limits.image_bytes + LONGEST_PDU:
                self._metrics.refused(OUT_OF_RESOURCES)
                LOG.warning("object refused: larger than %d MB", self._limits.image_bytes >> 20)
                event.assoc.abort(block=False)

    def _weighed(self, event: Any) -> None:
        self._lengths[event.assoc] = 0

    def _tell_rejected(self, event: Any) -> None:
        self._metrics.rejected()
        LOG.warning(
            "association of %r rejected: its title, or the one it calls, is not known here", _title(event.assoc)
        )

    def _store(self, event: Any) -> Dataset:
        answer = Dataset()
        try:
            encoded = event.encoded_dataset()
            self._inbox.take(encoded, event.request.AffectedSOPClassUID, event.request.AffectedSOPInstanceUID)
            answer.Status = SUCCESS
        except RefusedError as refused:
            LOG.warning("object of %r refused (0x%04X): %s", _title(event.assoc), refused.status, refused.reason)
            answer.Status, answer.ErrorComment = refused.status, refused.reason[:64]
        return answer

    def _commit(self, event: Any) -> tuple[int, None]:
        try:
            asked = event.action_information
            pairs = [
                (str(i.ReferencedSOPClassUID), str(i.ReferencedSOPInstanceUID)) for i in asked.ReferencedSOPSequence
            ]
            transaction = str(asked.TransactionUID)
        except Exception:  # pydicom's, of any kind: as the damage is
            return PROCESSING_FAILURE, None
        if len(pairs) > self._limits.images:
            return PROCESSING_FAILURE, None
        is_taken = self._commitments.ask(transaction, _title(event.assoc), pairs, event.assoc)
        return SUCCESS if is_taken else PROCESSING_FAILURE, None


def _guard(event: Any) -> None:
    """Have a connection end where nothing comes, and where a message claims to be longer than any is."""
    wire = event.assoc.dul.socket
    wire.socket.settimeout(SILENT_S)
    wire.recv = partial(_bounded, wire.recv)


def _bounded(receive: Any, length: int) -> bytes:
    if length > LONGEST_PDU:
        raise OSError(f"a message of {length} bytes")
    received: bytes = receive(length)
    return received


def _title(assoc: Any) -> str:
    return str(assoc.requestor.ae_title or "").strip()
