"""A Slicer scene without Slicer's windows, for the tests of all modules: fixtures that each conftest.py imports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import slicer


class SlicerScene:
    """A scene with the module logics that Slicer itself would have made; they live as long as it.

    Parameters
    ----------
    cache : Path
        Folder for what a saved scene is unpacked to.
    """

    def __init__(self, cache: Path) -> None:
        self.scene = slicer.vtkMRMLScene()
        self.application = slicer.vtkSlicerApplicationLogic()
        self.application.SetMRMLScene(self.scene)
        self.application.GetColorLogic().SetMRMLScene(self.scene)
        self.application.GetColorLogic().AddDefaultColorNodes()
        self.markups = slicer.vtkSlicerMarkupsLogic()  # registers how points are stored
        self.markups.SetMRMLScene(self.scene)
        self.segmentations = slicer.vtkSlicerSegmentationsModuleLogic()  # registers how surfaces are made of labels
        self.segmentations.SetMRMLScene(self.scene)
        self.remote = slicer.vtkMRMLRemoteIOLogic()  # reading .mrb asks it for a folder to unpack in
        self.remote.SetMRMLScene(self.scene)
        self.remote.GetCacheManager().SetRemoteCacheDirectory(str(cache))
        self.data = slicer.vtkDataIOManagerLogic()
        self.data.SetMRMLScene(self.scene)
        self.data.SetMRMLApplicationLogic(self.application)
        self.data.SetAndObserveDataIOManager(self.remote.GetDataIOManager())
        self.remote.AddDataIOToScene()


@pytest.fixture
def new_scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Any]]:
    """Makes scenes, each the one that `slicer.mrmlScene` names from then on."""
    kept = []

    def make() -> Any:
        cache = tmp_path / f"cache-{len(kept)}"
        cache.mkdir()
        kept.append(SlicerScene(cache))
        monkeypatch.setattr(slicer, "mrmlScene", kept[-1].scene, raising=False)
        return kept[-1].scene

    yield make
    for one in kept:
        one.scene.Clear(True)


@pytest.fixture
def a_scene(new_scene: Callable[[], Any]) -> Any:
    return new_scene()


@pytest.fixture
def reopened(new_scene: Callable[[], Any], tmp_path: Path) -> Callable[[Any], Any]:
    """Saves a scene to an .mrb file and opens it in a fresh scene."""

    def save_and_open(scene: Any) -> Any:
        file = tmp_path / "saved.mrb"
        assert scene.WriteToMRB(str(file))
        scene.Clear(True)
        opened = new_scene()
        assert opened.ReadFromMRB(str(file), True)
        return opened

    return save_and_open
