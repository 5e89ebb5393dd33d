"""Pseudonyms for results that leave the house: the same patient has the same one, and nobody can work it out.

A hash alone is no secret: whoever has a list of all patients hashes it and compares. So a salt is hashed along, which
stays with the user: in a file that nobody else can read, made once, or in one that is given.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..detecting.search import Search
from ..errors import InputError, MachineError
from ..reading.scan_identity import ScanName

if TYPE_CHECKING:
    from ..detecting.detect import Detection
    from ..reading.dicom.headers import Frame

SALT_BYTES = 32
DIGITS = 12  # of a pseudonym, hexadecimal: 48 bits, enough for all patients of a house
OF_A_RESULT = re.compile(r"(?P<first>.+)_desc-(cmb|regions|brain)_")
PSEUDONYM = re.compile(rf"sub-[0-9a-f]{{{DIGITS}}}_ses-[0-9a-f]{{{DIGITS}}}")
NOTE = "De-identified: names are replaced by pseudonyms, and what was noted when the scan was read is left out."


@dataclass(frozen=True)
class Pseudonyms:
    """Names in place of names.

    Attributes
    ----------
    salt : bytes
        Secret; another one gives other pseudonyms. It is not shown.
    """

    salt: bytes = field(repr=False)

    def digest(self, kind: str, *identity: str) -> str:
        """Hash an identity with the salt (HMAC-SHA-256), to 64 hexadecimal digits; `kind` keeps kinds apart."""
        return hmac.new(self.salt, "\0".join((kind, *identity)).encode(), hashlib.sha256).hexdigest()

    def patient(self, identity: str) -> str:
        """Name a patient."""
        return self.digest("patient", identity)[:DIGITS]

    def uid(self, uid: str) -> str:
        """Replace a DICOM UID by one made of 128 bits of its hash, in the form of a UUID's (PS3.5, B.2)."""
        return f"2.25.{int(self.digest('uid', uid)[:32], 16)}"

    def stem(self, scan: str, frames: Sequence[Frame] = ()) -> str:
        """Name the files of a scan: ``sub-<patient>_ses-<scan>``.

        Parameters
        ----------
        scan : str
            Its name without extension. Where it begins as BIDS names do, its ``sub-`` is the patient.
        frames : sequence of Frame
            Of a DICOM scan: patient and series are those of its headers.
        """
        patient, series = _of_dicom(frames) if frames else _of_name(scan)
        return f"sub-{self.patient(patient)}_ses-{self.digest('scan', series)[:DIGITS]}"


def patient_identity(patient_id: object, study_uid: object) -> str:
    """Say who a patient is: by number, else by study."""
    return str(patient_id or "").strip() or str(study_uid or "")


def check_holds_no_names(out: Path) -> None:
    """Refuse a folder with results that are not de-identified: who gives it away gives their names away.

    Parameters
    ----------
    out : Path
        Folder for de-identified results; may not exist.

    Raises
    ------
    InputError
        A result, a review or an annotation in it is not named by a pseudonym.
    """
    try:
        names = sorted(path.name for path in out.iterdir())
    except OSError:  # is not there, or `check_output_folder` tells what is wrong with it
        return
    for name in names:
        found = OF_A_RESULT.match(name)
        if found is not None and not PSEUDONYM.fullmatch(found["first"]):
            raise InputError(
                f"{out} holds results that are not de-identified ({name}); de-identified ones are not put beside them.",
                "Give another folder with -o.",
            )


def unnamed(detection: Detection, name: str) -> Detection:
    """Leave out what may name the patient or the reader, and when it was read.

    Parameters
    ----------
    detection : Detection
    name : str
        In place of the scan's (`Pseudonyms.stem`).

    Returns
    -------
    Detection
        With the same lesions, verdicts and images.
    """
    lesions = [replace(one, reader="", decided_at="") for one in detection.lesions]
    return replace(detection, lesions=lesions, search=unnamed_search(detection.search, name))


def unnamed_search(search: Search, name: str) -> Search:
    """Leave out of how a scan was searched whose it is, which files went with it, who read it, and when."""
    given = search.parcellation
    return replace(
        search,
        scan=ScanName(name),
        parcellation=None if given is None else replace(given, file=""),
        phase=(),  # names files and series
        readers=(),
        date="",
        reviewed_at="",
    )


def read_pseudonyms(salt_file: Path | None = None) -> Pseudonyms:
    """Read the user's salt; make it the first time.

    Parameters
    ----------
    salt_file : Path, optional
        In place of the user's own, such as one of a study that several people work on; made where it is not there.

    Returns
    -------
    Pseudonyms

    Raises
    ------
    InputError
        The file may be read by others, or is too short to be a secret.
    MachineError
        It cannot be read or made.
    """
    path = salt_file or _own_salt()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            pass
        else:
            with os.fdopen(handle, "wb") as stream:
                stream.write(secrets.token_hex(SALT_BYTES).encode() + b"\n")
        open_to_others = sys.platform != "win32" and path.stat().st_mode & 0o077
        salt = path.read_bytes().strip()
    except OSError as error:
        raise MachineError(
            f"The salt of pseudonyms in {path} cannot be read or made ({error.strerror or error}).",
            "Give another file with --salt.",
        ) from error
    if open_to_others:
        raise InputError(f"{path} may be read by others: it is no secret.", f"Take their right away: chmod 600 {path}")
    if len(salt) < SALT_BYTES:
        raise InputError(
            f"{path} holds {len(salt)} bytes: too few to be a secret.", f"Give a file of {SALT_BYTES} random bytes."
        )
    return Pseudonyms(salt)


def _own_salt() -> Path:
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        base = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return base / "slicer-cmb" / "deidentify-salt"


def _of_dicom(frames: Sequence[Frame]) -> tuple[str, str]:
    from ..reading.dicom.headers import read_header
    from ..reading.dicom.values import raw

    header = read_header(frames[0].path)
    if header is None:
        raise InputError(f"{frames[0].path.name} can no longer be read.", "Copy the series again.")
    patient, study, series, image = (
        str(raw(header, key) or "") for key in ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
    )
    return patient_identity(patient, study), series or image or study


def _of_name(scan: str) -> tuple[str, str]:
    subject = re.match(r"(?i)sub-([a-z0-9]+)", scan)
    return (subject.group(1) if subject else scan), scan
