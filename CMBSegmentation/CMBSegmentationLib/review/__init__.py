"""A reader's review of a detection: verdicts, added lesions, counts, what is saved. No slicer, no user interface."""

from ..vocabulary.columns import REVIEW_COLUMNS
from ..vocabulary.verdicts import ACCEPTED, BELOW, DECISIONS, MIMICS, REJECTED, UNCERTAIN, UNREVIEWED, Verdict, utc_now
from .autosave import ReviewAutosave
from .candidates import Candidate, CandidateField
from .counts import Count, Counts, RegionCount, counts_of, readers_of, size_of, text_of
from .grid import Grid, grid_of
from .grower import Grower, GrowsFrom
from .history import History, Step
from .lesion_list import ADDED, DETECTED, MERGED, SPLIT, Numbering, Review, ReviewedLesion, listed
from .review_file import SavedReview, from_text, on_grid, review_path, to_text

__all__ = [
    "ACCEPTED",
    "ADDED",
    "BELOW",
    "DECISIONS",
    "DETECTED",
    "MERGED",
    "MIMICS",
    "REJECTED",
    "REVIEW_COLUMNS",
    "SPLIT",
    "UNCERTAIN",
    "UNREVIEWED",
    "Candidate",
    "CandidateField",
    "Count",
    "Counts",
    "Grid",
    "Grower",
    "GrowsFrom",
    "History",
    "Numbering",
    "RegionCount",
    "Review",
    "ReviewAutosave",
    "ReviewedLesion",
    "SavedReview",
    "Step",
    "Verdict",
    "counts_of",
    "from_text",
    "grid_of",
    "listed",
    "on_grid",
    "readers_of",
    "review_path",
    "size_of",
    "text_of",
    "to_text",
    "utc_now",
]
