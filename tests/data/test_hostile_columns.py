"""Parquet and Arrow files whose columns ask for code to be run."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from doubles.hostile import planted_pickle
from loralab.config import make_config
from loralab.errors import DataError
from loralab.train.prepare import prepare


def parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def feather(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


@pytest.mark.parametrize("write", [parquet, feather])
@pytest.mark.parametrize("kind", ["arrow.py_extension_type", "pandas.period", "arrow.no_such"])
def test_a_column_of_pickles_is_not_unpickled(
    tmp_path: Path, write: Callable[[pa.Table], bytes], kind: str
) -> None:
    marker = tmp_path / "pickle-loaded"
    metadata = {b"ARROW:extension:name": kind.encode(), b"ARROW:extension:metadata": planted_pickle(marker)}
    fields = [pa.field("question", pa.string(), metadata=metadata), pa.field("answer", pa.string())]
    table = pa.table([[f"q{i}" for i in range(9)], [f"a{i}" for i in range(9)]], schema=pa.schema(fields))
    path = tmp_path / "rows.parquet"
    path.write_bytes(write(table))
    try:
        assert prepare(make_config(["model.name=a/b", f"data.train={path}"]), None).report.read == 9
    except DataError as error:
        assert str(path) in str(error)
    assert not marker.exists()
