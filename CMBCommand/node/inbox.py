"""Images as they come in: checked, written, synced and recorded, before their sender is told that they are here."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import re
import shutil
import sqlite3
import threading
from io import BytesIO
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset

from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.files.atomic_file import sync_file, sync_folder
from CMBSegmentationLib.reading.dicom.deflated import check_deflated

from .jobs import Jobs, Study, study_id
from .settings import Limits
from .status.metrics import Metrics

OUT_OF_RESOURCES, NO_MATCH, NOT_UNDERSTOOD = 0xA700, 0xA900, 0xC000  # PS3.4, B.2.3
MR_CLASSES = {  # PS3.4, B.5
    "1.2.840.10008.5.1.4.1.1.4": "MR Image",
    "1.2.840.10008.5.1.4.1.1.4.1": "Enhanced MR Image",
    "1.2.840.10008.5.1.4.1.1.4.2": "MR Spectroscopy",
    "1.2.840.10008.5.1.4.1.1.4.3": "Enhanced MR Color Image",
    "1.2.840.10008.5.1.4.1.1.4.4": "Legacy Converted Enhanced MR Image",
}
UID = re.compile(r"[0-9.]{1,64}")
NEEDED = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID")


class RefusedError(Exception):
    """An object that is not taken.

    Parameters
    ----------
    status : int
        As DICOM has it (PS3.4, B.2.3).
    reason : str
        Without anything of the patient: it is logged, and sent as a comment.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class Inbox:
    """The folder of images, one folder a study.

    Parameters
    ----------
    folder : Path
    jobs : Jobs
    limits : Limits
    metrics : Metrics
    """

    def __init__(self, folder: Path, jobs: Jobs, limits: Limits, metrics: Metrics) -> None:
        self._folder, self._jobs, self._limits, self._metrics = folder, jobs, limits, metrics
        self._drafts, self._number = folder / ".drafts", itertools.count()
        self._lock = threading.Lock()  # between an image that comes and its study's removal
        self._missing: set[tuple[str, str]] = set()  # not recorded yet: the disk may have been full
        shutil.rmtree(self._drafts, ignore_errors=True)  # of a process that was killed; nobody was told of them
        self._drafts.mkdir(parents=True)

    def take(self, encoded: bytes, sop_class: str | None = None, uid: str | None = None) -> str:
        """Keep an object; when this returns, it outlasts a power cut.

        Parameters
        ----------
        encoded : bytes
            A DICOM file (PS3.10).
        sop_class, uid : str, optional
            What its sender says that it is.

        Returns
        -------
        str
            Id of its study.

        Raises
        ------
        RefusedError
            It is no MR object, too large, one too many, or the disk does not take it.
        """
        draft = self._drafts / f"{next(self._number)}.dcm"
        try:
            return self._take(encoded, draft, (sop_class, uid))
        except RefusedError as refused:
            self._metrics.refused(refused.status)
            raise
        except (OSError, sqlite3.Error) as error:
            self._metrics.refused(OUT_OF_RESOURCES)
            what = getattr(error, "strerror", "") or type(error).__name__
            raise RefusedError(OUT_OF_RESOURCES, f"the disk does not take it ({what})") from error
        finally:
            draft.unlink(missing_ok=True)

    def _take(self, encoded: bytes, draft: Path, said: tuple[str | None, str | None]) -> str:
        header = _header(encoded)
        study, image = str(header.StudyInstanceUID), str(header.SOPInstanceUID)
        for claimed, found in zip(said, (header.SOPClassUID, image), strict=True):
            if claimed not in (None, found):
                raise RefusedError(NO_MATCH, "not the object that its sender says it is")
        if self._jobs.study_of(image) not in (None, study_id(study)):
            raise RefusedError(NO_MATCH, "its UID is that of an image in another study")
        try:
            with self._lock:
                is_kept = self._jobs.is_wanted(image)
                if is_kept:
                    self._check_room(len(encoded), study)
                    draft.write_bytes(encoded)
                    self._put(draft, self.folder_of(study_id(study)) / file_name(image))
                    self._metrics.received(len(encoded))
                self._jobs.add_image(study, image, str(header.SOPClassUID), is_kept=is_kept)
        except (RefusedError, OSError, sqlite3.Error):
            self.add_missing(study, image)
            raise
        return study_id(study)

    def _check_room(self, size: int, study: str) -> None:
        if size > self._limits.image_bytes:
            raise RefusedError(OUT_OF_RESOURCES, f"larger than {self._limits.image_bytes >> 20} MB")
        if shutil.disk_usage(self._folder).free - size < self._limits.free_bytes:
            raise RefusedError(OUT_OF_RESOURCES, f"less than {self._limits.free_bytes >> 20} MB would stay free")
        if self._jobs.number_of_images(study) >= self._limits.images:
            raise RefusedError(OUT_OF_RESOURCES, f"more than {self._limits.images} images in a study")

    def add_missing(self, study: str, image: str) -> None:
        """Note that an image could not be taken: its study must not be searched as if it were whole.

        Parameters
        ----------
        study, image : str
            Study and SOP Instance UID; the study's for both where it is not known which.
        """
        self._missing.add((study, image))
        with contextlib.suppress(sqlite3.Error):  # of the same full disk: tried again before a search begins
            self.record_missing()

    def record_missing(self) -> None:
        """Record what was noted; no search may begin before."""
        for one in list(self._missing):
            self._jobs.add_missing(*one)
            self._missing.discard(one)

    def _put(self, draft: Path, path: Path) -> None:
        sync_file(draft)
        if not path.parent.is_dir():
            path.parent.mkdir(exist_ok=True)
            sync_folder(self._folder)
        os.replace(draft, path)
        sync_folder(path.parent)

    def folder_of(self, study: str) -> Path:
        """Where a study's images are."""
        return self._folder / study

    def expire(self, study: Study) -> bool:
        """Remove a study's images, unless it has been taken up again; tell whether it was done."""
        with self._lock:
            if not self._jobs.forget_files(study):
                return False
            shutil.rmtree(self.folder_of(study.id), ignore_errors=True)
        return True


def file_name(image: str) -> str:
    """Name an image's file, by a hash of its UID: what others send never becomes a path."""
    return f"{hashlib.sha256(image.encode()).hexdigest()[:32]}.dcm"


def _header(encoded: bytes) -> Dataset:
    """Read what an object is, and refuse what is none that is searched."""
    try:
        check_deflated([encoded])
        header = dcmread(BytesIO(encoded), stop_before_pixels=True, specific_tags=list(NEEDED))
        values = {keyword: str(header.get(keyword) or "") for keyword in NEEDED}
    except InputError as error:
        raise RefusedError(OUT_OF_RESOURCES, "unpacks to more than is read") from error
    except Exception as error:  # pydicom's, of any kind: as the damage is
        raise RefusedError(NOT_UNDERSTOOD, f"not DICOM that can be read ({type(error).__name__})") from error
    for keyword, value in values.items():
        if not UID.fullmatch(value):
            raise RefusedError(NOT_UNDERSTOOD, f"no valid {keyword}")
    if values["SOPClassUID"] not in MR_CLASSES:
        raise RefusedError(NO_MATCH, "not an MR object")
    return header
