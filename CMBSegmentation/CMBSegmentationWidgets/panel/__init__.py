"""The parts of the panel: each shows one subject of the session, and has the session act on it."""
