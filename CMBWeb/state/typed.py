"""A dataclass that declares part of the page's state, read and written in trame's `State` through checked attributes.

trame_server's own `TypedState` does the same, but does not fit this page:

- It calls a field ``ReviewState__rows``. The browser's scripts, and the many templates with several names in one
  expression, use plain names.
- It decodes a value each time it is read. Rows are dictionaries of mixed values, which it cannot decode ("No
  appropriate decoder"), and a list is copied each time, ten times a second by what polls.
- A misspelt attribute that is written is kept in its proxy and never reaches the page.

Here, a field's name is the name in the page, and a value is what trame has. mypy sees an instance of the dataclass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar, cast

from trame_server.state import State

T = TypeVar("T")


def live(state: State, declared: type[T]) -> T:
    """Begin the part of the page's state that a dataclass declares.

    Parameters
    ----------
    state : State
    declared : type
        A dataclass; all its fields have defaults, which the state takes.

    Returns
    -------
    object
        Its attributes read and write the state; one that is not declared raises an `AttributeError`.
    """
    begun = declared()
    names = _names(declared)
    state.update({name: getattr(begun, name) for name in names})
    return cast("T", _Live(state, declared.__name__, frozenset(names)))


def names_of(declared: type[T]) -> T:
    """Give an object whose attributes are the names themselves: for templates, and for `on_change`.

    To mypy they have the types of the values, so that it knows each name; put them into an f-string or hand them on.
    """
    return cast("T", _Names(declared.__name__, frozenset(_names(declared))))


def on_change(state: State, act: Callable[[], object], *names: object) -> None:
    """Call a function whenever one of these changes, here or in the browser.

    Parameters
    ----------
    state : State
    act : callable
    *names
        From `names_of`.
    """
    state.change(*names)(lambda **_: act())


def _names(declared: type) -> list[str]:
    return [one.name for one in fields(declared)]


class _Declared:
    """Knows which names there are."""

    _kind: str
    _declared: frozenset[str]

    def __init__(self, kind: str, declared: frozenset[str]) -> None:
        object.__setattr__(self, "_kind", kind)
        object.__setattr__(self, "_declared", declared)

    def _check(self, name: str) -> str:
        if name not in self._declared:
            raise AttributeError(f"{self._kind} declares no {name}.")
        return name


class _Names(_Declared):
    """Its attributes are the names."""

    def __getattr__(self, name: str) -> str:
        return self._check(name)


class _Live(_Declared):
    """Its attributes are the values in the page's state."""

    _state: State

    def __init__(self, state: State, kind: str, declared: frozenset[str]) -> None:
        super().__init__(kind, declared)
        object.__setattr__(self, "_state", state)

    def __getattr__(self, name: str) -> Any:
        return self._state[self._check(name)]

    def __setattr__(self, name: str, value: object) -> None:
        self._state[self._check(name)] = value
