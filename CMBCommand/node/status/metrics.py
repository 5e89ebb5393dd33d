"""Numbers for Prometheus: what the jobs hold now, and what this process has counted since it began."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ..jobs import Jobs

SECONDS = (5, 10, 20, 40, 60, 120, 300, 600, 1800)  # a search takes some ten on a GPU, some minutes on a laptop


class Metrics(Collector):
    """All numbers of a node.

    Parameters
    ----------
    jobs : Jobs
    folder : Path
        On the disk whose free space is told.
    """

    def __init__(self, jobs: Jobs, folder: Path) -> None:
        self._jobs, self._folder = jobs, folder
        self._registry = own = CollectorRegistry()
        own.register(self)
        self._images = Counter("cmb_node_images_received", "Images that were new.", registry=own)
        self._bytes = Counter("cmb_node_bytes_received", "Bytes of new images.", registry=own)
        self._refused = Counter("cmb_node_objects_refused", "Objects not taken.", ["status"], registry=own)
        self._rejected = Counter("cmb_node_associations_rejected", "Associations not accepted.", registry=own)
        self._searched = Counter("cmb_node_searches", "Searches that ended.", ["outcome"], registry=own)
        self._seconds = Histogram("cmb_node_search_seconds", "Of one search.", buckets=SECONDS, registry=own)
        self._sent = Counter("cmb_node_results_sent", "Results that arrived.", ["destination"], registry=own)
        self._not_sent = Counter("cmb_node_sends_failed", "Results that did not arrive.", ["destination"], registry=own)

    def received(self, length: int) -> None:
        """Count a new image."""
        self._images.inc()
        self._bytes.inc(length)

    def refused(self, status: int) -> None:
        """Count an object that was not taken, by DICOM's status."""
        self._refused.labels(f"0x{status:04X}").inc()

    def rejected(self) -> None:
        """Count an association that was not accepted."""
        self._rejected.inc()

    def searched(self, outcome: str, seconds: float) -> None:
        """Count a search that ended: found, failed, postponed or repeated."""
        self._searched.labels(outcome).inc()
        self._seconds.observe(seconds)

    def sent(self, destination: str) -> None:
        """Count a result that arrived."""
        self._sent.labels(destination).inc()

    def not_sent(self, destination: str) -> None:
        """Count a result that did not arrive."""
        self._not_sent.labels(destination).inc()

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Give what the jobs hold now (Prometheus' own name)."""
        studies = GaugeMetricFamily("cmb_node_studies", "Studies by state.", labels=["state"])
        for state, number in self._jobs.counts().items():
            studies.add_metric([state], number)
        yield studies
        yield GaugeMetricFamily(
            "cmb_node_oldest_waiting_seconds",
            "Since the last image of the study that waits longest.",
            value=self._jobs.waiting_s(),
        )
        free = shutil.disk_usage(self._folder).free
        yield GaugeMetricFamily("cmb_node_free_bytes", "On the disk of images and results.", value=free)

    def text(self) -> bytes:
        """Write all of it as Prometheus reads it."""
        return generate_latest(self._registry)
