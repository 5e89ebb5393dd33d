"""What the views of the page show, as pixels."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page

AXIAL, SAGITTAL, CORONAL, THREE_D = range(4)


def picture(page: Page, view: int) -> NDArray[np.int64]:
    """What a view shows: array (row, column, RGB), without the strips of its name and its buttons."""
    image = Image.open(io.BytesIO(page.locator(".layout-grid-item").nth(view).screenshot()))
    return np.asarray(image.convert("RGB")).astype(np.int64)[30:-30]


def bluish(page: Page, view: int) -> int:
    """How many pixels have the colour of a pointed outline."""
    pixels = picture(page, view)
    return int((pixels[..., 2] - pixels[..., 0] > 15).sum())


def lit(page: Page, view: int) -> float:
    """How much of a view is not background."""
    return float((picture(page, view).max(axis=-1) > 30).mean())


def brightness(page: Page, view: int) -> float:
    """Mean grey value, 0 to 255."""
    return float(picture(page, view).mean())


def colour(page: Page) -> int:
    """How many pixels of the axial view are not grey."""
    pixels = picture(page, AXIAL)
    return int((np.ptp(pixels, axis=-1) > 60).sum())
