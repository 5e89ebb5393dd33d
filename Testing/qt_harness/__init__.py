"""The modules' panels without a Slicer desktop: PySide6 and slicer-core, and stand-ins for what is between them.

`pythonqt` gives PySide6 the ways of PythonQt, `mrml_widgets` stands in for qMRML and CTK widgets, `slicer_base` for
what Slicer adds in Python, `desktop` puts a panel into a window and works it as a person would. With
``SLICER_SOURCE`` set, Slicer's own Python modules take the place of `slicer_base`.
"""
