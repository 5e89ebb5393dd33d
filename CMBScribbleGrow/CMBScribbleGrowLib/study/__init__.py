"""An open study: its state, and its saving while one works."""
