"""The command `cmb`: microbleeds from the shell."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from CMBSegmentationLib import __version__
from CMBSegmentationLib.errors import Cancelled, told
from CMBSegmentationLib.vocabulary.notice import NOTICE


@dataclass(frozen=True)
class Command:
    """A command: its name, what it does in a line and in a sentence, how it is called.

    The module of its name in this package has ``add_options(parser)`` and ``run(arguments, screen)``, which gives the
    exit code.
    """

    name: str
    help: str
    description: str
    example: str

    @property
    def module(self) -> str:
        """Name of the module."""
        return f"{__package__}.{self.name.replace('-', '_')}"


COMMANDS = (
    Command(
        "detect",
        "find the microbleeds of one scan",
        "Find the microbleeds of one scan; write a list, a segmentation and a report.",
        "cmb detect sub-01_T2starw.nii.gz -o results/",
    ),
    Command(
        "batch",
        "find the microbleeds of a whole BIDS dataset",
        "Search every T2*-weighted and SWI scan of a BIDS dataset; write derivatives and a cohort page.",
        "cmb batch dataset/ dataset/derivatives/slicer-cmb",
    ),
    Command(
        "bids",
        "the same as a BIDS app, by participant and session",
        "Search the scans of participants and sessions of a BIDS dataset, or pool what was found: a BIDS app.",
        "cmb bids dataset/ dataset/derivatives/slicer-cmb participant --participant-label 01 02",
    ),
    Command(
        "node",
        "take studies from a DICOM archive, search them and send the results back",
        "Serve as a DICOM node: search each study that is sent, send SEG, SR and PDF back. Needs the extra node.",
        "cmb node /var/lib/cmb-node --send-to ARCHIVE@127.0.0.1:4242",
    ),
    Command(
        "report",
        "make the report of earlier results anew, also as PDF and for the DICOM archive",
        "Make the report of a result folder anew, with the reader's verdicts where there are some.",
        "cmb report results/ --scan sub-01_T2starw.nii.gz --pdf",
    ),
    Command(
        "methods",
        "word how the scans were searched for a paper, with references",
        "Print a methods paragraph made of what was really run, and its references as BibTeX.",
        "cmb methods results/",
    ),
    Command(
        "compare",
        "compare two scans of a patient: what is new, gone or stable",
        "Align two scans of a patient and call each microbleed new, gone, stable, there but not detected, or not seen.",
        "cmb compare sub-01_ses-1_T2starw.nii.gz sub-01_ses-2_T2starw.nii.gz -o changes/",
    ),
    Command(
        "grow",
        "grow scribbles into masks",
        "Grow painted scribbles into microbleed masks; write masks, growth curves and pictures.",
        "cmb grow sub-01_T2starw.nii.gz --scribbles sub-01_scribbles.nii.gz -o grown/",
    ),
    Command(
        "annotate-import",
        "import annotations made in RedBrick AI",
        "Turn RedBrick's export (JSON and numbered segments) into a study's annotation files.",
        "cmb annotate-import tasks.json --scan sub-01_swi.nii.gz -o annotations/ --reader SI",
    ),
    Command(
        "web",
        "detect and review in a browser",
        "Serve a page with 3D Slicer's views: detect, review, scribble, export. Needs the extra web.",
        "cmb web sub-01_T2starw.nii.gz",
    ),
    Command(
        "models",
        "list the models and what is known of them",
        "List the bundled models, or the given files, with their manifests.",
        "cmb models --json",
    ),
)
WEB = "web"


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
    given = list(sys.argv[1:] if arguments is None else arguments)
    names = {command.name for command in COMMANDS}
    parser = _parser(next((one for one in given if one in names), ""))
    if not given:
        parser.print_help()
        return 0
    parsed, unknown = parser.parse_known_args(given)
    if unknown:
        parsed.refuse(f"unrecognized arguments: {' '.join(unknown)}")

    from rich.console import Console  # a quarter of a second that help does without

    from CMBSegmentationLib.running.interrupts import interrupts

    from .printing import plain

    screen = Console(stderr=True)
    with interrupts() as asked:
        try:
            return int(parsed.run(parsed, screen))
        except Exception as caught:
            if parsed.debug and not asked.requested:
                screen.print_exception()
            error = Cancelled() if asked.requested else told(caught)
    screen.print(f"[bold red]Error:[/] {plain(error.message)}", highlight=False, soft_wrap=True)
    if error.hint:
        screen.print(f"       {plain(error.hint)}", highlight=False, soft_wrap=True)
    return error.exit_code


def _parser(chosen: str) -> argparse.ArgumentParser:
    """Build the parser; only the module of the chosen command is loaded, for its options."""
    parser = argparse.ArgumentParser(
        prog="cmb", description="Find cerebral microbleeds in T2*-weighted and SWI scans.", epilog=NOTICE
    )
    parser.add_argument("--version", action="version", version=f"slicer-cmb {__version__}")
    commands = parser.add_subparsers(title="commands", required=True)
    for command in COMMANDS:
        if command.name == WEB and not importlib.util.find_spec("CMBWeb"):
            continue
        own = commands.add_parser(
            command.name, help=command.help, description=command.description, epilog=f"example: {command.example}"
        )
        if command.name == chosen:
            module = importlib.import_module(command.module)
            module.add_options(own)
            own.set_defaults(run=module.run, refuse=own.error)
        own.add_argument("--debug", action="store_true", help="show tracebacks")
    return parser


if __name__ == "__main__":
    sys.exit(main())
