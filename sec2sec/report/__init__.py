"""One explanation as one page that needs no network: see page.py."""

from sec2sec.report.page import report_page
from sec2sec.report.write import write_report

__all__ = ["report_page", "write_report"]
