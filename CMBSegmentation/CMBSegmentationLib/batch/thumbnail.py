"""A small axial picture of a scan, to see at a glance whether it is a head and is the right way up."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from PIL import Image, ImageDraw

from ..detecting.detect import Detection
from ..detecting.lesions import Lesion
from ..report.crops import OVERVIEW_PIXEL_MM, Overview, display_window
from ..vocabulary.verdicts import KEPT

RING_PIXELS = 5


def write_thumbnail(detection: Detection, path: Path) -> None:
    """Picture the slice of the most probable lesion, ringed; of none, the middle of the brain."""
    window = display_window(detection.image, detection.brain)
    listed = detection.listed
    shown = listed[0] if listed else _middle(detection)
    located = Overview(detection.image, detection.brain, window).locate(shown)
    picture = Image.open(io.BytesIO(base64.b64decode(located.png.partition(",")[2]))).convert("RGB")
    if listed:
        x, y = located.x_mm / OVERVIEW_PIXEL_MM, located.y_mm / OVERVIEW_PIXEL_MM
        box = (x - RING_PIXELS, y - RING_PIXELS, x + RING_PIXELS, y + RING_PIXELS)
        ImageDraw.Draw(picture).ellipse(box, outline=(255, 120, 60))
    picture.save(path, "PNG", optimize=True)


def _middle(detection: Detection) -> Lesion:
    inside = np.argwhere(sitk.GetArrayViewFromImage(detection.brain) > 0)
    size = detection.image.GetSize()
    index = inside.mean(axis=0)[::-1].tolist() if len(inside) else [(n - 1) / 2 for n in size]
    left, posterior, superior = detection.image.TransformContinuousIndexToPhysicalPoint(index)
    return Lesion(0, KEPT, -left, -posterior, superior, 0, 0, 1, 0, 0)
