"""What the installed command `cmb` calls: the page is served without loading what the other commands need."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line; exit codes as of `cli.main`."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["web"]:
        from CMBWeb.cli import main as serve

        return serve(arguments[1:], program="cmb web")
    from .cli import main as run

    return run(arguments)
