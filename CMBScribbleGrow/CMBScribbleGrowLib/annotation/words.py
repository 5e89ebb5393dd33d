"""The words of the annotation protocol: what each field of a record may say.

References
----------
Cordonnier et al., Stroke 40:94, 2009: the Brain Observer MicroBleed Scale (BOMBS), from which locations,
sides and mimics come; `CMBSegmentationLib.vocabulary` has those that the list of lesions uses, too.
Docs/paper.md, section 8: the protocol built on it.
"""

from __future__ import annotations

from CMBSegmentationLib.vocabulary.places import LOCATIONS
from CMBSegmentationLib.vocabulary.regions import SIDES
from CMBSegmentationLib.vocabulary.verdicts import ACCEPTED, CALCIFICATION, CAUSES, MIMICS, OTHER

__all__ = [
    "ACCEPTANCES",
    "ACCEPTED",
    "CAA_GROUP",
    "CALCIFICATION",
    "CAUSES",
    "CHANGED",
    "GROUPINGS",
    "LOCATIONS",
    "MIMICS",
    "NOT_ACCEPTED",
    "NOT_ANSWERED",
    "OTHER",
    "OTHER_ARTEFACT",
    "PRIORITIES",
    "QUALITIES",
    "SERIES_FLAGS",
    "SIDES",
    "SINGLE",
]

NOT_ANSWERED = ""
"""What a field of words holds until its reader has answered."""

SINGLE, CAA_GROUP = "single", "CAA group"
GROUPINGS = (SINGLE, CAA_GROUP)
"""One microbleed an entry, or one entry for the many of cerebral amyloid angiopathy."""

CHANGED, NOT_ACCEPTED = "changed since", "not accepted"
ACCEPTANCES = (ACCEPTED, CHANGED, NOT_ACCEPTED)
"""Of a grown mask. What was accepted and changed since is still a microbleed, but its present mask is not accepted."""

QUALITIES = ("sufficient", "insufficient T2*/SWI", "insufficient other", "insufficient all")
OTHER_ARTEFACT = "other artefact"
SERIES_FLAGS = ("blurry", "faulty acquisition", "wrong image type", "metal", OTHER_ARTEFACT)

PRIORITIES = ("no other pathology", "tumour", OTHER)
"""In the order in which studies are read."""
