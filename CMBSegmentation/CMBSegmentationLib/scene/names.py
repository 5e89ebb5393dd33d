"""By which names the nodes of a detection find each other, also in a saved scene."""

from __future__ import annotations

SCAN_ROLE = "cmbScan"
"""Node reference from each result's node to the node of the scan that was searched."""

RESULT_ATTRIBUTE = "CMBSegmentation.Result"
"""Attribute of each result's node; its value is one of the kinds below."""

LESION_SEGMENT = "CMB_"
"""Begins the ID of each lesion's segment; its number follows."""

SEGMENTATION, TABLE, POINTS, PROBABILITY, BRAIN = "segmentation", "table", "points", "probability", "brain"
FIELD = "field"
"""Kind of the node with the local phase, where the scan has one."""

LIST_ATTRIBUTE = "CMBSegmentation.List"
"""Attribute of the table's node: the list as it was loaded (`results.stored_list`); a review changes the table."""

PROVENANCE_ATTRIBUTE, DETECTED_ATTRIBUTE = "CMBSegmentation.Provenance", "CMBSegmentation.Detected"
"""The same in scenes of earlier versions: how the lesions were found, and the rows."""

REVIEW_ATTRIBUTE = "CMBSegmentation.Review"
"""Attribute of the table's node: the review (`review.to_text`), so that a saved scene holds it whole."""

VIEW_ATTRIBUTE = "CMBSegmentation.ReviewView"
"""Attribute of the table's node: where the reader was, JSON (`session.open_review`)."""

KEPT_ATTRIBUTE = "CMBSegmentation.Kept"
"""Attribute of the table's node: where the review is saved, and by which name, JSON (`review.kept_in`)."""

ANNOTATED_ATTRIBUTE = "CMBSegmentation.Annotated"
"""Attribute of the scan's node: what its annotation says that the list is to know, JSON (`annotated`)."""

ORIGIN_ATTRIBUTE = "CMBSegmentation.Origin"
"""Attribute of the scan's node: the name it was opened by and, of DICOM, its UIDs, JSON (`origin`)."""

MARKERS = "markers: "
"""Begins the kinds of the nodes that mark lesions in 3D; a verdict follows, or `CHOSEN`."""

CHOSEN = "chosen"
"""The lesion that the reader looks at, whatever its verdict."""

BRAIN_SURFACE = "brain surface"
"""Kind of the model node that shows the brain in 3D, as `RESULT_ATTRIBUTE` names it."""
