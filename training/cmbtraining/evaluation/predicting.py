"""A model over a data set, by the same call that `cmb detect` makes."""

from __future__ import annotations

from pathlib import Path

from CMBSegmentationLib.detecting.detect import Settings
from CMBSegmentationLib.models.loaded_models import StageChoice
from CMBSegmentationLib.reading.scan import scan_stem
from CMBSegmentationLib.results.names import result_names
from CMBSegmentationLib.running.run import Request, run

from ..data.dataset import Subject


def predict_subject(
    subject: Subject, model: str, out: Path, *, device: str, settings: Settings, stages: StageChoice
) -> Path:
    """Write a subject's labels, lesion list and report; leave them where they are there.

    Parameters
    ----------
    subject : Subject
        Raw: results are on the scan's own grid, where the truth is.
    model : str
        An .onnx file or a bundled model's name.
    out : Path
        Gets a folder with the subject's name.
    device : str
    settings : Settings
    stages : StageChoice
        What takes part beside the model.

    Returns
    -------
    Path
        The labels.

    Raises
    ------
    CMBError
        As `CMBSegmentationLib.running.run.run`.
    """
    folder = out / subject.name
    names = result_names(scan_stem(subject.image), probability=False)
    if not all((folder / name).exists() for name in names.values()):
        request = Request(
            subject.image, folder, model=model, device=device, stages=stages, settings=settings, overwrite=True
        )
        run(request)
    return folder / names["labels"]
