"""What a phase image says of a lesion, as columns, reports and user interfaces have it."""

BLOOD, CALCIUM, UNCLEAR = "blood", "calcium", "unclear"
SUBSTANCES = (BLOOD, CALCIUM, UNCLEAR)
