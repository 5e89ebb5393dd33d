"""Fixtures: the web page in a browser, and the sample's lesions in it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page
from web_browser import Server
from web_stage import WebStage

STAGE = pytest.StashKey[WebStage]()


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[WebStage]:
    stage = WebStage(partial(tmp_path_factory.mktemp, "state"), tmp_path_factory.mktemp("found") / "results")
    pytestconfig.stash[STAGE] = stage
    yield stage
    stage.close()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Close the browser where the next test is not of its group."""
    marks = nextitem.iter_markers("xdist_group") if nextitem is not None else ()
    if STAGE in item.config.stash and not any("chromium" in mark.args for mark in marks):
        item.config.stash[STAGE].close()


@pytest.fixture
def browser(stage: WebStage) -> Any:
    return stage.browser


@pytest.fixture
def server(stage: WebStage) -> Server:
    return stage.server


@pytest.fixture
def asked_hosts(stage: WebStage) -> set[str]:
    """All that pages have asked for anything."""
    return stage.hosts


@pytest.fixture
def results(stage: WebStage) -> Path:
    """What the detector found in the sample, searched in the page; once for all tests."""
    return stage.results


@pytest.fixture
def first_page(stage: WebStage, request: pytest.FixtureRequest) -> Iterator[Page]:
    """What is shown before a scan is open."""
    with stage.page_without_a_scan.lent(request.session) as page:
        assert not page.evaluate("() => window.trame.state.get('has_scan')")
        yield page
        assert not page.evaluate("() => window.trame.state.get('has_scan')")


@pytest.fixture
def page(stage: WebStage, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page, whatever scan may be open in it."""
    with stage.any_page.lent(request.session) as page:
        yield page


@pytest.fixture
def reading(stage: WebStage, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page with the sample's lesions, none read yet."""
    with stage.unread_sample.lent(request.session) as page:
        yield page
