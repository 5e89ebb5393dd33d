"""Names of the columns of a list of lesions."""

COLUMNS = (
    "id", "status", "decision", "r_mm", "a_mm", "s_mm", "volume_mm3", "diameter_mm", "elongation", "contrast",
    "probability", "detector", "phase", "region", "side", "dropped_because",
)  # fmt: skip
"""In files, in the scene's table and in reports, in this order."""

REVIEW_COLUMNS = ("mimic", "cause", "reader", "decided_at", "origin")
"""After `COLUMNS` once a reader has decided on a lesion of the list."""
