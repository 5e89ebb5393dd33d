"""Results sent to where they belong: by C-STORE or STOW-RS; each arrives once, however often it has to be tried."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from ..jobs import Jobs, pause_after
from ..logs import LOG
from ..settings import NodeSettings, Peer, Tls
from ..status.metrics import Metrics
from .tls import client_context

DUPLICATE = 0x0111  # it is there already (PS3.7, C.5.6): sent before a crash
CONFLICT = 409
ANSWER_S = 60.0
CHUNK_BYTES = 1 << 20


class NotSentError(Exception):
    """A result that did not arrive; the message names nobody."""


class Destination(Protocol):
    """Where results go."""

    @property
    def name(self) -> str:
        """As the jobs have it."""

    def send(self, objects: Sequence[Dataset]) -> Iterator[None]:
        """Send objects of one study, one a step; `NotSentError` where one does not arrive."""


class ByCStore:
    """A DICOM node that takes results by C-STORE (PS3.4, B).

    Parameters
    ----------
    peer : Peer
    title : str
        Our own.
    tls : Tls or None
    """

    def __init__(self, peer: Peer, title: str, tls: Tls | None) -> None:
        self._peer, self._title = peer, title
        self._tls = None if tls is None else (client_context(tls), peer.host)

    @property
    def name(self) -> str:
        """AE title and address."""
        return str(self._peer)

    def send(self, objects: Sequence[Dataset]) -> Iterator[None]:
        """Send objects, each over an association of its own.

        Of two in a row over one, pynetdicom 3.0 loses the second's answer where its threads are slow to take turns.
        """
        for one in objects:
            self._send(one)
            yield

    def _send(self, one: Dataset) -> None:
        from pynetdicom import AE

        ae = AE(self._title)
        ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = ae.connection_timeout = ANSWER_S
        ae.add_requested_context(one.SOPClassUID, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
        assoc = ae.associate(self._peer.host, self._peer.port, ae_title=self._peer.title, tls_args=self._tls)
        if not assoc.is_established:
            raise NotSentError("rejected: it does not know this node" if assoc.is_rejected else "it does not answer")
        try:
            _store(assoc, one)
        finally:
            assoc.release()


def _store(assoc: Any, one: Dataset) -> None:
    try:
        status = assoc.send_c_store(one).get("Status")
    except (ValueError, RuntimeError) as error:  # no presentation context; or the association is gone
        raise NotSentError(f"it does not take {one.SOPClassUID.name}") from error
    if status is None:
        raise NotSentError("it stopped answering")
    if status not in (0, DUPLICATE) and status >> 12 != 0xB:  # warnings are B000 to BFFF (PS3.4, B.2.3)
        raise NotSentError(f"it answered 0x{status:04X} to {one.SOPClassUID.name}")


class ByStow:
    """A DICOMweb service that takes results by STOW-RS (PS3.18, 10.5).

    Parameters
    ----------
    url : str
    """

    def __init__(self, url: str) -> None:
        self._url = url

    @property
    def name(self) -> str:
        """The address."""
        return self._url

    def send(self, objects: Sequence[Dataset]) -> Iterator[None]:
        """Send objects, a request each."""
        client = web_client(self._url)
        for one in objects:
            try:
                answer = client.store_instances([one])
            except Exception as error:  # of requests, json and xml, of any kind
                if not _is_there_already(error):
                    raise NotSentError(why_web_failed(error)) from error
                answer = Dataset()
            if failed := answer.get("FailedSOPSequence"):
                reason = int(failed[0].get("FailureReason") or 0)
                if reason != DUPLICATE:
                    raise NotSentError(f"it answered 0x{reason:04X} to {one.SOPClassUID.name}")
            yield


def _is_there_already(error: Exception) -> bool:
    """Tell whether a conflict (HTTP 409) is that of an object which was sent before a crash (PS3.18, 10.5.3)."""
    response = getattr(error, "response", None)
    if getattr(response, "status_code", None) != CONFLICT:
        return False
    try:
        failed = Dataset.from_json(response.text).FailedSOPSequence  # type: ignore[union-attr]
        return {int(one.FailureReason) for one in failed} == {DUPLICATE}
    except Exception:  # of pydicom, of any kind: a page in HTML, say
        return False


def web_client(url: str) -> Any:
    """Connect to a DICOMweb service; a name and password come from ~/.netrc."""
    from dicomweb_client import DICOMwebClient

    client = DICOMwebClient(url, timeout=ANSWER_S, chunk_size=CHUNK_BYTES)
    client.set_http_retry_params(retry=False)  # the jobs try again, and remember it
    return client


def why_web_failed(error: Exception) -> str:
    """Word an error of HTTP without the address, which names a study."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    return f"it answered HTTP {status}" if status else f"it does not answer ({type(error).__name__})"


def destinations(settings: NodeSettings) -> list[Destination]:
    """List where results go."""
    by_c_store = [ByCStore(peer, settings.title, settings.tls) for peer in settings.send_to]
    return [*by_c_store, *(ByStow(url) for url in settings.stow)]


class Sender:
    """Sends what is due to one destination.

    Parameters
    ----------
    destination : Destination
    jobs : Jobs
    metrics : Metrics
    pause_s : float
        After the first failure.
    """

    def __init__(self, destination: Destination, jobs: Jobs, metrics: Metrics, pause_s: float) -> None:
        self.destination, self._jobs, self._metrics, self._pause_s = destination, jobs, metrics, pause_s

    def send_due(self, is_stopped: Callable[[], bool] = lambda: False) -> None:
        """Send all that is due, study by study; what does not arrive waits, longer each time."""
        while not is_stopped() and (those := self._jobs.due_sendings(self.destination.name)):
            left = list(those)
            try:
                objects = [_read(Path(one.file)) for one in those]
                for _ in self.destination.send(objects):
                    self._jobs.record_sent(left[0])
                    self._metrics.sent(self.destination.name)
                    LOG.info("%s: %s sent to %s", left[0].study, left[0].kind, self.destination.name)
                    del left[0]
            except (NotSentError, OSError) as error:
                pause = pause_after(those[0].tries + 1, self._pause_s)
                self._jobs.record_not_sent(left, str(error), pause)
                self._metrics.not_sent(self.destination.name)
                LOG.warning(
                    "%s: not sent to %s, next try in %.0f s: %s", those[0].study, self.destination.name, pause, error
                )


def _read(path: Path) -> Dataset:
    """Read a result; one that cannot be read keeps no other from being sent."""
    try:
        return dcmread(path)
    except Exception as error:  # pydicom's are of many kinds
        raise NotSentError(f"the result cannot be read ({type(error).__name__})") from error
