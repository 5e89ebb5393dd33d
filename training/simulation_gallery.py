"""Show simulated scans beside what each contains, as one page: would a neuroradiologist take them for scans?

python training/simulation_gallery.py --data simulated/ --out gallery.html --count 20
"""

from __future__ import annotations

import argparse
import base64
import io
import json
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import SimpleITK as sitk
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cmbtraining.synthesis.covers import LOOSE
from cmbtraining.synthesis.mimics import KINDS

SLAB_MM = 12.0
COLOURS = {"microbleed": "#ff5a5a", "vessel": "#5ab0ff", "calcification": "#ffd75a", "cavernoma": "#c98aff"}
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Simulated scans</title>
<style>body{background:#14171a;color:#dfe3e6;font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:1200px}
img{width:100%}section{margin:2.5rem 0}h2{font-size:1.05rem;margin:0 0 .3rem}p{margin:.2rem 0;color:#a9b2b8}</style>
<h1>Simulated scans</h1><p>None of these is of a person. Left to right: the slice with the most
microbleeds, the same outlined (microbleeds red, calcification yellow, cavernoma violet), minimum-intensity slab of
{{ slab }} mm, coronal.</p>
{% for one in scans %}<section><h2>{{ one.name }} · {{ one.protocol }}</h2><p>{{ one.what }}</p>
<img alt="{{ one.name }}" src="data:image/png;base64,{{ one.picture }}"></section>{% endfor %}</html>"""


def main() -> None:
    """Draw every scan and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="as synthesize.py writes it")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=20)
    arguments = parser.parse_args()

    truths = sorted(arguments.data.glob("sub-*/*_truth.json"))
    if not truths:
        parser.error(f"no sub-*/*_truth.json in {arguments.data}")
    chosen = [truths[n] for n in np.linspace(0, len(truths) - 1, min(arguments.count, len(truths))).round().astype(int)]
    scans = [entry_of(path) for path in chosen]
    template = jinja2.Environment(autoescape=True).from_string(PAGE)
    arguments.out.write_text(template.render(scans=scans, slab=f"{SLAB_MM:g}"), encoding="utf-8")
    print(arguments.out)


def entry_of(truth: Path) -> dict[str, str]:
    """Name, protocol, contents and picture of one scan."""
    content = json.loads(truth.read_text())
    made = content["simulation"]
    stem = truth.parent / f"{truth.parent.name}_space-T2S"
    image = sitk.ReadImage(f"{stem}_desc-masked_T2S.nii.gz", sitk.sitkFloat32)
    lesions = sitk.GetArrayFromImage(sitk.ReadImage(f"{stem}_CMB.nii.gz")) > 0
    mimics_file = Path(f"{stem}_mimics.nii.gz")
    mimics = sitk.GetArrayFromImage(sitk.ReadImage(str(mimics_file))) if mimics_file.exists() else lesions * 0
    counts = np.bincount(mimics.ravel(), minlength=len(KINDS) + 1)[1:]
    kinds = [f"{kind} {n} voxels" for kind, n in zip(KINDS, counts, strict=True) if n]
    spacing = image.GetSpacing()
    parts = [
        f"{len(content['lesions'])} microbleeds",
        ", ".join(kinds) or "mimics not recorded",
        f"{'SWI' if made['swi'] else 'T2*'} at {made['b0_t']:g} T, TE {made['te_ms']:g} ms",
        f"{spacing[0]:.2f} x {spacing[1]:.2f} x {spacing[2]:.1f} mm",
        brain_mask_of(made),
        f"from {made['label_map']}, seed {made['seed']}",
    ]
    picture = draw(sitk.GetArrayFromImage(image), lesions, mimics, spacing)
    return {"name": truth.parent.name, "protocol": made["protocol"], "what": "; ".join(parts), "picture": picture}


def brain_mask_of(made: dict[str, Any]) -> str:
    """Say what of the head a scan keeps."""
    if made.get("brain_mask") == LOOSE:
        return f"loose mask, {100 * made['not_brain']:.0f} % not brain"
    return "skull-stripped" if made["skull_stripped"] else "with skull"


def draw(
    values: NDArray[np.float32], lesions: NDArray[np.bool_], mimics: NDArray[np.integer], spacing: tuple[float, ...]
) -> str:
    """Give four pictures in a row as base64 PNG."""
    area = lesions.sum(axis=(1, 2))
    k = int(area.argmax()) if area.any() else values.shape[0] // 2
    half = max(0, round(SLAB_MM / 2 / spacing[2]))
    slab = values[max(0, k - half) : k + half + 1].min(axis=0)
    row = values.shape[1] // 2
    top = float(np.percentile(values[values > 0], 99.7))
    figure = Figure(figsize=(14, 3.9), facecolor="#14171a", layout="constrained")
    panels = figure.subplots(1, 4)
    for axes, picture in zip(panels, (values[k], values[k], slab, values[::-1, row]), strict=True):
        ratio = spacing[2] / spacing[0] if picture.shape[0] == values.shape[0] else spacing[1] / spacing[0]
        axes.imshow(picture, cmap="gray", vmin=0, vmax=top, aspect=ratio)
        axes.axis("off")
    masks = {"microbleed": lesions[k]} | {kind: mimics[k] == 1 + KINDS.index(kind) for kind in KINDS[1:3]}
    for kind, mask in masks.items():
        if mask.any():
            panels[1].contour(mask, levels=[0.5], colors=COLOURS[kind], linewidths=0.8)
    stream = io.BytesIO()
    figure.savefig(stream, dpi=70, facecolor=figure.get_facecolor())
    return base64.b64encode(stream.getvalue()).decode()


if __name__ == "__main__":
    main()
