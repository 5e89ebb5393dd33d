"""What a node is told when it starts: who it is, who may send, what it takes, where results go."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from CMBSegmentationLib.detecting.detect import Settings
from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.models.hardware import usable_cores
from CMBSegmentationLib.models.loaded_models import StageChoice

AE_TITLE = re.compile(r"[\x21-\x5b\x5d-\x7e](?:[\x20-\x5b\x5d-\x7e]{0,14}[\x21-\x5b\x5d-\x7e])?")  # AE, PS3.5, 6.2
ADDRESS = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9._-]+)):(?P<port>[0-9]{1,5})")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Peer:
    """Another DICOM node: its AE title and address."""

    title: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.title}@{_written(self.host)}:{self.port}"


@dataclass(frozen=True)
class Tls:
    """Files (PEM) for encrypted associations, both those that come in and those that go out.

    Attributes
    ----------
    certificate, key : Path
        The node's own.
    authorities : Path or None
        Those that sign the others' certificates; where they are given, a sender has to show one.
    """

    certificate: Path
    key: Path
    authorities: Path | None = None


@dataclass(frozen=True)
class Limits:
    """What a node takes at most; beyond it, it answers "out of resources" or closes the connection.

    Attributes
    ----------
    image_bytes : int
        Of one object.
    images : int
        Of one study.
    associations : int
        At the same time.
    free_bytes : int
        That have to stay free on the disk.
    """

    image_bytes: int = 2048 * MEGABYTE
    images: int = 20_000
    associations: int = 20
    free_bytes: int = 1024 * MEGABYTE


@dataclass(frozen=True)
class Search:
    """How a study is searched, as `cmb detect` takes it."""

    model: str | None = None
    device: str = "auto"
    stages: StageChoice = field(default_factory=StageChoice)
    settings: Settings = field(default_factory=Settings)


@dataclass(frozen=True)
class NodeSettings:
    """All that a node is told.

    Attributes
    ----------
    folder : Path
        For images, results and jobs.
    title, host, port
        The node's own.
    status_host, status_port
        Of its status page.
    allowed : tuple of str
        AE titles that may send; empty allows all.
    send_to : tuple of Peer
    stow : tuple of str
        Addresses of DICOMweb services.
    peers : tuple of Peer
        Others whose addresses are known, for storage commitment.
    watch : str or None
        Address of a DICOMweb service that is asked for studies.
    watch_days, watch_s : float
        How many days back it is asked for, and how often, in seconds.
    quiet_s : float
        A study is complete when no image has come for so long.
    keep_days : float
        Images and results are removed so long after the results were sent.
    pause_s : float
        After the first failure; it doubles with each further one.
    workers : int
    scheduler : str or None
    tells_failures : bool
        Send a structured report of a study that cannot be searched.
    """

    folder: Path
    title: str = "CMBNODE"
    host: str = "127.0.0.1"
    port: int = 11112
    status_host: str = "127.0.0.1"
    status_port: int = 11180
    allowed: tuple[str, ...] = ()
    send_to: tuple[Peer, ...] = ()
    stow: tuple[str, ...] = ()
    peers: tuple[Peer, ...] = ()
    watch: str | None = None
    watch_days: int = 1
    watch_s: float = 30.0
    quiet_s: float = 60.0
    keep_days: float = 7.0
    pause_s: float = 10.0
    workers: int = 1
    scheduler: str | None = None
    tells_failures: bool = False
    tls: Tls | None = None
    limits: Limits = field(default_factory=Limits)
    search: Search = field(default_factory=Search)

    @property
    def threads(self) -> int:
        """Threads of one worker's networks: the cores of this machine are shared, those of a cluster are not ours."""
        return max(1, usable_cores() // self.workers) if self.scheduler is None else 1

    def known_peer(self, title: str) -> Peer | None:
        """Give the address of an AE title; None where nobody said it."""
        return next((peer for peer in (*self.peers, *self.send_to) if peer.title == title), None)


def title_from(text: str) -> str:
    """Check an AE title; `InputError` if it is none."""
    if not AE_TITLE.fullmatch(text):
        raise InputError(f"{text!r} is not an AE title.", "It has 1 to 16 letters, digits or signs, without backslash.")
    return text


def address_from(text: str) -> tuple[str, int]:
    """Read ``host:port``; an IPv6 address is written in brackets; `InputError` if it is none."""
    found = ADDRESS.fullmatch(text)
    if not found or int(found["port"]) > 65535:
        raise InputError(f"{text!r} is not an address.", "Write it as host:port, for example 127.0.0.1:4242.")
    return found["v6"] or found["host"], int(found["port"])


def peer_from(text: str) -> Peer:
    """Read ``AET@host:port``; `InputError` if it is none."""
    title, at, address = text.rpartition("@")
    if not at:
        raise InputError(f"{text!r} does not name a DICOM node.", "Write it as AET@host:port: ARCHIVE@10.0.0.5:104.")
    return Peer(title_from(title), *address_from(address))


def url_from(text: str) -> str:
    """Check the address of a DICOMweb service; `InputError` if it is none."""
    if not re.fullmatch(r"https?://[^\s/@]+(/[^\s?#]*)?", text):
        raise InputError(
            f"{text!r} is not the address of a DICOMweb service.",
            "Write it as https://archive/dicom-web; a name and password belong into the file ~/.netrc.",
        )
    return text.rstrip("/")


def _written(host: str) -> str:
    return f"[{host}]" if ":" in host else host
