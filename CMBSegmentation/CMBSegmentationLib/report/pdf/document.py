"""A report's content in, the bytes of a PDF out."""

from __future__ import annotations

import io
from typing import Any

from ... import __version__
from ...errors import MachineError
from ..content import ReportContent
from ..words import SAY
from .drawings import QUIET
from .fonts import in_plain_font, register_fonts
from .layout import Layout

MARGIN_MM = 15.0


def report_pdf(content: ReportContent, *, dropped: bool = False) -> bytes:
    """Lay a report out as PDF, A4.

    Parameters
    ----------
    content : ReportContent
    dropped : bool
        Also list and picture the dropped candidates, which are only counted otherwise. What a reader rejected is
        listed in any case.

    Returns
    -------
    bytes

    Raises
    ------
    MachineError
        ReportLab is not installed.
    """
    check_can_write_pdf()
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.units import mm
    from reportlab.platypus import SimpleDocTemplate

    register_fonts()
    stream = io.BytesIO()
    document = SimpleDocTemplate(
        stream,
        pagesize=A4,
        leftMargin=MARGIN_MM * mm,
        rightMargin=MARGIN_MM * mm,
        topMargin=MARGIN_MM * mm,
        bottomMargin=(MARGIN_MM + 5) * mm,
        title=f"{SAY['title']} – {content.scan_name}",
        author=f"slicer-cmb {__version__}",
        subject=SAY["notice"],
        invariant=1,  # no clock in it: the same content gives the same bytes
    )
    layout = Layout(content, document.width)
    document.build(layout.story(dropped), canvasmaker=numbered_canvas(content.scan_name))
    return stream.getvalue()


def check_can_write_pdf() -> None:
    """Refuse, before any work is done, where ReportLab is missing."""
    try:
        import reportlab  # noqa: F401
    except ImportError as error:
        raise MachineError(
            "A PDF needs ReportLab, which is not installed.", "Install it: pip install reportlab."
        ) from error


def numbered_canvas(scan_name: str) -> Any:
    """A canvas that writes the notice, the scan and the page's number at the foot of each page."""
    from reportlab.lib.units import mm
    from reportlab.pdfgen.canvas import Canvas

    class NumberedCanvas(Canvas):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._pages: list[dict] = []

        def showPage(self) -> None:
            self._pages.append(dict(self.__dict__))
            self._startPage()

        def save(self) -> None:
            for page in self._pages:
                self.__dict__.update(page)
                self.setFont("CMB", 7)
                self.setFillColorRGB(*QUIET)
                right = self._pagesize[0] - MARGIN_MM * mm
                self.drawString(MARGIN_MM * mm, 11 * mm, f"{SAY['notice']} · {in_plain_font(scan_name[:70])}")
                number = SAY["page_of"].format(page=self._pageNumber, pages=len(self._pages))
                self.drawRightString(right, 11 * mm, number)
                super().showPage()
            super().save()

    return NumberedCanvas
