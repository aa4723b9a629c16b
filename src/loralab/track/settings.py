"""Nested settings in, one level of dotted keys out, with values that every tracker shows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from loralab.track.curves import clean


def flatten(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings under dotted keys; what a tracker would drop or show as an object becomes text."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        key = clean(f"{prefix}{name}")
        if isinstance(value, dict) and value:
            flat |= flatten(value, f"{key}.")
        elif isinstance(value, (bool, int)) or (isinstance(value, float) and math.isfinite(value)):
            flat[key] = value
        else:
            flat[key] = _as_text(value)
    return flat


def _as_text(value: Any) -> str:
    if value is None:
        return "none"
    return clean(", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value))
