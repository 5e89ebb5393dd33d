"""Pictures on paper: crops with outlines, where in the head, the glass brain."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from typing import Any

from ...vocabulary.verdicts import DEFINITE, POSSIBLE
from ..content import Card
from ..crops import FIELD_MM, Crop
from ..glass_brain import Projection

ACCENT, QUIET, RULE = (0.70, 0.15, 0.12), (0.35, 0.35, 0.35), (0.75, 0.75, 0.75)
OUTLINE, NEIGHBOUR = (1.0, 0.75, 0.15), (0.45, 0.75, 0.9)
SEGMENT = re.compile(r"M(-?[\d.]+) (-?[\d.]+)([HV])(-?[\d.]+)")

Draw = Callable[[Any], None]
"""Draws on a canvas whose origin is the lower left corner of its own place."""


def drawing(width: float, height: float, draw: Draw) -> Any:
    """Give a place of this size in the flow of the page, in points, that draws itself."""
    from reportlab.platypus import Flowable

    class Drawing(Flowable):
        def __init__(self) -> None:
            super().__init__()
            self.width, self.height = width, height

        def draw(self) -> None:
            draw(self.canv)

    return Drawing()


def image(png: str) -> Any:
    """Give a picture (a data URL of a PNG) as ReportLab draws it."""
    from reportlab.lib.utils import ImageReader

    return ImageReader(io.BytesIO(base64.b64decode(png.split(",", 1)[1])))


def draw_crop(crop: Crop, side: float, *, outlined: bool) -> Draw:
    """Draw one plane of a lesion in a square of this side, with or without its outline."""

    def draw(canvas: Any) -> None:
        canvas.drawImage(image(crop.png), 0, 0, side, side)
        scale = side / FIELD_MM
        if outlined:
            canvas.setLineWidth(0.7)
            canvas.setStrokeColorRGB(*NEIGHBOUR)
            canvas.setDash(2, 2)
            _stroke(canvas, crop.neighbours, scale, side)
            canvas.setDash()
            canvas.setStrokeColorRGB(*OUTLINE)
            _stroke(canvas, crop.outline, scale, side)
        canvas.setFont("CMB-Bold", 5.5)
        plane = crop.plane
        _letters(canvas, 2, side / 2 - 2, plane.left)
        _letters(canvas, side - 5.5, side / 2 - 2, plane.right)
        _letters(canvas, side / 2 - 2, side - 6.5, plane.top)
        _letters(canvas, side / 2 - 2, 2.5, plane.bottom)
        _letters(canvas, 2.5, side - 6.5, plane.name)
        canvas.setStrokeColorRGB(1, 1, 1)
        canvas.setLineWidth(0.8)
        canvas.line(side - 6 * scale, 3.5, side - scale, 3.5)

    return draw


def _stroke(canvas: Any, path: str, scale: float, side: float) -> None:
    """Draw the crop's SVG path (`Crop.outline`): rows grow downwards there, upwards here."""
    for x, y, way, end in SEGMENT.findall(path):
        x0, y0 = float(x), float(y)
        x1, y1 = (float(end), y0) if way == "H" else (x0, float(end))
        inside = [min(max(v, 0.0), FIELD_MM) * scale for v in (x0, y0, x1, y1)]
        canvas.line(inside[0], side - inside[1], inside[2], side - inside[3])


def _letters(canvas: Any, x: float, y: float, words: str) -> None:
    """White letters with a dark rim, to be read on any grey."""
    canvas.setFillColorRGB(0, 0, 0)
    for dx, dy in ((-0.4, 0), (0.4, 0), (0, -0.4), (0, 0.4)):
        canvas.drawString(x + dx, y + dy, words)
    canvas.setFillColorRGB(1, 1, 1)
    canvas.drawString(x, y, words)


def draw_locator(card: Card, width: float, height: float, side: float) -> Draw:
    """Draw where in the head a lesion lies."""

    def draw(canvas: Any) -> None:
        at = card.locator
        left, bottom, scale = (side - width) / 2, side - height, height / at.height_mm
        canvas.drawImage(image(at.png), left, bottom, width, height)
        half = FIELD_MM / 2 * scale
        canvas.setStrokeColorRGB(*OUTLINE)
        canvas.setLineWidth(0.8)
        canvas.rect(left + at.x_mm * scale - half, bottom + height - at.y_mm * scale - half, 2 * half, 2 * half)
        canvas.setFont("CMB-Bold", 5.5)
        _letters(canvas, left + 2, bottom + height - 7, "R")
        _letters(canvas, left + width - 6, bottom + height - 7, "L")

    return draw


def draw_projection(one: Projection, scale: float) -> Draw:
    """Draw a projection of the glass brain, `scale` points a mm; what readers call possible is dashed."""

    def draw(canvas: Any) -> None:
        width, height = one.width_mm * scale, one.height_mm * scale
        canvas.drawImage(image(one.png), 0, 0, width, height)
        canvas.setStrokeColorRGB(*ACCENT)
        canvas.setFillColorRGB(*ACCENT)
        canvas.setLineWidth(0.8)
        canvas.setFont("CMB", 5)
        for mark in one.marks:
            canvas.setDash(*((1, 1) if mark.certainty == POSSIBLE else ()))
            x, y, radius = mark.x_mm * scale, height - mark.y_mm * scale, mark.radius_mm * scale
            canvas.circle(x, y, radius, stroke=1, fill=int(mark.certainty == DEFINITE))
            if len(one.marks) <= 40:
                canvas.drawString(x + radius + 1, y - 1.7, str(mark.id))
        canvas.setFillColorRGB(*QUIET)
        canvas.setFont("CMB", 6.5)
        canvas.drawString(1, height / 2, one.plane.left)
        canvas.drawRightString(width - 1, height / 2, one.plane.right)
        canvas.drawCentredString(width / 2, height - 7, one.plane.top)
        canvas.drawCentredString(width / 2, 2, one.plane.bottom)

    return draw
