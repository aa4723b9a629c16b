"""Sentences about the shapes of rows."""

from __future__ import annotations

FORMATS_WORDS: dict[str, str] = {}

FORMATS_LITERAL: tuple[str, ...] = ()
