"""Numbers in words: with their nouns, and so that what is below a threshold never reads as if it reached it."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal

SIGNIFICANT_DIGITS = 9  # tell any two 32-bit numbers apart


def counted(number: int, singular: str, plural: str = "") -> str:
    """Write a number with its noun: ``1 lesion``, ``2 lesions``."""
    return f"{number} {singular if number == 1 else plural or singular + 's'}"


def counted_class(name: str, singular: str, plural: str = "") -> str:
    """Write a class of counts with its noun: ``1 microbleed``, ``2–4 microbleeds``, ``> 10 microbleeds``."""
    return f"{class_text(name)} {singular if name == '1' else plural or singular + 's'}"


def class_text(name: str) -> str:
    """Write a class of counts: ``2–4``, ``> 10``."""
    return name.replace("-", "–").replace(">", "> ")


def rounded_down(value: float, decimals: int) -> float:
    """Round a probability down: a threshold of so many decimals that it does not reach stays above it.

    Examples
    --------
    >>> rounded_down(0.4499, 2), rounded_down(0.45, 2)
    (0.44, 0.45)
    """
    step = Decimal(1).scaleb(-decimals)
    return float(Decimal(f"{value:.{SIGNIFICANT_DIGITS}g}").quantize(step, ROUND_FLOOR))


def threshold_text(threshold: float) -> str:
    """Write a threshold with all its decimals, two at least: ``0.50``, ``0.123``."""
    return f"{threshold:.{decimals_of(threshold)}f}"


def decimals_of(threshold: float) -> int:
    """Count the decimals of a threshold, two at least."""
    exponent = Decimal(f"{threshold:.{SIGNIFICANT_DIGITS}g}").normalize().as_tuple().exponent
    return max(2, -int(exponent))
