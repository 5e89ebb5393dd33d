"""Every string of the report, in English: another language is another dictionary with these keys."""

from __future__ import annotations

from ..vocabulary.published.references import BOMBS, BOSTON, GREENBERG, MARS

SAY = {
    "language": "en",
    "title": "Cerebral microbleeds",
    "notice": "Research software, not a medical device.",
    "notice_more": "Not for diagnosis or treatment: a qualified reader must confirm every finding.",
    "outlines": "Outlines",
    "voxels_of": "{size} voxels of {spacing} mm",
    "off_axes": ", slices up to {degrees:.0f}° off the patient’s axes",
    "threshold": "threshold",
    "searched": "searched on {date}",
    "intended_use": "Intended use of the model",
    "trained_on": "Trained on",
    "not_recorded": "not recorded",
    "summary": "Summary",
    "found": "found",
    "microbleed": "microbleed",
    "microbleeds": "microbleeds",
    "class_of_count": "Class of the count",
    "smaller_than": "Smaller than {mm:.0f} mm",
    "from_to": "{low:.0f}–{high:.0f} mm",
    "larger_than": "Larger than {mm:.0f} mm",
    "regions": "Regions",
    "not_assessed": "not assessed",
    "candidates_dropped": "Candidates dropped",
    "rejected_by_reader": "Rejected by the reader",
    "not_reviewed": "not reviewed",
    "not_reviewed_yet": "Detected, not reviewed",
    "at_least": "at least ",
    "paste": "Summary to copy (one click selects it)",
    "notes": "Notes on the scan",
    "no_font": (
        "Some text of this report cannot be printed in its script ({scripts}) and is shown as □: no font here "
        "has it. The HTML report shows it."
    ),
    "tables": "Counts",
    "tables_note_read": (
        "Definite: accepted by the reader. Possible: the reader is uncertain. Detected: not reviewed, and not in any "
        "other count."
    ),
    "tables_note_unread": "Detected by the program, not reviewed by a reader.",
    "tables_no_regions": ("Regions and sides were not assessed: there are no MARS and BOMBS tables, only sizes."),
    "mars": "By region, as in the Microbleed Anatomical Rating Scale (MARS)",
    "bombs": "By place, size and side, as in the Brain Observer Microbleed Scale (BOMBS)",
    "size": "By size",
    "pattern": "Pattern",
    "class": "Class",
    "class_words": "{counted} ({certainty})",
    "literature": "In the literature: {meaning}. A description of the pattern, not a diagnosis of this patient.",
    "references": (
        f"MARS: {MARS.short}. BOMBS: {BOMBS.short}. Patterns: {GREENBERG.short}; {BOSTON.short} (Boston criteria 2.0)."
    ),
    "scales": "The count in clinical classes",
    "scales_note_read": "Definite and possible microbleeds{left_out_of}.",
    "scales_note_unread": "Detected by the program{left_out_of}, not confirmed by a reader.",
    "scales_aria": (
        "A grade of ARIA-H counts microbleeds that are new since an earlier scan: cmb compare gives it for two scans."
    ),
    "map": "Map of all lesions",
    "map_note": (
        "The brain, transparent, from three sides. Each circle is a lesion, drawn at its size but at least "
        "{smallest:.0f} mm wide. Filled: definite; open: detected, not reviewed; dashed: possible."
    ),
    "list": "List",
    "list_note": (
        "R, A, S: centre in patient coordinates, positive to right, anterior, superior. Diameter: of the sphere "
        "of equal "
        "volume. Signal loss: against the tissue around. Elongation: longest over shortest extent, 1 is a ball."
    ),
    "no_regions": " Regions were not assessed.",
    "no_verifier": " The candidates were not verified by a second stage.",
    "pictures": "Pictures",
    "pictures_note": (
        "{field:.0f} × {field:.0f} mm around each centre, all at one scale; the bar is 5 mm long. Radiological "
        "convention: the patient’s left is on the right. One window for all: {low:.4g} to {high:.4g}."
    ),
    "pictures_tilt": "The planes are the scan’s own, up to {degrees:.0f}° off the patient’s axes.",
    "pictures_outline": "Solid outline: this lesion, along its voxels; dashed: another one.",
    "pictures_pdf": "Upper row as scanned, lower row with outlines.",
    "pictures_some": "Pictures of the {shown} most probable of {all} follow; the list above has all.",
    "whole_slice": "whole axial slice",
    "local_phase": "local phase, coronal",
    "place_by_reader": "{place}, set by the reader",
    "no_place_by_reader": "none, set by the reader",
    "made_by_reader": "{origin} by a reader",
    "suspected": "suspected cause: {cause}",
    "phase_says": "phase: {substance}",
    "nothing": "Why nothing is listed",
    "all_dropped": "{counted} examined and dropped:",
    "all_left_out": "{counted} examined and dropped or rejected:",
    "one_reason": "{number}: {reason}",
    "same_reason": "{number} like this: {reason}",
    "similar_reason": "{number} of this kind; the most probable: {reason}",
    "listed_below": "See the list below.",
    "lower_threshold": " A threshold below {threshold} lists more, true and false ones.",
    "no_candidate": (
        "The network found no candidate: its probability stays below {probability}, the lowest that is listed, "
        "everywhere in the scan."
    ),
    "not_excluded": (
        "An empty list does not exclude microbleeds: small ones can be missed, and so can those beside vessels or in "
        "thick slices."
    ),
    "dropped_not_shown": (
        "{counted} {are} only counted on paper; the HTML report lists and pictures the most probable ones."
    ),
    "most_probable_listed": "Only the {count} most probable are listed.",
    "most_probable_pictured": "Pictures of the {count} most probable; the table after them has all.",
    "methods": "Methods",
    "provenance": "Settings and provenance",
    "provenance_short": "The JSON list has how the models were trained and measured.",
    "reader": "Read by",
    "date": "Date",
    "signature": "Signature",
    "cmb": "CMB",
    "candidate": "Candidate",
    "plane": "{plane} plane, number {id}",
    "place_of": "Axial slice with the place of number {id}",
    "by_reader": "{certainty}, read by {reader}",
    "page_of": "{page} / {pages}",
}

