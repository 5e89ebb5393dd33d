"""The command `cmb`: microbleeds from the shell."""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from CMBScribbleGrowLib.cli_grow import add_grow_options, grow_from
from CMBScribbleGrowLib.cli_import import EXAMPLE, add_annotate_import_options, run_annotate_import
from CMBScribbleGrowLib.growing_run import GrowOutcome

from . import __version__
from .batch.cli_batch import EXAMPLE as BATCH_EXAMPLE
from .batch.cli_batch import add_batch_options, run_batch
from .cli_compare import EXAMPLE as COMPARE_EXAMPLE
from .cli_compare import add_compare_options, run_compare
from .cli_options import add_detect_options, request_from
from .cli_report import EXAMPLE as REPORT_EXAMPLE
from .cli_report import add_report_options, run_report
from .devices import open_session
from .errors import Cancelled, told
from .interrupts import interrupts
from .lesions import Lesion
from .manifest import Manifest
from .model import DEFAULT_MODEL, read_manifest
from .outputs import NOTICE
from .resources import bundled_models
from .run import Outcome, run
from .summary import summarise

MOST_ROWS = 40


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, run, and turn every error into a message and an exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        The command line without the program's name.

    Returns
    -------
    int
        0 done, 2 the input or the call is wrong, 3 the model is wrong, 4 the machine failed,
        130 cancelled.
    """
    parser = _parser()
    parsed = parser.parse_args(arguments)
    screen = Console(stderr=True)
    with interrupts() as asked:
        try:
            return int(parsed.command(parsed, screen))
        except Exception as caught:
            if parsed.debug and not asked.requested:
                screen.print_exception()
            error = Cancelled() if asked.requested else told(caught)
    screen.print(f"[bold red]Error:[/] {_plain(error.message)}", highlight=False, soft_wrap=True)
    if error.hint:
        screen.print(f"       {_plain(error.hint)}", highlight=False, soft_wrap=True)
    return error.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cmb", description="Find cerebral microbleeds in T2*-weighted and SWI scans.", epilog=NOTICE
    )
    parser.add_argument("--version", action="version", version=f"slicer-cmb {__version__}")
    commands = parser.add_subparsers(title="commands", required=True)

    detect = commands.add_parser(
        "detect",
        help="find the microbleeds of one scan",
        description="Find the microbleeds of one scan; write a list, a segmentation and a report.",
        epilog="example: cmb detect sub-01_T2starw.nii.gz -o results/",
    )
    add_detect_options(detect)
    detect.set_defaults(command=_detect)

    batch = commands.add_parser(
        "batch",
        help="find the microbleeds of a whole BIDS dataset",
        description="Search every T2*-weighted and SWI scan of a BIDS dataset; write derivatives and a cohort page.",
        epilog=f"example: {BATCH_EXAMPLE}",
    )
    add_batch_options(batch)
    batch.set_defaults(command=run_batch)

    report = commands.add_parser(
        "report",
        help="make the report of earlier results anew, also as PDF and for the DICOM archive",
        description="Make the report of a result folder anew, with the reader's verdicts where there are some.",
        epilog=f"example: {REPORT_EXAMPLE}",
    )
    add_report_options(report)
    report.set_defaults(command=run_report)

    compare = commands.add_parser(
        "compare",
        help="compare two scans of a patient: what is new, gone or stable",
        description="Align two scans of a patient and call each microbleed new, gone, stable or not seen.",
        epilog=f"example: {COMPARE_EXAMPLE}",
    )
    add_compare_options(compare)
    compare.set_defaults(command=run_compare)

    grow = commands.add_parser(
        "grow",
        help="grow scribbles into masks",
        description="Grow painted scribbles into microbleed masks; write masks, growth curves and pictures.",
        epilog="example: cmb grow sub-01_T2starw.nii.gz --scribbles sub-01_scribbles.nii.gz -o grown/",
    )
    add_grow_options(grow)
    grow.set_defaults(command=_grow)

    annotate_import = commands.add_parser(
        "annotate-import",
        help="import annotations made in RedBrick AI",
        description="Turn RedBrick's export (JSON and numbered segments) into a study's annotation files.",
        epilog=f"example: {EXAMPLE}",
    )
    add_annotate_import_options(annotate_import)
    annotate_import.set_defaults(command=_annotate_import)

    if importlib.util.find_spec("CMBWeb"):  # 3D Slicer's extension has no page to serve
        _add_web(commands)

    models = commands.add_parser(
        "models",
        help="list the models and what is known of them",
        description="List the bundled models, or the given files, with their manifests.",
        epilog="example: cmb models --json",
    )
    models.add_argument("files", metavar="FILE", nargs="*", type=Path, help="model files (default: the bundled ones)")
    models.add_argument("--json", action="store_true", help="whole manifests as JSON")
    models.set_defaults(command=_models)
    for command in commands.choices.values():
        command.add_argument("--debug", action="store_true", help="show tracebacks")
    return parser


def _add_web(commands: Any) -> None:
    from CMBWeb.options import EXAMPLE as WEB_EXAMPLE
    from CMBWeb.options import add_web_options

    web = commands.add_parser(
        "web",
        help="detect and review in a browser",
        description="Serve a page with 3D Slicer's views: detect, review, scribble, export. Needs the extra web.",
        epilog=f"example: {WEB_EXAMPLE}",
    )
    add_web_options(web)
    web.set_defaults(command=_web)


def _detect(arguments: argparse.Namespace, screen: Console) -> int:
    request = request_from(arguments)
    with _progress_bar(screen) as progress:
        outcome = run(request, progress)
    _print_outcome(outcome, Console())
    return 0


def _grow(arguments: argparse.Namespace, screen: Console) -> int:
    with _progress_bar(screen) as progress:
        outcome = grow_from(arguments, progress)
    _print_grown(outcome, Console())
    return 0


def _annotate_import(arguments: argparse.Namespace, screen: Console) -> int:
    run_annotate_import(arguments)
    return 0


def _web(arguments: argparse.Namespace, screen: Console) -> int:
    from CMBWeb.cli import run_web  # brings aiohttp, which only the extra has

    return run_web(arguments, screen)


@contextmanager
def _progress_bar(screen: Console) -> Iterator[Callable[[float, str], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=screen, transient=True) as bar:
        task = bar.add_task("Starting", total=1.0)
        yield lambda fraction, message: bar.update(task, completed=fraction, description=message)


def _print_grown(outcome: GrowOutcome, page: Console) -> None:
    for note in outcome.notes:
        page.print(f"Note: {_plain(note)}", highlight=False, soft_wrap=True)
    table = Table(title="Grown lesions (positions: patient RAS, mm)", title_justify="left")
    for heading in ("id", "scribble", "R", "A", "S", "Ø mm", "voxels", "mode", "tol. %"):
        table.add_column(heading, justify="left" if heading == "mode" else "right")
    for one in outcome.lesions[:MOST_ROWS]:
        lesion = one.lesion
        tolerance = "" if lesion.tolerance_percent is None else f"{lesion.tolerance_percent:.1f}"
        position = (f"{c:.1f}" for c in lesion.centre_mm)
        size = (f"{lesion.diameter_mm:.1f}", str(len(lesion.mask)))
        table.add_row(str(one.id), str(one.stroke.label), *position, *size, lesion.mode, tolerance)
    page.print(table)
    for one in outcome.lesions:
        for note in one.lesion.notes:
            page.print(f"Lesion {one.id}: {_plain(note)}", highlight=False, soft_wrap=True)
    page.print(NOTICE, highlight=False, soft_wrap=True)
    page.print(f"  Masks: {outcome.files['labels']}", highlight=False, soft_wrap=True)
    page.print(f"   List: {outcome.files['json']}", highlight=False, soft_wrap=True)
    count = len(outcome.files["pictures"])
    page.print(
        f"Picture: {outcome.files['pictures'][0]}" + (f" and {count - 1} more" if count > 1 else ""),
        highlight=False,
        soft_wrap=True,
    )


def _print_outcome(outcome: Outcome, page: Console) -> None:
    detection = outcome.detection
    for note in outcome.notes:
        page.print(f"Note: {_plain(note)}", highlight=False, soft_wrap=True)
    if detection.accepted:
        page.print(_lesion_table(detection.accepted[:MOST_ROWS]))
    if len(detection.accepted) > MOST_ROWS:
        page.print(f"… and {len(detection.accepted) - MOST_ROWS} more, see the list.")
    page.print(summarise(detection.lesions)["sentence"], highlight=False, soft_wrap=True)
    page.print(f"Model: {detection.provenance['model']['name']}, on {detection.provenance['device']}.", highlight=False)
    training = detection.provenance["model"]["training"].get("statement")
    if training:
        page.print(_plain(training), highlight=False, soft_wrap=True)
    page.print(NOTICE, highlight=False, soft_wrap=True)
    for kind, name in (("report", "Report"), ("table", "Table"), ("labels", "Labels")):
        page.print(f"{name:>7}: {outcome.files[kind]}", highlight=False, soft_wrap=True)
    for kind, name in (("dicom_seg", "SEG"), ("dicom_sr", "SR")):
        if kind in outcome.files:
            page.print(f"{name:>7}: {outcome.files[kind]}", highlight=False, soft_wrap=True)


def _lesion_table(lesions: Sequence[Lesion]) -> Table:
    table = Table(title="Microbleeds (positions: patient RAS, mm)", title_justify="left")
    for heading in ("id", "R", "A", "S", "Ø mm", "mm³", "contrast", "prob."):
        table.add_column(heading, justify="right")
    mapped = any(row.region for row in lesions)
    if mapped:
        table.add_column("where")
    for row in lesions:
        position = (f"{row.r_mm:.1f}", f"{row.a_mm:.1f}", f"{row.s_mm:.1f}")
        size = (f"{row.diameter_mm:.1f}", f"{row.volume_mm3:.1f}")
        where = (f"{row.side} {row.region}".strip(),) if mapped else ()
        table.add_row(str(row.id), *position, *size, f"{row.contrast:.2f}", f"{row.probability:.2f}", *where)
    return table


def _models(arguments: argparse.Namespace, screen: Console) -> int:
    manifests: dict[str, Manifest] = {}
    for path in arguments.files or bundled_models():
        session, _ = open_session(path, "cpu")
        manifests[path.name] = read_manifest(session, path.name)
    page = Console()
    if arguments.json:
        page.print_json(json.dumps({name: json.loads(m.to_json()) for name, m in manifests.items()}))
        return 0
    for name, manifest in manifests.items():
        default = " (default)" if manifest.name == DEFAULT_MODEL else ""
        page.print(f"[bold]{name}[/]{default}  {manifest.task}, version {manifest.version}, {manifest.license}")
        spacing = " x ".join(f"{s:g}" for s in manifest.spacing_mm)
        page.print(
            f"  sequences {', '.join(manifest.sequences)}; voxels {spacing} mm; threshold {manifest.threshold:g}"
        )
        page.print(f"  {_plain(manifest.intended_use)}", highlight=False, soft_wrap=True)
    return 0


def _plain(text: str) -> str:
    """Keep square brackets in a message from being read as markup."""
    return text.replace("[", "\\[")


if __name__ == "__main__":
    sys.exit(main())
