"""Who may see a page: the token of a served host, the cookie of a browser session, and which requests are ours."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

LOOPBACK = ("127.0.0.1", "localhost", "::1")
CONTENT_POLICY = (
    # all that a page may load comes from this server; trame's client compiles its templates in the browser
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' ws: wss:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "Referrer-Policy": "no-referrer",  # the token is in the address once
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Access:
    """How a server lets browsers in.

    Attributes
    ----------
    host : str
        Address that the server is bound to.
    port : int
    token : str
        Asked of a browser's first request; empty on this machine's own address.
    """

    host: str
    port: int
    token: str = ""

    @classmethod
    def to(cls, host: str, port: int) -> Access:
        """Ask for a new token unless only this machine can reach the server."""
        return cls(host, port, "" if host in LOOPBACK else secrets.token_urlsafe(24))

    @property
    def cookie(self) -> str:
        """Name of the cookie; cookies are shared by all ports of a host, sessions are not."""
        return f"cmb_session_{self.port}"

    def address(self, shown_host: str = "") -> str:
        """Give the address to open, with the token."""
        host = shown_host or self.host
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{self.port}/" + (f"?token={self.token}" if self.token else "")

    def is_token(self, given: str) -> bool:
        """Compare a token in constant time."""
        return bool(self.token) and hmac.compare_digest(given.encode(), self.token.encode())

    def is_ours(self, headers: Mapping[str, str]) -> bool:
        """Tell a request of our own page from one that another site has a browser make.

        Without a token the host's name must be this machine's (DNS rebinding); where a browser says
        which page asks, that page must be ours.
        """
        host = headers.get("Host", "")
        if not self.token and urlsplit(f"//{host}").hostname not in LOOPBACK:
            return False
        origin = headers.get("Origin")
        return origin is None or urlsplit(origin).netloc == host


def new_key() -> str:
    """Make the value of a session's cookie."""
    return secrets.token_urlsafe(32)


def folder_name(key: str) -> str:
    """Name a session's folder so that its name does not give the cookie away."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]
