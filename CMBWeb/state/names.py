"""The names of the page's state, for templates and for `on_change`: ``names.review.rows`` is "rows"."""

from __future__ import annotations

from .declared import KeysState, PageState, PhaseState, ReaderState, ReviewState, ScribbleState, ViewsState
from .typed import names_of

page = names_of(PageState)
views = names_of(ViewsState)
reader = names_of(ReaderState)
keys = names_of(KeysState)
review = names_of(ReviewState)
phase = names_of(PhaseState)
scribble = names_of(ScribbleState)
