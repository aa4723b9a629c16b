"""Numbers, sizes and times as people read them."""

from __future__ import annotations

import math

import pytest

from loralab.report.text import duration, moment, number, size
from loralab.run.numbers import to_float


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"), (0, "0"), (0.0, "0"), (1234567, "1,234,567"), (1.23456, "1.235"), (0.5, "0.5000"),
        (12.0, "12.00"), (999.96, "1,000"), (1619.2, "1,619"), (1e-4, "1e-4"), (1.5973e-7, "1.597e-7"),
        (-0.25, "-0.2500"), (2.5e10, "2.5e10"), (math.nan, "NaN"), (-math.inf, "-Infinity"), ("NaN", "NaN"),
        (True, "True"),
    ],
)  # fmt: skip
def test_number(value: object, shown: str) -> None:
    assert number(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (2**34, "16.0 GiB"), (2**41, "2.0 TiB"), (None, "–")],
)
def test_size(value: object, shown: str) -> None:
    assert size(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(1.25, "1.2 s"), (59.96, "1 min 0 s"), (1746, "29 min 6 s"), (3600, "1 h 0 min"), ("NaN", "unknown")],
)
def test_duration(seconds: object, shown: str) -> None:
    assert duration(seconds).text() == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [("2026-11-25T03:01:02.345Z", "2026-11-25 03:01 UTC"), ("yesterday", "yesterday"), (None, "–")],
)
def test_moment(value: object, shown: str) -> None:
    assert moment(value) == shown


@pytest.mark.parametrize(
    ("value", "expected"), [("Infinity", math.inf), ("-Infinity", -math.inf), (3, 3.0), ("2.5", 2.5)]
)
def test_numbers_of_the_record(value: object, expected: float) -> None:
    assert to_float(value) == expected


@pytest.mark.parametrize("value", [None, True, "NaN", "", [], {}])
def test_what_is_no_number_of_the_record(value: object) -> None:
    assert math.isnan(to_float(value))
