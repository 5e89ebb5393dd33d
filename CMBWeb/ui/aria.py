"""Accessible names: attributes that trame's widgets do not know by themselves."""

from __future__ import annotations

from html import escape
from typing import Any


def named(label: str, **more: str) -> dict[str, Any]:
    """Give keyword arguments that name a control for those who do not see it (and for tests).

    Parameters
    ----------
    label : str
    **more
        Further attributes with an expression each: ``aria_pressed="crosshair"`` for
        ``:aria-pressed="crosshair"``.
    """
    bound = [f':{name.replace("_", "-")}="{value}"' for name, value in more.items()]
    return {"raw_attrs": [f'aria-label="{escape(label)}"', *bound]}


def role(name: str, label: str = "") -> dict[str, Any]:
    """Give keyword arguments that say what a part of the page is."""
    return {"raw_attrs": [f'role="{name}"', *([f'aria-label="{escape(label)}"'] if label else [])]}
