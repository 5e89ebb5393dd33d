"""Who may see a page: the server's token, the cookie of a browser session, and which requests are ours."""

from __future__ import annotations

import hashlib
import hmac
import posixpath
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

KEY = re.compile(r"[A-Za-z0-9_-]{43}")  # 32 bytes, as `new_key` writes them
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
        Asked of a browser's first request. On this machine's own address too: it may have other users.
    is_behind_tls : bool
        Whether browsers reach it through a server that encrypts: then the cookie is sent encrypted only, and the host
        is called whatever that server is called.
    """

    host: str
    port: int
    token: str
    is_behind_tls: bool = False

    @classmethod
    def to(cls, host: str, port: int, *, is_behind_tls: bool = False) -> Access:
        """Ask for a new token."""
        return cls(host, port, secrets.token_urlsafe(24), is_behind_tls)

    @property
    def cookie(self) -> str:
        """Name of the cookie; cookies are shared by all ports of a host, sessions are not."""
        return f"cmb_session_{self.port}"

    def address(self, shown_host: str = "") -> str:
        """Give the address to open, with the token."""
        host = shown_host or self.host
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{self.port}/?token={self.token}"

    def is_token(self, given: str) -> bool:
        """Compare a token in constant time."""
        return hmac.compare_digest(given.encode(errors="surrogatepass"), self.token.encode())

    def is_ours(self, headers: Mapping[str, str]) -> bool:
        """Tell a request of our own page from one that another site has a browser make.

        Where only this machine is served the host's name must be its own (DNS rebinding); where a browser says
        which page asks, that page must be ours.
        """
        host = headers.get("Host", "")
        origin = headers.get("Origin")
        try:
            if self.host in LOOPBACK and not self.is_behind_tls and urlsplit(f"//{host}").hostname not in LOOPBACK:
                return False
            return bool(host) and (origin is None or urlsplit(origin).netloc == host)
        except ValueError:  # brackets that do not match, say
            return False


def is_from_another_site(headers: Mapping[str, str]) -> bool:
    """Tell a link or a picture on another site from what a person or our page asks for.

    A browser leaves our cookie out there (SameSite), so a session could seem to be new.
    """
    return headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin")


def is_plain(target: str) -> bool:
    """Tell whether a request's path is what any program makes of it.

    Parameters
    ----------
    target : str
        Path and query as they were sent.

    Returns
    -------
    bool
        False for dots, doubled slashes, backslashes, control characters and encoded slashes: what one program takes for
        another path than the next one does.
    """
    sent = target.partition("?")[0]
    path = unquote(sent)
    if "%2f" in sent.lower() or "\\" in path or any(ord(one) < 32 or ord(one) == 127 for one in path):
        return False
    plain = posixpath.normpath(path) + ("/" if path.endswith("/") and path != "/" else "")
    return path.startswith("/") and path == plain and not path.startswith("//")


def new_key() -> str:
    """Make the value of a session's cookie."""
    return secrets.token_urlsafe(32)


def is_key(text: str) -> bool:
    """Tell whether a cookie's value may be a session's: what a browser sends may be anything."""
    return KEY.fullmatch(text) is not None


def folder_name(key: str) -> str:
    """Name a session's folder so that its name does not give the cookie away."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]
