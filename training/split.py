"""Split a data set into training and validation subjects, stratified by cohort and by lesions yes/no.

python training/split.py --data preprocessed/ --out split.json               # 70/30, the paper's
python training/split.py --data preprocessed/ --out folds.json --folds 5
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from cmbtraining.data.dataset import DatasetError, find_subjects
from cmbtraining.data.splits import split_folds, split_share, strata, write_splits


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the masks, split, write the JSON, tell how many of which stratum went where."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="raw or preprocessed subjects")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--validation-share", type=float, default=0.3, help="default: 0.3")
    how.add_argument("--folds", type=int, help="k-fold instead")
    parser.add_argument("--seed", type=int, default=1, help="default: 1")
    options = parser.parse_args(arguments)
    try:
        stratum = strata(find_subjects(options.data))
        if options.folds is None:
            splits = split_share(stratum, options.validation_share, options.seed)
        else:
            splits = split_folds(stratum, options.folds, options.seed)
    except DatasetError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    write_splits(splits, stratum, options.seed, options.out)
    for number, split in enumerate(splits):
        sides = (Counter(stratum[name] for name in names) for names in (split.training, split.validation))
        training, validation = (", ".join(f"{count} {what}" for what, count in sorted(side.items())) for side in sides)
        print(f"fold {number}: training {training}; validation {validation}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
