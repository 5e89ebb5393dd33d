"""Text of the page that follows its state."""

from __future__ import annotations


def shown(expression: object) -> str:
    """Give the text that shows an expression's value, as Vue writes it: names come from `state.names`."""
    return f"{{{{ {expression} }}}}"
