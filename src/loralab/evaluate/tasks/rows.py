"""A benchmark's file in, its records out; all that cannot be used is named at once, with file:line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from loralab.data.record import Record
from loralab.data.records import open_records
from loralab.data.text import is_blank, kind
from loralab.errors import DataError, Problem, UsageError
from loralab.words import say

SHOWN = 20  # problems of one file that are named
T = TypeVar("T")


def read_records(path: Path) -> list[Record]:
    """The records of a JSON, JSON lines, CSV, TSV or Parquet file, each an object.

    Raises UsageError if there is no such file, DataError if it is empty or a record cannot be read.
    """
    if not path.exists():
        raise UsageError(Problem(say("no such file"), str(path)))
    records = list(open_records(path)[1])
    if not records:
        raise DataError(Problem(say("is empty"), str(path)))
    refuse(Problem(r.fault.detail, r.place) for r in records if r.fault)
    refuse(
        Problem(say("the row must be an object with named fields"), r.place)
        for r in records
        if not isinstance(r.value, dict)
    )
    return records


def convert(records: Sequence[Record], make: Callable[[int, Record], T]) -> list[T]:
    """`make(number from 0, record)` of every record. Raises one DataError with the problems of all of them."""
    made: list[T] = []
    problems: list[Problem] = []
    for number, record in enumerate(records):
        try:
            made.append(make(number, record))
        except DataError as error:
            problems += error.problems
    refuse(problems)
    return made


def refuse(problems: Iterable[Problem]) -> None:
    """Raise DataError if there are problems: the first SHOWN, and how many more."""
    found = list(problems)
    if len(found) > SHOWN:
        found[SHOWN:] = [Problem(say("{n} more bad rows", n=len(found) - SHOWN))]
    if found:
        raise DataError(*found)


def text(record: Record, *names: str) -> str:
    """The text of the first of the fields that the record has; it says something. Raises DataError."""
    found = any_text(record, *names)
    if is_blank(found):
        name = next(n for n in names if n in record.value)
        raise DataError(Problem(say("{name} is empty", name=name), record.place))
    return found


def any_text(record: Record, *names: str) -> str:
    """The text, which may be empty, of the first of the fields that the record has. Raises DataError."""
    name = next((n for n in names if n in record.value), None)
    if name is None:
        keys = ", ".join(map(repr, record.value))
        raise DataError(
            Problem(
                say("has no field {key!r}; its fields are: {keys}", key=names[0], keys=keys), record.place
            )
        )
    return as_text(record.value[name], name, record.place)


def as_text(value: Any, name: str, place: str) -> str:
    """The value if it is text, "" for null. Raises DataError for anything else."""
    if value is None:
        return ""
    if not isinstance(value, str):
        what = say("{name} must be text, found {kind}", name=name, kind=kind(value))
        raise DataError(Problem(what, place))
    return value


def own_id(value: Mapping[str, Any], number: int) -> str:
    """The record's own id, or its number in the file."""
    found = value.get("id")
    return str(number) if found is None or found == "" else str(found)