SCALES_COLUMNS = ("Scale", "Class", "Made for", "Source")

METHODS = {
    "software": (
        "Cerebral microbleeds were searched for in {scans} with slicer-cmb{version}, research software, not a medical "
        "device, that builds on {thesis}."
    ),
    "detector": (
        "The network {model} gave each voxel of the brain a probability at {spacing}. Each peak that stands apart was "
        "one candidate; its mask is what reaches {share:.0f} % of the peak, whatever the threshold. Candidates with a "
        "probability of {threshold} or more counted as microbleeds."
    ),
    "at_point": " This is the operating point “{point}”.",
    "put_by_readers": "A reader {parts}.",
    "added": "added {added}",
    "taken": "took {taken} from the candidates that were left out",
    "made": "made {made} by merging or splitting others",
    "smallest": "What was smaller than {volume:g} mm³ or larger than {diameter:g} mm across was left out.",
    "verifier": "A second network, {model}, looked at each candidate once more; the probability is that network's.",
    "regions": "Regions and sides, those of MARS ({mars}), come from the network {model}{changed}. {statement}",
    "no_regions": "Regions were not mapped{given}.",
    "parcellation": (
        "Regions, sides and fluid come from {which}, with FreeSurfer's labels ({freesurfer}), resampled by the nearest "
        "voxel and named as in MARS ({mars}); white matter within {reach:g} mm of the cortex counted to its "
        "lobe{changed}."
    ),
    "places_changed": "; a reader changed the region or side of {counted}",
    "places_given": "; a reader gave the region or side of {counted}",
    "parcellation_file": "the parcellation {file}",
    "parcellation_each": "each scan's own parcellation",
    "no_lobes": "It does not tell lobes apart.",
    "phase": (
        "A dipole was fitted to the local phase at each of the most probable candidates; its sign tells blood from "
        "calcium where the sign of the phase was found. Calcium did not count where the scan itself showed that sign"
        "{unless}. Veins and iron look like blood."
    ),
    "phase_read": ", unless a reader kept it",
    "brain_given": "The brain mask was given.",
    "brain_found": "The brain was found by the program.",
    "measures": (
        "Volume counts voxels; diameter is that of the sphere of equal volume; signal loss compares with a shell of "
        "{shell:g} mm around."
    ),
    "trained": "{model}{hash} was trained on {data}.",
    "hash": " (SHA-256 {start}…)",
    "tested": "At this operating point it had {figures} ({rule}) when it was tested on {data}.",
    "untested": "No figure of its accuracy at this threshold is known.",
    "figures": "recall {TPR}, precision {PPV}, F1 {F1} and {FPavg} false a scan",
    "read": "Verdicts are those of {readers}.",
    "read_unnamed": "A reader decided on the findings.",
    "read_some": "In {read} of them a reader decided on the findings.",
    "read_in_part": "A reader decided on some of the findings.",
    "begun": " Others were read in part: {begun}.",
    "not_all": " They do not cover all findings.",
    "unread": "No reader has confirmed the findings.",
    "paste": "To paste into a paper (one click selects it); references as BibTeX below.",
    "bibtex": "References as BibTeX",
}
