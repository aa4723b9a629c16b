"""Sentences about data files and their records."""

from __future__ import annotations

RECORDS: dict[str, str] = {}

RECORDS_LITERAL: tuple[str, ...] = ()
