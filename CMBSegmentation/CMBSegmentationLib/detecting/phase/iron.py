"""What a scan's deep grey matter says of the sign of its phase: iron darkens it, and is paramagnetic."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...vocabulary.regions import REGIONS
from ..regions import FIRST_TISSUE
from .source_field import BoxOffer, Geometry, beside_one_another, field_correlation, half_of, has_spot

IRON_REGIONS = ("basal ganglia", "internal capsule")  # the map has no single nuclei; the capsule lies among them
HALF_MM = 12.0  # of a box: the pallidum is 10 to 15 mm long
LEAST_SHARE = 0.1  # of a box
SMOOTH_MM = 1.0
DARKEST = 0.5  # of the region's median signal: what is darker is no iron


def deep_grey(regions: NDArray[Any]) -> NDArray[np.bool_]:
    """Give where a map of regions (`detecting.regions.Regions.tissue`, array (z, y, x)) has deep grey matter."""
    return np.isin(regions, [FIRST_TISSUE + REGIONS.index(name) for name in IRON_REGIONS])


def iron_boxes(
    deep: NDArray[np.bool_], spacing_mm: tuple[float, float, float], spots: NDArray[np.float64]
) -> list[BoxOffer]:
    """Choose boxes in the deep grey matter, none of which overlap; as `veins.vein_boxes`."""
    half = half_of(deep.shape, spacing_mm, HALF_MM)
    if np.any(half < 1):
        return []
    step = np.maximum(1, half // 2)
    centres = np.unique(np.clip(np.argwhere(deep) // step * step, half, np.array(deep.shape) - half - 1), axis=0)
    offers = [BoxOffer(0.0, centre - half, centre + half + 1) for centre in centres]
    offers = [offer._replace(share=float(deep[offer.where].mean())) for offer in offers]
    offers = [offer for offer in offers if offer.share > LEAST_SHARE and not has_spot(offer, spots)]
    return beside_one_another(offers, len(offers))


def iron_correlation(
    radians: NDArray[np.float32], magnitude: NDArray[Any], deep: NDArray[np.bool_], geometry: Geometry
) -> float | None:
    """Correlate the field of what is dark in a box's deep grey matter with its local phase; as `vein_correlation`."""
    from scipy import ndimage

    values = magnitude.astype(np.float32)
    level, own = float(np.median(values[values > 0])), float(np.median(values[deep]))
    if own <= 0:
        return None
    smooth = ndimage.gaussian_filter(values, SMOOTH_MM / np.array(geometry.spacing_mm[::-1]))
    source = np.clip((own - smooth) / own, 0, DARKEST) * deep
    weight = np.clip(values / level, 0, 1) ** 2
    return field_correlation(radians, source.astype(np.float32), weight.astype(np.float32), geometry)
