"""DICOM and DICOMweb: taking images, answering commitments, sending results, asking an archive."""
