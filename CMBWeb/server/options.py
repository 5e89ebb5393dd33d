"""The options of `cmb web`; free of imports that the extra `web` brings."""

from __future__ import annotations

import argparse
from pathlib import Path

PORT = 8765
MOST_SESSIONS = 6
WEB_PACKAGES = ("aiohttp", "trame_slicer", "slicer", "trame_plotly")
"""What the extra `web` brings."""


def add_web_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `cmb web` to a parser."""
    parser.add_argument("scan", metavar="SCAN", nargs="?", type=Path, help="open this file or DICOM folder at once")
    parser.add_argument("--port", type=int, default=PORT, help=f"default: {PORT}; 0 takes any that is free")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to serve on (default: 127.0.0.1, this machine only); with any other, nothing is encrypted: "
        "put it behind HTTPS",
    )
    parser.add_argument(
        "--sessions",
        type=_one_or_more,
        default=MOST_SESSIONS,
        help=f"how many browsers may use it at a time, half a gigabyte each (default: {MOST_SESSIONS})",
    )
    parser.add_argument(
        "--behind-tls",
        action="store_true",
        help="browsers reach the page by https, through a server in front of it (nginx, say) that passes on Host and "
        "WebSockets: cookies are then sent encrypted only",
    )
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")


def _one_or_more(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number
