"""Two scans of a patient: aligned, lesions matched, a page of what changed."""
