"""An archive that is asked for studies, instead of sending them: QIDO-RS says what there is, WADO-RS brings it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from io import BytesIO
from typing import Any

from pydicom.dataset import Dataset

from ..inbox import MR_CLASSES, Inbox, RefusedError
from ..jobs import Jobs, study_id
from ..logs import LOG
from .sending import NotSentError, web_client, why_web_failed

PAGE = 200  # answers that are asked for at a time
Row = dict[str, Any]
STUDY_UID, SERIES_UID, IMAGE_UID = "0020000D", "0020000E", "00080018"
CLASS_UID, NUMBER_OF_IMAGES = "00080016", "00201208"


class Watcher:
    """Takes the MR images of new studies out of an archive.

    Parameters
    ----------
    url : str
    inbox : Inbox
    jobs : Jobs
    days : int
        How far back studies are looked for, besides today's.
    """

    def __init__(self, url: str, inbox: Inbox, jobs: Jobs, days: int) -> None:
        self._url, self._inbox, self._jobs, self._days = url, inbox, jobs, days
        self._seen: dict[str, str] = {}  # how many images a study had when all of them had been taken

    def look(self, is_stopped: Callable[[], bool] = lambda: False) -> None:
        """Take what is new; `NotSentError` where the archive does not answer."""
        client = web_client(self._url)
        today = date.today()
        dates = f"{today - timedelta(days=self._days):%Y%m%d}-{today:%Y%m%d}"
        wanted = {"ModalitiesInStudy": "MR", "StudyDate": dates}
        failure = ""
        try:
            for row in _pages(client.search_for_studies, STUDY_UID, search_filters=wanted):
                study, number = _value(row, STUDY_UID), _value(row, NUMBER_OF_IMAGES)
                if is_stopped():
                    return
                is_as_before = bool(number) and self._seen.get(study) == number
                if is_as_before:
                    continue
                try:
                    if self._take_study(client, study, is_stopped):
                        self._seen[study] = number
                        self._jobs.found_whole(study)
                except sqlite3.Error:
                    raise
                except Exception as error:  # of requests and pydicom; others can be taken all the same
                    self._inbox.add_missing(study, study)  # whatever it is that did not come
                    failure = why_web_failed(error)
        except sqlite3.Error:
            raise
        except Exception as error:  # of requests and json, of any kind
            raise NotSentError(why_web_failed(error)) from error
        if failure:
            raise NotSentError(failure)

    def _take_study(self, client: Any, study: str, is_stopped: Callable[[], bool]) -> bool:
        """Take the images of a study that are not here; tell whether all are."""
        taken = refused = 0
        for series in _pages(client.search_for_series, SERIES_UID, study, search_filters={"Modality": "MR"}):
            series_uid = _value(series, SERIES_UID)
            for row in _pages(client.search_for_instances, IMAGE_UID, study, series_uid):
                image, sop_class = _value(row, IMAGE_UID), _value(row, CLASS_UID)
                if is_stopped():
                    return False
                if sop_class not in MR_CLASSES or self._jobs.study_of(image) is not None:
                    continue
                try:
                    self._inbox.take(_encoded(client.retrieve_instance(study, series_uid, image)), sop_class, image)
                    taken += 1
                except RefusedError as error:
                    refused += 1
                    LOG.warning("%s: image refused (0x%04X): %s", study_id(study), error.status, error.reason)
        if taken:
            LOG.info("%s: %d images taken from the archive", study_id(study), taken)
        return not refused


def _pages(search: Callable[..., list[Row]], key: str, *args: str, **options: Any) -> Iterator[Row]:
    """Give all answers to a question; an archive without pages gives the same ones again, and is asked no more."""
    seen: set[str] = set()
    while True:
        rows = [row for row in search(*args, limit=PAGE, offset=len(seen), **options) if _value(row, key) not in seen]
        if not rows:
            return
        seen.update(_value(row, key) for row in rows)
        yield from rows


def _value(row: Row, tag: str) -> str:
    values = row.get(tag, {}).get("Value") or [""]
    return str(values[0])


def _encoded(image: Dataset) -> bytes:
    stream = BytesIO()
    image.save_as(stream, enforce_file_format=True)
    return stream.getvalue()
