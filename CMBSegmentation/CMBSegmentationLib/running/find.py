"""The whole search in one call, for programs and notebooks: a scan in, a `Detection` out, nothing on disk."""

from __future__ import annotations

from pathlib import Path

import SimpleITK as sitk

from ..detecting.detect import Detection, Settings, detect
from ..detecting.parcellation.given import Parcellation, checked_parcellation, read_parcellation
from ..models.loaded_models import AUTO, NONE, StageChoice, Stages, load_stages
from ..progress import Progress, no_progress
from ..reading.phase.image import PhaseImage
from ..reading.phase.pairing import read_phases
from ..reading.scan import Scan, checked_scan, read_scan


def find_microbleeds(
    scan: Path | str | Scan | sitk.Image,
    *,
    model: str | None = None,
    device: str = "auto",
    threshold: float | None = None,
    regions: str = AUTO,
    verifier: str = AUTO,
    mask: sitk.Image | None = None,
    parcellation: Path | str | sitk.Image | None = None,
    progress: Progress = no_progress,
    loaded: Stages | None = None,
) -> Detection:
    """Find the microbleeds of a scan with all stages, as `cmb detect` does.

    Parameters
    ----------
    scan : Path, str, Scan or SimpleITK.Image
        A file or DICOM folder, or what `read_scan` gave: its phase is used where it is found. Or a T2*-weighted or SWI
        volume of any geometry, without phase.
    model : str, optional
        The detector: path or bundled name; None takes the default.
    device : {"auto", "cuda", "openvino", "coreml", "cpu"}
    threshold : float, optional
        Probability from which a candidate counts, 0.001 to 0.999; None takes the model's.
    regions, verifier : str
        Path or bundled name of the later stages' models, ``auto`` for the bundled ones, ``none`` to do without.
    mask : SimpleITK.Image, optional
        Brain mask on the scan's grid, in place of the one that is found.
    parcellation : Path, str or SimpleITK.Image, optional
        FreeSurfer's aseg or aparc+aseg, or SynthSeg's output, in the scan's own frame and on any grid: regions, sides
        and fluid come from it, in place of the map of regions.
    progress : callable, optional
        Called with the fraction that is done and with what is being done; it may raise `Cancelled`.
    loaded : Stages, optional
        Models from `load_stages`, in place of the named ones: loads them once for many scans.

    Returns
    -------
    Detection
        Everything on the scan's own grid; positions are patient RAS, mm. `running.write.write_results` writes it.

    Raises
    ------
    InputError
        The scan cannot be read or understood, or a value is wrong.
    ModelError
        A model is missing, damaged, or for another task.
    MachineError
        The hardware that was asked for is not there.

    Examples
    --------
    >>> from CMBSegmentationLib import find_microbleeds, sample_scan
    >>> for lesion in find_microbleeds(sample_scan()).listed:  # doctest: +SKIP
    ...     print(f"{lesion.diameter_mm:.1f} mm, {lesion.side} {lesion.region}, {lesion.probability:.2f}")
    """
    settings = Settings(threshold=threshold)
    given = None if parcellation is None else _parcellation(parcellation)
    stages = loaded or load_stages(model, device, StageChoice(regions if given is None else NONE, verifier))
    phases: tuple[PhaseImage, ...] = ()
    if isinstance(scan, sitk.Image):
        scan = checked_scan(scan, Path("scan"))
    else:
        scan = scan if isinstance(scan, Scan) else read_scan(Path(scan))
        phases, _ = read_phases(scan)
    return detect(
        scan.image,
        model=stages.detector,
        settings=settings,
        progress=progress,
        mask=mask,
        regions=stages.regions,
        verifier=stages.verifier,
        parcellation=given,
        phases=phases,
    )


def _parcellation(given: Path | str | sitk.Image) -> Parcellation:
    if isinstance(given, sitk.Image):
        return checked_parcellation(given, "The parcellation")
    return read_parcellation(Path(given))
