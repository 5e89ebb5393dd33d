"""Where a microbleed lies in the words of BOMBS, and which regions of MARS each of them takes in.

References
----------
Cordonnier et al., Stroke 40:94, 2009 (BOMBS). Gregoire et al., Neurology 73:1759, 2009 (MARS).
"""

from __future__ import annotations

from .regions import LOBAR, counted_in

REGIONS_OF = {
    "cortex / grey-white junction": counted_in(LOBAR),
    "subcortical white matter": counted_in(LOBAR),
    "basal ganglia grey matter": ("basal ganglia",),
    "internal and external capsule": ("internal capsule", "external capsule"),
    "thalamus": ("thalamus",),
    "brainstem": ("brainstem",),
    "cerebellum": ("cerebellum",),
}
"""MARS' regions by BOMBS' location. The lobes are in two of them, and two of MARS' deep regions in none."""

LOCATIONS = tuple(REGIONS_OF)


def location_of(region: str) -> str:
    """Give the location that a region lies in; empty where BOMBS has none for it, or two."""
    found = [location for location, regions in REGIONS_OF.items() if region in regions]
    return found[0] if len(found) == 1 else ""


def region_in(location: str, region: str = "") -> str:
    """Give the region that a location names: where it takes in several, the one that is known already.

    Parameters
    ----------
    location : str
        One of `LOCATIONS`, or empty: nothing is said.
    region : str
        What is known so far, one of `vocabulary.regions.ASSIGNABLE` or empty.

    Returns
    -------
    str
        Empty where the location takes in several regions, and not the one that was known.
    """
    if not location:
        return region
    regions = REGIONS_OF[location]
    if region in regions:
        return region
    return regions[0] if len(regions) == 1 else ""
