"""The report: a run folder in, one self-contained HTML page out."""

from loralab.report.page import build_report, write_report

__all__ = ["build_report", "write_report"]
