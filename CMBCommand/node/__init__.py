"""A DICOM node: studies are sent to it, it searches them and sends the results back."""

from .command import add_options, run

__all__ = ["add_options", "run"]
