"""Microbleeds from Python: cells for a notebook, or a script. Research software, not a medical device."""

# %%
from pathlib import Path

from CMBSegmentationLib import find_microbleeds, read_scan, sample_scan, write_results

scan = read_scan(sample_scan())  # any file or DICOM folder
print(scan.image.GetSize(), scan.image.GetSpacing(), scan.notes)

# %% [markdown]
# All stages by default, as `cmb detect`: the detector, the map of regions, the verifier.

# %%
detection = find_microbleeds(scan, progress=lambda done, what: print(f"{done:4.0%}  {what}"))
for lesion in detection.listed:
    place = f"RAS {lesion.r_mm:6.1f} {lesion.a_mm:6.1f} {lesion.s_mm:6.1f} mm, {lesion.side} {lesion.region}"
    print(f"{lesion.id:3d}  {place}  {lesion.diameter_mm:4.1f} mm  {lesion.probability:.2f}")

# %% [markdown]
# Another threshold lists the same search anew; nothing is searched again.

# %%
sensitive = detection.rethresholded(0.12)
print(len(sensitive.listed), "at 0.12, of", len(sensitive.lesions), "candidates; the others say why they were dropped")

# %% [markdown]
# The files of `cmb detect`: list, segmentation on the scan's own grid, report.

# %%
files = write_results(detection, Path("results"), scan.stem, header=scan.header)
print(files["report"])
