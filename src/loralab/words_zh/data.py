"""Sentences about rows, splits and tokens."""

from __future__ import annotations

DATA: dict[str, str] = {}

DATA_LITERAL: tuple[str, ...] = ()
