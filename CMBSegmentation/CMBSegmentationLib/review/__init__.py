"""A reader's review of a detection: verdicts, added lesions, counts, what is saved. No slicer, no user interface."""

from ..detecting.candidates.grid import Grid, grid_of
from ..detecting.candidates.listing import Candidate
from ..vocabulary.verdicts import ACCEPTED, BELOW, DECISIONS, MIMICS, REJECTED, UNCERTAIN, UNREVIEWED, Verdict, utc_now
from .annotated import Annotated, AnnotatedLesion, AnnotatedMimic
from .autosave import ReviewAutosave
from .candidates import CandidateField
from .grower import Grower, GrowsFrom
from .history import History, Step
from .lesion_list import ADDED, DETECTED, MERGED, SPLIT, Numbering, Review, ReviewedLesion, candidates_under, listed
from .review_file import SavedReview, from_text, on_grid, to_text
from .two_states import holds, last_change

__all__ = [
    "ACCEPTED",
    "ADDED",
    "BELOW",
    "DECISIONS",
    "DETECTED",
    "MERGED",
    "MIMICS",
    "REJECTED",
    "SPLIT",
    "UNCERTAIN",
    "UNREVIEWED",
    "Annotated",
    "AnnotatedLesion",
    "AnnotatedMimic",
    "Candidate",
    "CandidateField",
    "Grid",
    "Grower",
    "GrowsFrom",
    "History",
    "Numbering",
    "Review",
    "ReviewAutosave",
    "ReviewedLesion",
    "SavedReview",
    "Step",
    "Verdict",
    "candidates_under",
    "from_text",
    "grid_of",
    "holds",
    "last_change",
    "listed",
    "on_grid",
    "to_text",
    "utc_now",
]
