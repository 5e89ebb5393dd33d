"""FreeSurfer's label numbers, as aseg, aparc+aseg, wmparc and SynthSeg have them, and MARS' region of each.

References
----------
Fischl et al., Neuron 33:341, 2002 (aseg), and FreeSurferColorLUT.txt of FreeSurfer. Desikan et al., NeuroImage 31:968,
2006 (aparc, numbers 1000 to 2035); lobes as ``mri_annotation2label --lobesStrict`` joins them, the cingulate's parts
with the lobes beside them (FreeSurfer's wiki, "CorticalParcellation"). Billot et al., Medical Image Analysis 86:102789,
2023 (SynthSeg, the same numbers).
"""

from __future__ import annotations

from ..regions import LOBE_UNKNOWN

WHITE_MATTER = "white matter"  # lobar or deep, by what lies near
FLUID = "fluid"
NO_REGION = ""  # brain tissue to which MARS gives no region
DEEP_WHITE = "deep and periventricular white matter"
LEFT, RIGHT, MIDDLE = "left", "right", ""

_PAIRS = {
    (2, 41): WHITE_MATTER,  # cerebral white matter
    (3, 42): LOBE_UNKNOWN,  # cerebral cortex
    (4, 43): FLUID,  # lateral ventricle
    (5, 44): FLUID,  # its inferior horn
    (7, 46): "cerebellum",  # white matter
    (8, 47): "cerebellum",  # cortex
    (9, 48): "thalamus",
    (10, 49): "thalamus",
    (11, 50): "basal ganglia",  # caudate
    (12, 51): "basal ganglia",  # putamen
    (13, 52): "basal ganglia",  # pallidum
    (17, 53): "temporal",  # hippocampus
    (18, 54): "temporal",  # amygdala
    (25, 57): NO_REGION,  # lesion
    (26, 58): "basal ganglia",  # accumbens
    (27, 59): "brainstem",  # substantia nigra
    (28, 60): NO_REGION,  # ventral diencephalon: midbrain, hypothalamus and subthalamus in one
    (30, 62): FLUID,  # vessel: the wide perivascular spaces below the putamen
    (31, 63): FLUID,  # choroid plexus
    (78, 79): WHITE_MATTER,  # white-matter hypointensities
    (81, 82): NO_REGION,  # other hypointensities
    (5001, 5002): DEEP_WHITE,  # white matter farther than 5 mm from the cortex
}
_SINGLE = {
    14: FLUID,  # third ventricle
    15: FLUID,  # fourth ventricle
    16: "brainstem",
    24: FLUID,  # cerebrospinal fluid
    72: FLUID,  # fifth ventricle
    77: WHITE_MATTER,  # white-matter hypointensities
    80: NO_REGION,  # other hypointensities
    85: NO_REGION,  # optic chiasm
    **dict.fromkeys((173, 174, 175, 178), "brainstem"),  # midbrain, pons, medulla, superior cerebellar peduncle
    192: "corpus callosum",
    250: NO_REGION,  # fornix
    **dict.fromkeys(range(251, 256), "corpus callosum"),
}
_PARCELS = {
    0: LOBE_UNKNOWN,  # cortex without a name
    1: "temporal",  # banks of the superior temporal sulcus
    2: "frontal",  # caudal anterior cingulate
    3: "frontal",  # caudal middle frontal
    4: "corpus callosum",
    5: "occipital",  # cuneus
    6: "temporal",  # entorhinal
    7: "temporal",  # fusiform
    8: "parietal",  # inferior parietal
    9: "temporal",  # inferior temporal
    10: "parietal",  # isthmus of the cingulate
    11: "occipital",  # lateral occipital
    12: "frontal",  # lateral orbitofrontal
    13: "occipital",  # lingual
    14: "frontal",  # medial orbitofrontal
    15: "temporal",  # middle temporal
    16: "temporal",  # parahippocampal
    17: "frontal",  # paracentral
    18: "frontal",  # pars opercularis
    19: "frontal",  # pars orbitalis
    20: "frontal",  # pars triangularis
    21: "occipital",  # pericalcarine
    22: "parietal",  # postcentral
    23: "parietal",  # posterior cingulate
    24: "frontal",  # precentral
    25: "parietal",  # precuneus
    26: "frontal",  # rostral anterior cingulate
    27: "frontal",  # rostral middle frontal
    28: "frontal",  # superior frontal
    29: "parietal",  # superior parietal
    30: "temporal",  # superior temporal
    31: "parietal",  # supramarginal
    32: "frontal",  # frontal pole
    33: "temporal",  # temporal pole
    34: "temporal",  # transverse temporal
    35: "insula",
}
"""Desikan's and Killiany's, by number."""
CORTEX_FROM, WHITE_FROM = (1000, 2000), (3000, 4000)  # left and right: aparc, and wmparc's white matter below it


def _table() -> tuple[dict[int, str], dict[int, str]]:
    regions, sides = dict(_SINGLE), dict.fromkeys(_SINGLE, MIDDLE)
    pairs = dict(_PAIRS)
    for left, right in (CORTEX_FROM, WHITE_FROM):
        pairs |= {(left + parcel, right + parcel): region for parcel, region in _PARCELS.items()}
    for (left, right), region in pairs.items():
        regions |= {left: region, right: region}
        sides |= {left: LEFT, right: RIGHT}
    return regions, sides


REGION_OF, SIDE_OF = _table()
"""Region and side of each label: one of `vocabulary.regions.ASSIGNABLE`, or one of the words above."""

CORTEX = frozenset(label for label in REGION_OF if label in (3, 42) or 1000 <= label < 3000)
DEEP_GREY = frozenset((9, 10, 11, 12, 13, 26, 48, 49, 50, 51, 52, 58))
DESTRIEUX = range(11100, 12200)
"""aparc.a2009s: other parcels, which this table does not have."""
