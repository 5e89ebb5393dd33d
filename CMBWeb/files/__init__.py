"""What browsers send, and what is kept of a session."""
