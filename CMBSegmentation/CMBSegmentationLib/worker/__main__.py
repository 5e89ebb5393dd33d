"""Detection in a process of its own, for front ends: JSON lines on standard output.

    python -m CMBSegmentationLib.worker SCAN -o OUT [options]

    {"event": "progress", "fraction": 0.4, "message": "Searching, patch 8 of 20"}
    {"event": "result", "folder": "OUT"}
    {"event": "error", "message": "what was wrong", "hint": "what to do"}

The exit codes are those of the command `cmb`. Terminate the process to cancel.
"""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NoReturn

from ..errors import Cancelled, InputError, told
from ..reading.scan_identity import ScanName
from ..running.interrupts import interrupts
from ..running.options import add_detect_options, request_from
from ..running.run import run


class _Parser(argparse.ArgumentParser):
    """Tells a wrong call as an error event, too."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"The call is wrong: {message}.", "See --help.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one detection and tell how it goes."""
    parser = _Parser(prog="python -m CMBSegmentationLib.worker")
    add_detect_options(parser)
    parser.add_argument(
        "--origin",
        metavar="JSON",
        type=_origin,
        help="where SCAN came from, in the fields of reading.scan_identity.ScanName",
    )
    with interrupts() as asked:
        try:
            asked_for = parser.parse_args(arguments)
            outcome = run(replace(request_from(asked_for), origin=asked_for.origin), _tell_progress)
            _tell(event="result", folder=str(outcome.files["json"].parent))
            return 0
        except Exception as caught:  # the front end must hear of everything
            error = Cancelled() if asked.requested else told(caught)
            if error.unforeseen:
                traceback.print_exc()
    _tell(event="error", message=error.message, hint=error.hint)
    return error.exit_code


def _origin(text: str) -> ScanName:
    return ScanName(**json.loads(text))


def _tell(**event: Any) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def _tell_progress(fraction: float, message: str) -> None:
    _tell(event="progress", fraction=round(fraction, 4), message=message)


if __name__ == "__main__":
    sys.exit(main())
