"""The papers that results are worded by, each once: a short form for a report and BibTeX for a paper."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reference:
    """A publication.

    Attributes
    ----------
    key : str
        Of its BibTeX entry.
    short : str
        As a report cites it.
    kind : str
        Of its BibTeX entry: article, misc, phdthesis …
    fields : tuple of (str, str)
        Of its BibTeX entry, in order; TeX is written as it is.
    """

    key: str
    short: str
    kind: str
    fields: tuple[tuple[str, str], ...]

    @property
    def bibtex(self) -> str:
        """The entry."""
        lines = [f"  {name} = {{{value}}}," for name, value in self.fields]
        return "\n".join([f"@{self.kind}{{{self.key},", *lines, "}"])


def _article(key: str, short: str, author: str, title: str, journal: str, place: str, year: str) -> Reference:
    """Make an article; `place` is ``volume:pages``."""
    volume, _, pages = place.partition(":")
    fields = (("author", author), ("title", title), ("journal", journal), ("volume", volume), ("pages", pages))
    return Reference(key, short, "article", (*(one for one in fields if one[1]), ("year", year)))


THESIS = Reference(
    "delpozolerida2023",
    "del Pozo Lérida, IT University of Copenhagen, 2023",
    "mastersthesis",
    (
        ("author", "del Pozo L{\\'e}rida, Jorge"),
        ("title", "Automatic Segmentation of Cerebral Microbleeds"),
        ("school", "IT University of Copenhagen"),
        ("year", "2023"),
    ),
)
MARS = _article(
    "gregoire2009",
    "Gregoire et al., Neurology 73:1759, 2009",
    "Gregoire, S. M. and others",
    "The Microbleed Anatomical Rating Scale ({MARS}): reliability of a tool to map brain microbleeds",
    "Neurology",
    "73:1759--1766",
    "2009",
)
BOMBS = _article(
    "cordonnier2009",
    "Cordonnier et al., Stroke 40:94, 2009",
    "Cordonnier, C. and others",
    "Improving interrater agreement about brain microbleeds: development of the Brain Observer MicroBleed Scale "
    "({BOMBS})",
    "Stroke",
    "40:94--99",
    "2009",
)
GREENBERG = _article(
    "greenberg2009",
    "Greenberg et al., Lancet Neurol 8:165, 2009",
    "Greenberg, S. M. and others",
    "Cerebral microbleeds: a guide to detection and interpretation",
    "The Lancet Neurology",
    "8:165--174",
    "2009",
)
BOSTON = _article(
    "charidimou2022",
    "Charidimou et al., Lancet Neurol 21:714, 2022",
    "Charidimou, A. and others",
    "The Boston criteria version 2.0 for cerebral amyloid angiopathy: a multicentre, retrospective, "
    "{MRI}-neuropathology diagnostic accuracy study",
    "The Lancet Neurology",
    "21:714--725",
    "2022",
)
LECANEMAB_USE = _article(
    "cummings2023",
    "Cummings et al., J Prev Alzheimers Dis 10:362, 2023",
    "Cummings, J. and Apostolova, L. and Rabinovici, G. D. and others",
    "Lecanemab: appropriate use recommendations",
    "The Journal of Prevention of Alzheimer's Disease",
    "10:362--377",
    "2023",
)
RADELEMENT = Reference(
    "radelement",
    "ACR/RSNA Common Data Elements RDES289 and RDES291 (radelement.org)",
    "misc",
    (
        ("author", "{ACR/RSNA Common Data Elements Project}"),
        ("title", "Common data element sets {RDES289} ({ARIA} baseline) and {RDES291} ({ARIA-H} follow-up)"),
        ("howpublished", "radelement.org"),
    ),
)
CROMIS_2 = _article(
    "wilson2018",
    "Wilson et al., Lancet Neurol 17:539, 2018",
    "Wilson, D. and others",
    "Cerebral microbleeds and intracranial haemorrhage risk in patients anticoagulated for atrial fibrillation after "
    "acute ischaemic stroke or transient ischaemic attack ({CROMIS-2}): a multicentre observational cohort study",
    "The Lancet Neurology",
    "17:539--547",
    "2018",
)
BURDEN_IN_STROKE = _article(
    "lau2018",
    "Lau et al., Stroke 49:1434, 2018",
    "Lau, K. K. and Lovelock, C. E. and Li, L. and others",
    "Antiplatelet treatment after transient ischemic attack and ischemic stroke in patients with cerebral microbleeds "
    "in 2 large cohorts and an updated systematic review",
    "Stroke",
    "49:1434--1442",
    "2018",
)
ESO = _article(
    "berge2021",
    "Berge et al., Eur Stroke J 6:I, 2021",
    "Berge, E. and Whiteley, W. and Audebert, H. and others",
    "European Stroke Organisation ({ESO}) guidelines on intravenous thrombolysis for acute ischaemic stroke",
    "European Stroke Journal",
    "6:I--LXII",
    "2021",
)
HIGH_BURDEN = _article(
    "tsivgoulis2016",
    "Tsivgoulis et al., JAMA Neurol 73:675, 2016",
    "Tsivgoulis, G. and others",
    "Risk of symptomatic intracerebral hemorrhage after intravenous thrombolysis in patients with acute ischemic "
    "stroke and high cerebral microbleed burden: a meta-analysis",
    "JAMA Neurology",
    "73:675--683",
    "2016",
)
FREESURFER = _article(
    "fischl2002",
    "Fischl et al., Neuron 33:341, 2002",
    "Fischl, B. and others",
    "Whole brain segmentation: automated labeling of neuroanatomical structures in the human brain",
    "Neuron",
    "33:341--355",
    "2002",
)
DESIKAN_KILLIANY = _article(
    "desikan2006",
    "Desikan et al., NeuroImage 31:968, 2006",
    "Desikan, R. S. and others",
    "An automated labeling system for subdividing the human cerebral cortex on {MRI} scans into gyral based regions of "
    "interest",
    "NeuroImage",
    "31:968--980",
    "2006",
)
SYNTHSEG = _article(
    "billot2023",
    "Billot et al., Med Image Anal 86:102789, 2023",
    "Billot, B. and others",
    "{SynthSeg}: segmentation of brain {MRI} scans of any contrast and resolution without retraining",
    "Medical Image Analysis",
    "86:102789",
    "2023",
)
