"""What a node has to do and has done: studies, their images, results on their way; all of it in a database.

A study is `RECEIVING` until it was quiet for a while, then `SEARCHING`, then `SENDING` its results, then `DONE`; or it
is `FAILED`, with a note. What was recorded stays through a crash, and each step can be done again without harm.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .database import Database

RECEIVING, SEARCHING, SENDING, DONE, FAILED = STATES = ("receiving", "searching", "sending", "done", "failed")
LONGEST_PAUSE_S = 3600.0


@dataclass(frozen=True)
class Study:
    """A study, as far as the node has come with it; times are seconds since 1970."""

    id: str
    uid: str
    state: str
    received: float
    heard: float
    due: float
    tries: int
    searched: int
    without: int
    late: int
    ended: float | None
    folder: str
    report: str
    found: str
    note: str
    hint: str
    images: int = 0
    missing: int = 0
    unsent: int = 0
    error: str = ""


@dataclass(frozen=True)
class Sending:
    """A result on its way to a destination."""

    study: str
    kind: str
    destination: str
    file: str
    tries: int


def study_id(uid: str) -> str:
    """Name a study in logs and folders, by a hash of its UID."""
    return f"study-{hashlib.sha256(uid.encode()).hexdigest()[:12]}"


def pause_after(tries: int, first_s: float) -> float:
    """How long to wait after so many failures, in seconds: twice as long each time, an hour at most."""
    return min(LONGEST_PAUSE_S, first_s * 2.0 ** min(max(0, tries - 1), 20))


class Jobs:
    """The jobs of one node.

    Parameters
    ----------
    path : Path
        Of the SQLite file.
    clock : callable, optional
        Gives seconds since 1970.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._db, self._now = Database(path), clock
        self.path = path
        with self._db.change() as db:  # what was being done when the last process ended is done again, now
            db.execute("UPDATE studies SET state=? WHERE state=?", (RECEIVING, SEARCHING))
            # while we were away nothing could come: what was half sent has its quiet time anew
            db.execute("UPDATE studies SET due=0, heard=max(heard, ?) WHERE state=?", (self._now(), RECEIVING))
            db.execute("UPDATE sendings SET due=0 WHERE sent IS NULL")
            db.execute("UPDATE commitments SET due=0")

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    # images

    def study_of(self, image: str) -> str | None:
        """Give the id of the study that an image belongs to, by its SOP Instance UID; None if it was not received."""
        rows = self._db.ask("SELECT study FROM images WHERE uid=?", image)
        return str(rows[0]["study"]) if rows else None

    def is_wanted(self, image: str) -> bool:
        """Tell whether an image's file is still to be kept: it is new, or was removed before its study was searched."""
        question = "SELECT is_kept, state FROM images JOIN studies ON studies.id=study WHERE images.uid=?"
        rows = self._db.ask(question, image)
        return not rows or (not rows[0]["is_kept"] and rows[0]["state"] in (RECEIVING, SEARCHING, FAILED))

    def number_of_images(self, study_uid: str) -> int:
        """How many images of a study were received."""
        return int(self._db.ask("SELECT count(*) AS n FROM images WHERE study=?", study_id(study_uid))[0]["n"])

    def add_image(self, study_uid: str, image: str, sop_class: str, *, is_kept: bool = True) -> None:
        """Record that an image came, and whether its file was put onto the disk; one that is known shows that its study
        is still being sent.

        A study that failed is tried again; one whose results are made is left as it is.
        """
        now, own = self._now(), study_id(study_uid)
        with self._db.change() as db:
            db.execute(
                "INSERT INTO studies (id, uid, state, received, heard) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (id) DO UPDATE SET heard=excluded.heard WHERE state IN (?, ?)",
                (own, study_uid, RECEIVING, now, now, RECEIVING, SEARCHING),
            )
            new = db.execute(
                "INSERT OR IGNORE INTO images (uid, class, study) VALUES (?, ?, ?)", (image, sop_class, own)
            ).rowcount
            db.execute("DELETE FROM missing WHERE uid=?", (image,))
            if is_kept:
                db.execute("UPDATE images SET is_kept=1 WHERE uid=?", (image,))
            db.execute(
                "UPDATE studies SET state=?, heard=?, due=0, tries=0, note='', hint='' WHERE id=? AND state=?",
                (RECEIVING, now, own, FAILED),
            )
            if new:
                db.execute("UPDATE studies SET late=late+1 WHERE id=? AND state IN (?, ?)", (own, SENDING, DONE))

    def add_missing(self, study_uid: str, image: str) -> None:
        """Record that an image was there and could not be taken: without it, its study is not searched."""
        own = study_id(study_uid)
        with self._db.change() as db:
            db.execute("INSERT OR IGNORE INTO missing (uid, study) VALUES (?, ?)", (image, own))
            db.execute(
                "UPDATE studies SET heard=? WHERE id=? AND state IN (?, ?)", (self._now(), own, RECEIVING, SEARCHING)
            )

    def found_whole(self, study_uid: str) -> None:
        """Record that all of a study was taken of which `add_missing` said, by the study's own UID, that it was not."""
        own = study_id(study_uid)
        with self._db.change() as db:
            if db.execute("DELETE FROM missing WHERE uid=?", (study_uid,)).rowcount:
                db.execute(
                    "UPDATE studies SET state=?, heard=?, due=0, tries=0, note='', hint='' WHERE id=? AND state=?",
                    (RECEIVING, self._now(), own, FAILED),
                )

    def has_all(self, images: Sequence[tuple[str, str]]) -> list[bool]:
        """Tell of each image, by class and UID, whether its file is here."""
        question = "SELECT 1 FROM images WHERE uid=? AND class=? AND is_kept"
        return [bool(self._db.ask(question, uid, sop_class)) for sop_class, uid in images]

    # searches

    def begin_searches(self, quiet_s: float, most: int) -> list[Study]:
        """Take the studies that are complete, the one that waits longest first."""
        now = self._now()
        with self._db.change() as db:
            rows = db.execute(
                f"{STUDIES} WHERE state=? AND heard<=? AND due<=? ORDER BY heard LIMIT ?",
                (RECEIVING, now - quiet_s, now, most),
            ).fetchall()
            for row in rows:
                db.execute(
                    "UPDATE studies SET state=?, searched=(SELECT count(*) FROM images WHERE study=? AND is_kept), "
                    "without=? WHERE id=?",
                    (SEARCHING, row["id"], row["missing"], row["id"]),
                )
        return [Study(**dict(row)) for row in rows]

    def return_lost(self, running: Sequence[str]) -> None:
        """Have those searched again that are noted as being searched and are not."""
        marks = ", ".join("?" * len(running))
        with self._db.change() as db:
            db.execute(
                f"UPDATE studies SET state=? WHERE state=? AND id NOT IN ({marks})", (RECEIVING, SEARCHING, *running)
            )

    def record_found(
        self, study: str, folder: str, found: str, report: str, files: Mapping[str, str], destinations: Sequence[str]
    ) -> bool:
        """Record results, of which from now on each is sent once; False where images came meanwhile: search again."""
        with self._db.change() as db:
            if not _is_as_searched(db, study):
                db.execute("UPDATE studies SET state=? WHERE id=?", (RECEIVING, study))
                return False
            state = SENDING if files and destinations else DONE
            db.execute(
                "UPDATE studies SET state=?, folder=?, found=?, report=?, note='', hint='', tries=0, ended=? "
                "WHERE id=?",
                (state, folder, found, report, self._now(), study),
            )
            _add_sendings(db, study, files, destinations)
        return True

    def record_failed(
        self, study: str, folder: str, note: str, hint: str, files: Mapping[str, str], destinations: Sequence[str]
    ) -> bool:
        """Record that a study cannot be searched, and why; False as `record_found`."""
        with self._db.change() as db:
            if not _is_as_searched(db, study):
                db.execute("UPDATE studies SET state=? WHERE id=?", (RECEIVING, study))
                return False
            db.execute(
                "UPDATE studies SET state=?, folder=?, report='', found='', note=?, hint=?, ended=? WHERE id=?",
                (FAILED, folder if files else "", note, hint, self._now(), study),
            )
            _add_sendings(db, study, files, destinations)
        return True

    def postpone(self, study: str, note: str, hint: str, pause_s: float) -> None:
        """Have a study searched again after a pause: the machine failed, not the study."""
        with self._db.change() as db:
            db.execute(
                "UPDATE studies SET state=?, note=?, hint=?, tries=tries+1, due=? WHERE id=?",
                (RECEIVING, note, hint, self._now() + pause_s, study),
            )

    # results on their way

    def due_sendings(self, destination: str) -> list[Sending]:
        """Give the results of one study that are to be sent to a destination now; empty where there are none."""
        question = (
            "SELECT study, kind, destination, file, tries FROM sendings "
            "WHERE sent IS NULL AND destination=? AND due<=? AND study=(SELECT study FROM sendings "
            "WHERE sent IS NULL AND destination=? AND due<=? ORDER BY due LIMIT 1) "
            "ORDER BY kind='dicom_seg' DESC, kind='dicom_sr' DESC"  # what others refer to comes first
        )
        now = self._now()
        return [Sending(**dict(row)) for row in self._db.ask(question, destination, now, destination, now)]

    def tell_of_gone(self, destinations: Sequence[str]) -> None:
        """Note of results whose destination is not among those that there are now that nobody sends them."""
        marks = ", ".join("?" * len(destinations))
        with self._db.change() as db:
            db.execute(
                f"UPDATE sendings SET error=? WHERE sent IS NULL AND destination NOT IN ({marks})",
                ("it is no longer among --send-to and --stow", *destinations),
            )

    def record_sent(self, one: Sending) -> None:
        """Record that a result arrived, if no other took its place; with the last one its study is done."""
        now = self._now()
        with self._db.change() as db:
            db.execute(
                "UPDATE sendings SET sent=?, error='' WHERE study=? AND kind=? AND destination=? AND file=?",
                (now, one.study, one.kind, one.destination, one.file),
            )
            db.execute(
                "UPDATE studies SET state=?, ended=? WHERE id=? AND state=? AND NOT EXISTS "
                "(SELECT 1 FROM sendings WHERE study=studies.id AND sent IS NULL)",
                (DONE, now, one.study, SENDING),
            )

    def record_not_sent(self, those: Sequence[Sending], error: str, pause_s: float) -> None:
        """Record why results did not arrive; they are tried again after a pause."""
        with self._db.change() as db:
            for one in those:
                db.execute(
                    "UPDATE sendings SET tries=tries+1, error=?, due=? WHERE study=? AND kind=? AND destination=?",
                    (error, self._now() + pause_s, one.study, one.kind, one.destination),
                )

    # what there is

    def counts(self) -> dict[str, int]:
        """How many studies are in each state."""
        found = {
            row["state"]: row["n"] for row in self._db.ask("SELECT state, count(*) AS n FROM studies GROUP BY state")
        }
        return {state: found.get(state, 0) for state in STATES}

    def waiting_s(self) -> float:
        """How long the oldest study without results has been waiting since its last image, in seconds."""
        rows = self._db.ask("SELECT min(heard) AS oldest FROM studies WHERE state IN (?, ?)", RECEIVING, SEARCHING)
        return max(0.0, self._now() - rows[0]["oldest"]) if rows[0]["oldest"] is not None else 0.0

    def studies(self, states: Sequence[str] = STATES, most: int = 100) -> list[Study]:
        """Give the studies of some states, the last ones first."""
        marks = ", ".join("?" * len(states))
        question = f"{STUDIES} WHERE state IN ({marks}) ORDER BY heard DESC LIMIT ?"
        return [Study(**dict(row)) for row in self._db.ask(question, *states, most)]

    def study(self, own: str) -> Study | None:
        """Give a study by its id; None where there is none."""
        rows = self._db.ask(f"{STUDIES} WHERE id=?", own)
        return Study(**dict(rows[0])) if rows else None

    def result_folders(self) -> list[str]:
        """Name the folders of results that are kept."""
        return [Path(row["folder"]).name for row in self._db.ask("SELECT folder FROM studies WHERE folder!=''")]

    def expired(self, keep_s: float) -> list[Study]:
        """Give the studies whose images and results need not be kept longer: ended, and nothing left to send."""
        question = (
            f"{STUDIES} WHERE state IN (?, ?) AND ended<=? AND unsent=0 "
            "AND (folder!='' OR EXISTS (SELECT 1 FROM images WHERE study=studies.id AND is_kept)) LIMIT 100"
        )
        return [Study(**dict(row)) for row in self._db.ask(question, DONE, FAILED, self._now() - keep_s)]

    def forget_files(self, study: Study) -> bool:
        """Record that a study's files are removed; False where it has been taken up again."""
        with self._db.change() as db:
            forgotten = db.execute(
                "UPDATE studies SET folder='', report='' WHERE id=? AND state IN (?, ?)", (study.id, DONE, FAILED)
            ).rowcount
            if forgotten:
                db.execute("UPDATE images SET is_kept=0 WHERE study=?", (study.id,))
                db.execute("DELETE FROM missing WHERE study=?", (study.id,))
        return bool(forgotten)

    # storage commitment

    def ask_commitment(self, uid: str, peer: str, asked: str, most: int) -> bool:
        """Record that a peer wants to know whether its images are here.

        Returns
        -------
        bool
            False where as many of its questions wait, or another peer asked under this UID.
        """
        with self._db.change() as db:
            (open_ones,) = db.execute(
                "SELECT count(*) FROM commitments WHERE peer=? AND uid!=?", (peer, uid)
            ).fetchone()
            if open_ones >= most:
                return False
            taken = db.execute(
                "INSERT INTO commitments (uid, peer, asked) VALUES (?, ?, ?) "
                "ON CONFLICT (uid) DO UPDATE SET asked=excluded.asked, tries=0, due=0 WHERE peer=excluded.peer",
                (uid, peer, asked),
            ).rowcount
        return bool(taken)

    def due_commitments(self) -> list[sqlite3.Row]:
        """Give those that were not answered and are to be answered now."""
        return self._db.ask("SELECT uid, peer, asked, tries FROM commitments WHERE due<=?", self._now())

    def record_committed(self, uid: str) -> None:
        """Record that the peer has its answer."""
        with self._db.change() as db:
            db.execute("DELETE FROM commitments WHERE uid=?", (uid,))

    def postpone_commitment(self, uid: str, pause_s: float) -> None:
        """Answer later."""
        with self._db.change() as db:
            db.execute("UPDATE commitments SET tries=tries+1, due=? WHERE uid=?", (self._now() + pause_s, uid))


