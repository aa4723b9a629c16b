"""Step events in, the same as rows over columns of numbers out: a tenth of the memory of the events."""

from __future__ import annotations

import bisect
import math
from array import array
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, overload

from loralab.run.numbers import parse_time, to_float

WHOLE = ("seq", "step", "tokens", "label_tokens", "rows", "peak_bytes")
FIELDS = (*WHOLE, "epoch", "loss", "grad_norm", "learning_rate", "seconds")
TIME = "time"
Row = Mapping[str, Any]


class StepColumns(Sequence[Row]):
    """One row for each optimizer step in force; read as a sequence of events with the fields of FIELDS.

    A number that is not finite reads as such, not as text. Times are kept in seconds since 1970.
    """

    def __init__(self) -> None:
        self._columns = {name: array("d") for name in (*FIELDS, TIME)}
        self._numbers = [(name, self._columns[name]) for name in FIELDS]
        self._present: set[str] = set()
        self._last_keys: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self._columns["step"])

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Row]: ...
    def __getitem__(self, place: int | slice) -> Row | Sequence[Row]:
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(len(self)))]
        place = range(len(self))[place]  # raises IndexError also where no column has anything to give
        row: dict[str, Any] = {"kind": "step"}
        for name in self._present:
            value = self._columns[name][place]
            if name == TIME:
                row[name] = "" if math.isnan(value) else datetime.fromtimestamp(value, UTC).isoformat()
            else:
                row[name] = int(value) if name in WHOLE and math.isfinite(value) else value
        return row

    def copy(self) -> StepColumns:
        """The same rows, to be kept while more are added here."""
        other = StepColumns()
        for name, column in self._columns.items():
            other._columns[name].extend(column)
        other._present |= self._present
        return other

    def column(self, name: str) -> array[float]:
        """A copy of all values of a field (n,); not a number where an event lacks it."""
        return self._columns[name][:]

    def has(self, name: str) -> bool:
        """Whether any event has the field."""
        return name in self._present

    def append(self, event: Row) -> None:
        """Take the event of a further step, or of one that is done again: then the later one counts."""
        steps = self._columns["step"]
        if steps and event["step"] <= steps[-1]:
            self.cut_after(event["step"] - 1)
        if event.keys() != self._last_keys:
            self._last_keys = frozenset(event)
            self._present.update(self._last_keys & self._columns.keys())
        for name, column in self._numbers:
            value = event.get(name)
            column.append(value if type(value) is float or type(value) is int else to_float(value))
        moment = parse_time(event.get(TIME))
        self._columns[TIME].append(math.nan if moment is None else moment.timestamp())

    def cut_after(self, step: int) -> None:
        """Forget the steps beyond this one."""
        keep = bisect.bisect_right(self._columns["step"], step)
        if keep < len(self):
            for column in self._columns.values():
                del column[keep:]
