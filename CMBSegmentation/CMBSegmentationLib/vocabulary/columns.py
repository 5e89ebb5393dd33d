"""Names of the columns that a reader's work adds to a list of lesions."""

REVIEW_COLUMNS = ("decision", "mimic", "reader", "decided_at", "origin")
"""After `detecting.lesions.COLUMNS`."""