STUDIES = (
    "SELECT * FROM (SELECT studies.*, (SELECT count(*) FROM images WHERE study=studies.id) AS images, "
    "(SELECT count(*) FROM missing WHERE study=studies.id) AS missing, "
    "(SELECT count(*) FROM sendings WHERE study=studies.id AND sent IS NULL) AS unsent, coalesce("
    "(SELECT destination || ': ' || error FROM sendings WHERE study=studies.id AND error!='' LIMIT 1), '') AS error "
    "FROM studies) AS studies"
)


def _is_as_searched(db: sqlite3.Connection, study: str) -> bool:
    row = db.execute(
        "SELECT searched, without, (SELECT count(*) FROM images WHERE study=studies.id AND is_kept) AS n, "
        "(SELECT count(*) FROM missing WHERE study=studies.id) AS missing FROM studies WHERE id=?",
        (study,),
    ).fetchone()
    return bool(row) and (row["searched"], row["without"]) == (row["n"], row["missing"])


def _add_sendings(db: sqlite3.Connection, study: str, files: Mapping[str, str], destinations: Sequence[str]) -> None:
    """Replace what was not sent yet, that the study could not be searched, say; what was sent stays."""
    db.execute("DELETE FROM sendings WHERE study=? AND sent IS NULL", (study,))
    for destination in destinations:
        for kind, file in files.items():
            db.execute(
                "INSERT OR IGNORE INTO sendings (study, kind, destination, file) VALUES (?, ?, ?, ?)",
                (study, kind, destination, file),
            )
