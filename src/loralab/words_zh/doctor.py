"""Sentences about what a close look at the data finds."""

from __future__ import annotations

DOCTOR: dict[str, str] = {}

DOCTOR_LITERAL: tuple[str, ...] = ()
