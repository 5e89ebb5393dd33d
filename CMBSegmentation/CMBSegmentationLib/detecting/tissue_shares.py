"""How much fluid and how much brain tissue lies at and around a candidate: what tells a vein in a sulcus from a lesion.

Fluid is evidence, not a rule: on SWI a rule that deleted what lies in fluid deleted one true lesion in nine (a peer's
measurement, Docs/published-figures.md). So the verifier is shown the shares, and weighs them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
import SimpleITK as sitk
from numpy.typing import NDArray

from ..models.input_spec import CHANNELS
from ..models.model_file import Model
from .model_grid import PreparedScan
from .regions import Regions

RING_MM = 2.0
UNKNOWN = -1.0  # the share where no brain was mapped
Places = tuple[NDArray[np.intp], ...]


@dataclass(frozen=True, eq=False)
class TissueShares:
    """Shares on the grid of the map of regions, found from indices of the model's grid.

    Attributes
    ----------
    fluid, parenchyma : float32 arrays (k, j, i)
        0 to 1, in the map's array order.
    to_map : float64 array (4, 4)
        From an index (i, j, k, 1) of the model's grid to an index (i, j, k) of the map.
    spacing_mm : tuple of float
        Of the model's grid.
    """

    fluid: NDArray[np.float32]
    parenchyma: NDArray[np.float32]
    to_map: NDArray[np.float64]
    spacing_mm: tuple[float, float, float]

    def fluid_in(self, start: NDArray[np.integer], size: tuple[int, int, int]) -> NDArray[np.float32]:
        """Give the share of fluid of each voxel (i, j, k) of a box of the model's grid; 0 beyond the map."""
        index = np.indices(size).reshape(3, -1).T + start
        return self._at(self.fluid, index).reshape(size)

    def parenchyma_around(self, voxels: Places) -> float:
        """Give the mean share of parenchyma within `RING_MM` of a candidate, itself left out.

        Parameters
        ----------
        voxels : tuple of int arrays (i, j, k)
            Of the candidate, on the model's grid.
        """
        ring = ring_around(voxels, self.spacing_mm)
        return float(self._at(self.parenchyma, ring).mean()) if len(ring) else UNKNOWN

    def _at(self, shares: NDArray[np.float32], index: NDArray[np.integer]) -> NDArray[np.float32]:
        onto = index @ self.to_map[:3, :3].T + self.to_map[:3, 3]
        return scipy.ndimage.map_coordinates(shares, onto.T[::-1], order=1, mode="constant", cval=0.0)


def shares_of(
    mapped: Regions, ras_to_index: NDArray[np.float64], spacing_mm: tuple[float, float, float]
) -> TissueShares:
    """Make a map's shares ready for a model's grid.

    Parameters
    ----------
    mapped : Regions
    ras_to_index : float64 array (4, 4)
        `PreparedScan.ras_to_index`.
    spacing_mm : tuple of float
        Of the model's grid.
    """
    image = mapped.fluid
    index_to_lps = np.eye(4)
    index_to_lps[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    index_to_lps[:3, 3] = image.GetOrigin()
    ras_to_lps = np.diag([-1.0, -1.0, 1.0, 1.0])
    to_map = np.linalg.inv(index_to_lps) @ ras_to_lps @ np.linalg.inv(ras_to_index)
    return TissueShares(
        sitk.GetArrayFromImage(mapped.fluid), sitk.GetArrayFromImage(mapped.parenchyma), to_map, spacing_mm
    )


def tissue_for(verifier: Model, prepared: PreparedScan, mapped: Regions | None) -> TissueShares | None:
    """Give the shares that a verifier is shown of a scan; None if it takes none, or no regions were mapped."""
    if mapped is None or verifier.channels != len(CHANNELS):
        return None
    return shares_of(mapped, prepared.ras_to_index(), prepared.spec.spacing_mm)


def ring_around(voxels: Places, spacing_mm: tuple[float, float, float]) -> NDArray[np.intp]:
    """List the voxels (n, 3) within `RING_MM` of some voxels, without these; indices may lie off the grid."""
    places = np.column_stack(voxels)
    reach = np.ceil(RING_MM / np.array(spacing_mm)).astype(int)
    low = places.min(axis=0) - reach
    inside = np.zeros(tuple(places.max(axis=0) + reach + 1 - low), bool)
    inside[tuple((places - low).T)] = True
    apart = scipy.ndimage.distance_transform_edt(~inside, sampling=spacing_mm)
    return np.argwhere((apart > 0) & (apart <= RING_MM)) + low
