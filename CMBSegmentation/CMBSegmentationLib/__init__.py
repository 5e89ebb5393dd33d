"""Cerebral-microbleed detection for T2*-weighted and SWI scans, without any user interface.

The core (everything but `session` and `scene`) needs numpy, scipy, SimpleITK and onnxruntime only.
Positions that leave a function are RAS millimetres; research use only.
"""

__version__ = "0.1.0"
