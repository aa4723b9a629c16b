"""Values of the record in, text for the page out: numbers, sizes, durations, characters nobody can see."""

from __future__ import annotations

import math
from typing import Any

from loralab.run.numbers import parse_time, to_float
from loralab.words import Words, say

NONE = "–"


def number(value: Any) -> str:
    """A value of the record as people read it: about four digits, thousands set apart; – for none."""
    if value is None:
        return NONE
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    size = abs(value)
    if not math.isfinite(value) or (size and not 1e-3 <= size < 1e9):
        return scientific(value)
    if size < 1:
        return f"{value:.4f}" if size else "0"
    return f"{value:,.0f}" if size >= 999.95 else f"{value:#.4g}"


def amount(value: Any, share: bool) -> str:
    """A score as people read it: shares in per cent."""
    if (
        not share
        or isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not math.isfinite(value)
    ):
        return number(value)
    return f"{100 * value:.1f} %"


def signed(value: Any, share: bool = False) -> str:
    """A difference as people read it: with its sign, 0 without one."""
    if not isinstance(value, float) or not value or math.isnan(value):
        return number(value)
    return f"{'+' if value > 0 else '−'}{amount(abs(value), share)}"


def scientific(value: float, digits: int = 3) -> str:
    """1.234e-5, without the zeros that Python puts into an exponent."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    mantissa, _, exponent = f"{value:.{digits}e}".partition("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{mantissa}e{int(exponent)}"


def size(value: Any) -> str:
    """A number of bytes in the unit that suits it."""
    amount = to_float(value)
    if not math.isfinite(amount):
        return number(value)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def duration(value: Any) -> Words:
    """A number of seconds as hours and minutes, minutes and seconds, or seconds."""
    seconds = to_float(value)
    if not math.isfinite(seconds):
        return say("unknown")
    if seconds < 59.95:
        return say("{seconds} s", seconds=f"{seconds:.1f}")
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return say("{minutes} min {seconds} s", minutes=minutes, seconds=rest)
    return say("{hours} h {minutes} min", hours=minutes // 60, minutes=minutes % 60)


def moment(value: Any) -> str:
    """A time of the record as 2026-11-25 03:01 UTC; other text as it stands."""
    time = parse_time(value)
    if time is None:
        return NONE if value is None else str(value)
    return f"{time:%Y-%m-%d %H:%M} {'UTC' if str(value).endswith('Z') else time.tzname() or ''}".rstrip()
