"""Where the page meets the sessions: what is refused is told, once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar

if TYPE_CHECKING:
    from ..page.page_session import PageSession

P = ParamSpec("P")


class Binding(Protocol):
    """What binds a session to the page."""

    _desk: PageSession

    def refused(self, error: Exception) -> None:
        """Tell the reader why an action was refused."""


B = TypeVar("B", bound=Binding)


def edge(action: Callable[Concatenate[B, P], Any]) -> Callable[Concatenate[B, P], None]:
    """Have a method that the page calls tell what the session refuses, or what fails.

    A refusal of before goes once it is done, if nothing else was told.
    """

    @functools.wraps(action)
    def act(binding: B, *args: P.args, **kwargs: P.kwargs) -> None:
        told = binding._desk.told
        try:
            action(binding, *args, **kwargs)
        except Exception as error:
            binding.refused(error)
        else:
            if told == binding._desk.told:
                binding._desk.refusal_is_over()

    return act


def unasked(action: Callable[Concatenate[B, P], Any]) -> Callable[Concatenate[B, P], None]:
    """Have a method that follows from another change tell what fails, as `edge`; no refusal goes with it."""

    @functools.wraps(action)
    def act(binding: B, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            action(binding, *args, **kwargs)
        except Exception as error:
            binding.refused(error)

    return act
