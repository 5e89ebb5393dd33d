"""Small pictures of a lesion for the report: three planes at one scale, its outline, and where in the head it is."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import scipy
import SimpleITK as sitk
from numpy.typing import NDArray
from PIL import Image

from ..detecting.candidates.listing import drawn
from ..detecting.lesions import Lesion
from ..detecting.phase.local_field import PER_RADIAN, SHOWN_RAD
from .words import SAY

if TYPE_CHECKING:
    from ..detecting.detect import Detection

FIELD_MM = 30.0  # side of a crop: a 10 mm lesion and twice its width around it
PIXEL_MM = 0.25  # 120 x 120 pixels: finer than any scan in Docs/simulation.md, and below 15 kB whatever is in it
OVERVIEW_PIXEL_MM = 1.6
OVERVIEW_MARGIN_MM = 4.0
WINDOW_PERCENTILES = (1, 99)  # of the brain's voxels: Docs/paper.md, "robust intensity range"


class Window(NamedTuple):
    """Intensities shown as black and as white."""

    low: float
    high: float

    def grey(self, values: NDArray) -> NDArray[np.uint8]:
        """Map intensities to 0 (black) ... 255 (white)."""
        span = (self.high - self.low) or 1.0
        return np.clip((values - self.low) / span * 255 + 0.5, 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class Plane:
    """How a volume in L, P, S axis order is cut and laid out for a radiologist.

    Attributes
    ----------
    name : str
    normal, down, across : int
        Axes of an array in order z, y, x that the slice leaves out, that its rows and its columns follow.
    left, right, top, bottom : str
        Where the picture's edges point to in the patient.
    """

    name: str
    normal: int
    down: int
    across: int
    left: str
    right: str
    top: str
    bottom: str


PLANES = (
    Plane("axial", 0, 1, 2, "R", "L", "A", "P"),
    Plane("coronal", 1, 0, 2, "R", "L", "S", "I"),
    Plane("sagittal", 2, 0, 1, "A", "P", "S", "I"),
)


@dataclass(frozen=True)
class Crop:
    """One plane through a lesion, `FIELD_MM` wide and high, the lesion's centre in the middle.

    Attributes
    ----------
    plane : Plane
    png : str
        Data URI, 8-bit grey.
    outline : str
        SVG path along voxel edges around the lesion; millimetres from the picture's upper left corner.
    neighbours : str
        The same around other lesions of the list.
    """

    plane: Plane
    png: str
    outline: str
    neighbours: str


@dataclass(frozen=True)
class Locator:
    """The whole axial slice of a lesion, the crop's field marked in it.

    Attributes
    ----------
    png : str
        Data URI, 8-bit grey.
    width_mm, height_mm : float
    x_mm, y_mm : float
        The lesion's centre, from the picture's upper left corner.
    """

    png: str
    width_mm: float
    height_mm: float
    x_mm: float
    y_mm: float


def display_window(image: sitk.Image, brain: sitk.Image) -> Window:
    """Choose one window for all pictures of a scan: robust percentiles of its brain.

    Parameters
    ----------
    image : SimpleITK.Image
    brain : SimpleITK.Image
        Mask on the same grid; where it is empty, the whole image counts.
    """
    values = sitk.GetArrayViewFromImage(image)
    inside = values[sitk.GetArrayViewFromImage(brain) > 0]
    low, high = np.percentile(inside if inside.size else values, WINDOW_PERCENTILES)
    return Window(float(low), float(high))


def tilt_degrees(image: sitk.Image) -> float:
    """Largest angle between a scan's axes and the patient's axes next to them."""
    direction = np.abs(np.array(image.GetDirection()).reshape(3, 3))
    return float(np.degrees(np.arccos(np.clip(direction.max(axis=0).min(), -1, 1))))


def lesion_crops(detection: Detection, lesion: Lesion, window: Window) -> tuple[Crop, ...]:
    """Cut the three planes through a lesion.

    The planes are those of the scan's own grid that lie next to the patient's axes: nothing is
    resampled across slices at an angle. Radiological convention, the patient's left on the right.

    Parameters
    ----------
    detection : Detection
    lesion : Lesion
        One of `detection.lesions`, listed or not.
    window : Window

    Returns
    -------
    tuple of Crop
        In the order of `PLANES`.
    """
    centre = (-lesion.r_mm, -lesion.a_mm, lesion.s_mm)
    image = _surroundings(detection.image, centre)
    labels = sitk.GetArrayFromImage(_surroundings(detection.labels, centre))
    index = np.array(image.TransformPhysicalPointToContinuousIndex(centre))[::-1]  # z, y, x
    values = sitk.GetArrayViewFromImage(image)
    if lesion.certainty:
        mask = labels == lesion.id
    else:
        candidate = drawn({1: detection.candidates.mask_of(lesion)}, detection.image)
        mask = sitk.GetArrayFromImage(_surroundings(candidate, centre)) > 0
    neighbours = (labels > 0) & ~mask
    spacing = np.array(image.GetSpacing())[::-1]
    crops = []
    for plane in PLANES:
        picture = _Slice(plane, index, spacing, values.shape)
        grey = window.grey(picture.sampled(values, (FIELD_MM, FIELD_MM), PIXEL_MM, window.low))
        crops.append(Crop(plane, png_uri(grey), picture.outline(mask), picture.outline(neighbours)))
    return tuple(crops)


def field_crop(field: sitk.Image, lesion: Lesion) -> Crop:
    """Picture the local phase around a lesion, coronal: bright above and below blood, dark above and below calcium.

    An axial slice shows a body's poles or its equator, as it is thick or thin, and they are of opposite signs.

    Parameters
    ----------
    field : SimpleITK.Image
        As `detecting.phase.local_field` gives it.
    lesion : Lesion

    Returns
    -------
    Crop
        Grey is no phase, white `SHOWN_RAD`.
    """
    centre = (-lesion.r_mm, -lesion.a_mm, lesion.s_mm)
    image = _surroundings(field, centre)
    values = sitk.GetArrayViewFromImage(image)
    index = np.array(image.TransformPhysicalPointToContinuousIndex(centre))[::-1]
    picture = _Slice(PLANES[1], index, np.array(image.GetSpacing())[::-1], values.shape)
    window = Window(-SHOWN_RAD * PER_RADIAN, SHOWN_RAD * PER_RADIAN)
    grey = window.grey(picture.sampled(values, (FIELD_MM, FIELD_MM), PIXEL_MM, 0.0))
    return Crop(replace(PLANES[1], name=SAY["local_phase"]), png_uri(grey), "", "")


class Overview:
    """A coarse copy of a scan's brain, to show where in an axial slice a lesion lies.

    Parameters
    ----------
    image : SimpleITK.Image
    brain : SimpleITK.Image
        Mask on the same grid.
    window : Window
    """

    def __init__(self, image: sitk.Image, brain: sitk.Image, window: Window) -> None:
        shrink = [max(1, min(round(OVERVIEW_PIXEL_MM / s), n // 2)) for s, n in zip(*_grid(image), strict=True)]
        self.image = sitk.DICOMOrient(sitk.BinShrink(image, shrink), "LPS")
        self.window = window
        self.spacing = np.array(self.image.GetSpacing())[::-1]
        mask = sitk.GetArrayFromImage(sitk.DICOMOrient(sitk.BinShrink(brain, shrink), "LPS")) > 0
        brain_at = np.nonzero(mask if mask.any() else ~mask)[1:]
        sides = [np.array((at.min(), at.max())) for at in brain_at]
        self.middle = np.array([side.mean() for side in sides])
        lengths = np.array([np.ptp(side) + 1 for side in sides]) * self.spacing[1:]
        self.height_mm, self.width_mm = (float(v) for v in np.round(lengths + 2 * OVERVIEW_MARGIN_MM, 1))

    def locate(self, lesion: Lesion) -> Locator:
        """Picture the axial slice through a lesion."""
        index = self.image.TransformPhysicalPointToContinuousIndex((-lesion.r_mm, -lesion.a_mm, lesion.s_mm))[::-1]
        values = sitk.GetArrayViewFromImage(self.image)
        view = _Slice(PLANES[0], np.array([index[0], *self.middle]), self.spacing, values.shape)
        size = (self.height_mm, self.width_mm)
        grey = self.window.grey(view.sampled(values, size, OVERVIEW_PIXEL_MM, self.window.low))
        y, x = (np.array(index[1:]) - self.middle) * self.spacing[1:] + np.array(size) / 2
        return Locator(png_uri(grey), self.width_mm, self.height_mm, round(float(x), 1), round(float(y), 1))


class _Slice:
    """One plane of an array in order z (up), y (posterior), x (left), as a picture around a centre."""

    def __init__(self, plane: Plane, centre: NDArray, spacing: NDArray, shape: tuple[int, ...]) -> None:
        self.plane = plane
        self.number = int(np.clip(np.rint(centre[plane.normal]), 0, shape[plane.normal] - 1))
        self.upside_down = plane.down == 0  # z grows upwards, rows grow downwards
        down = shape[0] - 1 - centre[0] if self.upside_down else centre[plane.down]
        self.centre = (float(down), float(centre[plane.across]))
        self.spacing = (float(spacing[plane.down]), float(spacing[plane.across]))

    def of(self, array: NDArray) -> NDArray:
        """Take the slice out of an array, as rows and columns of the picture."""
        rows = np.take(array, self.number, axis=self.plane.normal)
        return rows[::-1] if self.upside_down else rows

    def sampled(self, array: NDArray, size_mm: tuple[float, float], pixel_mm: float, outside: float) -> NDArray:
        """Interpolate linearly (no value darker than its neighbours is made up) within the slice."""
        values = self.of(array).astype(np.float32)
        at, beyond = [], []
        for centre, spacing, size, length in zip(self.centre, self.spacing, size_mm, values.shape, strict=True):
            offsets = (np.arange(round(size / pixel_mm)) + 0.5) * pixel_mm - size / 2
            index = centre + offsets / spacing
            beyond.append((index < -0.5) | (index > length - 0.5))
            at.append(np.clip(index, 0, length - 1))
        pixels = scipy.ndimage.map_coordinates(values, np.meshgrid(*at, indexing="ij"), order=1)
        pixels[beyond[0][:, None] | beyond[1][None, :]] = outside
        return pixels

    def outline(self, mask: NDArray[np.bool_]) -> str:
        """Trace the voxel edges around a mask: an SVG path in mm from the upper left corner."""
        padded = np.pad(self.of(mask), 1)
        level = padded[1:, 1:-1] != padded[:-1, 1:-1]
        upright = (padded[1:-1, 1:] != padded[1:-1, :-1]).T
        y, x = (lambda edge, axis=axis: self._mm(edge, axis) for axis in (0, 1))
        parts = [f"M{x(a)} {y(edge)}H{x(b)}" for edge, a, b in _runs(level)]
        parts += [f"M{x(edge)} {y(a)}V{y(b)}" for edge, a, b in _runs(upright)]
        return "".join(parts)

    def _mm(self, edge: int, axis: int) -> str:
        return f"{(edge - 0.5 - self.centre[axis]) * self.spacing[axis] + FIELD_MM / 2:.2f}"


def _runs(edges: NDArray[np.bool_]) -> list[tuple[int, int, int]]:
    """Join neighbouring edges of each row into (row, start, stop)."""
    steps = np.diff(np.pad(edges, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(steps == 1)
    _, stops = np.nonzero(steps == -1)
    return list(zip(rows.tolist(), starts.tolist(), stops.tolist(), strict=True))


def _surroundings(image: sitk.Image, centre_lps: tuple[float, float, float]) -> sitk.Image:
    """The box of whole voxels that holds a crop's field, its axes next to L, P and S."""
    centre = image.TransformPhysicalPointToContinuousIndex(centre_lps)
    start, size = [], []
    for position, spacing, length in zip(centre, *_grid(image), strict=True):
        reach = FIELD_MM / 2 / spacing + 2  # beyond the field, so that a border is one of the scan
        first = min(max(0, int(np.floor(position - reach))), length - 1)
        last = min(max(first, int(np.ceil(position + reach))), length - 1)
        start.append(first)
        size.append(last - first + 1)
    return sitk.DICOMOrient(sitk.RegionOfInterest(image, size, start), "LPS")


def _grid(image: sitk.Image) -> tuple[tuple[float, ...], tuple[int, ...]]:
    return image.GetSpacing(), image.GetSize()


def png_uri(grey: NDArray[np.uint8]) -> str:
    """Write a picture of grey values as a data URI."""
    stream = io.BytesIO()
    Image.fromarray(grey).save(stream, "PNG")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
