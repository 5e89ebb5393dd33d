"""Where the bundled files lie: in a checkout, in Slicer's install tree, or in an installed wheel."""

from __future__ import annotations

from pathlib import Path

from ..errors import MachineError


def resource_folder() -> Path:
    """Find the folder with Models/ and SampleData/.

    Returns
    -------
    Path

    Raises
    ------
    MachineError
        The installation is not whole.
    """
    here = Path(__file__).resolve().parent
    for base in (here, *here.parents[:3]):
        folder = base / "Resources"
        if (folder / "Models").is_dir():
            return folder
    raise MachineError("The folder Resources/Models is missing.", "Install the program again.")


def bundled_models() -> list[Path]:
    """List the model files that came with the program."""
    return sorted((resource_folder() / "Models").glob("*.onnx"))


def sample_scan() -> Path:
    """Give the bundled simulated scan."""
    return resource_folder() / "SampleData" / "cmb-sample_T2starw.nii.gz"
