"""`cmb node`: its options, and the node they start."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from rich.console import Console

from CMBSegmentationLib.detecting.detect import Settings
from CMBSegmentationLib.errors import Cancelled, InputError, MachineError
from CMBSegmentationLib.models.hardware import DEVICES
from CMBSegmentationLib.models.loaded_models import StageChoice, from_any_folder
from CMBSegmentationLib.report.pdf import check_can_write_pdf

from .settings import (
    LOOPBACK,
    MEGABYTE,
    Limits,
    NodeSettings,
    Search,
    Tls,
    address_from,
    peer_from,
    title_from,
    url_from,
)

WAIT_S = 3600.0
LAST_PORT = 65535


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add FOLDER, --send-to and the rest to a parser."""
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="for images, results and the list of jobs")
    _add_network(parser)
    _add_limits(parser)
    search = parser.add_argument_group("search")
    search.add_argument("--workers", metavar="N", type=int, default=1, help="studies searched at once (default: 1)")
    search.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask cluster that sees FOLDER, too")
    search.add_argument("--model", metavar="MODEL", help="as of cmb detect")
    search.add_argument("--threshold", metavar="P", type=float, help="as of cmb detect")
    search.add_argument("--device", default="auto", help=f"{', '.join(DEVICES)} (default: auto)")
    search.add_argument("--regions", metavar="MODEL", default=StageChoice.regions, help="as of cmb detect")
    search.add_argument("--verifier", metavar="MODEL", default=StageChoice.verifier, help="as of cmb detect")


def _add_network(parser: argparse.ArgumentParser) -> None:
    known = NodeSettings(Path())
    network = parser.add_argument_group("network")
    network.add_argument(
        "--send-to", metavar="AET@HOST:PORT", action="append", default=[], help="send results by C-STORE; repeatable"
    )
    network.add_argument("--stow", metavar="URL", action="append", default=[], help="send by STOW-RS; repeatable")
    network.add_argument("--watch", metavar="URL", help="ask this DICOMweb archive for new studies")
    network.add_argument(
        "--watch-every",
        metavar="S",
        type=float,
        default=known.watch_s,
        help=f"seconds between questions (default: {known.watch_s:g})",
    )
    network.add_argument(
        "--watch-days", metavar="N", type=int, default=known.watch_days, help="days back, besides today (default: 1)"
    )
    network.add_argument("--aet", metavar="TITLE", default=known.title, help=f"AE title (default: {known.title})")
    network.add_argument("--host", default=known.host, help="address to listen at (default: 127.0.0.1)")
    network.add_argument("--port", type=int, default=known.port, help=f"default: {known.port}; 0 takes a free one")
    network.add_argument(
        "--allow", metavar="AET", action="append", default=[], help="AE title that may send; repeatable"
    )
    network.add_argument(
        "--peer",
        metavar="AET@HOST:PORT",
        action="append",
        default=[],
        help="where a sender is told of storage commitment; repeatable",
    )
    network.add_argument("--tls-cert", metavar="FILE", type=Path, help="certificate (PEM); encrypts associations")
    network.add_argument("--tls-key", metavar="FILE", type=Path, help="its key")
    network.add_argument(
        "--tls-ca", metavar="FILE", type=Path, help="authorities; senders need a certificate of theirs"
    )
    network.add_argument(
        "--status",
        metavar="HOST:PORT",
        default=f"{known.status_host}:{known.status_port}",
        help=f"address of the status page (default: {known.status_host}:{known.status_port})",
    )


def _add_limits(parser: argparse.ArgumentParser) -> None:
    known, limits = NodeSettings(Path()), Limits()
    jobs = parser.add_argument_group("studies")
    jobs.add_argument(
        "--quiet",
        metavar="S",
        type=float,
        default=known.quiet_s,
        help="a study is complete when no image came for so many seconds (default: 60)",
    )
    jobs.add_argument(
        "--tell-failures", action="store_true", help="send a structured report of a study that cannot be searched"
    )
    jobs.add_argument(
        "--keep-days",
        metavar="N",
        type=float,
        default=known.keep_days,
        help="images and results are removed so long after the study was done (default: 7)",
    )
    jobs.add_argument(
        "--most-images", metavar="N", type=int, default=limits.images, help=f"of a study (default: {limits.images})"
    )
    jobs.add_argument(
        "--most-mb",
        metavar="MB",
        type=int,
        default=limits.image_bytes // MEGABYTE,
        help=f"of one image object (default: {limits.image_bytes // MEGABYTE})",
    )
    jobs.add_argument(
        "--keep-free-mb",
        metavar="MB",
        type=int,
        default=limits.free_bytes // MEGABYTE,
        help=f"of the disk; below it images are refused (default: {limits.free_bytes // MEGABYTE})",
    )
    jobs.add_argument(
        "--associations",
        metavar="N",
        type=int,
        default=limits.associations,
        help=f"open at the same time (default: {limits.associations})",
    )


