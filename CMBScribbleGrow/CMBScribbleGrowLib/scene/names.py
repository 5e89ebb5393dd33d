"""By which names the nodes and segments of an annotation find each other, also in a saved scene."""

from __future__ import annotations

NODE_ATTRIBUTE = "CMBScribbleGrow.Node"
"""Attribute of each node of an annotation; its value is one of the kinds below."""

SCRIBBLES, MASKS, MIMICS, FINDINGS = "scribbles", "masks", "mimics", "findings"
CURVE, CHOSEN, CURVE_SERIES, CHOSEN_SERIES, CHART = "curve", "chosen", "curve series", "chosen series", "chart"

STUDY_ATTRIBUTE = "CMBScribbleGrow.Study"
"""Attribute of the scribbles' node: the records, JSON (`annotation.file.study_to_json`)."""

FILES_ATTRIBUTE = "CMBScribbleGrow.Files"
"""Attribute of the scribbles' node: folder and stem of the study's files, JSON."""

IDS_ATTRIBUTE = "CMBScribbleGrow.Ids"
"""Attribute of a landmarks' node: record id by control point id, JSON."""

TAG = "CMB."
"""How the tags begin that link a mask's segment to its scribble (`lesion_segments`)."""
