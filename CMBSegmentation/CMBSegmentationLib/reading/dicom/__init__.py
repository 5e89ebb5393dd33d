"""DICOM: files into series, and the one that shows microbleeds best."""
