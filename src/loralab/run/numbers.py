"""Values of the record in, numbers and times out."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any


def to_float(value: Any) -> float:
    """A number of the record, in which "NaN" and "Infinity" are text; anything else is not a number."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return math.nan
    try:
        return float(value)
    except (ValueError, OverflowError):  # a whole number of more than 308 digits
        return math.nan


def parse_time(value: Any) -> datetime | None:
    """A time of the record (2026-11-25T03:01:02.345Z)."""
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        return None
