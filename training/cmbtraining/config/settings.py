"""A configuration out of YAML and the command line; what is wrong with it is said by key, value and what it must be."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from CMBSegmentationLib.files.fields import wrong

from .plain_yaml import ConfigError as ConfigError
from .plain_yaml import read_yaml
from .sections import Config, DetectConfig, RegionsConfig, VerifyConfig

WORDS = {
    "dataclass_type": "an object with keys",
    "tuple_type": "a list",
    "string_type": "text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a finite number",
    "finite_number": "a finite number",
    "too_short": "a list of {min_length} or more",
    "too_long": "a list of {max_length} or fewer",
    "invalid_key": "text",
}
"""What a value must be, by the type of pydantic's error; the others' messages say it well."""
TASKS: dict[str, type[Config]] = {"detect": DetectConfig, "regions": RegionsConfig, "verify": VerifyConfig}


def load_config(path: Path, overrides: Sequence[str] = ()) -> Config:
    """Read a YAML configuration.

    Parameters
    ----------
    path : Path
    overrides : sequence of str
        Such as ``"training.epochs=3"``; values are YAML.

    Returns
    -------
    Config
        Of the class that its ``task`` names; without one it is a detector's.

    Raises
    ------
    ConfigError
        The file cannot be read, or a key or value in it or in an override is not known.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as YAML ({error}).") from error
    content = read_yaml(text, str(path))
    content = {} if content is None else content
    config = config_from_dict(content, str(path))
    for override in overrides:
        content = _overridden(content, override)
        config = config_from_dict(content, override)
    return config


def _overridden(content: dict[str, Any], override: str) -> dict[str, Any]:
    key, equals, text = override.partition("=")
    value = read_yaml(text, override)
    if not equals or value is None:
        raise ConfigError(f"{override}: write it as section.key=value, such as training.epochs=3.")
    section, dot, name = key.partition(".")
    return {**content, section: {**content.get(section, {}), name: value} if dot else value}


def config_from_dict(content: Any, source: str = "configuration") -> Config:
    """Build a `Config` from nested plain values; `ConfigError` names the first key or value that is not known."""
    if not isinstance(content, Mapping):
        raise ConfigError(f"{source}: {wrong('the content', content, 'an object with keys')}")
    task = content.get("task", "detect")
    if task not in list(TASKS):
        raise ConfigError(f"{source}: {wrong('task', task, ' or '.join(TASKS))}")
    kind = TASKS[task]
    try:
        return TypeAdapter(kind).validate_python(dict(content))
    except ValidationError as error:
        raise ConfigError(f"{source}: {_told(kind, error.errors()[0])}") from error


def _told(kind: type[Config], error: Any) -> str:
    """Word an error of pydantic's as the rest of the program does."""
    where, limits = error["loc"], error.get("ctx", {})
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in where).lstrip(".")
    if error["type"] == "value_error":
        expected = str(limits["error"])
        return str(wrong(key, error["input"], expected)) if where else expected
    if error["type"] == "unexpected_keyword_argument":
        section: Any = kind()
        for part in where[:-1]:
            section = getattr(section, part)
        known = ", ".join(one.name for one in dataclasses.fields(section))
        return ": ".join([*where[:-1], f"unknown key {where[-1]!r}; known for task {kind.task} are {known}."])
    if error["type"] == "missing":
        return f"{key} is missing."
    expected = WORDS.get(error["type"], error["msg"].removeprefix("Input should be ")).format(**limits)
    return str(wrong(key, error["input"], expected))
