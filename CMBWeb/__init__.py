"""CMB in a browser: Slicer's own views and the desktop's sessions, served as a page. `python -m CMBWeb`."""
