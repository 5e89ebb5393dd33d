"""Batches that processes draw ahead: the same ones, in the same order, and nothing is left behind."""

import os
from pathlib import Path

import keras
import numpy as np
import pytest

from cmbtraining.config.settings import ConfigError
from cmbtraining.fitting.ahead import drawn_ahead


class Numbered(keras.utils.PyDataset):
    """Batches that say who drew them, and which ones they are."""

    epoch = 0

    def __len__(self):
        return 20

    def begin(self, epoch):
        self.epoch = epoch

    def __getitem__(self, index):
        if index == 13 and self.epoch == 9:
            raise ValueError("the scan is damaged")
        return np.full((2, 3), 100 * self.epoch + index, np.float32), np.array([os.getpid()])


@pytest.fixture
def ahead():
    with drawn_ahead(Numbered(), 2) as batches:
        yield batches


def test_batches_come_in_order_from_other_processes(ahead):
    assert len(ahead) == 20
    painters = set()
    for epoch in (0, 3):
        ahead.begin(epoch)
        for index in range(20):
            x, (painter,) = ahead[index]
            np.testing.assert_array_equal(x, np.full((2, 3), 100 * epoch + index, np.float32))
            painters.add(int(painter))
    assert os.getpid() not in painters


def test_an_epoch_that_is_broken_off_leaves_none_of_its_batches_to_the_next(ahead):
    ahead.begin(0)
    ahead[0]
    ahead.begin(1)
    assert [int(ahead[n][0][0, 0]) for n in range(5)] == [100, 101, 102, 103, 104]


def test_what_goes_wrong_in_a_drawing_process_is_told(ahead):
    ahead.begin(9)
    for index in range(13):
        ahead[index]
    with pytest.raises(ValueError, match="the scan is damaged"):
        ahead[13]


def test_the_batches_on_disk_are_gone_at_the_end():
    with drawn_ahead(Numbered(), 1) as batches:
        batches[0]
        folder = Path(batches._folder.name)
        assert folder.is_dir()
    assert not folder.exists()


def test_a_system_that_cannot_fork_is_told_what_to_set(monkeypatch):
    monkeypatch.setattr("multiprocessing.get_all_start_methods", lambda: ["spawn"])
    with pytest.raises(ConfigError, match="set it to 0"), drawn_ahead(Numbered(), 2):
        pass


def test_without_processes_batches_stay_as_they_are():
    own = Numbered()
    with drawn_ahead(own, 0) as batches:
        assert batches is own
