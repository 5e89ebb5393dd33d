"""Accessible names: attributes that trame's widgets do not know by themselves."""

from __future__ import annotations

from html import escape
from typing import Any


def named(label: str, **more: object) -> dict[str, Any]:
    """Give keyword arguments that name a control for those who do not see it (and for tests).

    Parameters
    ----------
    label : str
    **more
        Further attributes with an expression each: ``aria_pressed=views.crosshair`` for
        ``:aria-pressed="crosshair"``.
    """
    bound = [f':{name.replace("_", "-")}="{value}"' for name, value in more.items()]
    return {"raw_attrs": [f'aria-label="{escape(label)}"', *bound]}


def roving(name: str, label: str, first: str = "") -> dict[str, Any]:
    """Give keyword arguments for a group that is one tab stop; arrows go within it (`www/roving.js`).

    Parameters
    ----------
    name : str
        Its role: ``toolbar``, ``tablist`` or ``grid``.
    label : str
    first : str
        CSS selector of the control that Tab reaches first, where it is not the first one.
    """
    return {"raw_attrs": [*role(name, label)["raw_attrs"], f'data-roving="{first}"']}


def role(name: str, label: str = "") -> dict[str, Any]:
    """Give keyword arguments that say what a part of the page is."""
    return {"raw_attrs": [f'role="{name}"', *([f'aria-label="{escape(label)}"'] if label else [])]}
