"""Make subjects to train on from a BIDS dataset and the masks that were drawn in it.

    python training/gather.py --bids DATASET --masks annotations/ --out data/own
    python training/train.py --config training/configs/fine_tune.yaml --data data/own --split split.json \\
        --out runs/own --start-from cmb-detector-simulated

Masks come from CMB Scribble Grow (.seg.nrrd), `cmb grow` or `cmb detect`, or are label images; a scan without
one is left out and told, an empty one counts as a scan without lesions.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, gather, and tell what became of each scan."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bids", type=Path, required=True, help="BIDS dataset with T2starw, swi or GRE scans")
    parser.add_argument("--masks", type=Path, nargs="+", required=True, help="folders with the scans' masks")
    parser.add_argument("--out", type=Path, required=True, help="new folder for the subjects")
    parser.add_argument("--reader", help="whose masks of a .seg.nrrd count (default: all readers')")
    options = parser.parse_args(arguments)

    from CMBSegmentationLib.errors import CMBError
    from cmbtraining.data.bids import gather
    from cmbtraining.data.dataset import DatasetError
    from cmbtraining.data.masks import MaskError

    try:
        told = gather(options.bids, options.masks, options.out, options.reader)
    except CMBError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except (DatasetError, MaskError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for one in told:
        left_out = f", {one.not_accepted} masks left out that are not accepted" if one.not_accepted else ""
        print(f"{one.scan.name}: {f'{one.lesion_voxels} lesion voxels{left_out}' if one.mask else 'no mask, left out'}")
    print(options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
