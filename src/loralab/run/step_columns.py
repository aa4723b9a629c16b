"""Step events in, the same as rows over columns of numbers out: a tenth of the memory of the events."""

from __future__ import annotations

import bisect
import itertools
import math
from array import array
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from loralab.run.numbers import parse_time, to_float

WHOLE = ("seq", "step", "tokens", "label_tokens", "rows", "peak_bytes")
FIELDS = (*WHOLE, "epoch", "loss", "grad_norm", "learning_rate", "seconds")
TIME = "time"
NAMES = (*FIELDS, TIME)
STEP = NAMES.index("step")
FIRST_ROOM = 64  # steps; doubled whenever it is full
WRITTEN_LENGTH = len("2026-11-25T03:01:02.345Z")
Row = Mapping[str, Any]
Values = npt.NDArray[np.float64]


class StepColumns(Sequence[Row]):
    """One row for each optimizer step in force; read as a sequence of events with the fields of FIELDS.

    A number that is not finite reads as such, not as text. Times are kept in seconds since 1970.
    """

    def __init__(self) -> None:
        self._table: Values = np.empty((len(NAMES), FIRST_ROOM))  # of which each row is a field
        self._length = 0
        self._is_lent = self._is_borrowed = False  # a copy reads the same table
        self._present: set[str] = set()

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Row]: ...
    def __getitem__(self, place: int | slice) -> Row | Sequence[Row]:
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(len(self)))]
        place = range(len(self))[place]  # raises IndexError also where the table has room
        values = zip(NAMES, self._table[:, place].tolist(), strict=True)
        return {"kind": "step", **{name: _read(name, v) for name, v in values if name in self._present}}

    def copy(self) -> StepColumns:
        """The same rows, which stay while more are added here; no memory is taken for them until then."""
        other = StepColumns()
        other._table, other._length, other._present = self._table, self._length, set(self._present)
        self._is_lent = other._is_borrowed = True
        return other

    def column(self, name: str) -> array[float]:
        """A copy of all values of a field (n,); not a number where an event lacks it."""
        return array("d", self.view(name).tobytes())

    def view(self, name: str) -> Values:
        """The same (n,), to be read only, without a copy."""
        values = self._table[NAMES.index(name), : self._length]
        values.flags.writeable = False
        return values

    def has(self, name: str) -> bool:
        """Whether any event has the field."""
        return name in self._present

    def append(self, event: Row) -> None:
        """Take the event of a further step, or of one that is done again: then the later one counts."""
        self.extend([event])

    def extend(self, events: Sequence[Row]) -> None:
        """`append` each, all at once where each step comes after the one before it."""
        steps = [self._last_step(), *(event["step"] for event in events)]
        if all(before < step for before, step in itertools.pairwise(steps)):
            self._put(events)
            return
        for event in events:
            if event["step"] <= self._last_step():
                self.cut_after(event["step"] - 1)
            self._put([event])

    def cut_after(self, step: int) -> None:
        """Forget the steps beyond this one."""
        keep = bisect.bisect_right(self.view("step"), step)
        if keep < self._length:
            if self._is_lent:  # what a copy reads must not be overwritten
                self._move(self._table.shape[1])
            self._length = keep

    def _last_step(self) -> float:
        return float(self._table[STEP, self._length - 1]) if self._length else -math.inf

    def _put(self, events: Sequence[Row]) -> None:
        first, end = self._length, self._length + len(events)
        if end > self._table.shape[1] or self._is_borrowed:
            self._move(max(end, 2 * self._table.shape[1]))
        for name, column in zip(NAMES, self._table, strict=True):
            if name not in self._present and any(name in event for event in events):
                self._present.add(name)
            values = [event.get(name) for event in events]
            column[first:end] = _moments(values) if name == TIME else _numbers(values)
        self._length = end

    def _move(self, room: int) -> None:
        """Into a table of its own with so much room."""
        table = np.empty((len(NAMES), room))
        table[:, : self._length] = self._table[:, : self._length]
        self._table, self._is_lent, self._is_borrowed = table, False, False


def _read(name: str, value: float) -> Any:
    if name == TIME:
        return "" if math.isnan(value) else datetime.fromtimestamp(value, UTC).isoformat()
    return int(value) if name in WHOLE and math.isfinite(value) else value


def _numbers(values: Sequence[Any]) -> Values:
    """Numbers of the record (n,)."""
    if set(map(type, values)) <= {int, float}:
        try:
            return np.array(values, dtype=np.float64)
        except OverflowError:  # a whole number of more than 308 digits
            pass
    return np.array([to_float(value) for value in values])


def _moments(values: Sequence[Any]) -> Values:
    """Times of the record in seconds since 1970 (n,); those written as runs write them are read all at once."""
    if all(type(value) is str and len(value) == WRITTEN_LENGTH and value[-1] == "Z" for value in values):
        try:
            times = np.array([value[:-1] for value in values], dtype="datetime64[ms]")
        except ValueError:
            pass
        else:
            return times.astype(np.int64) / 1000
    moments = [parse_time(value) for value in values]
    return np.array([math.nan if moment is None else moment.timestamp() for moment in moments])
