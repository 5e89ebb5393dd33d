"""The report as PDF, laid out for paper by ReportLab."""

from .document import check_can_write_pdf, report_pdf

__all__ = ["check_can_write_pdf", "report_pdf"]
