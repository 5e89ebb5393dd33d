"""Where a microbleed lies in the words of BOMBS, and which regions of MARS each of them takes in.

References
----------
Cordonnier et al., Stroke 40:94, 2009 (BOMBS). Gregoire et al., Neurology 73:1759, 2009 (MARS).
"""

from __future__ import annotations

from .regions import LOBAR, LOBE_UNKNOWN, counted_in

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
    """Give the region that a location names: where it takes in several, the one that is known already if it is in it.

    Parameters
    ----------
    location : str
        One of `LOCATIONS`, or empty: nothing is said.
    region : str
        What is known so far, one of `vocabulary.regions.ASSIGNABLE` or empty.

    Returns
    -------
    str
        Empty only where nothing is said or known. A location with lobes is `LOBE_UNKNOWN` where no lobe of it is
        known; of both capsules it is the first: its group is right, and no value says "one of the two".
    """
    if not location:
        return region
    regions = REGIONS_OF[location]
    if region in regions:
        return region
    return LOBE_UNKNOWN if LOBE_UNKNOWN in regions else regions[0]
