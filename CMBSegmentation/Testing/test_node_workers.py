"""A node's searches on a Dask cluster, as the batch has them."""

from __future__ import annotations

from concurrent.futures import CancelledError
from dataclasses import replace

import pytest
from dark_spots import write_dark_voxel_model
from nodes import write_study
from waiting import wait_until

from CMBCommand.node.searching.study import StudySearch
from CMBCommand.node.searching.workers import Workers, _OnCluster
from CMBCommand.node.settings import Search
from CMBSegmentationLib.errors import CMBError, MachineError
from CMBSegmentationLib.models.loaded_models import StageChoice

pytestmark = pytest.mark.xdist_group("dask")


@pytest.fixture
def workers(a_cluster):
    workers = Workers(a_cluster, 1)
    yield workers
    workers.close()


@pytest.fixture
def search(tmp_path):
    return Search(str(write_dark_voxel_model(tmp_path / "dark.onnx")), "cpu", StageChoice("none", "none"))


def test_a_cluster_searches_a_study_also_after_the_connection_was_lost(workers, search, tmp_path):
    write_study(tmp_path / "study")
    workers.check_models(search, 1)
    workers._client.close()
    running = workers.begin(StudySearch(tmp_path / "study", tmp_path / "out", search))
    wait_until(running.done, 300)
    outcome = running.result()
    assert outcome.error == ""
    assert set(outcome.files) == {"dicom_seg", "dicom_sr", "dicom_pdf"}
    assert "2 cerebral microbleeds" in outcome.found


def test_a_wrong_model_is_told_before_any_study_comes(workers, search):
    with pytest.raises(CMBError, match="nowhere"):
        workers.check_models(replace(search, model="nowhere.onnx"), 1)


class Lost:
    """Stands for a search whose worker or scheduler is gone: none is killed here, as other tests use them."""

    status = "error"

    def __init__(self, error: Exception) -> None:
        self._error = error

    def result(self, timeout: float) -> None:
        raise self._error


def test_a_lost_search_is_one_that_may_go_next_time():
    from dask.distributed import KilledWorker

    outcome = _OnCluster(Lost(KilledWorker("search", None, 3))).result()
    assert outcome.may_go_next_time
    assert "memory" in outcome.error
    with pytest.raises(MachineError, match="scheduler went away"):
        _OnCluster(Lost(CancelledError())).result()
