"""The command `cmb bids`: `cmb batch` called, answering and logging as BIDS apps do."""

from __future__ import annotations

import argparse
import logging
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from rich.console import Console

from CMBSegmentationLib import __version__
from CMBSegmentationLib.batch.bids import BidsScan, find_scans, left_out, with_labels
from CMBSegmentationLib.batch.jobs import Job, Row, earlier_row
from CMBSegmentationLib.batch.plan import about, namesakes
from CMBSegmentationLib.batch.validation import PROGRAM, errors_of, validator
from CMBSegmentationLib.errors import InputError, told
from CMBSegmentationLib.results.folder import check_output_folder
from CMBSegmentationLib.vocabulary.numbers import counted

from . import batch

PARTICIPANT, GROUP = "participant", "group"
FAILED, INVALID, UNKNOWN_LEVEL, NOTHING_CHOSEN, USAGE, NO_INPUT, NO_OUTPUT = 1, 16, 17, 18, 64, 66, 73
"""Exit codes: BIDS execution specification (draft), "Exit codes"."""
LOGS = "logs"  # of BIDS: what is in it is not validated
MOST_ERRORS = 10
log = logging.getLogger("cmb.bids")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what BIDS apps take, and how scans are searched."""
    batch.add_folders(parser)
    parser.add_argument(
        "level", metavar=f"{{{PARTICIPANT},{GROUP}}}", help="search scans, or pool what was found in tables and a page"
    )
    for entity in ("participant", "session"):
        parser.add_argument(
            f"--{entity}-label",
            f"--{entity}_label",
            metavar="LABEL",
            nargs="+",
            default=[],
            help=f"only these {entity}s (default: all)",
        )
    parser.add_argument(
        "--skip-bids-validation",
        "--skip_bids_validation",
        action="store_true",
        help="do not ask the BIDS validator about BIDS_DIR first",
    )
    batch.add_search_options(parser)


def run(arguments: argparse.Namespace, screen: Console) -> int:
    """Search or pool; 1 if a scan failed, after all others are done."""
    if arguments.level not in (PARTICIPANT, GROUP):
        with _exits_with(UNKNOWN_LEVEL):
            raise InputError(f"There is no level {arguments.level}.", f"Give {PARTICIPANT} or {GROUP}.")
    with _exits_with(USAGE):
        dataset, out = batch.folders_of(arguments)
        batch.check_search_options(arguments)
    with _exits_with(NO_OUTPUT):
        check_output_folder(out, (), overwrite=True)
    with _logged(out, arguments.level, screen):
        log.info("slicer-cmb %s, %s level: %s to %s", __version__, arguments.level, dataset, out)
        with _exits_with(NO_INPUT):
            scans = find_scans(dataset)
        with _exits_with(NOTHING_CHOSEN):
            chosen = with_labels(scans, arguments.participant_label, arguments.session_label)
        if arguments.level == GROUP:
            with _exits_with(NO_INPUT):
                rows = _pooled(dataset, out, chosen)
        else:
            if arguments.skip_bids_validation:
                log.info("BIDS_DIR is not validated, as asked.")
            else:
                _validate(dataset)
            batch.tell_left_out(_of_sessions(left_out(dataset, scans), chosen), log.info)
            with _exits_with(USAGE):
                jobs = batch.planned(arguments, dataset, out, chosen, are_all=len(chosen) == len(scans))
            rows = batch.search(jobs, arguments, _Log())
        return _told(rows)


def _of_sessions(paths: dict[str, list[Path]], chosen: list[BidsScan]) -> dict[str, list[Path]]:
    """Keep what lies beside the chosen scans."""
    sessions = {scan.path.parent.parent for scan in chosen}
    kept = {kind: [path for path in of_kind if path.parent.parent in sessions] for kind, of_kind in paths.items()}
    return {kind: of_kind for kind, of_kind in kept.items() if of_kind}


def _pooled(dataset: Path, out: Path, scans: list[BidsScan]) -> list[Row]:
    """Write the tables and the page of what was found so far."""
    about(out)  # refuses a folder that no search has been in
    jobs = [Job(scan, out) for scan in scans]
    of_others = namesakes(jobs)
    rows = [of_others.get(job) or earlier_row(job) or _not_there(job.scan) for job in jobs]
    for line in batch.pool(rows, dataset, out):
        log.info("%s", line.strip())
    return rows


def _not_there(scan: BidsScan) -> Row:
    return Row(
        scan,
        error="It has no results, or they are not whole.",
        hint=f"Run the level {PARTICIPANT}; its log says why a scan cannot be searched.",
    )


def _told(rows: list[Row]) -> int:
    failed = [row for row in rows if row.error]
    for row in failed:
        log.error("%s: %s %s", row.name, row.error, row.hint)
    earlier = sum(row.is_earlier for row in rows)
    log.info("Done: %s of %s, %s there before.", len(rows) - len(failed), counted(len(rows), "scan"), earlier)
    return FAILED if failed else 0


def _validate(dataset: Path) -> None:
    """Have the validator look at the dataset; refuse one with errors."""
    program = validator()
    if program is None:
        log.warning("BIDS_DIR is not validated: %s is not installed (pip install 'slicer-cmb[bids]').", PROGRAM)
        return
    errors = errors_of(dataset, program)
    for line in errors[:MOST_ERRORS]:
        log.error("BIDS validator: %s", line)
    if errors:
        with _exits_with(INVALID):
            raise InputError(
                f"{dataset} is not a valid BIDS dataset: {counted(len(errors), 'error')}, the first is {errors[0]}.",
                "Mend it, or search it as it is with --skip-bids-validation.",
            )
    log.info("BIDS_DIR is valid.")


class _Log:
    """Logs each scan as it ends."""

    def __init__(self) -> None:
        self._done = self._total = 0

    def begin(self, total: int, done: int, waiting: bool) -> None:
        """Say how many scans there are."""
        self._done, self._total = done, total
        more = ", waiting for workers" if waiting else ""
        log.info("%s, %s of them done before%s.", counted(total, "scan"), done, more)

    def move(self, job: Job, share: float) -> None:
        """A log has no bar."""

    def end(self, row: Row) -> None:
        """Say what was found; what was wrong is said once, at the end."""
        self._done += 1
        found = "failed" if row.error else counted(row.counts.microbleeds, "microbleed")
        log.info("%s of %s: %s: %s, %.1f s", self._done, self._total, row.name, found, row.seconds)


@contextmanager
def _exits_with(code: int) -> Iterator[None]:
    """Give what is wrong with the input the exit code that BIDS apps have for it."""
    try:
        yield
    except InputError as error:
        error.exit_code = code
        raise


@contextmanager
def _logged(out: Path, level: str, screen: Console) -> Iterator[None]:
    """Log to the screen and to a file of this run, UTC; an error that ends the run is in the file, too."""
    folder = out / LOGS
    folder.mkdir(exist_ok=True)
    moment = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S-%f")
    path = folder / f"cmb-bids_{level}_{moment}_{secrets.token_hex(3)}.log"  # jobs of an array start at once
    on_screen, in_file = logging.StreamHandler(screen.file), logging.FileHandler(path, encoding="utf-8")
    handlers: tuple[logging.Handler, ...] = (on_screen, in_file)
    form = logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
    form.converter = time.gmtime
    log.setLevel(logging.INFO)
    log.propagate = False
    for handler in handlers:
        handler.setFormatter(form)
        log.addHandler(handler)
    try:
        yield
    except Exception as error:
        log.removeHandler(on_screen)  # there, the command says it
        log.critical("%s", told(error))
        raise
    finally:
        for handler in handlers:
            log.removeHandler(handler)
        in_file.close()
