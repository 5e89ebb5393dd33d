"""YAML that holds values and nothing else: no aliases, no key twice, no nesting without end."""

from __future__ import annotations

from typing import Any

import yaml

LONGEST_TEXT = 1_000_000  # characters; a configuration has some hundred


class ConfigError(ValueError):
    """The configuration is wrong; the message names the key."""


class _PlainLoader(yaml.SafeLoader):
    """Refuses aliases, which a short text can make a list of billions with, and a key that stands twice."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()
            raise yaml.constructor.ConstructorError(
                None, None, f"*{event.anchor} is an alias; write the value itself", event.start_mark
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        found = super().construct_mapping(node, deep)
        if len(found) < len(node.value):
            names = [str(key.value) for key, _ in node.value]
            twice = next(name for name in names if names.count(name) > 1)
            raise yaml.constructor.ConstructorError(None, None, f"the key {twice!r} stands twice", node.start_mark)
        return found


def read_yaml(text: str, source: str) -> Any:
    """Read YAML of plain values.

    Parameters
    ----------
    text : str
    source : str
        Names the text in messages.

    Raises
    ------
    ConfigError
        It is no YAML, has an alias or a key twice, or is nested too deeply or too long.
    """
    if len(text) > LONGEST_TEXT:
        raise ConfigError(f"{source}: is {len(text)} characters long; a configuration has some hundred.")
    try:
        return yaml.load(text, Loader=_PlainLoader)
    except yaml.YAMLError as error:
        raise ConfigError(f"{source}: cannot be read as YAML ({' '.join(str(error).split())}).") from error
    except (ValueError, RecursionError, TypeError) as error:  # a date that is none, a list as a key, endless nesting
        raise ConfigError(f"{source}: cannot be read as YAML ({error}).") from error
