"""`cmb` called in this process."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from CMBCommand import cli

SMALL = [24, 24, 24]


@pytest.fixture
def cmb(capsys):
    """Call the command; returns its exit code, what it printed and what it said on the side."""

    def call(*arguments):
        try:
            code = cli.main([str(a) for a in arguments])
        except SystemExit as stop:  # argparse
            code = stop.code
        said = capsys.readouterr()
        return code, said.out, re.sub(r"\s+", " ", said.err)

    return call


def written(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def noise_image(size=None, dtype=np.float32) -> sitk.Image:
    size = size or SMALL
    values = np.random.default_rng(0).uniform(10, 1000, size[::-1]).astype(dtype)
    image = sitk.GetImageFromArray(values)
    image.SetSpacing([2.0] * len(size))
    return image
