"""What every front end and every result says of this program."""

NOTICE = "Research software, not a medical device: a reader must confirm every finding."
