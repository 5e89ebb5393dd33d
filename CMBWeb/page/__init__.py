"""The process behind one browser session."""
