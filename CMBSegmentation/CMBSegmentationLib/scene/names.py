"""By which names the nodes of a detection find each other, also in a saved scene."""

from __future__ import annotations

SCAN_ROLE = "cmbScan"
"""Node reference from each result's node to the node of the scan that was searched."""

RESULT_ATTRIBUTE = "CMBSegmentation.Result"
"""Attribute of each result's node; its value is one of the kinds below."""

SEGMENTATION, TABLE, POINTS, PROBABILITY, BRAIN = "segmentation", "table", "points", "probability", "brain"

PROVENANCE_ATTRIBUTE = "CMBSegmentation.Provenance"
"""Attribute of the table's node: how the lesions were found, JSON (`Detection.provenance`)."""
