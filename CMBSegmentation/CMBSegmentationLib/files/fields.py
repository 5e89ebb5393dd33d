"""Values out of files that anybody may have written: each is what it must be, or an error says what it is instead.

>>> about = Fields({"id": 3, "place": {"r_mm": "left"}}, "lesions[0]")
>>> about.whole("id", least=1)
3
>>> about.fields("place").number("r_mm")  # doctest: +IGNORE_EXCEPTION_DETAIL
Traceback (most recent call last):
WrongValueError: lesions[0].place.r_mm is 'left'; it must be a finite number.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Mapping
from typing import Any

LONGEST_SHOWN = 60  # characters of a wrong value
LONGEST_TEXT = 100_000  # a report's worth of comments, not a file's
NEEDED: Any = object()


class WrongValueError(ValueError):
    """A value is missing or not what it must be; the message names its key, the value and what was expected."""


def read_json(text: str) -> Any:
    """Read JSON whose texts can be written again.

    Raises
    ------
    ValueError
        It is no JSON, is nested too deeply, or has half of a surrogate pair in a text, which no file can hold.
    """
    try:
        data = json.loads(text)
        if "\\ud" in text.lower():  # only an escape makes one
            json.dumps(data, ensure_ascii=False).encode("utf-8")
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except UnicodeEncodeError as error:
        raise ValueError("it has half of a character (a lone surrogate)") from error
    return data


class Fields:
    """The values of one JSON or YAML object, by key.

    Every method takes ``default``: what stands for a key that is missing or null; without it that is an error.

    Parameters
    ----------
    data : object
        As the file has it.
    where : str
        Names the object in messages; empty for a whole file.

    Raises
    ------
    WrongValueError
        It is no object.
    """

    def __init__(self, data: Any, where: str = "") -> None:
        if not isinstance(data, Mapping):
            raise wrong(where or "the content", data, "an object with keys")
        self._data, self._where = data, where

    @property
    def plain(self) -> dict[str, Any]:
        """All values as they are."""
        return dict(self._data)

    def named(self, key: str) -> str:
        """Give the name that messages use for a key."""
        return f"{self._where}.{key}" if self._where else key

    def text(self, key: str, *, choices: Collection[str] = (), empty: bool = True, default: Any = NEEDED) -> Any:
        """Give a text, if asked for one of `choices`, or one that is not empty."""
        value = self._value(key, default)
        if value is default:
            return value
        if not isinstance(value, str) or len(value) > LONGEST_TEXT:
            raise wrong(self.named(key), value, "text")
        if choices and value not in choices:
            raise wrong(self.named(key), value, f"one of {', '.join(choices)}")
        if not empty and not value.strip():
            raise wrong(self.named(key), value, "text that is not empty")
        return value

    def number(
        self,
        key: str,
        *,
        least: float = -math.inf,
        most: float = math.inf,
        above: float = -math.inf,
        below: float = math.inf,
        default: Any = NEEDED,
    ) -> Any:
        """Give a finite number in a range, as it is written: whole ones stay whole."""
        value = self._value(key, default)
        return value if value is default else number(value, self.named(key), least, most, above, below)

    def whole(self, key: str, *, least: int | None = None, most: int | None = None, default: Any = NEEDED) -> Any:
        """Give a whole number in a range."""
        value = self._value(key, default)
        if value is default:
            return value
        if not isinstance(value, int) or isinstance(value, bool):
            raise wrong(self.named(key), value, "a whole number")
        number(value, self.named(key), -math.inf if least is None else least, math.inf if most is None else most)
        return value

    def flag(self, key: str, *, default: Any = NEEDED) -> Any:
        """Give true or false."""
        value = self._value(key, default)
        if value is not default and not isinstance(value, bool):
            raise wrong(self.named(key), value, "true or false")
        return value

    def fields(self, key: str, *, default: Any = NEEDED) -> Fields:
        """Give an object's fields; `default` may be an empty object."""
        return Fields(self._value(key, default), self.named(key))

    def mapping(self, key: str, *, default: Any = NEEDED) -> Any:
        """Give an object as it is; what is in it is not looked at."""
        value = self._value(key, default)
        if value is not default and not isinstance(value, Mapping):
            raise wrong(self.named(key), value, "an object with keys")
        return value

    def items(self, key: str, *, length: int | None = None, default: Any = NEEDED) -> list[Any]:
        """Give a list, of a length if one is asked for; what is in it is not looked at."""
        value = self._value(key, default)
        if not isinstance(value, list | tuple) or length not in (None, len(value)):
            raise wrong(self.named(key), value, "a list" + ("" if length is None else f" of {length}"))
        return list(value)

    def texts(self, key: str, *, default: Any = NEEDED) -> tuple[str, ...]:
        """Give a list of texts."""
        return tuple(Fields({name: one}).text(name) for name, one in self._numbered(key, default))

    def numbers(
        self, key: str, *, length: int | None = None, default: Any = NEEDED, **limits: float
    ) -> tuple[Any, ...]:
        """Give a list of numbers, each within the limits that `number` takes."""
        self.items(key, length=length, default=default)
        return tuple(number(one, name, **limits) for name, one in self._numbered(key, default))

    def records(self, key: str, *, default: Any = NEEDED) -> Iterator[Fields]:
        """Give the fields of each object of a list."""
        for name, one in self._numbered(key, default):
            yield Fields(one, name)

    def _numbered(self, key: str, default: Any) -> Iterator[tuple[str, Any]]:
        for place, one in enumerate(self.items(key, default=default)):
            yield f"{self.named(key)}[{place}]", one

    def _value(self, key: str, default: Any) -> Any:
        value = self._data.get(key)
        if value is not None:
            return value
        if default is NEEDED:
            raise WrongValueError(f"{self.named(key)} is missing.")
        return default


def number(
    value: Any,
    name: str,
    least: float = -math.inf,
    most: float = math.inf,
    above: float = -math.inf,
    below: float = math.inf,
) -> Any:
    """Give a value that is a finite number in a range; `WrongValueError` if it is not."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not _is_finite(value):
        raise wrong(name, value, "a finite number")
    if not (least <= value <= most and (above == -math.inf or value > above) and (below == math.inf or value < below)):
        limits = {f"{least:g} or more": least, f"{most:g} or less": most}
        limits |= {f"above {above:g}": above, f"below {below:g}": below}
        raise wrong(name, value, " and ".join(words for words, limit in limits.items() if math.isfinite(limit)))
    return value


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number of hundreds of digits
        return False


def wrong(name: str, value: Any, expected: str) -> WrongValueError:
    """Word what is wrong with a value; a long one is shortened."""
    try:
        shown = repr(value)
    except (ValueError, RecursionError):  # a number or a nesting too large to be written
        shown = f"a {type(value).__name__}"
    shown = shown if len(shown) <= LONGEST_SHOWN else shown[:LONGEST_SHOWN] + "…"
    return WrongValueError(f"{name} is {shown}; it must be {expected}.")
