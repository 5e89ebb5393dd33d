"""Finding the phase image that belongs to a scan, and reading it onto the scan's grid."""
