"""Errors that reach a user: what was wrong, and what to do about it."""

from __future__ import annotations

import errno

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class CMBError(Exception):
    """A problem stated for the user.

    Parameters
    ----------
    message : str
        What was wrong, naming the file or the value.
    hint : str
        What the user can do about it.
    """

    exit_code = 1
    unforeseen = False

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class InputError(CMBError):
    """The scan, the output folder or the call is wrong."""

    exit_code = 2


class ModelError(CMBError):
    """The model file is wrong."""

    exit_code = 3


class MachineError(CMBError):
    """The machine failed: memory, disk or device."""

    exit_code = 4


class Cancelled(CMBError):
    """The user stopped the run."""

    exit_code = 130

    def __init__(self) -> None:
        super().__init__("Cancelled.", "Nothing was written.")


class UnforeseenError(MachineError):
    """A fault of the program itself."""

    unforeseen = True


def told(error: Exception) -> CMBError:
    """Give any error a message and a hint: a traceback never reaches a user unasked."""
    if isinstance(error, CMBError):
        return error
    if isinstance(error, MemoryError):
        return MachineError("There is not enough memory.", "Close other programs and try again.")
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        return MachineError("The disk is full.", "Free some space and try again.")
    return UnforeseenError(
        f"Unexpected: {type(error).__name__}: {error}", "Report it; in the shell, --debug says more."
    )
