"""Predict a data set, score masks against truth, and aggregate scores into Table V.

    python training/evaluate.py predict   --model cmb-detector.onnx --data VALDO/ --split split.json --out predicted/ \\
        [--regions none]
    python training/evaluate.py score     --predictions predicted/ --truth VALDO/ --split split.json --out scores/
    python training/evaluate.py aggregate scores/per_subject.csv

``aggregate`` reads any table with the columns subject, n_true, n_pred, n_matched, dice; results by
lesion size, the FROC curve and the field's other rules (`cmbtraining.evaluation.field_rules`: VALDO's, the mean
over subjects, touching components pooled) need the lesions.csv that ``score`` writes beside it.

The figures of ``benchmark_models.py`` are of simulated scans. For the same figures of other scans (VALDO itself, or
real heads with lesions implanted into them), lay the scans out as VALDO does, one folder a subject:

    DATA/sub-NAME/sub-NAME_space-T2S_desc-masked_T2S.nii.gz    the scan
    DATA/sub-NAME/sub-NAME_space-T2S_CMB.nii.gz                the mask of its microbleeds, on the same grid

and run the three steps without ``--split``. All three stages search unless ``--regions none`` and ``--verifier
none`` say otherwise. Masks that another program predicted are scored as they are: ``score --predictions`` takes any
folder with one ``sub-NAME*.nii.gz`` a subject, on the scan's grid.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import track

PARTS = ("validation", "training")
AUTO = "auto"  # `models.loaded_models.AUTO`; the core takes long to import


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and run one of the three steps."""
    options = _parser().parse_args(arguments)

    from CMBSegmentationLib.errors import CMBError
    from cmbtraining.data.dataset import DatasetError
    from cmbtraining.evaluation.score_files import ScoreError

    try:
        options.step(options)
    except CMBError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except (ScoreError, DatasetError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def predict(options: argparse.Namespace) -> None:
    """Detect in every scan through the core, and write what ``cmb detect`` writes; finished scans are left."""
    from CMBSegmentationLib.detecting.detect import Settings
    from CMBSegmentationLib.models.loaded_models import StageChoice
    from cmbtraining.evaluation.predicting import predict_subject

    settings, stages = Settings(threshold=options.threshold), StageChoice(options.regions, options.verifier)
    for subject in track(_subjects(options, options.data), "Predicting", console=Console(stderr=True)):
        predict_subject(subject, options.model, options.out, device=options.device, settings=settings, stages=stages)
    print(options.out)


def score(options: argparse.Namespace) -> None:
    """Write per_subject.csv, lesions.csv, gallery.html, and the FROC curve where there are probabilities."""
    from cmbtraining.evaluation.froc import draw_froc, froc
    from cmbtraining.evaluation.gallery import gallery_html, subject_tiles
    from cmbtraining.evaluation.score_files import LesionScore, SubjectScore, write_table
    from cmbtraining.evaluation.scoring import find_prediction, score_subject

    subjects = _subjects(options, options.truth)
    predictions = [find_prediction(options.predictions, subject.name) for subject in subjects]
    rows, lesions, tiles = [], [], []
    for subject, prediction in zip(track(subjects, "Scoring", console=Console(stderr=True)), predictions, strict=True):
        row, found = score_subject(subject.name, subject.mask, prediction)
        rows.append(row)
        lesions += found
        tiles += subject_tiles(subject.image, subject.mask, prediction, found, options.rule)
    options.out.mkdir(parents=True, exist_ok=True)
    write_table(rows, SubjectScore, options.out / "per_subject.csv")
    write_table(lesions, LesionScore, options.out / "lesions.csv")
    title = f"{options.predictions.name} against {options.truth.name}"
    (options.out / "gallery.html").write_text(gallery_html(tiles, title), encoding="utf-8")
    points = froc(lesions, [row.subject for row in rows])
    if points:
        draw_froc(points, options.out / "froc.png")
    print(options.out / "per_subject.csv")


def aggregate(options: argparse.Namespace) -> None:
    """Print Table V's figures, or give them as JSON."""
    from cmbtraining.benchmark.report_table import print_tables
    from cmbtraining.evaluation.aggregate import aggregate as aggregated
    from cmbtraining.evaluation.aggregate import field_tables, json_ready, print_table_v
    from cmbtraining.evaluation.burden import burden
    from cmbtraining.evaluation.field_rules import by_field_rules
    from cmbtraining.evaluation.score_files import counts_of, read_lesions, read_subjects

    rows = read_subjects(options.table)
    beside = options.table.with_name("lesions.csv")
    lesions = read_lesions(beside) if beside.exists() else []
    result = aggregated(rows, lesions, rule=options.rule, repeats=options.repeats, seed=options.seed)
    pooled = any(one.pool for one in lesions)  # not so in tables of earlier versions
    result["field_rules"] = json_ready(by_field_rules(rows, lesions, options.repeats)) if pooled else {}
    result["burden"] = json_ready(burden(counts_of(rows, options.rule), options.repeats))
    if options.json:
        print(json.dumps(result, indent=1))
    else:
        console = Console(soft_wrap=True, highlight=False)
        print_table_v(result, console)
        print_tables(field_tables(result["field_rules"], result["burden"]), console)


def _subjects(options: argparse.Namespace, folder: Path) -> list:
    """Take the subjects of a raw folder that the split names; all of them without one."""
    from cmbtraining.data.dataset import DatasetError, find_subjects
    from cmbtraining.data.splits import chosen, read_split

    subjects = find_subjects(folder)
    if any(subject.form for subject in subjects):
        raise DatasetError(f"{folder} holds preprocessed subjects; give the raw ones, on whose grid results are.")
    names = [subject.name for subject in subjects]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DatasetError(f"{', '.join(twice)}: more than one scan of a subject; give a folder with one each.")
    if options.split is None:
        return subjects
    split = read_split(options.split, options.fold)
    return chosen(subjects, getattr(split, options.part))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(required=True, metavar="predict|score|aggregate")
    rule = argparse.ArgumentParser(add_help=False)
    rule.add_argument("--rule", choices=("overlap", "centres"), default="overlap", help="matching rule")

    part = argparse.ArgumentParser(add_help=False)
    part.add_argument("--split", type=Path, help="JSON of split.py (default: all subjects)")
    part.add_argument("--fold", type=int, default=0, help="of the split, counted from 0")
    part.add_argument("--part", choices=PARTS, default=PARTS[0], help=f"side of the split (default: {PARTS[0]})")

    one = steps.add_parser("predict", parents=[part], help="run a model over a data set")
    one.add_argument("--model", required=True, help="an .onnx file, or a bundled model's name")
    one.add_argument("--data", type=Path, required=True, help="subjects in VALDO's layout")
    one.add_argument("--out", type=Path, required=True, help="folder for labels and lesion lists")
    one.add_argument("--device", default="auto", help="auto, cuda, openvino, coreml or cpu")
    one.add_argument("--threshold", type=float, help="default: the model's")
    one.add_argument("--regions", default=AUTO, help="model that maps the regions; none for the network alone")
    one.add_argument("--verifier", default=AUTO, help="model that judges candidates; none for the detector alone")
    one.set_defaults(step=predict)

    one = steps.add_parser("score", parents=[rule, part], help="masks against truth")
    one.add_argument("--predictions", type=Path, required=True, help="folder with a mask or label file a subject")
    one.add_argument("--truth", type=Path, required=True, help="subjects in VALDO's layout")
    one.add_argument("--out", type=Path, required=True, help="folder for the tables and the gallery")
    one.set_defaults(step=score)

    one = steps.add_parser("aggregate", parents=[rule], help="scores into Table V")
    one.add_argument("table", type=Path, help="per_subject.csv")
    one.add_argument("--json", action="store_true", help="print JSON instead of tables")
    one.add_argument("--repeats", type=int, default=2000, help="bootstrap draws (default: 2000)")
    one.add_argument("--seed", type=int, default=0, help="of the bootstrap (default: 0)")
    one.set_defaults(step=aggregate)
    return parser


if __name__ == "__main__":
    sys.exit(main())
