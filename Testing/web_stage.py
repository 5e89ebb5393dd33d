"""Browser, server and pages that tests share while one that needs them follows another."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from web_browser import Server, SharedPage, are_ours, chromium, go_to, new_page
from web_review import UnreadSample
from web_search import search_sample


class WebStage:
    """Opens what is asked for, once, and closes it all together.

    Parameters
    ----------
    new_folder : callable
        Gives an empty folder, for a server's state.
    results : Path
        Where the results of the one search of the sample are kept; they outlast what is closed.

    Attributes
    ----------
    hosts : set of str
        All that pages have asked for anything.
    """

    def __init__(self, new_folder: Callable[[], Path], results: Path) -> None:
        self._new_folder, self._results = new_folder, results
        self.hosts: set[str] = set()
        self._open: dict[str, Any] = {}
        self._closing = ExitStack()

    def close(self) -> None:
        """Close everything; playwright's event loop would keep other tests from their own."""
        self._open.clear()
        self._closing.close()
        assert are_ours(self.hosts)

    @property
    def browser(self) -> Any:
        """Chromium."""
        return self._once("browser", lambda: self._closing.enter_context(chromium()))

    @property
    def server(self) -> Server:
        """A server on this machine's own address."""
        return self._once("server", self._served)

    @property
    def page_without_a_scan(self) -> SharedPage:
        """As one finds it when one comes for the first time; no test may open a scan in it."""
        return self._once("first", lambda: self._shared(partial(go_to, server=self.server)))

    @property
    def any_page(self) -> SharedPage:
        """With any scan, or none."""
        return self._once("any", lambda: self._shared(partial(go_to, server=self.server)))

    @property
    def unread_sample(self) -> SharedPage:
        """With the sample's lesions, none read."""
        return self._once("unread", lambda: self._shared(UnreadSample(self.server, self.results)))

    @property
    def results(self) -> Path:
        """What the detector found in the sample, searched in the page."""
        if not self._results.exists():
            page = new_page(self.browser, self.hosts)
            shutil.copytree(search_sample(page, self.server), self._results)
            page.request.post(f"{self.server.origin}forget")
            page.context.close()
        return self._results

    def _once(self, name: str, make: Callable[[], Any]) -> Any:
        if name not in self._open:
            self._open[name] = make()
        return self._open[name]

    def _served(self) -> Server:
        server = Server(self._new_folder())
        self._closing.callback(server.stop)
        return server

    def _shared(self, prepare: Callable[[Any], None]) -> SharedPage:
        return SharedPage(self.browser, self.hosts, prepare)
