"""The SQLite file of a node's jobs: opened, checked, and changed so that a power cut takes nothing back."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from CMBSegmentationLib.errors import InputError, MachineError

VERSION = 1
SCHEMA = """
CREATE TABLE studies (
  id TEXT PRIMARY KEY,              -- as logs and folders have it
  uid TEXT NOT NULL UNIQUE,
  state TEXT NOT NULL,
  received REAL NOT NULL,           -- the first image, seconds since 1970
  heard REAL NOT NULL,              -- the last one
  due REAL NOT NULL DEFAULT 0,      -- not searched before
  tries INTEGER NOT NULL DEFAULT 0,
  searched INTEGER NOT NULL DEFAULT 0,  -- images that the search in hand has seen
  without INTEGER NOT NULL DEFAULT 0,   -- images of it that could not be taken when the search began
  late INTEGER NOT NULL DEFAULT 0,  -- images that came when results were made
  ended REAL,
  folder TEXT NOT NULL DEFAULT '',  -- of the results
  report TEXT NOT NULL DEFAULT '',
  found TEXT NOT NULL DEFAULT '',
  note TEXT NOT NULL DEFAULT '',
  hint TEXT NOT NULL DEFAULT ''
);
CREATE INDEX studies_by_state ON studies(state, heard);
CREATE TABLE images (
  uid TEXT PRIMARY KEY,
  class TEXT NOT NULL,
  study TEXT NOT NULL REFERENCES studies(id),
  is_kept INTEGER NOT NULL DEFAULT 1
) WITHOUT ROWID;
CREATE INDEX images_of ON images(study);
CREATE TABLE missing (              -- images that could not be taken
  uid TEXT PRIMARY KEY,
  study TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX missing_of ON missing(study);
CREATE TABLE sendings (
  study TEXT NOT NULL REFERENCES studies(id),
  kind TEXT NOT NULL,               -- dicom_seg, dicom_sr, dicom_pdf, dicom_failure
  destination TEXT NOT NULL,
  file TEXT NOT NULL,               -- with its SOP Instance UID, so that sending it again changes nothing
  sent REAL,
  tries INTEGER NOT NULL DEFAULT 0,
  due REAL NOT NULL DEFAULT 0,
  error TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (study, kind, destination)
) WITHOUT ROWID;
CREATE INDEX sendings_due ON sendings(destination, due) WHERE sent IS NULL;
CREATE TABLE commitments (
  uid TEXT PRIMARY KEY,             -- Transaction UID
  peer TEXT NOT NULL,
  asked TEXT NOT NULL,              -- JSON: pairs of SOP class and instance
  tries INTEGER NOT NULL DEFAULT 0,
  due REAL NOT NULL DEFAULT 0
) WITHOUT ROWID;
"""


class Database:
    """One connection for all threads, which take turns.

    Parameters
    ----------
    path : Path
        Made if it does not exist.

    Raises
    ------
    MachineError
        It is damaged.
    InputError
        It cannot be opened, or a later version of this program made it.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        try:
            self._connection = _opened(path)
        except sqlite3.OperationalError as error:  # a folder, say, or no permission
            raise InputError(
                f"The jobs in {path} cannot be opened ({error}).", "Check the folder and its permissions."
            ) from error
        except sqlite3.DatabaseError as error:
            raise damaged(path, error) from error
        self.path = path

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """Do all that the block does or nothing; when it ends, it is on the disk."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def ask(self, question: str, *values: Any) -> list[sqlite3.Row]:
        """Give all rows that answer a question."""
        with self._lock:
            return self._connection.execute(question, values).fetchall()

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()


def damaged(path: Path, error: Exception) -> MachineError:
    """Word for the operator what to do with a file of jobs that is not whole."""
    return MachineError(
        f"The jobs in {path} are damaged ({error}).",
        f"Put a copy back, or move {path.name}, {path.name}-wal and {path.name}-shm aside and start again: then send "
        "the studies again that had no results yet. One that is sent again although it had some gets others.",
    )


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30.0)
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")  # WAL would do without a sync at each commit
        connection.execute("PRAGMA foreign_keys=ON")
        _check_whole(connection.execute("PRAGMA quick_check(1)").fetchall())
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise InputError(
                f"The jobs in {path} were made by a later version of this program.", "Update slicer-cmb, or give it "
                "another folder."
            )  # fmt: skip
        if version == 0:
            connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version={VERSION}; COMMIT;")
        connection.execute("SELECT count(*) FROM studies").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _check_whole(rows: Sequence[sqlite3.Row]) -> None:
    said = rows[0][0] if rows else ""
    if said != "ok":
        raise sqlite3.DatabaseError(said)
