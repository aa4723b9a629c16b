"""Parquet and Arrow files as records: Python values row by row, damage said in words."""

from __future__ import annotations

import datetime
import gzip
import io
import math
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from unittest import mock

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from doubles.data_files import records_of, seen, values, write
from loralab.data import arrow_records
from loralab.data.formats import convert
from loralab.data.reasons import BadRow
from loralab.errors import DataError

TURNS = [{"role": "user", "content": "问"}, {"role": "assistant", "content": "答"}]
ROWS = [{"input": f"问{i}", "output": None if i == 2 else "答", "messages": TURNS} for i in range(5)]


def parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, row_group_size=2)
    return buffer.getvalue()


def feather(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=3)
    return bytes(sink.getvalue())


def stream(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


FORMATS = {"Parquet": parquet, "Arrow": feather, "Arrow stream": stream}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", ["rows.parquet", "rows.arrow", "rows.jsonl", "rows"])
def test_rows_are_read_under_any_name(tmp_path: Path, kind: str, packed: bool, name: str) -> None:
    data = FORMATS[kind](pa.Table.from_pylist(ROWS))
    path = write(tmp_path / name, gzip.compress(data) if packed else data)
    with mock.patch.object(arrow_records, "BATCH", 2):
        assert seen(path) == [(f"#{number}", row) for number, row in enumerate(ROWS, 1)]
    assert records_of(path)[0].kind == kind.split(maxsplit=1)[0]


@pytest.mark.parametrize("kind", FORMATS)
def test_a_table_without_rows(tmp_path: Path, kind: str) -> None:
    assert (
        values(write(tmp_path / "rows", FORMATS[kind](pa.table({"input": pa.array([], pa.string())})))) == []
    )


def test_not_a_number_is_no_value(tmp_path: Path) -> None:
    table = pa.table({
        "a": pa.array([1.5, math.nan, None, math.inf]), "b": pa.array([[math.nan], [2.0], None, []], pa.list_(pa.float32())),
        "c": ["NaN"] * 4,
    })  # fmt: skip
    assert seen(write(tmp_path / "rows.parquet", parquet(table))) == [
        ("#1", {"a": 1.5, "b": [None], "c": "NaN"}), ("#2", {"a": None, "b": [2.0], "c": "NaN"}),
        ("#3", {"a": None, "b": None, "c": "NaN"}), ("#4", {"a": math.inf, "b": [], "c": "NaN"}),
    ]  # fmt: skip


def test_an_infinite_number_in_a_column_that_no_shape_uses_does_no_harm(tmp_path: Path) -> None:
    """The whole row was refused, its value was lost, and nothing said which field it was."""
    table = pa.table(
        {"input": ["问", "问"], "output": ["答", "答"], "score": [math.inf, 1.0], "system": [None, -math.inf]}
    )
    first, second = values(write(tmp_path / "rows.parquet", parquet(table)))
    assert convert(first, "auto", {})[1] == "input/output"
    with pytest.raises(BadRow, match="wrong_type: system must be text, found a number that is not finite"):
        convert(second, "auto", {})


def test_a_value_that_cannot_be_read_is_named_and_the_others_are_kept(tmp_path: Path) -> None:
    table = pa.table({"input": ["问"], "day": pa.array([2**31 - 1], pa.date32())})
    (record,) = records_of(write(tmp_path / "rows.parquet", parquet(table)))[1]
    assert record.value == {"input": "问", "day": None}
    assert record.fault
    assert str(record.fault.detail).startswith("day holds a value that cannot be read: ")


def test_values_that_json_does_not_have_stay_what_they_are(tmp_path: Path) -> None:
    row = {
        "d": datetime.date(2024, 5, 1), "t": datetime.datetime(2024, 5, 1, 12), "n": Decimal("1.50"), "b": b"\xff", "i": 2**60,
        "s": {"x": True},
    }  # fmt: skip
    assert values(write(tmp_path / "rows.parquet", parquet(pa.Table.from_pylist([row])))) == [row]


def test_a_value_that_python_cannot_hold_costs_one_row(tmp_path: Path) -> None:
    text = pa.StringArray.from_buffers(
        3, pa.array([0, 2, 4, 6], pa.int32()).buffers()[1], pa.py_buffer(b"ok\xff\xfeok")
    )
    path = write(tmp_path / "rows.parquet", parquet(pa.table({"a": text})))
    assert seen(path) == [("#1", {"a": "ok"}), ("#2", "bad_encoding"), ("#3", {"a": "ok"})]
    with pytest.raises(DataError, match=r"cannot be read: .*UTF8"):
        seen(write(tmp_path / "rows.arrow", feather(pa.table({"a": text}))))
    dates = pa.array([1, 2**31 - 1, 2], pa.date32())
    found = seen(write(tmp_path / "rows.parquet", parquet(pa.table({"a": dates}))))
    assert [value if isinstance(value, str) else "ok" for _, value in found] == ["ok", "wrong_type", "ok"]


@pytest.mark.parametrize("make", FORMATS.values())
def test_two_columns_of_one_name_are_refused(tmp_path: Path, make: Callable[[pa.Table], bytes]) -> None:
    table = pa.table([pa.array(["x"]), pa.array(["y"])], names=["input", "input"])
    with pytest.raises(DataError, match="two columns are called 'input'"):
        seen(write(tmp_path / "rows", make(table)))


def test_what_is_called_parquet_and_is_none(tmp_path: Path) -> None:
    for name in ("rows.parquet", "rows.PARQUET", "rows.parquet.gz"):
        data = b'{"input": "q"}'
        with pytest.raises(DataError, match="is called Parquet, but holds something else"):
            seen(write(tmp_path / name, gzip.compress(data) if name.endswith("gz") else data))


def test_encrypted_columns_are_refused(tmp_path: Path) -> None:
    data = bytearray(parquet(pa.Table.from_pylist(ROWS)))
    data[:4] = data[-4:] = b"PARE"
    with pytest.raises(DataError, match="is encrypted Parquet"):
        seen(write(tmp_path / "rows.parquet", bytes(data)))


DATA = {kind: make(pa.Table.from_pylist(ROWS)) for kind, make in FORMATS.items()}


@pytest.mark.parametrize("kind", FORMATS)
@given(cut=st.floats(0, 1), changes=st.lists(st.tuples(st.floats(0, 1), st.integers(1, 255)), max_size=3))
@example(cut=0.5, changes=[])
@example(cut=1, changes=[(0.5, 255)])
def test_a_damaged_file_ends_in_records_or_words(
    tmp_path_factory: pytest.TempPathFactory, kind: str, cut: float, changes: list[tuple[float, int]]
) -> None:
    data = bytearray(DATA[kind][: max(8, int(cut * len(DATA[kind])))])
    for place, change in changes:
        data[8 + int(place * (len(data) - 9)) if len(data) > 9 else 0] ^= change
    path = write(tmp_path_factory.getbasetemp() / "damaged.parquet", bytes(data))
    try:
        records_of(path)
    except DataError as error:
        assert error.text("zh")


@pytest.mark.parametrize("kind", ["Parquet", "Arrow"])
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, kind: str) -> None:
    for length in (len(DATA[kind]) // 2, len(DATA[kind]) - 1, 12):
        with pytest.raises(DataError, match=r"cannot be read: .+\n  next: the file is damaged or incomplete"):
            seen(write(tmp_path / "rows.parquet", DATA[kind][:length]))
