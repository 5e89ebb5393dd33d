"""What a model is given: the grid and brightness that a detector expects, the crops that a verifier sees."""

from __future__ import annotations

from dataclasses import dataclass

NORMALIZATIONS = ("zscore", "zscore-brain", "local-tissue")
CROP = (24, 24, 16)
"""Of a candidate, for a verifier: voxels of the detector's grid; the second scale covers twice that."""
CHANNELS = (
    *("scan", "detector's probability", "scan at half the resolution"),
    *("share of fluid", "share of parenchyma around the candidate"),
)  # a verifier takes the first three, or all


@dataclass(frozen=True)
class InputSpec:
    """What a model expects of its input array.

    Parameters
    ----------
    axes : str
        Directions in which the array's three axes run, such as ``"RAS"``: the first axis towards
        the patient's right, the second anterior, the third superior.
    spacing_mm : tuple of float
        Voxel size along those axes, mm.
    normalization : {"zscore", "zscore-brain", "local-tissue"}
        Zero mean and unit variance over the whole cropped array (the paper's), or over the brain; or the signal
        against the tissue around it (`detecting.tissue_level`): 0 as bright, -4 black, +4 twice as bright or more.
    """

    axes: str
    spacing_mm: tuple[float, float, float]
    normalization: str
