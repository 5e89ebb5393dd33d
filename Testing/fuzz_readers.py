"""Thousands of broken inputs through every reader, each in a process that is watched; a table of what came of them.

    python Testing/fuzz_readers.py [--inputs 2400] [--seed 1]

Each must end as a clear error (what was wrong and what to do) or be accepted: no traceback, no crash, no hang, and
no more memory than `MOST_MB` for inputs of a few kilobytes. Ends with 1 where one does not. An input that is told by
its kind and number can be made again: ``--kind NRRD --number 17``.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import resource
import select
import subprocess
import sys
import tempfile
import threading
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from broken_inputs import KINDS, broken, sound

OUTCOMES = ("clear", "accepted", "traceback", "crash", "hang", "over memory")
GOOD = OUTCOMES[:2]
HANG_S = 60.0
MOST_MB = 700  # beyond what the process took for its packages


@dataclass(frozen=True)
class Verdict:
    """What came of one input."""

    kind: str
    number: int
    outcome: str
    said: str


def main() -> int:
    """Make, read and count; or read what another process of this program names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=2400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", choices=list(KINDS), help="of this kind only")
    parser.add_argument("--number", type=int, help="this one only")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--reader", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.reader:
        return _read_what_is_named()
    kinds = [options.kind] if options.kind else list(KINDS)
    numbers = range(-(-options.inputs // len(kinds))) if options.number is None else [options.number]
    verdicts = fuzz([(kind, number) for number in numbers for kind in kinds], options.seed, options.processes)
    print(table(verdicts))
    bad = [one for one in verdicts if one.outcome not in GOOD]
    for one in bad:
        print(f"{one.outcome}: --kind {one.kind!r} --number {one.number}: {one.said}")
    return 1 if bad else 0


def fuzz(inputs: list[tuple[str, int]], seed: int, processes: int) -> list[Verdict]:
    """Break and read inputs.

    Parameters
    ----------
    inputs : list of (str, int)
        Kind of `broken_inputs.KINDS`, and a number that with the seed says how it is broken.
    seed, processes : int

    Returns
    -------
    list of Verdict
        In no order.
    """
    todo: queue.SimpleQueue[tuple[str, int] | None] = queue.SimpleQueue()
    for one in [*inputs, *[None] * processes]:
        todo.put(one)
    verdicts: list[Verdict] = []
    with tempfile.TemporaryDirectory() as folder:
        threads = [
            threading.Thread(target=_watch, args=(todo, verdicts, seed, Path(folder) / str(k)))
            for k in range(processes)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return verdicts


def table(verdicts: list[Verdict]) -> str:
    """Counts by kind, as text."""
    counts: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    for one in verdicts:
        counts[one.kind][one.outcome] += 1
    rows = [(kind, *[str(of[outcome]) for outcome in OUTCOMES]) for kind, of in counts.items() if of]
    total = Counter(one.outcome for one in verdicts)
    rows.append(("all", *[str(total[outcome]) for outcome in OUTCOMES]))
    return "\n".join(
        f"{row[0]:<22}" + "".join(f"{cell:>13}" for cell in row[1:]) for row in [("kind", *OUTCOMES), *rows]
    )


class _Reader:
    """A process that reads, started anew after one that died."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def read(self, kind: str, path: Path) -> tuple[str, str]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, __file__, "--reader"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps([kind, str(path)]) + "\n")
        process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], HANG_S)
        if not ready:
            self.stop()
            return "hang", f"no answer within {HANG_S:g} s"
        line = process.stdout.readline()
        if not line:
            code = process.wait()
            self._process = None
            return "crash", f"ended with {code}"
        outcome, said = json.loads(line)
        return outcome, said

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def _watch(todo: queue.SimpleQueue, verdicts: list[Verdict], seed: int, folder: Path) -> None:
    import shutil

    import numpy as np

    reader = _Reader()
    while (one := todo.get()) is not None:
        kind, number = one
        path = broken(sound(kind, folder), np.random.default_rng([seed, number, zlib.crc32(kind.encode())]))
        verdicts.append(Verdict(kind, number, *reader.read(kind, path)))
        shutil.rmtree(folder)
    reader.stop()


def _read_what_is_named() -> int:
    os.environ["CMB_READING_APART"] = "1"  # this process is the one that a crash would end
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # readers print, too
    for line in sys.stdin:
        kind, path = json.loads(line)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        outcome, said = _outcome(kind, Path(path))
        megabytes = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10
        if megabytes > MOST_MB:
            outcome, said = "over memory", f"{megabytes} MB"
        answers.write(json.dumps([outcome, said]) + "\n")
        answers.flush()
    return 0


def _outcome(kind: str, path: Path) -> tuple[str, str]:
    import traceback

    from CMBSegmentationLib.errors import CMBError
    from cmbtraining.config.settings import ConfigError

    try:
        _read(kind, path)
    except CMBError as error:
        clear = error.message and error.hint and not error.unforeseen
        return ("clear" if clear else "traceback"), str(error)
    except ConfigError as error:
        return "clear", str(error)
    except Exception:
        return "traceback", traceback.format_exc()[-2000:]
    return "accepted", ""


def _read(kind: str, path: Path) -> None:
    READERS.get(kind, _scan)(path)


def _scan(path: Path) -> None:
    from CMBSegmentationLib.reading.scan import read_scan

    read_scan(path)


def _scribbles(path: Path) -> None:
    from CMBScribbleGrowLib.scribbles.strokes import read_scribbles
    from CMBSegmentationLib.reading.scan import read_scan

    read_scribbles(path, read_scan(path.with_name("scan.nii.gz")).image)


def _scene(path: Path) -> None:
    from CMBWeb.files.scene_archive import check_scene

    check_scene(path, path.name)


def _results(path: Path) -> None:
    from CMBSegmentationLib.results.read_back import read_result_folder

    read_result_folder(path)


def _study(path: Path) -> None:
    from CMBScribbleGrowLib.annotation.file import read_study

    read_study(path)


def _manifest(path: Path) -> None:
    from CMBSegmentationLib.models.manifest import parse_manifest

    parse_manifest(path.read_bytes().decode("utf-8", errors="replace"), path.name)


def _configuration(path: Path) -> None:
    from cmbtraining.config.settings import load_config

    load_config(path)


def _model(path: Path) -> None:
    from CMBSegmentationLib.models.model_file import load_model

    load_model(path, "cpu")


def _redbrick(path: Path) -> None:
    from CMBScribbleGrowLib.redbrick.bring_in import import_task, read_tasks
    from CMBSegmentationLib.reading.scan import read_scan

    scan = read_scan(path.with_name("sub-01_swi.nii.gz")).image
    for task in read_tasks(path):
        import_task(task, scan, path.parent)


def _worklist(path: Path) -> None:
    from CMBScribbleGrowLib.worklist.sources import listed_in_csv

    listed_in_csv(path)


def _review(path: Path) -> None:
    from CMBSegmentationLib.review.review_file import from_text

    from_text(path.read_bytes().decode("utf-8", errors="replace"), path.name)


READERS = {
    "scribbles": _scribbles,
    "scene": _scene,
    "results": _results,
    "study": _study,
    "manifest": _manifest,
    "configuration": _configuration,
    "model": _model,
    "RedBrick": _redbrick,
    "worklist": _worklist,
    "review": _review,
}  # all others are scans


if __name__ == "__main__":
    sys.exit(main())
