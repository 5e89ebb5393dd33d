"""Numbers with their nouns."""


def counted(number: int, singular: str, plural: str = "") -> str:
    """Write a number with its noun: ``1 lesion``, ``2 lesions``."""
    return f"{number} {singular if number == 1 else plural or singular + 's'}"
