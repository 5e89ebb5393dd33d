"""An oblique, anisotropic head with dark spots in a Slicer scene, and a hand that paints in it."""

from __future__ import annotations

import math

import numpy as np
import slicer
import slicer.util
from numpy.typing import NDArray

from CMBScribbleGrowLib.scene import PAINT_SEGMENT, add_to_scribble, ensure_nodes, ensure_paint_segment, grid_of

SHAPE = (24, 64, 60)  # k, j, i
SPACING_MM = (0.9, 0.9, 2.5)  # i, j, k
SPOTS = {"A": (12, 30, 28), "B": (8, 40, 40), "C": (15, 22, 38)}  # k, j, i
SPOT_RADIUS_MM = 2.6
SCAN_NAME = "sub-01 swi"


def oblique_ijk_to_ras() -> NDArray[np.float64]:
    """Turned about two axes and left-handed, as a sagittal series often is; far from the origin."""
    a, b = 0.35, -0.2
    about_s = np.array([[math.cos(a), -math.sin(a), 0], [math.sin(a), math.cos(a), 0], [0, 0, 1]])
    about_r = np.array([[1, 0, 0], [0, math.cos(b), -math.sin(b)], [0, math.sin(b), math.cos(b)]])
    matrix = np.eye(4)
    matrix[:3, :3] = about_s @ about_r @ np.diag([-1.0, 1.0, 1.0]) * SPACING_MM
    matrix[:3, 3] = (31.5, -42.25, 17.125)
    return matrix


def spot(name: str) -> NDArray[np.bool_]:
    """True voxels of a dark spot."""
    index = np.indices(SHAPE).transpose(1, 2, 3, 0)
    return np.linalg.norm((index - SPOTS[name]) * SPACING_MM[::-1], axis=-1) <= SPOT_RADIUS_MM


def head() -> NDArray[np.int16]:
    """Noisy tissue in air, and dark in the spots."""
    index = np.indices(SHAPE).transpose(1, 2, 3, 0)
    middle = (np.array(SHAPE) - 1) / 2
    inside = np.linalg.norm((index - middle) / (middle * 0.9), axis=-1) <= 1
    voxels = np.where(inside, np.random.default_rng(7).normal(600, 12, SHAPE), 5)
    for name in SPOTS:
        voxels[spot(name)] = 150
    return voxels.astype(np.int16)


def add_head(name: str = SCAN_NAME) -> slicer.vtkMRMLScalarVolumeNode:
    """Put the head into the scene that `slicer.mrmlScene` names."""
    return slicer.util.addVolumeFromArray(head(), ijkToRAS=oblique_ijk_to_ras(), name=name)


def paint(scan_node: slicer.vtkMRMLScalarVolumeNode, *spots: str, segment: str = PAINT_SEGMENT) -> None:
    """Paint two voxels in the middle of each spot."""
    nodes = ensure_nodes(scan_node)
    ensure_paint_segment(nodes)
    voxels = np.array([c for name in spots for c in (SPOTS[name], np.add(SPOTS[name], (0, 0, 1)))])
    add_to_scribble(nodes, segment, voxels, grid_of(scan_node))


def ras_of(index_kji) -> NDArray[np.float64]:
    """World RAS of a voxel of the head."""
    return (oblique_ijk_to_ras() @ [*np.asarray(index_kji)[::-1], 1])[:3]
