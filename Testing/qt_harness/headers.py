"""What a Qt class offers to Python, read from its C++ header: properties, methods and signals.

python Testing/qt_harness/headers.py SLICER_SOURCE CTK_SOURCE > Testing/qt_harness/offered.json
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

CLASSES = {
    "qMRMLWidget": "Libs/MRML/Widgets/qMRMLWidget.h",
    "qMRMLNodeComboBox": "Libs/MRML/Widgets/qMRMLNodeComboBox.h",
    "qMRMLPlotWidget": "Libs/MRML/Widgets/qMRMLPlotWidget.h",
    "qMRMLSegmentEditorWidget": "Modules/Loadable/Segmentations/Widgets/qMRMLSegmentEditorWidget.h",
    "ctkCollapsibleButton": "Libs/Widgets/ctkCollapsibleButton.h",
    "ctkPathLineEdit": "Libs/Widgets/ctkPathLineEdit.h",
    "ctkSliderWidget": "Libs/Widgets/ctkSliderWidget.h",
}


def offered(header: str) -> dict[str, list[str]]:
    """List what a header's class offers to Python.

    Parameters
    ----------
    header : str
        C++ source of a header with one class.

    Returns
    -------
    dict
        Sorted names by ``properties, methods`` (invokable ones and public slots) and ``signals``; signals with
        the types of their arguments, as Qt normalizes them.
    """
    text = re.sub(r"//[^\n]*|/\*.*?\*/", "", header, flags=re.DOTALL)
    properties = set(re.findall(r"Q_PROPERTY\(\s*[\w:<>*]+\s+(\w+)", text))
    methods = set(re.findall(r"Q_INVOKABLE[^;(]*?(\w+)\s*\(", text))
    methods |= set(re.findall(r"Q_PROPERTY\([^)]*WRITE\s+(\w+)", text))
    signals: set[str] = set()
    parts = re.split(
        r"^\s*(public|protected|private|signals|Q_SIGNALS)\s*(slots|Q_SLOTS)?\s*:", text, flags=re.MULTILINE
    )
    for access, slots, body in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        declared = re.findall(r"(\w+)\s*\(([^()]*)\)[^;{]*[;{]", body)
        if access == "public" and slots:
            methods |= {name for name, _ in declared}
        elif access in ("signals", "Q_SIGNALS"):
            signals |= {f"{name}({_types(arguments)})" for name, arguments in declared}
    return {"properties": sorted(properties), "methods": sorted(methods), "signals": sorted(signals)}


def _types(arguments: str) -> str:
    """Write arguments as Qt's normalized signatures have them: ``const QString& text`` is ``QString``."""
    types = []
    for one in filter(None, (part.strip() for part in arguments.split(","))):
        plain = re.sub(r"\bconst\b|&|=.*", "", one).strip()
        words = plain.replace("*", " * ").split()
        named = len(words) > 1 and words[-1] != "*"
        types.append("".join(words[:-1] if named else words))
    return ",".join(types)


if __name__ == "__main__":
    found = {}
    for name, path in CLASSES.items():
        source = next(Path(root) / path for root in sys.argv[1:] if (Path(root) / path).exists())
        found[name] = offered(source.read_text(encoding="utf-8"))
    json.dump(found, sys.stdout, indent=1)
