"""Signal against the tissue around it: unchanged by scale, shading, loose masks and bright inflow."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from CMBSegmentationLib.detecting.model_grid import prepare
from CMBSegmentationLib.detecting.tissue_level import tissue_level
from CMBSegmentationLib.models.input_spec import InputSpec

SPACING = (1.0, 1.0, 2.0)
SHAPE = (80, 90, 40)
TISSUE = 400.0


def a_head(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Tissue in a ball, one black voxel block in its middle; the ball's mask."""
    i, j, k = np.indices(SHAPE) - np.array(SHAPE).reshape(3, 1, 1, 1) / 2
    ball = (i**2 + j**2 + (2 * k) ** 2) < 36**2
    values = np.where(ball, TISSUE + rng.normal(0, 12, SHAPE), 0.0)
    values[39:41, 44:46, 19:21] = 0
    return values.astype(np.float32), ball


@pytest.mark.parametrize("disturbance", ["none", "loose mask", "bright inflow", "dark fluid"])
def test_the_level_is_the_tissues_whatever_else_lies_in_the_mask(disturbance):
    rng = np.random.default_rng(3)
    values, brain = a_head(rng)
    if disturbance == "loose mask":
        brain = np.ones(SHAPE, bool)
    elif disturbance == "bright inflow":
        values[20:30, 30:60, 10:30] *= 3
    elif disturbance == "dark fluid":
        values[20:30, 30:60, 10:30] *= 0.3
    level = tissue_level(values, brain, SPACING)
    inside = np.zeros(SHAPE, bool)
    inside[30:50, 35:55, 14:26] = True
    assert level[inside] == pytest.approx(TISSUE, rel=0.03)


def test_the_level_follows_the_coils_shading():
    values, brain = a_head(np.random.default_rng(4))
    shading = np.exp(np.linspace(-0.7, 0.7, SHAPE[0])).reshape(-1, 1, 1)
    level = tissue_level((values * shading).astype(np.float32), brain, SPACING)
    expected = (TISSUE * shading * np.ones(SHAPE))[10:70, 45, 20]
    assert level[10:70, 45, 20] == pytest.approx(expected, rel=0.15)


def test_an_empty_brain_has_a_level_too():
    assert (tissue_level(np.zeros(SHAPE, np.float32), np.zeros(SHAPE, bool), SPACING) == 1).all()


@pytest.mark.parametrize("scale", [0.01, 1.0, 180.0])
def test_a_black_voxel_lies_at_minus_four_and_tissue_at_zero_at_any_scale(scale):
    values, _ = a_head(np.random.default_rng(5))
    image = sitk.GetImageFromArray((values * scale).transpose(2, 1, 0))
    image.SetSpacing(SPACING)
    prepared = prepare(image, InputSpec("LPS", SPACING, "local-tissue"))
    assert prepared.voxels.min() == -4
    assert abs(np.median(prepared.voxels[prepared.brain & (prepared.voxels > -2)])) < 0.05
    assert prepared.voxels.max() <= 4
