"""YAML that holds values and nothing else: no aliases, no key twice, no nesting without end."""

from __future__ import annotations

import re
from typing import Any

import yaml

LONGEST_TEXT = 1_000_000  # characters; a configuration has some hundred
FLOAT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+")  # YAML 1.1 takes 1e-4 for text


class ConfigError(ValueError):
    """The configuration is wrong; the message names the key."""


class _PlainLoader(yaml.SafeLoader):
    """Refuses aliases, which a short text can make a list of billions with, and a key that stands twice."""

    yaml_constructors = {  # noqa: RUF012 (as PyYAML has it)
        tag: one
        for tag, one in yaml.SafeLoader.yaml_constructors.items()
        if tag is None or tag.rpartition(":")[2] not in ("set", "omap", "pairs", "binary")
    }

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


_PlainLoader.add_implicit_resolver("tag:yaml.org,2002:float", FLOAT, list("-+.0123456789"))


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
