"""The words of the annotation protocol: what each field of a record may say.

References
----------
Cordonnier et al., Stroke 40:94, 2009: the Brain Observer MicroBleed Scale (BOMBS), from which locations,
sides and mimics come. Docs/paper.md, section 8: the protocol built on it.
"""

from __future__ import annotations

NOT_ANSWERED = ""
"""What a field of words holds until its reader has answered."""

LOCATIONS = (
    "cortex / grey-white junction",
    "subcortical white matter",
    "basal ganglia grey matter",
    "internal and external capsule",
    "thalamus",
    "brainstem",
    "cerebellum",
)
SIDES = ("left", "right", "midline")

OTHER = "other"
"""The answer that asks for free text, in causes and mimic types alike."""

CAUSES = ("trauma", "hypertension", "DAI", "trauma-DAI", "CAA", "radiotherapy", OTHER)

SINGLE, CAA_GROUP = "single", "CAA group"
GROUPINGS = (SINGLE, CAA_GROUP)
"""One microbleed an entry, or one entry for the many of cerebral amyloid angiopathy."""

CALCIFICATION = "basal-ganglia calcification"
MIMIC_TYPES = ("vessel", CALCIFICATION, "cavernoma", "telangiectasia", OTHER)

QUALITIES = ("sufficient", "insufficient T2*/SWI", "insufficient other", "insufficient all")
OTHER_ARTEFACT = "other artefact"
SERIES_FLAGS = ("blurry", "faulty acquisition", "wrong image type", "metal", OTHER_ARTEFACT)

PRIORITIES = ("no other pathology", "tumour", OTHER)
"""In the order in which studies are read."""
