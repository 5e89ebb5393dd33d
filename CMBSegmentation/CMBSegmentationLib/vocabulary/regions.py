"""Where in the brain a microbleed lies: the regions of MARS, their groups, and the pattern they make."""

from __future__ import annotations

from collections.abc import Iterable

REGIONS = (
    "brainstem", "cerebellum", "basal ganglia", "thalamus", "internal capsule", "external capsule",
    "corpus callosum", "deep and periventricular white matter", "frontal", "parietal", "temporal",
    "occipital", "insula",
)  # fmt: skip
"""MARS' regions; region k of the MARS atlas is ``REGIONS[k - 1]``."""

LOBAR, DEEP, INFRATENTORIAL = "lobar", "deep", "infratentorial"
GROUPS = {
    INFRATENTORIAL: REGIONS[:2],
    DEEP: REGIONS[2:8],
    LOBAR: REGIONS[8:],
}
"""The groups that BOMBS and MARS count apart, each with its regions."""

LOBE_UNKNOWN = "lobar, lobe unknown"
ASSIGNABLE = (*REGIONS, LOBE_UNKNOWN)
"""What a lesion's region can be: a parcellation without lobes tells lobar from deep, and no more."""

SIDES = ("left", "right", "midline")

BRIEF = {
    "deep and periventricular white matter": "deep and perivent. WM",
    "left": "L", "right": "R", "midline": "mid", "lobar, lobe unknown": "lobar, unknown",
}  # fmt: skip
"""Words where there is no room for the name itself, which stands in a tooltip then."""

BRAINSTEM, CEREBELLUM = REGIONS[:2]
NO_PATTERN, MIXED, CEREBELLAR = "none", "mixed", "cerebellar only"
PATTERNS = {
    NO_PATTERN: "no microbleed in an assessed region",
    LOBAR: "strictly lobar, cerebellum left out: described with cerebral amyloid angiopathy",
    DEEP: "deep regions and brainstem only, cerebellum left out: described with hypertensive arteriopathy",
    MIXED: "lobar together with deep or brainstem: described with hypertensive arteriopathy, alone or with the other",
    CEREBELLAR: "cerebellum only: no pattern of its own in the Boston criteria",
}
"""What a pattern of microbleeds is associated with in the literature; a description, not a diagnosis."""


def brief(place: str) -> str:
    """Shorten the name of a region or a side, if there is a shorter one."""
    return BRIEF.get(place, place)


def group_of(region: str) -> str:
    """Name the group of a region: lobar, deep or infratentorial; empty where the region is unknown."""
    return next((group for group in GROUPS if region in counted_in(group)), "")


def counted_in(group: str) -> tuple[str, ...]:
    """List what counts to a group: its regions, and to the lobar one what lies in an unknown lobe."""
    return (*GROUPS[group], LOBE_UNKNOWN) if group == LOBAR else GROUPS[group]


def pattern_of(regions: Iterable[str]) -> str:
    """Name the pattern that lesions make together, one of `PATTERNS`.

    Parameters
    ----------
    regions : iterable of str
        One of `ASSIGNABLE` for each lesion that counts; unknown ones are left out.

    References
    ----------
    Greenberg et al., Lancet Neurol 8:165, 2009: lobar goes with amyloid angiopathy, deep and brainstem
    with hypertension. Charidimou et al., Lancet Neurol 21:714, 2022 (Boston criteria 2.0): strictly
    lobar means none in basal ganglia, thalamus or brainstem; the cerebellum decides nothing.
    """
    found = set(regions)
    lobar = any(group_of(region) == LOBAR for region in found)
    deep = any(group_of(region) == DEEP or region == BRAINSTEM for region in found)
    if lobar and deep:
        return MIXED
    if lobar or deep:
        return LOBAR if lobar else DEEP
    return CEREBELLAR if CEREBELLUM in found else NO_PATTERN
