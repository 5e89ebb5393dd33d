"""Fonts of the PDF: text of any script is set in a font that has it, and where none has, that is said."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

PLAIN, BOLD = "CMB", "CMB-Bold"
FONTS = {PLAIN: "DejaVuSans.ttf", BOLD: "DejaVuSans-Bold.ttf"}  # matplotlib brings them; they have ≥, × and –
ABSENT = "□"
NEEDS_SHAPING = ((0x0590, 0x08FF), (0x0900, 0x0DFF), (0x0F00, 0x109F), (0x1780, 0x17FF), (0xFB1D, 0xFEFC))
"""Hebrew, Arabic and Indic scripts: ReportLab neither turns nor joins their letters."""
PREFERRED = ("noto", "droidsansfallback", "wqy", "unifont", "ipa", "nanum", "arial unicode")


def register_fonts() -> None:
    """Make the report's own fonts known to ReportLab."""
    import matplotlib
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    for name, file in FONTS.items():
        if name not in pdfmetrics.getRegisteredFontNames():
            pdfmetrics.registerFont(TTFont(name, str(folder / file)))


def runs(text: str) -> Iterator[tuple[str | None, str]]:
    """Cut a text into runs of one font.

    Parameters
    ----------
    text : str

    Yields
    ------
    font : str or None
        A registered font that has all characters of the run; `PLAIN` where it has them; None where none has.
    part : str
    """
    for font, characters in groupby(text, key=_font_of):
        yield font, "".join(characters)


def marked_up(text: str, absent: set[str]) -> str:
    """Give a text as ReportLab's markup; characters that no font has are added to `absent` and become boxes."""
    parts = []
    for font, part in runs(text):
        if font is None:
            absent |= set(part)
            parts.append(ABSENT * len(part))
        else:
            parts.append(escape(part) if font == PLAIN else f'<font name="{font}">{escape(part)}</font>')
    return "".join(parts)


def in_plain_font(text: str) -> str:
    """Give a text in which what the plain font has not is a box."""
    return "".join(part if font == PLAIN else ABSENT * len(part) for font, part in runs(text))


def scripts_of(characters: set[str]) -> str:
    """Name the scripts of characters, as Unicode does: ``Hangul, Thai``."""
    return ", ".join(sorted({unicodedata.name(one, "unknown").split()[0].capitalize() for one in characters}))


@lru_cache(maxsize=4096)
def _font_of(character: str) -> str | None:
    code = ord(character)
    if any(low <= code <= high for low, high in NEEDS_SHAPING):
        return None
    if character.isspace() or code in _characters(PLAIN):
        return PLAIN
    return next((name for name in _fallbacks() if code in _characters(name)), None)


_REGISTERED: list[str] = []  # of the machine's fonts, in the order in which they were asked for


def _characters(font: str) -> Any:
    from reportlab.pdfbase import pdfmetrics

    return pdfmetrics.getFont(font).face.charToGlyph


def _fallbacks() -> Iterator[str]:
    """Register the machine's other TrueType fonts, one after the other as they are asked for."""
    yield from list(_REGISTERED)
    waiting = _font_files()
    while waiting:
        name = _registered(waiting.pop(0))
        if name:
            _REGISTERED.append(name)
            yield name


def _registered(path: str) -> str:
    """Make a font known to ReportLab; empty where it cannot be embedded, as those of PostScript outlines."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    name = f"{PLAIN}-{Path(path).name}"
    try:
        pdfmetrics.registerFont(TTFont(name, path))
    except Exception:  # of a damaged font, whatever it leads to
        return ""
    return name


@lru_cache(maxsize=1)
def _font_files() -> list[str]:
    """List the fonts that were not asked for yet, those with many scripts first."""
    from matplotlib import font_manager

    def rank(path: str) -> tuple[int, str]:
        name = Path(path).name.lower().replace("-", "").replace(" ", "")
        return next((k for k, word in enumerate(PREFERRED) if word in name), len(PREFERRED)), name

    return sorted(font_manager.findSystemFonts(), key=rank)
