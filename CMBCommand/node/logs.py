"""The node's log: what happened to which study, by the node's own ids; no names, no UIDs, nothing a library says."""

from __future__ import annotations

import logging
import sys
import warnings

LOG = logging.getLogger("cmb.node")
LIBRARIES = ("pynetdicom", "pydicom", "dicomweb_client", "urllib3", "requests", "distributed", "highdicom")
"""They log and warn with values of headers and with addresses of studies."""


def log_to_screen() -> None:
    """Write the node's own log to standard error, and keep libraries quiet."""
    silence_libraries()
    if not LOG.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        LOG.addHandler(handler)
    LOG.setLevel(logging.INFO)
    LOG.propagate = False


def silence_libraries() -> None:
    """Keep what libraries say of headers out of the log."""
    warnings.simplefilter("ignore")
    for name in LIBRARIES:
        logger = logging.getLogger(name)
        logger.handlers = [logging.NullHandler()]
        logger.propagate = False
