"""The coded words of the DICOM objects.

SNOMED CT has no concept for a cerebral microhaemorrhage among the codes that DICOM uses, so it is said in two
words, as SNOMED's own model of a haemorrhage says it (associated morphology, finding site): haemorrhage
(DICOM PS3.16, CID 7159) in the brain (CID 7153). All codes are those of PS3.16 as pydicom carries them.
"""

from __future__ import annotations

from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from ..vocabulary.published.scales import Scale, Step
from ..vocabulary.verdicts import CAUSES

ABNORMALITY = codes.SCT.MorphologicallyAbnormalStructure  # CID 7150, segmentation property category
HEMORRHAGE = codes.SCT.Hemorrhage  # CID 7159
BRAIN = codes.SCT.Brain  # CID 7153
VOLUME, CUBIC_MM = codes.SCT.Volume, codes.UCUM.CubicMillimeter  # CID 7472
DIAMETER, MM = codes.SCT.Diameter, codes.UCUM.Millimeter  # CID 7470
CENTRE = codes.DCM.CenterOfMass  # CID 219: what a coordinate stands for
PROBABILITY, NO_UNIT = codes.DCM.Probability, codes.UCUM.NoUnits
NUMBER_OF_LESIONS = Code("246206008", "SCT", "Number of lesions")
MRI_OF_BRAIN = codes.LN.BrainMRI
ARTIFICIAL_INTELLIGENCE = codes.DCM.ArtificialIntelligence  # CID 7162, algorithm family
MANUAL_PROCESSING = codes.DCM.ManualProcessing  # CID 7162: a reader placed, joined or parted the mask
DEVICE, PERSON = codes.DCM.Device, codes.DCM.Person  # CID 270, observer type
COMMENT = codes.DCM.Comment
IMAGE_LIBRARY, IMAGE_LIBRARY_GROUP = codes.DCM.ImageLibrary, codes.DCM.ImageLibraryGroup
FRAME_OF_REFERENCE = codes.DCM.FrameOfReferenceUID
SOURCE = Code("260753009", "SCT", "Source")
PROCESSING = codes.DCM.ProcessingEquipment  # CID 7005: what a contributing equipment did
SEARCHED_FIELD = Code(
    "SEARCHED_FIELD", "99CMB", "Middle slice of what was searched"
)  # CID 219 has centres and outlines
REPORT_TITLE = codes.DCM.ImagingMeasurementReport  # CID 7021
SIDES = {"left": codes.SCT.Left, "right": codes.SCT.Right}  # CID 244
REGIONS = {  # the regions of MARS that have a code of their own; the rest are in the brain
    "brainstem": codes.SCT.BrainStem,
    "cerebellum": codes.SCT.Cerebellum,
    "thalamus": codes.SCT.Thalamus,
    "internal capsule": codes.SCT.InternalCapsule,
    "external capsule": codes.SCT.ExternalCapsule,
    "corpus callosum": codes.SCT.CorpusCallosum,
    "frontal": codes.SCT.FrontalLobe,
    "parietal": codes.SCT.ParietalLobe,
    "temporal": codes.SCT.TemporalLobe,
    "occipital": codes.SCT.OccipitalLobe,
    "insula": codes.SCT.Insula,
}

SUPERFICIAL_SIDEROSIS = Code("SIDEROSIS", "99CMB", "Superficial siderosis")
NOT_ASSESSED = Code("NOT_ASSESSED", "99CMB", "Not assessed")
SCALE_NOTE = Code("SCALE_NOTE", "99CMB", "Note on the classes")
READER_VERDICT = Code("VERDICT", "99CMB", "Reader's verdict")  # DICOM has no term for it
VERDICTS = {"accepted": codes.SCT.Present, "uncertain": codes.SCT.Equivocal}

CAUSE = Code("CAUSE", "99CMB", "Suspected cause")
CAUSED_BY = {cause: Code(cause.upper().replace("-", "_"), "99CMB", cause) for cause in CAUSES}

PHASE = Code("PHASE", "99CMB", "Susceptibility by the phase image")
SUBSTANCES = {
    "blood": Code("PARAMAGNETIC", "99CMB", "Paramagnetic, as blood products are"),
    "calcium": Code("DIAMAGNETIC", "99CMB", "Diamagnetic, as calcium is"),
    "unclear": codes.SCT.Equivocal,
}


def on_scale(scale: Scale, step: Step) -> tuple[Code, Code]:
    """Give the codes of a scale and of the class on it.

    They are private: the elements of RadElement's set RDES289 (ARIA baseline) could not be looked up, and a wrong code
    in an archive is worse than a private one.
    """
    key = scale.key.upper()
    name = Code(key, "99CMB", f"Microbleeds, class of {scale.name}")
    return name, Code(f"{key[:9]}_{step.lowest}", "99CMB", step.text)


def finding_site(region: str) -> Code:
    """Give the code of a lesion's region; the brain where there is none."""
    return REGIONS.get(region.lower(), BRAIN)
