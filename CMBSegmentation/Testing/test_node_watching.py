"""An archive that is asked for studies and fails at one: the others are taken, and no half of a study is searched."""

from __future__ import annotations

import pytest
from nodes import MR, write_few
from pydicom import dcmread

from CMBCommand.node.inbox import Inbox
from CMBCommand.node.jobs import Jobs
from CMBCommand.node.network import watching
from CMBCommand.node.network.sending import NotSentError
from CMBCommand.node.settings import Limits
from CMBCommand.node.status.metrics import Metrics


class Archive:
    """Answers as DICOMweb does, from files; an image in `broken` cannot be had."""

    def __init__(self, files):
        self.images = [dcmread(file) for file in files]
        self.broken: set[str] = set()

    def _rows(self, level, offset, **uids):
        found = {}
        for one in self.images:
            if all(str(getattr(one, key)) == value for key, value in uids.items()):
                found[str(getattr(one, level))] = {
                    "0020000D": {"Value": [one.StudyInstanceUID]},
                    "0020000E": {"Value": [one.SeriesInstanceUID]},
                    "00080018": {"Value": [one.SOPInstanceUID]},
                    "00080016": {"Value": [MR]},
                    "00201208": {"Value": ["3"]},
                }
        return list(found.values())[offset:]

    def search_for_studies(self, *, limit, offset, search_filters):
        return self._rows("StudyInstanceUID", offset)

    def search_for_series(self, study, *, limit, offset, search_filters):
        return self._rows("SeriesInstanceUID", offset, StudyInstanceUID=study)

    def search_for_instances(self, study, series, *, limit, offset):
        return self._rows("SOPInstanceUID", offset, StudyInstanceUID=study, SeriesInstanceUID=series)

    def retrieve_instance(self, study, series, image):
        if image in self.broken:
            raise ValueError("500 Server Error")
        return next(one for one in self.images if one.SOPInstanceUID == image)


def test_one_image_that_fails_keeps_no_other_study_waiting_and_its_own_is_not_searched(tmp_path, monkeypatch):
    files = [*write_few(tmp_path / "one", 1), *write_few(tmp_path / "two", 2)]
    archive = Archive(files)
    first, second = (str(archive.images[at].StudyInstanceUID) for at in (0, -1))
    monkeypatch.setattr(watching, "web_client", lambda url: archive)
    jobs = Jobs(tmp_path / "jobs.sqlite", lambda: 1000.0)
    inbox = Inbox(tmp_path / "images", jobs, Limits(free_bytes=0), Metrics(jobs, tmp_path))
    watcher = watching.Watcher("http://archive", inbox, jobs, 1)
    archive.broken = {str(archive.images[1].SOPInstanceUID)}
    with pytest.raises(NotSentError):
        watcher.look()
    assert {one.uid: (one.images, one.missing) for one in jobs.studies()} == {first: (1, 1), second: (3, 0)}
    archive.broken = set()
    watcher.look()
    assert {one.uid: (one.images, one.missing) for one in jobs.studies()} == {first: (3, 0), second: (3, 0)}
    jobs.close()