def settings_from(arguments: argparse.Namespace) -> NodeSettings:
    """Read the options; `InputError` where one is wrong, or two do not go together."""
    _check_numbers(arguments)
    host, port = address_from(arguments.status)
    if not (arguments.send_to or arguments.stow):
        raise InputError("Nothing says where results go.", "Give --send-to AET@HOST:PORT or --stow URL.")
    if arguments.host not in LOOPBACK and not arguments.allow:
        raise InputError(
            f"At {arguments.host} anybody could send.", "Name those who may with --allow AET, once for each."
        )
    if arguments.watch and arguments.quiet <= arguments.watch_every:
        raise InputError(
            "With --watch, --quiet must be longer than --watch-every: else a study seems complete too soon.",
            f"Give --quiet {2 * arguments.watch_every:g}, say.",
        )
    return NodeSettings(
        folder=arguments.folder.resolve(),
        title=title_from(arguments.aet),
        host=arguments.host,
        port=arguments.port,
        status_host=host,
        status_port=port,
        allowed=tuple(title_from(one) for one in arguments.allow),
        send_to=tuple(dict.fromkeys(peer_from(one) for one in arguments.send_to)),
        stow=tuple(dict.fromkeys(url_from(one) for one in arguments.stow)),
        peers=tuple(peer_from(one) for one in arguments.peer),
        watch=None if arguments.watch is None else url_from(arguments.watch),
        watch_days=arguments.watch_days,
        watch_s=arguments.watch_every,
        quiet_s=arguments.quiet,
        keep_days=arguments.keep_days,
        workers=arguments.workers,
        scheduler=arguments.scheduler,
        tells_failures=arguments.tell_failures,
        tls=_tls(arguments),
        limits=Limits(
            arguments.most_mb * MEGABYTE,
            arguments.most_images,
            arguments.associations,
            arguments.keep_free_mb * MEGABYTE,
        ),
        search=Search(
            model=None if arguments.model is None else from_any_folder(arguments.model),
            device=arguments.device,
            stages=StageChoice(from_any_folder(arguments.regions), from_any_folder(arguments.verifier)),
            settings=Settings(threshold=arguments.threshold),
        ),
    )


def run(arguments: argparse.Namespace, screen: Console) -> int:
    """Serve until stopped by Ctrl-C or termination."""
    settings = settings_from(arguments)
    check_can_write_pdf()
    try:
        from .logs import log_to_screen
        from .searching.workers import Workers
        from .service import Node
    except ImportError as error:
        raise MachineError(
            f"cmb node needs {error.name}, which is not installed.", "Install what it needs: pip install '.[node]'."
        ) from error
    log_to_screen()
    workers = Workers(settings.scheduler, settings.workers)
    try:
        workers.check_models(settings.search, settings.threads)
        node = Node(settings, workers)
        node.start()
        print(
            f"{settings.title} takes studies at {settings.host}:{node.server.port}. "
            f"Status: http://{settings.status_host}:{node.status.port}/",
            flush=True,
        )
        try:
            while not node.wait(WAIT_S):
                pass
        except Cancelled:
            pass  # this is how a node ends
        finally:
            node.stop()
    finally:
        workers.close()
    return 0


def _check_numbers(arguments: argparse.Namespace) -> None:
    smallest = {
        "workers": 1, "most_images": 1, "most_mb": 1, "associations": 1, "keep_free_mb": 0, "keep_days": 0,
        "watch_days": 0, "quiet": 0, "watch_every": 1, "port": 0,
    }  # fmt: skip
    for name, least in smallest.items():
        value = getattr(arguments, name)
        if not (math.isfinite(value) and value >= least):
            option = f"--{name.replace('_', '-')}"
            raise InputError(f"{option} must be {least} or more, not {value}.", "See --help.")
    if arguments.port > LAST_PORT:
        raise InputError(f"--port must be {LAST_PORT} or less, not {arguments.port}.", "See --help.")


def _tls(arguments: argparse.Namespace) -> Tls | None:
    given = arguments.tls_cert, arguments.tls_key
    if all(given):
        return Tls(arguments.tls_cert, arguments.tls_key, arguments.tls_ca)
    if any((*given, arguments.tls_ca)):
        raise InputError("TLS needs a certificate and its key.", "Give --tls-cert and --tls-key.")
    return None
