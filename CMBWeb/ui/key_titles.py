"""What names a key, whichever the reader has chosen for the action."""

from __future__ import annotations

from ..state.names import keys
from .shown import shown


def key_of(action: str) -> str:
    """Give the text that shows an action's key; a name in `vocabulary.actions`."""
    return shown(f"{keys.keys}.{action}")


def titled(text: str, *actions: str) -> tuple[str]:
    """Give an expression of the page for a tooltip: the text, then the keys in brackets.

    Parameters
    ----------
    text : str
    *actions : str
        Of actions in `vocabulary.actions`.
    """
    pressed = " and ".join(f"${{{keys.keys}.{action}}}" for action in actions)
    return (f"`{text} ({pressed})`",)
