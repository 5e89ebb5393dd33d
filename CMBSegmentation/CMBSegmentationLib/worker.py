"""Detection in a process of its own, for front ends: JSON lines on standard output.

    python -m CMBSegmentationLib.worker SCAN -o OUT [options]

    {"event": "progress", "fraction": 0.4, "message": "Searching, patch 8 of 20"}
    {"event": "result", "folder": "OUT"}
    {"event": "error", "message": "what was wrong", "hint": "what to do"}

The exit codes are those of the command `cmb`. Terminate the process to cancel.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Sequence
from typing import Any

from .cli_options import add_detect_options, request_from
from .errors import Cancelled, CMBError, InputError
from .run import run


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one detection and tell how it goes."""
    import argparse

    signal.signal(signal.SIGTERM, _stop)
    parser = argparse.ArgumentParser(prog="python -m CMBSegmentationLib.worker", exit_on_error=False)
    add_detect_options(parser)
    try:
        try:
            parsed = parser.parse_args(arguments)
        except argparse.ArgumentError as error:
            raise InputError(str(error), "See --help.") from error
        outcome = run(request_from(parsed), _tell_progress)
        _tell(event="result", folder=str(outcome.files["json"].parent))
        return 0
    except (KeyboardInterrupt, Cancelled):
        cancelled = Cancelled()
        _tell(event="error", message=cancelled.message, hint=cancelled.hint)
        return cancelled.exit_code
    except CMBError as error:
        _tell(event="error", message=error.message, hint=error.hint)
        return error.exit_code
    except Exception as error:  # the front end must hear of everything
        import traceback

        traceback.print_exc()
        _tell(event="error", message=f"Unexpected: {type(error).__name__}: {error}", hint="Please report this.")
        return 4


def _tell(**event: Any) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def _tell_progress(fraction: float, message: str) -> None:
    _tell(event="progress", fraction=round(fraction, 4), message=message)


def _stop(*_: object) -> None:
    raise Cancelled


if __name__ == "__main__":
    sys.exit(main())
