"""Scans with known microbleeds, simulated from label maps by the physics of gradient-echo imaging."""
