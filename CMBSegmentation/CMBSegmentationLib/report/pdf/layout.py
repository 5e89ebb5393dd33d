"""What stands where on paper: the parts of a report in the order of reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from ...detecting.lesions import MOST_CANDIDATES
from ...vocabulary.numbers import counted, counted_class, threshold_text
from ...vocabulary.published.scales import NOT_A_DIAGNOSIS, SIDEROSIS
from ...vocabulary.verdicts import REJECTED
from ..content import Card, ReportContent
from ..crops import FIELD_MM
from ..glass_brain import SMALLEST_CIRCLE_MM, Projection
from ..page import SHOWN, cell, columns_of, grouped_reasons, label, plain, scales_note, title_of_dropped
from ..tables import CountTable
from ..words import SAY, SCALES_COLUMNS
from .columns import fitted_widths
from .drawings import (
    ACCENT,
    QUIET,
    RULE,
    draw_crop,
    draw_locator,
    draw_projection,
    drawing,
)
from .fonts import marked_up, scripts_of

PICTURE_MM = 36.0  # each plane on paper: a fifth larger than life
NAMES_SHARE, WIDEST_COUNT_MM = 0.29, 16.0  # of a table of counts: its first column, and each of the others
MAP_MM = 58.0  # height of the glass brain
SIDE_PT, BEFORE_TEXT_PT = 2.0, 5.0  # beside what stands in the list, and before a text that follows a number
CELL_SIZE, HEADING_SIZE = 7.5, 6.5
LEFT_TO_THE_LIST = ("config", "metrics", "parameters", "candidates")  # of models and stages: pages of it


class Layout:
    """Flowables of one report."""

    def __init__(self, content: ReportContent, width: float) -> None:
        from reportlab.lib.colors import Color
        from reportlab.lib.enums import TA_CENTER, TA_RIGHT
        from reportlab.lib.styles import ParagraphStyle

        self.content, self.width = content, width
        self.absent: set[str] = set()  # characters that no font has
        quiet = Color(*QUIET)
        body = ParagraphStyle("body", fontName="CMB", fontSize=8.5, leading=11.5)

        def boxed(name: str, padding: float, **more: Any) -> Any:
            """A style whose box keeps within the margins."""
            return ParagraphStyle(name, body, borderPadding=padding, leftIndent=padding, rightIndent=padding, **more)

        self.styles = {
            "body": body,
            "title": ParagraphStyle("title", body, fontName="CMB-Bold", fontSize=15, leading=19),
            "heading": ParagraphStyle(
                "heading",
                body,
                fontName="CMB-Bold",
                fontSize=10.5,
                leading=14,
                spaceBefore=9,
                spaceAfter=3,
                keepWithNext=1,
            ),
            "quiet": ParagraphStyle("quiet", body, textColor=quiet, fontSize=7.5, leading=10),
            "caption": ParagraphStyle("caption", body, textColor=quiet, fontSize=7.5, leading=10, keepWithNext=1),
            "cell": ParagraphStyle("cell", body, fontSize=CELL_SIZE, leading=9.5),
            "column": ParagraphStyle("column", body, textColor=quiet, fontSize=HEADING_SIZE, leading=8),
            "column of counts": ParagraphStyle(
                "column of counts", body, textColor=quiet, fontSize=HEADING_SIZE, leading=8, alignment=TA_CENTER
            ),
            "column of numbers": ParagraphStyle(
                "column of numbers", body, textColor=quiet, fontSize=HEADING_SIZE, leading=8, alignment=TA_RIGHT
            ),
            "notice": boxed("notice", 4, borderColor=Color(*ACCENT), borderWidth=0.8),
            "sentence": boxed("sentence", 6, fontSize=9.5, leading=13, borderColor=Color(*RULE), borderWidth=0.6),
        }

    def text(self, words: str, style: str = "body", *, markup: bool = False) -> Any:
        """A paragraph; any characters unless it is markup of our own."""
        from reportlab.platypus import Paragraph

        return Paragraph(words if markup else marked_up(words, self.absent), self.styles[style])

    def story(self, dropped: bool) -> list[Any]:
        """All parts in the order of reading."""
        from reportlab.platypus import Spacer

        content, head = self.content, self._head()
        parts = [Spacer(1, 12), self.text(content.sentence, "sentence"), Spacer(1, 8)]
        if content.notes:
            parts += [self.text(SAY["notes"], "heading"), *[self.text(f"• {note}") for note in content.notes]]
        parts += self._findings() if content.listed else self._nothing()
        if content.dropped:
            parts += self._dropped() if dropped else self._left_out()
        parts += [self.text(SAY["methods"], "heading"), self.text(" ".join(content.methods))]
        parts.append(self._signature())
        parts += [self.text(SAY["provenance"], "heading"), self.text(SAY["provenance_short"], "caption")]
        parts.append(self._tree(content.provenance))
        if self.absent:
            head.append(self.text(SAY["no_font"].format(scripts=scripts_of(self.absent)), "quiet"))
        return [*head, *parts]

    def _head(self) -> list[Any]:
        from reportlab.platypus import Spacer

        content = self.content
        tilt = SAY["off_axes"].format(degrees=content.tilt) if content.tilt >= 1 else ""
        facts = [
            content.scan_facts + tilt,
            content.model_name,
            f"{SAY['threshold']} {threshold_text(content.threshold)}",
        ]
        if content.searched:
            facts.append(SAY["searched"].format(date=content.searched))
        parts = [
            self.text(f'<font name="CMB-Bold">{SAY["notice"]}</font> {SAY["notice_more"]}', "notice", markup=True),
            Spacer(1, 9),
            self.text(SAY["title"], "title"),
            self.text(content.scan_name),
            *([self.text(content.series)] if content.series else []),
            self.text(" · ".join(fact for fact in facts if fact), "quiet"),
        ]
        return parts + [self.text(f"{heading}: {words}", "quiet") for heading, words in content.cautions]

    def _findings(self) -> list[Any]:
        from reportlab.platypus import KeepTogether

        content, counts = self.content, self.content.counts
        note = SAY["tables_note_read" if counts.is_read else "tables_note_unread"]
        if not any(one.region for one in content.listed):
            note += " " + SAY["tables_no_regions"]
        parts: list[Any] = [self.text(SAY["tables"], "heading"), self.text(note, "quiet")]
        parts += [
            KeepTogether([self.text(SAY[table.name.lower()], "caption"), self._counts(table)])
            for table in content.tables
        ]
        number = counted_class(counts.count_class, SAY["microbleed"], SAY["microbleeds"])
        klass = SAY["class_words"].format(counted=number, certainty=" + ".join(counts.counted))
        pattern = SAY["not_assessed"]
        if counts.pattern:
            meaning = SAY["literature"].format(meaning=counts.pattern_meaning)
            pattern = f"{counts.pattern_said} ({counts.counted[0]}). {meaning}"
        bold = '<font name="CMB-Bold">{}</font>: {}'
        parts.append(
            KeepTogether(
                [
                    self.text(bold.format(SAY["class"], escape(klass)), markup=True),
                    self.text(bold.format(SAY["pattern"], escape(pattern)), markup=True),
                    self.text(SAY["references"], "quiet"),
                ]
            )
        )
        parts += self._scales()
        parts.append(
            KeepTogether(
                [
                    self.text(SAY["map"], "heading"),
                    self._map(content.projections),
                    self.text(SAY["map_note"].format(smallest=SMALLEST_CIRCLE_MM), "quiet"),
                ]
            )
        )
        parts += [self.text(SAY["list"], "heading"), self._lesions(content.listed, "listed")]
        parts.append(self.text(SAY["list_note"], "quiet"))
        window = content.window
        about = [SAY["pictures_note"].format(field=FIELD_MM, low=window.low, high=window.high)]
        if content.tilt >= 1:
            about.append(SAY["pictures_tilt"].format(degrees=content.tilt))
        about += [SAY["pictures_pdf"], SAY["pictures_outline"]]
        if len(content.listed) > len(content.listed_cards):
            about.append(SAY["pictures_some"].format(shown=len(content.listed_cards), all=len(content.listed)))
        parts += [self.text(SAY["pictures"], "heading"), self.text(" ".join(about), "caption")]
        return parts + [self._card(card, SAY["cmb"]) for card in content.listed_cards]

    def _nothing(self) -> list[Any]:
        from ...detecting.lesions import CANDIDATE_PROBABILITY

        content = self.content
        parts = [self.text(SAY["nothing"], "heading")]
        if content.dropped:
            number = counted(len(content.dropped), "candidate")
            parts.append(
                self.text(SAY["all_left_out" if content.counts.rejected else "all_dropped"].format(counted=number))
            )
            parts += self._reasons()
        else:
            parts.append(self.text(SAY["no_candidate"].format(probability=CANDIDATE_PROBABILITY)))
        return [*parts, self.text(SAY["not_excluded"], "quiet"), *self._scales()]

    def _scales(self) -> list[Any]:
        """The count in clinical classes, with their sources."""
        from reportlab.platypus import KeepTogether

        counts = self.content.counts
        rows = [[self.text(heading, "column") for heading in SCALES_COLUMNS]]
        for scale, step in counts.on_scales:
            sources = "; ".join(reference.short for reference in scale.references)
            rows.append([self.text(words, "cell") for words in (scale.name, step.text, scale.use, sources)])
        widths = [self.width * share for share in (0.15, 0.19, 0.3, 0.36)]
        title = [self.text(SAY["scales"], "heading"), self.text(scales_note(counts), "quiet")]
        said = [self.text(f"{NOT_A_DIAGNOSIS} {SIDEROSIS}"), self.text(SAY["scales_aria"], "quiet")]
        return [KeepTogether([*title, self._table(rows, 1, [], widths), *said])]

    def _reasons(self) -> list[Any]:
        return [self.text(f"• {line}") for line in grouped_reasons(self.content.dropped)]

    def _left_out(self) -> list[Any]:
        """What a reader rejected, as a table, and how many candidates the program dropped."""
        counts, content = self.content.counts, self.content
        parts = [self.text(title_of_dropped(counts), "heading")]
        rejected = [one for one in content.dropped if one.decision == REJECTED]
        if rejected:
            parts.append(self._lesions(rejected, "rejected"))
        if counts.dropped:
            capped = SAY["at_least"] if len(content.dropped) >= MOST_CANDIDATES else ""
            number = capped + counted(counts.dropped, "dropped candidate")
            words = SAY["dropped_not_shown"].format(counted=number, are="is" if counts.dropped == 1 else "are")
            parts.append(self.text(words[:1].upper() + words[1:], "quiet"))
        return parts

    def _dropped(self) -> list[Any]:
        """All of them with reasons, the most probable with pictures."""
        content = self.content
        parts = [self.text(title_of_dropped(content.counts), "heading")]
        if content.listed:
            parts += self._reasons()
        parts += [self._card(card, SAY["candidate"]) for card in content.dropped_cards]
        return [*parts, self._lesions(content.dropped, "dropped")]

    def _signature(self) -> Any:
        """Where the reader signs."""
        from reportlab.lib.colors import Color
        from reportlab.platypus import Table

        names = ", ".join(self.content.counts.readers)
        rows = [[names, "", "", "", ""], [SAY["reader"], "", SAY["date"], "", SAY["signature"]]]
        style = [
            ("FONTNAME", (0, 0), (-1, -1), "CMB"),
            ("FONTSIZE", (0, 0), (-1, 0), 8.5),
            ("FONTSIZE", (0, 1), (-1, 1), 6.5),
            ("TEXTCOLOR", (0, 1), (-1, 1), Color(*QUIET)),
            ("VALIGN", (0, 0), (-1, 0), "BOTTOM"),
            *[("LINEBELOW", (k, 0), (k, 0), 0.4, Color(*QUIET)) for k in (0, 2, 4)],
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ("TOPPADDING", (0, 1), (-1, 1), 0),
        ]
        widths = [self.width * share for share in (0.38, 0.04, 0.16, 0.04, 0.38)]
        return Table(rows, widths, [36, None], style=style, hAlign="LEFT", spaceAfter=4)

    def _counts(self, table: CountTable) -> Any:
        """A table of counts, as wide as the page at most."""
        from reportlab.lib.units import mm

        spans = any(heading for heading, _ in table.spans)
        upper: list[str] = [""]
        style: list[tuple] = []
        for heading, width in table.spans:
            style.append(("SPAN", (len(upper), 0), (len(upper) + width - 1, 0)))
            upper += [heading] + [""] * (width - 1)
        body = [[row.name, *[str(cell) if cell else "·" for cell in row.cells]] for row in table.rows]
        columns = [self.text(column, "column of counts") for column in table.columns]
        rows = [*([upper] if spans else []), ["", *columns], *body]
        first = 2 if spans else 1
        bold = [("FONTNAME", (0, k), (-1, k), "CMB-Bold") for k, row in enumerate(table.rows, first) if row.is_sum]
        tight = [("LEFTPADDING", (1, 0), (-1, -1), 1), ("RIGHTPADDING", (1, 0), (-1, -1), 1)]
        name = self.width * NAMES_SHARE
        column = min(WIDEST_COUNT_MM * mm, (self.width - name) / len(table.columns))
        widths = [name, *[column] * len(table.columns)]
        centred = ("ALIGN", (1, 0), (-1, -1), "CENTER")
        return self._table(rows, first, [*(style if spans else []), *bold, centred, *tight], widths)

    def _lesions(self, lesions: Sequence[Any], kind: str) -> Any:
        names = columns_of(lesions, kind)
        heading = [
            self.text(
                f"{SHOWN[n].heading} {SHOWN[n].unit}", "column" if SHOWN[n].decimals is None else "column of numbers"
            )
            for n in names
        ]
        rows = [
            [self.text(cell(one, n), "cell") if SHOWN[n].decimals is None else cell(one, n) for n in names]
            for one in lesions
        ]
        numbers = [SHOWN[n].decimals is not None for n in names]
        right = [("ALIGN", (k, 0), (k, -1), "RIGHT") for k, number in enumerate(numbers) if number]
        left = [SIDE_PT if number or k == 0 else BEFORE_TEXT_PT for k, number in enumerate(numbers)]
        tight: list[tuple] = [("LEFTPADDING", (k, 0), (k, -1), one) for k, one in enumerate(left)]
        tight += [("RIGHTPADDING", (0, 0), (-1, -1), SIDE_PT), ("VALIGN", (0, 0), (-1, 0), "BOTTOM")]
        widths = fitted_widths([heading, *rows], [one + SIDE_PT for one in left], self.width, CELL_SIZE)
        return self._table([heading, *rows], 1, [*right, *tight], widths)

    def _table(self, rows: list, headings: int, style: Sequence[tuple], widths: Sequence[float] | None = None) -> Any:
        from reportlab.lib.colors import Color
        from reportlab.platypus import Table

        base = [
            ("FONTNAME", (0, 0), (-1, -1), "CMB"),
            ("FONTSIZE", (0, 0), (-1, -1), CELL_SIZE),
            ("LEADING", (0, 0), (-1, -1), 9.5),
            ("LINEBELOW", (0, headings), (-1, -1), 0.25, Color(*RULE)),
            ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
            ("TOPPADDING", (0, 0), (-1, -1), 1.2),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 1.6),
        ]
        if headings:
            base.append(("TEXTCOLOR", (0, 0), (-1, headings - 1), Color(*QUIET)))
            base.append(("LINEBELOW", (0, headings - 1), (-1, headings - 1), 0.6, Color(*QUIET)))
        return Table(rows, widths, repeatRows=headings, style=[*base, *style], hAlign="LEFT", spaceAfter=5)

    def _map(self, projections: Sequence[Projection]) -> Any:
        from reportlab.lib.units import mm

        scale = MAP_MM * mm / max(one.height_mm for one in projections)
        scale = min(scale, (self.width - 8 * mm) / sum(one.width_mm for one in projections))
        drawings = [
            drawing(one.width_mm * scale, one.height_mm * scale, draw_projection(one, scale)) for one in projections
        ]
        return self._row(drawings)

    def _card(self, card: Card, name: str) -> Any:
        from reportlab.lib.units import mm

        lesion, side = card.lesion, PICTURE_MM * mm
        facts = [self.text(f'<font name="CMB-Bold" size="10">{name} {lesion.id}</font>', markup=True)]
        facts += [self.text(words, "cell") for words in (*card.said, lesion.why_not_listed) if words]
        for key in card.measured:
            column = SHOWN[key]
            words = f"{column.heading} {column.text(getattr(lesion, key))} {column.unit}".strip()
            facts.append(self.text(words, "cell"))
        facts.append(self.text(escape(card.position).replace(" · ", "<br/>"), "quiet", markup=True))
        plain_row = [drawing(side, side, draw_crop(crop, side, outlined=False)) for crop in card.crops]
        outlined = [drawing(side, side, draw_crop(crop, side, outlined=True)) for crop in card.crops]
        at = card.locator
        height = min(side, side * at.height_mm / at.width_mm)
        where = drawing(side, side, draw_locator(card, height * at.width_mm / at.height_mm, height, side))
        below = self.text(SAY["whole_slice"], "quiet")
        if card.field is not None:
            below = drawing(side, side, draw_crop(card.field, side, outlined=False))
        rows = [[facts, *plain_row, where], ["", *outlined, below]]
        first = self.width - 4 * (side + 1.5 * mm)
        return self._grid(rows, [first] + [side + 1.5 * mm] * 4)

    def _grid(self, rows: list, widths: list[float]) -> Any:
        from reportlab.lib.colors import Color
        from reportlab.platypus import Table

        style = [
            ("SPAN", (0, 0), (0, 1)),
            ("NOSPLIT", (0, 0), (-1, -1)),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LINEABOVE", (0, 0), (-1, 0), 0.4, Color(*RULE)),
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ("RIGHTPADDING", (0, 0), (-1, -1), 0),
            ("TOPPADDING", (0, 0), (-1, -1), 3),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 1),
        ]
        return Table(rows, widths, style=style, hAlign="LEFT", spaceAfter=3)

    def _row(self, drawings: Sequence[Any]) -> Any:
        from reportlab.platypus import Table

        return Table([list(drawings)], hAlign="LEFT", style=[("LEFTPADDING", (0, 0), (-1, -1), 0)])

    def _tree(self, values: Mapping[str, Any]) -> Any:
        rows = [[self.text(name, "quiet"), self.text(words, "cell")] for name, words in _flat(values)]
        return self._table(rows or [["", SAY["not_recorded"]]], 0, [], [self.width * 0.3, self.width * 0.7])


def _flat(values: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    rows = []
    for key, value in values.items():
        if key in LEFT_TO_THE_LIST:
            continue
        name = f"{before}{label(key)}"
        if isinstance(value, Mapping) and value:
            rows += _flat(value, f"{name}: ")
        else:
            rows.append((name, plain(value)))
    return rows
