"""The report: what it says, as a page and as a PDF."""
