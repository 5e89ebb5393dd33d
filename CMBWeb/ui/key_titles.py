"""Tooltips that name a key, whichever the reader has chosen for the action."""

from __future__ import annotations


def titled(text: str, *names: str) -> tuple[str]:
    """Give an expression of the page for a tooltip: the text, then the keys in brackets.

    Parameters
    ----------
    text : str
    *names : str
        Of actions in `vocabulary.actions`.
    """
    keys = " and ".join(f"${{keys.{name}}}" for name in names)
    return (f"`{text} ({keys})`",)
