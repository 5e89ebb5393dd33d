"""How the tests of all parts run together: which share a process, and that none is skipped unseen."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

HAS_BEGUN = pytest.StashKey[bool]()
GIVES_WAY = 10  # niceness: as the detector behind the page, for which the group waits that should go first
PLATFORM = "platform: "  # begins the only reasons for which a test may be skipped
READ_APART = ("test_read_apart", "test_pointing", "test_real_worker", "test_web", "test_network", "test_panel")
"""Files whose tests read as users do, each scan in a process of its own."""
LONGEST = "chromium"
FIRST = (
    LONGEST, "dask", "test_node", "test_bundled_detector", "test_tasks", "test_run", "test_whose_results",
    "test_training", "test_fine_tuning", "test_dicom_export_headers", "test_deidentify", "test_command",
    "test_node_orthanc", "test_network_silence", "test_install", "test_dicom_out", "test_stages",
    "test_in_plane_network", "test_public_api",
)  # fmt: skip
"""Groups that take longest: begun last, one would keep one process busy while the other has nothing left to do."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep each file's tests in one process, so that its fixtures are made once (`pytest -n 2 --dist loadgroup`).

    Files that name a group (``chromium``, ``dask``) share it: none of these programs runs twice on two cores.
    With ``--no-loadscope-reorder`` groups are begun in the order in which they stand here, the longest first.
    """
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
    if hasattr(config, "workerinput"):  # in one of several processes
        items.sort(key=_rank)


def _group_of(item: pytest.Item) -> str:
    mark = item.get_closest_marker("xdist_group")
    return str(mark.args[0]) if mark and mark.args else ""


def _rank(item: pytest.Item) -> int:
    group = _group_of(item)
    return FIRST.index(group) if group in FIRST else len(FIRST)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Of several processes, let the one with the longest group go first: the gate ends when that group ends."""
    config = item.config
    if hasattr(config, "workerinput") and HAS_BEGUN not in config.stash:
        config.stash[HAS_BEGUN] = True
        if _group_of(item) != LONGEST and hasattr(os, "nice"):
            os.nice(GIVES_WAY)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that is skipped for another reason than the platform's."""
    report = yield
    _fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fail a file that is skipped as a whole for another reason than the platform's."""
    report = yield
    _fail_if_skipped(report)
    return report


def _fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not reason.removeprefix("Skipped: ").startswith(PLATFORM):
        report.outcome = "failed"
        report.longrepr = f"{reason}. A test may be skipped only where its reason begins with {PLATFORM!r}."


@pytest.fixture(autouse=True)
def reads_in_this_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have scans read here, not in a process of their own: it would cost half a second for each of hundreds."""
    if not request.path.stem.startswith(READ_APART):
        monkeypatch.setenv("CMB_READING_APART", "1")
