"""What a browser is shown where there is no page: why, and what to do."""

from __future__ import annotations

from html import escape

from aiohttp import web

from .access import SECURITY_HEADERS

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>CMB</title>
<style>body{{background:#0b0e12;color:#e6e9ee;font:18px/1.5 system-ui,sans-serif;margin:18vh auto;max-width:34em;
padding:0 1em}}h1{{font-size:1.3em}}p{{color:#aeb7c2}}</style>
<h1 role="alert">{message}</h1><p>{hint}</p></html>"""

AGAIN = """<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="0">
<title>CMB</title></html>"""


def own_navigation() -> web.Response:
    """Have a browser that another site sent here ask again by itself: then its cookie comes along."""
    return web.Response(text=AGAIN, content_type="text/html", headers=SECURITY_HEADERS)


def refusal_page(status: int, message: str, hint: str) -> web.Response:
    """Say why a request is refused and what to do."""
    text = PAGE.format(message=escape(message), hint=escape(hint))
    return web.Response(status=status, text=text, content_type="text/html", headers=SECURITY_HEADERS)
