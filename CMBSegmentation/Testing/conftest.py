"""Fixtures: a scan in a Slicer scene, and the results of a detection."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import SimpleITK as sitk
import slicer.util
from dark_spots import ball_brain, write_dark_voxel_model
from oblique_scan import SCAN_NAME, oblique_ijk_to_ras, scan_voxels, write_detection
from slicer_scene import a_scene, new_scene, reopened

from CMBSegmentationLib.scene import export_scan

__all__ = ["a_scene", "new_scene", "reopened"]


@pytest.fixture
def a_scan(a_scene: Any) -> Any:
    """An oblique, anisotropic scan in the scene."""
    return slicer.util.addVolumeFromArray(scan_voxels(), ijkToRAS=oblique_ijk_to_ras(), name=SCAN_NAME)


@pytest.fixture
def a_result_folder(a_scan: Any, tmp_path: Path) -> Path:
    """What a worker left after searching `a_scan`."""
    return write_detection(export_scan(a_scan, tmp_path).path, tmp_path / "results")


@pytest.fixture
def dark_model(tmp_path: Path) -> Path:
    return write_dark_voxel_model(tmp_path / "dark.onnx")


@pytest.fixture(scope="session")
def a_head_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ball of a brain with two dark spots, made once: not to be changed."""
    path = tmp_path_factory.mktemp("head") / "head_T2starw.nii.gz"
    sitk.WriteImage(ball_brain()[0], str(path))
    return path


@pytest.fixture
def scan_file(a_head_file: Path, tmp_path: Path) -> Path:
    """`a_head_file` in a folder of the test's own."""
    return Path(shutil.copy(a_head_file, tmp_path))


@pytest.fixture(scope="session")
def a_small_head(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("head") / "head.nii.gz"
    sitk.WriteImage(ball_brain(spacing=(2.0, 2.0, 2.0))[0], str(path))
    return path


@pytest.fixture(scope="session")
def a_cluster() -> Iterator[str]:
    """The address of a scheduler with one worker, for all tests that kill neither; it starts once."""
    from dask.distributed import LocalCluster

    apart = {"CMB_READING_APART": "1"}  # as in this process, see the conftest.py of all tests
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0", env=apart) as cluster:
        yield cluster.scheduler_address
