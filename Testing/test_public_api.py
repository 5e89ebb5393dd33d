"""What other programs can rely on: the names of the package, and the example that uses them."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import SimpleITK as sitk
from part_of_sample import part_of_sample

import CMBSegmentationLib
from CMBSegmentationLib.files import bundled

EXAMPLE = Path(__file__).parents[1] / "Docs" / "examples" / "find_microbleeds.py"


def test_each_public_name_is_there():
    assert all(getattr(CMBSegmentationLib, name) for name in CMBSegmentationLib.__all__)
    with pytest.raises(AttributeError, match="no attribute 'read_mind'"):
        _ = CMBSegmentationLib.read_mind  # type: ignore[attr-defined]


def test_importing_the_package_loads_nothing_else():
    code = "import sys, CMBSegmentationLib; print(sorted({'numpy', 'SimpleITK', 'onnxruntime'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_example_finds_writes_and_reads_back(tmp_path, monkeypatch, capsys):
    part = tmp_path / "part_T2starw.nii.gz"  # of the sample: the whole takes the networks three times as long
    sitk.WriteImage(part_of_sample(), str(part))
    monkeypatch.setattr(bundled, "sample_scan", lambda: part)
    monkeypatch.chdir(tmp_path)
    names = runpy.run_path(str(EXAMPLE))
    detection, files = names["detection"], names["files"]
    assert detection.listed
    assert detection.search.verifier
    assert detection.search.regions
    assert len(names["sensitive"].listed) >= len(detection.listed)
    assert all(path.exists() for path in files.values())
    again = CMBSegmentationLib.read_detection(Path("results"), part)
    assert [row.id for row in again.detection.listed] == [row.id for row in detection.listed]
    assert "candidates; the others say why" in capsys.readouterr().out
