"""A picture of errors: one axial crop each, in rows by cause."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from CMBSegmentationLib.report.crops import Window

from .error_causes import ErrorCause
from .score_files import LesionScore

FIELD_MM, TILE, GAP, CAPTION, HEADING = 24.0, 144, 8, 30, 30  # the last four in pixels
COLUMNS = 8
PAPER, INK, MARK = (255, 255, 255), (20, 20, 20), (255, 196, 0)


@dataclass(frozen=True)
class ErrorTile:
    """An error, its picture (uint8, `TILE` square) and the scan it lies in, in words."""

    error: ErrorCause
    picture: NDArray[np.uint8]
    scan: str


def crop(image: sitk.Image, window: Window, lesion: LesionScore) -> NDArray[np.uint8]:
    """Cut the axial plane through a lesion, `FIELD_MM` wide, the patient's left on the right.

    Parameters
    ----------
    image : SimpleITK.Image
    window : Window
    lesion : LesionScore
        Its centre is the picture's.

    Returns
    -------
    uint8 array (TILE, TILE)
        Linear between voxels; black outside the scan.
    """
    step = FIELD_MM / TILE
    corner = (-lesion.r_mm - FIELD_MM / 2 + step / 2, -lesion.a_mm - FIELD_MM / 2 + step / 2, lesion.s_mm)
    plane = sitk.Resample(
        image, (TILE, TILE, 1), sitk.Transform(), sitk.sitkLinear, corner, (step, step, 1.0),
        (1, 0, 0, 0, 1, 0, 0, 0, 1), window.low, sitk.sitkFloat32,
    )  # fmt: skip
    return window.grey(sitk.GetArrayFromImage(plane)[0])


def chosen(errors: Sequence[ErrorTile], count: int, rng: np.random.Generator) -> list[ErrorTile]:
    """Draw errors at random, and order them: the most frequent cause first."""
    drawn = [errors[k] for k in rng.permutation(len(errors))[:count]]
    often = Counter(one.error.cause for one in drawn)
    return sorted(drawn, key=lambda one: (-often[one.error.cause], one.error.cause, one.scan))


def sheet(tiles: Sequence[ErrorTile], title: str) -> Image.Image:
    """Draw tiles, as `chosen` orders them, under the headings of their causes."""
    groups = [(cause, list(group)) for cause, group in groupby(tiles, key=lambda one: one.error.cause)]
    rows = sum(-(-len(group) // COLUMNS) for _, group in groups)
    width = COLUMNS * (TILE + GAP) + GAP
    page = Image.new("RGB", (width, HEADING * (1 + len(groups)) + rows * (TILE + CAPTION + GAP) + GAP), PAPER)
    pen, large, small = ImageDraw.Draw(page), ImageFont.load_default(17), ImageFont.load_default(11)
    pen.text((GAP, 6), title, INK, large)
    top = HEADING
    for cause, group in groups:
        pen.text((GAP, top + 6), f"{cause[:1].upper()}{cause[1:]} ({len(group)})", INK, large)
        top += HEADING
        for number, tile in enumerate(group):
            left = GAP + number % COLUMNS * (TILE + GAP)
            if number and number % COLUMNS == 0:
                top += TILE + CAPTION + GAP
            page.paste(Image.fromarray(tile.picture), (left, top))
            for end in (0, TILE - 12):  # two ticks that point to the middle and cover nothing
                pen.line((left + end, top + TILE // 2, left + end + 11, top + TILE // 2), MARK)
            pen.text((left, top + TILE + 1), f"{tile.scan}\n{tile.error.detail}", INK, small, spacing=1)
        top += TILE + CAPTION + GAP
    return page
