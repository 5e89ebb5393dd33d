"""Sound inputs of every kind that the program reads, and ways to break them, each told by a seed."""

from __future__ import annotations

import json
import shutil
import sys
import zipfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = (
    "CMBSegmentation",
    "CMBScribbleGrow",
    "CMBSegmentation/Testing",
    "CMBScribbleGrow/Testing",
    "training",
    "Testing",
    ".",
)
sys.path[:0] = [str(ROOT / folder) for folder in FOLDERS]

import numpy as np  # noqa: E402
import SimpleITK as sitk  # noqa: E402
from dicom_series import write_enhanced, write_series  # noqa: E402

NUMBERS = (
    "0",
    "-1",
    "1e400",
    "nan",
    "NaN",
    "99999999999999999999",
    "-0.0",
    "1e-300",
    "",
    "0x7f",
    "65536",
    "4294967296",
)
WORDS = (
    "null",
    "true",
    "[]",
    "{}",
    '""',
    '"\\u0000"',
    "[[[[[[[[]]]]]]]]",
    '"../../etc/passwd"',
    "1e999",
    "-1",
    "99999999999",
)
NUMBERS_IN_TEXT = b"0123456789"


def sound(kind: str, folder: Path) -> Path:
    """Write a sound input of a kind of `KINDS`; gives the file or folder to read."""
    folder.mkdir(parents=True, exist_ok=True)
    return KINDS[kind](folder)


def broken(path: Path, rng: np.random.Generator) -> Path:
    """Break an input in place: one file of a folder, or several.

    Parameters
    ----------
    path : Path
        What `sound` gave.
    rng : numpy.random.Generator

    Returns
    -------
    Path
        The same.
    """
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else _parts(path)
    for file in rng.choice(len(files), min(len(files), int(rng.choice((1, 1, 1, 3)))), replace=False):
        _break(files[int(file)], rng)
    return path


def _parts(path: Path) -> list[Path]:
    """A header's detached voxels count as a part of it."""
    beside = sorted(path.parent.glob(f"{path.name.split('.')[0]}.*"))
    return [path, *(other for other in beside if other != path)]


def _break(file: Path, rng: np.random.Generator) -> None:
    ways = [_flip, _flip, _flip_in_header, _flip_in_header, _cut, _grow, _repeat, _zero, _extreme, _extreme]
    if file.suffix in (".json", ".yaml", ".csv", ".mha", ".mhd", ".nrrd", ".nhdr"):
        ways = [_word, _word, _number, _number, _number, _line, _line, _cut, _flip_in_header]
    content = bytearray(file.read_bytes())
    for _ in range(int(rng.choice((1, 1, 2, 4)))):
        content = ways[int(rng.integers(len(ways)))](content, rng)
    file.write_bytes(bytes(content))


def _flip(content: bytearray, rng: np.random.Generator) -> bytearray:
    for at in rng.integers(0, max(1, len(content)), 8):
        if len(content):
            content[int(at)] = int(rng.integers(256))
    return content


def _flip_in_header(content: bytearray, rng: np.random.Generator) -> bytearray:
    return _flip(content[:600], rng) + content[600:]


def _cut(content: bytearray, rng: np.random.Generator) -> bytearray:
    return content[: int(rng.integers(0, len(content) + 1))]


def _grow(content: bytearray, rng: np.random.Generator) -> bytearray:
    at = int(rng.integers(0, len(content) + 1))
    return content[:at] + bytearray(rng.bytes(int(rng.integers(1, 400)))) + content[at:]


def _repeat(content: bytearray, rng: np.random.Generator) -> bytearray:
    begin = int(rng.integers(0, len(content) + 1))
    return content + content[begin : begin + int(rng.integers(1, 3000))]


def _zero(content: bytearray, rng: np.random.Generator) -> bytearray:
    begin = int(rng.integers(0, len(content) + 1))
    end = min(len(content), begin + int(rng.integers(1, 200)))
    content[begin:end] = bytes(end - begin)
    return content


def _extreme(content: bytearray, rng: np.random.Generator) -> bytearray:
    """Put an extreme binary number where a header may have one."""
    values = (
        np.float32(np.nan),
        np.float32(np.inf),
        np.float32(-1e38),
        np.float64(1e300),
        np.int16(-1),
        np.int32(2**31 - 1),
    )
    packed = values[int(rng.integers(len(values)))].tobytes()
    at = int(rng.integers(0, min(max(1, len(content) - 8), 600)))
    content[at : at + len(packed)] = packed
    return content


def _number(content: bytearray, rng: np.random.Generator) -> bytearray:
    """Put another number in the place of one that is written out."""
    places = [k for k in range(min(len(content), 20000)) if content[k] in NUMBERS_IN_TEXT]
    if not places:
        return content
    begin = end = places[int(rng.integers(len(places)))]
    while end < len(content) and (content[end] in NUMBERS_IN_TEXT or content[end] in b".-eE"):
        end += 1
    return content[:begin] + bytearray(rng.choice(NUMBERS).encode()) + content[end:]


def _word(content: bytearray, rng: np.random.Generator) -> bytearray:
    """Put something else in the place of a value."""
    places = [k for k in range(min(len(content), 20000)) if content[k : k + 1] in (b":", b"=", b",")]
    if not places:
        return content
    begin = places[int(rng.integers(len(places)))] + 1
    end = begin
    while end < len(content) and content[end : end + 1] not in (b",", b"\n", b"}", b"]"):
        end += 1
    return content[:begin] + bytearray(rng.choice(WORDS).encode()) + content[end:]


