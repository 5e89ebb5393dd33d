"""An image grid without an image: where its voxels lie in the patient (LPS mm)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray


@dataclass(frozen=True)
class Grid:
    """Size, spacing (mm), origin (LPS mm of the first voxel's centre) and direction (3, 3) of an image."""

    size: tuple[int, int, int]
    spacing: NDArray[np.float64]
    origin: NDArray[np.float64]
    direction: NDArray[np.float64]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Array shape (z, y, x)."""
        return (self.size[2], self.size[1], self.size[0])

    def to_index(self, points_mm: NDArray[np.floating]) -> NDArray[np.float64]:
        """Continuous voxel index (x, y, z) of LPS points (..., 3)."""
        return ((points_mm - self.origin) @ self.direction) / self.spacing

    def to_points(self, index: NDArray[np.floating] | NDArray[np.integer]) -> NDArray[np.float64]:
        """LPS points of voxel indices (..., 3) given as x, y, z."""
        return (index * self.spacing) @ self.direction.T + self.origin

    def subdivided(self, factors: NDArray[np.integer]) -> Grid:
        """Split every voxel into `factors` (x, y, z) parts."""
        fine = self.spacing / factors
        first = -0.5 * self.spacing + 0.5 * fine
        size = np.array(self.size) * factors
        return Grid(
            (int(size[0]), int(size[1]), int(size[2])), fine, self.origin + self.direction @ first, self.direction
        )

    def part(self, start: NDArray[np.integer], stop: NDArray[np.integer]) -> Grid:
        """Cut out the voxels from `start` to before `stop` (x, y, z)."""
        size = np.asarray(stop) - np.asarray(start)
        return Grid(
            (int(size[0]), int(size[1]), int(size[2])),
            self.spacing,
            self.to_points(np.asarray(start, float)),
            self.direction,
        )

    def image(self, values: NDArray[np.generic]) -> sitk.Image:
        """Make a SimpleITK image of an array (z, y, x) on this grid."""
        image = sitk.GetImageFromArray(values)
        image.SetSpacing(self.spacing.tolist())
        image.SetOrigin(self.origin.tolist())
        image.SetDirection(self.direction.ravel().tolist())
        return image

    def sample(self, image: sitk.Image, outside: float) -> NDArray[np.float32]:
        """Read a scalar image at this grid's voxels (linear); array (z, y, x)."""
        read = sitk.Resample(
            image,
            self.size,
            sitk.Transform(),
            sitk.sitkLinear,
            self.origin.tolist(),
            self.spacing.tolist(),
            self.direction.ravel().tolist(),
            outside,
            sitk.sitkFloat32,
        )
        return sitk.GetArrayFromImage(read)
