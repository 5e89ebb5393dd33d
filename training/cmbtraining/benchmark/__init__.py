"""The benchmark on simulated scans: its sets, searches, figures and tables."""
