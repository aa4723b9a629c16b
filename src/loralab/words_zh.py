"""The Chinese sentence for each English template that the package says."""

from __future__ import annotations

SENTENCES: dict[str, str] = {}
