"""Subjects in VALDO's layout for tests: a bright ball of brain with dark boxes as lesions."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk

COHORT_GRIDS = {  # cohort's first digit: voxels (x, y, z) and mm, VALDO's geometries on a small head
    "1": ((72, 72, 10), (0.449, 0.449, 4.0)),
    "2": ((72, 72, 40), (0.488, 0.488, 0.8)),
    "3": ((40, 40, 12), (1.0, 1.0, 3.0)),
}
LAS = (1, 0, 0, 0, -1, 0, 0, 0, 1)  # direction cosines, LPS frame


def grid(size, spacing) -> sitk.Image:
    image = sitk.Image(size, sitk.sitkFloat32)
    image.SetSpacing(spacing)
    image.SetDirection(LAS)
    image.SetOrigin((-17.0, 16.0, -14.0))
    return image


def filled(values: np.ndarray, like: sitk.Image) -> sitk.Image:
    image = sitk.GetImageFromArray(values)
    image.CopyInformation(like)
    return image


def brain_ball(like: sitk.Image) -> np.ndarray:
    """Voxels (z, y, x) of an ellipsoid that fills 80 % of the grid."""
    axes = [np.linspace(-1, 1, n) for n in like.GetSize()[::-1]]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    return z**2 + y**2 + x**2 < 0.8**2


def write_subject(
    folder: Path, name: str, lesions: int = 2, *, seed: int = 0, mask_as: str = "binary", sequences=("T2S", "T1", "T2")
) -> Path:
    """Write one subject; `mask_as` is binary, fractional or inverted. Returns its folder."""
    size, spacing = COHORT_GRIDS[name.removeprefix("sub-")[0]]
    like = grid(size, spacing)
    rng = np.random.default_rng([seed, int(name.removeprefix("sub-"))])
    ball = brain_ball(like)
    mask = np.zeros(ball.shape, np.uint8)
    for k in range(lesions):
        z, y, x = (int(n * f) for n, f in zip(ball.shape, (0.5, 0.35 + 0.1 * k, 0.4 + 0.1 * (k % 2)), strict=True))
        half = [max(1, round(1.5 / s)) for s in spacing]
        mask[z : z + half[2], y : y + half[1], x : x + half[0]] = 1
    subject = folder / name
    subject.mkdir(parents=True)
    for number, sequence in enumerate(sequences):
        values = np.where(ball, 400.0 + 100 * number, 0.0) + rng.normal(0, 8, ball.shape) * ball
        if sequence == "T2S":
            values[mask > 0] = 60
        path = subject / f"{name}_space-T2S_desc-masked_{sequence}.nii.gz"
        sitk.WriteImage(filled(values.astype(np.float32), like), str(path))
    written = {"binary": mask, "fractional": mask * np.float32(0.8), "inverted": 1 - mask}[mask_as]
    sitk.WriteImage(filled(written, like), str(subject / f"{name}_space-T2S_CMB.nii.gz"))
    return subject
