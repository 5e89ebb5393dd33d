"""`cmb web`: detection and review in a browser."""

from __future__ import annotations

import argparse

from rich.console import Console

from CMBWeb.server.options import add_web_options


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add SCAN, --port and the rest to a parser."""
    add_web_options(parser)


def run(arguments: argparse.Namespace, screen: Console) -> int:
    """Serve the page until it is stopped."""
    from CMBWeb.server.serving import run_web  # brings aiohttp, which only the extra has

    return run_web(arguments, screen)