def _line(content: bytearray, rng: np.random.Generator) -> bytearray:
    """Drop, double or move a line."""
    lines = bytes(content).split(b"\n")
    at, to = (int(k) for k in rng.integers(0, len(lines), 2))
    line = lines.pop(at) if rng.random() < 0.6 else lines[at]
    if rng.random() < 0.6:
        lines.insert(to, line)
    return bytearray(b"\n".join(lines))


def a_small_scan() -> sitk.Image:
    """A head of noise, large enough to be one."""
    image = sitk.GetImageFromArray(np.random.default_rng(1).integers(10, 900, (10, 16, 14)).astype(np.int16))
    image.SetSpacing((4.0, 4.0, 5.0))
    image.SetOrigin((-20.0, -30.0, -10.0))
    return image


def _image(suffix: str, *, packed: bool = True) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = folder / f"scan{suffix}"
        sitk.WriteImage(a_small_scan(), str(path), packed)
        return path

    return write


def _labels(folder: Path) -> Path:
    scan = a_small_scan()
    sitk.WriteImage(scan, str(folder / "scan.nii.gz"))
    sitk.WriteImage(sitk.Cast(scan > 890, sitk.sitkUInt8), str(folder / "labels.nrrd"), True)
    return folder / "labels.nrrd"


def _series(folder: Path) -> Path:
    write_series(folder / "series")
    return folder / "series"


def _enhanced(folder: Path) -> Path:
    write_enhanced(folder / "one.dcm")
    return folder / "one.dcm"


def _scene(folder: Path) -> Path:
    sitk.WriteImage(a_small_scan(), str(folder / "scan.nrrd"), True)
    with zipfile.ZipFile(folder / "scene.mrb", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "scene/scene.mrml", '<MRML version="Volume4.4"><Volume id="v" fileName="Data/scan.nrrd"/></MRML>'
        )
        archive.write(folder / "scan.nrrd", "scene/Data/scan.nrrd")
    (folder / "scan.nrrd").unlink()
    return folder / "scene.mrb"


def _results(folder: Path) -> Path:
    from report_scans import a_detection

    from CMBSegmentationLib.running.write import write_results

    (folder / "results").mkdir()
    write_results(a_detection(), folder / "results", "scan", save_probability=True)
    for path in (folder / "results").glob("*.html"):
        path.unlink()
    return folder / "results"


def _study(folder: Path) -> Path:
    from annotated_study import full_study

    from CMBScribbleGrowLib.annotation.file import write_study

    write_study(folder / "study.json", full_study())
    return folder / "study.json"


def _manifest(folder: Path) -> Path:
    from dark_spots import MANIFEST

    (folder / "manifest.json").write_text(json.dumps(asdict(MANIFEST), indent=1), encoding="utf-8")
    return folder / "manifest.json"


def _model(folder: Path) -> Path:
    from dark_spots import write_dark_voxel_model

    return write_dark_voxel_model(folder / "model.onnx")


def _redbrick(folder: Path) -> Path:
    from annotated_study import small_scan
    from test_redbrick import labels, task

    scan = small_scan()
    sitk.WriteImage(scan, str(folder / "sub-01_swi.nii.gz"))
    sitk.WriteImage(labels(scan), str(folder / "labels.nii.gz"))
    (folder / "tasks.json").write_text(json.dumps([task()], indent=1), encoding="utf-8")
    return folder / "tasks.json"


def _worklist(folder: Path) -> Path:
    for name in ("a_swi.nii.gz", "b_swi.nii.gz"):
        (folder / name).write_bytes(b"")
    (folder / "list.csv").write_text("study,scan,priority\na,a_swi.nii.gz,tumour\nb,b_swi.nii.gz,\n", encoding="utf-8")
    return folder / "list.csv"


def _review(folder: Path) -> Path:
    from CMBSegmentationLib.detecting.candidates.grid import grid_of
    from CMBSegmentationLib.detecting.lesions import Lesion
    from CMBSegmentationLib.review.lesion_list import Numbering, Review, ReviewedLesion
    from CMBSegmentationLib.review.review_file import SavedReview, to_text
    from CMBSegmentationLib.vocabulary.verdicts import Verdict

    lesion = Lesion(1, "kept", 1.0, 2.0, 3.0, 14.0, 3.0, 1.1, 0.4, 0.8)
    kept = ReviewedLesion(1, np.arange(40, 44), lesion, 41, verdict=Verdict("accepted", reader="SI"))
    saved = SavedReview(Review(0.4, (kept,)), Numbering({41: 1}, 1), grid_of(a_small_scan()), "scan")
    (folder / "review.json").write_text(json.dumps(json.loads(to_text(saved)), indent=1), encoding="utf-8")
    return folder / "review.json"


def _config(folder: Path) -> Path:
    shutil.copy(ROOT / "training" / "configs" / "detector.yaml", folder / "config.yaml")
    return folder / "config.yaml"


KINDS: dict[str, Callable[[Path], Path]] = {
    "NIfTI": _image(".nii"),
    "NIfTI, gzip": _image(".nii.gz"),
    "NRRD": _image(".nrrd"),
    "NRRD, plain": _image(".nrrd", packed=False),
    "NRRD, detached": _image(".nhdr", packed=False),
    "MetaImage": _image(".mha"),
    "MetaImage, detached": _image(".mhd", packed=False),
    "DICOM series": _series,
    "DICOM, enhanced": _enhanced,
    "scribbles": _labels,
    "scene": _scene,
    "results": _results,
    "study": _study,
    "manifest": _manifest,
    "configuration": _config,
    "model": _model,
    "RedBrick": _redbrick,
    "worklist": _worklist,
    "review": _review,
}
