"""A reader's review of a detection: verdicts, added lesions, counts, what is saved. No slicer, no user interface."""

from .autosave import ReviewAutosave
from .candidates import Candidate, CandidateField
from .counts import Count, Counts, RegionCount, counts_of, readers_of, size_of, text_of
from .grid import Grid, grid_of
from .lesion_list import (
    ADDED,
    BELOW,
    DETECTED,
    MERGED,
    REVIEW_COLUMNS,
    SPLIT,
    UNREVIEWED,
    Numbering,
    Review,
    ReviewedLesion,
    listed,
)
from .review_file import SavedReview, from_text, on_grid, review_path, to_text
from .verdict import ACCEPTED, DECISIONS, MIMICS, REJECTED, UNCERTAIN, Verdict, utc_now

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
    "Numbering",
    "RegionCount",
    "Review",
    "ReviewAutosave",
    "ReviewedLesion",
    "SavedReview",
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
