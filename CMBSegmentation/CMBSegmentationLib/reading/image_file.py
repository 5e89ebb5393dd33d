"""The one place where an image file of a user is handed to a reader: its header was checked, its kind is known.

SimpleITK asks the content of a file which of its twenty readers takes it, and some of them open other files that the
content names. So the reader is chosen here, by the file's name, and only among those whose headers are checked.
"""

from __future__ import annotations

from pathlib import Path

import SimpleITK as sitk

from .image_header import META_SUFFIXES, NRRD_SUFFIXES, check_header

NIFTI_SUFFIXES = (".nii", ".nii.gz")
READERS = {
    **dict.fromkeys(NIFTI_SUFFIXES, "NiftiImageIO"),
    **dict.fromkeys(NRRD_SUFFIXES, "NrrdImageIO"),
    **dict.fromkeys(META_SUFFIXES, "MetaImageIO"),
}
DICOM_READER = "GDCMImageIO"


def read_image(path: Path) -> sitk.Image:
    """Read a NIfTI, NRRD or MetaImage file; other kinds are refused, whatever they hold.

    Parameters
    ----------
    path : Path

    Returns
    -------
    SimpleITK.Image
        As it is stored, of any dimension; of NIfTI in ITK's idea of where it lies (`read_nifti` has nibabel's).

    Raises
    ------
    InputError
        It points to another file, or claims more voxels than are read.
    RuntimeError
        It is missing, damaged, or of another kind.
    """
    return reader_of(path).Execute()


def reader_of(path: Path) -> sitk.ImageFileReader:
    """Give a reader that has not read yet, after the header was checked; raises as `read_image`."""
    name = path.name.lower()
    reader = next((reader for suffix, reader in READERS.items() if name.endswith(suffix)), None)
    if reader is None or not path.is_file():
        raise RuntimeError("it is of another kind" if path.exists() else "it is not there")
    check_header(path)
    file_reader = sitk.ImageFileReader()
    file_reader.SetImageIO(reader)
    file_reader.SetFileName(str(path))
    return file_reader


def read_dicom_image(path: Path) -> sitk.Image:
    """Read a DICOM file whatever its name says; `RuntimeError` where that fails."""
    return sitk.ReadImage(str(path), imageIO=DICOM_READER)
