"""One run from a scan on disk to a folder of results; the shell and the worker both call this."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import SimpleITK as sitk

from ..detecting.detect import Detection, Settings, detect
from ..detecting.parcellation.given import read_parcellation
from ..dicom_out import DicomExport, dicom_objects, prepare_export, write_objects
from ..errors import MachineError
from ..files.present import check_present
from ..models.loaded_models import StageChoice, Stages, load_stages
from ..progress import Clock, Progress, no_progress, part_of
from ..reading.apart import apart, read_label_image_apart, read_phases_apart, read_scan_apart
from ..reading.scan import Scan, scan_stem
from ..reading.scan_identity import ScanName, identity_of, scan_name_of, voxels_sha256
from ..results.deidentify import NOTE, Pseudonyms, check_holds_no_names, unnamed_search
from ..results.folder import check_output_folder
from ..results.names import all_names
from ..vocabulary.verdicts import utc_now
from .write import write_results


@dataclass(frozen=True)
class Request:
    """What a user asked for.

    Attributes
    ----------
    scan : Path
        File or DICOM folder.
    out : Path
        Folder for the results.
    series : str or None
        Number or UID of the DICOM series; None takes the most suitable one.
    model : str or None
        Path or bundled name; None takes the default.
    device : str
    stages : StageChoice
        Whether regions are mapped and candidates verified.
    settings : Settings
    mask : Path or None
        Brain mask on the scan's grid.
    parcellation : Path or None
        Label image with FreeSurfer's numbers, in place of the map of regions.
    phase : tuple of Path
        Phase images of the scan: files or DICOM folders, its own echo's last; none looks for them.
    save_probability, overwrite : bool
    dicom : DicomExport or None
        Also write DICOM objects.
    pseudonyms : Pseudonyms or None
        In place of the scan's name in the results and their file names, which then say nothing of how it was read.
    uri : str
        BIDS URI by which the results name the scan.
    origin : ScanName or None
        Of a scan that a front end has read and hands over in another file: the name it was opened by, and its UIDs.
    """

    scan: Path
    out: Path
    series: str | None = None
    model: str | None = None
    device: str = "auto"
    stages: StageChoice = field(default_factory=StageChoice)
    settings: Settings = field(default_factory=Settings)
    mask: Path | None = None
    parcellation: Path | None = None
    phase: tuple[Path, ...] = ()
    save_probability: bool = False
    overwrite: bool = False
    dicom: DicomExport | None = None
    pseudonyms: Pseudonyms | None = None
    uri: str = ""
    origin: ScanName | None = None


@dataclass(frozen=True)
class Outcome:
    """A finished run: the detection, its files by kind, and notes for the user."""

    detection: Detection
    files: dict[str, Path]
    notes: tuple[str, ...]


def run(request: Request, progress: Progress = no_progress, *, loaded: Stages | None = None) -> Outcome:
    """Read, detect, write.

    Parameters
    ----------
    request : Request
    progress : Progress, optional
    loaded : Stages, optional
        In place of the request's, for who searches many scans.

    Returns
    -------
    Outcome

    Raises
    ------
    CMBError
        Of the kind that says who can help: the input, the model or the machine.
    """
    stem = scan_stem(request.scan)
    check_present(request.scan)
    pseudonyms = request.pseudonyms  # files are named by them, or by the series, once the scan is read
    if pseudonyms is not None:
        check_holds_no_names(request.out)
    is_named_later = pseudonyms is not None or request.series is not None
    check_output_folder(request.out, () if is_named_later else all_names(stem), request.overwrite)
    clock = Clock()
    parcellation = None
    if request.parcellation is not None:  # what is wrong with it is told before any other work
        parcellation = apart(read_parcellation, request.parcellation, name=request.parcellation.name)
    progress(0.0, "Loading the models")
    stages = loaded or load_stages(request.model, request.device, request.stages)
    clock.lap("model")
    progress(0.02, "Reading the scan")
    scan = read_scan_apart(request.scan, request.series)
    if pseudonyms is None and request.series is not None:
        stem = scan.stem
        check_output_folder(request.out, all_names(stem), request.overwrite)
    source = None if request.dicom is None else prepare_export(scan.frames, request.scan.name, request.dicom)
    notes, name = (*scan.notes, *stages.notes, *(source.notes if source else ())), request.scan.name or stem
    if pseudonyms is not None:
        stem = name = pseudonyms.stem(stem, scan.frames)
        notes = (NOTE, *stages.notes)
        check_output_folder(request.out, all_names(stem), request.overwrite)
    mask = None if request.mask is None else read_label_image_apart(request.mask)
    if parcellation is not None:
        notes = (*notes, *(() if pseudonyms else parcellation.notes))
    phases, paired = read_phases_apart(scan, request.phase)
    clock.lap("read")
    try:
        detection = detect(
            scan.image,
            model=stages.detector,
            settings=request.settings,
            progress=part_of(progress, 0.05, 0.95),
            mask=mask,
            regions=stages.regions,
            verifier=stages.verifier,
            parcellation=parcellation,
            phases=phases,
        )
        clock.lap("detect")
        progress(0.95, "Writing the results")
        seconds = {**clock.laps, **detection.search.seconds}
        del seconds["detect"]  # is the sum of its own steps
        said = () if pseudonyms else (*paired, *detection.search.phase)  # they name files and series
        notes = (*notes, *said)
        if pseudonyms is None:
            search = replace(detection.search, scan=_name_of(scan, request), phase=said)
        else:
            search = unnamed_search(detection.search, name)
        detection = replace(detection, search=replace(search, date=utc_now(), seconds=seconds))
        files = write_results(
            detection,
            request.out,
            stem,
            notes=notes,
            save_probability=request.save_probability,
            header=scan.header,
        )
        if source is not None:
            files |= write_objects(lambda: dicom_objects(detection, source), request.out, stem)
    except MemoryError as error:
        raise _out_of_memory(scan.image) from error
    except RuntimeError as error:
        if "memory" in str(error).lower() or "bad alloc" in str(error).lower():
            raise _out_of_memory(scan.image) from error
        raise
    progress(1.0, "Done")
    return Outcome(detection, files, notes)


def _name_of(scan: Scan, request: Request) -> ScanName:
    """Name a scan as its results do."""
    if request.origin is not None:
        return replace(request.origin, voxels_sha256=voxels_sha256(scan.image))
    named = scan_name_of(scan.image, identity_of(scan), request.scan.name or scan.stem)
    return replace(named, uri=request.uri)


def _out_of_memory(image: sitk.Image) -> MachineError:
    size = " x ".join(str(n) for n in image.GetSize())
    return MachineError(
        f"There is not enough memory for a scan of {size} voxels.", "Close other programs and try again."
    )
