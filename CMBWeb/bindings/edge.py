"""Where the page meets the sessions: what is refused is told, once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

P = ParamSpec("P")


class Binding(Protocol):
    """What binds a session to the page."""

    def refused(self, error: Exception) -> None:
        """Tell the reader why an action was refused."""


B = TypeVar("B", bound=Binding)


def edge(action: Callable[Concatenate[B, P], Any]) -> Callable[Concatenate[B, P], None]:
    """Have a method that the page calls tell what the session refuses, or what fails."""

    @functools.wraps(action)
    def act(binding: B, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            action(binding, *args, **kwargs)
        except Exception as error:
            binding.refused(error)

    return act
