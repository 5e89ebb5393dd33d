"""Name the MARS regions of label maps, by registering the MARS atlas to the structures of each.

    python training/make_region_maps.py --label-maps LABELS/ --atlas MARS_scale_parcellation_map_mni.nii.gz \\
        --out region_maps/

Writes a UInt8 map beside each name: 0 background, 1 CSF, k + 1 region k of the atlas. About 40 s a map.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import SimpleITK as sitk
from rich.progress import track

from CMBSegmentationLib.files.atomic_file import put_in_place
from cmbtraining.regions.atlas import read_atlas, region_map
from cmbtraining.synthesis.anatomy import read_labels


def main() -> None:
    """Make the maps that are not there yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--label-maps", type=Path, required=True, help="folder of label maps (*.nii.gz)")
    parser.add_argument("--atlas", type=Path, required=True, help="MARS' parcellation in MNI space")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()

    maps = sorted(arguments.label_maps.glob("*.nii*"))
    if not maps:
        parser.error(f"no label maps (*.nii.gz) in {arguments.label_maps}")
    if not arguments.atlas.is_file():
        parser.error(f"there is no atlas {arguments.atlas}")
    arguments.out.mkdir(parents=True, exist_ok=True)
    atlas = read_atlas(arguments.atlas)
    todo = [path for path in maps if not (arguments.out / path.name).exists()]
    for path in track(todo, "Registering the atlas"):
        draft = arguments.out / f".draft-{path.name}"
        sitk.WriteImage(region_map(read_labels(path), atlas), str(draft), True)
        put_in_place(draft, arguments.out / path.name)


if __name__ == "__main__":
    main()
