"""What a session refuses: an error that says why, and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from CMBSegmentationLib.errors import CMBError


@contextmanager
def refused(about: str) -> Iterator[None]:
    """Whatever is done inside is refused for this reason, with a hint."""
    with pytest.raises(CMBError, match=re.escape(about)) as caught:
        yield
    assert caught.value.hint
