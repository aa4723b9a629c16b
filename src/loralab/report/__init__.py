"""The report: a run folder in, one self-contained HTML page out, and beside it what others read of the run."""

from loralab.report.card import write_card
from loralab.report.page import build_report, write_report

__all__ = ["build_report", "write_card", "write_report"]
