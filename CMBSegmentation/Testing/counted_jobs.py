"""The work of a batch, with a line in a file for each scan that was searched, so that a test can count."""

from __future__ import annotations

from CMBSegmentationLib.batch.jobs import Job, Row, do_scan


def counted(job: Job) -> Row:
    """Do a scan; note it unless its results were there."""
    row = do_scan(job)
    if not row.is_earlier and not row.error:
        with (job.out / "searched.txt").open("a", encoding="utf-8") as stream:
            stream.write(job.scan.stem + "\n")
    return row
