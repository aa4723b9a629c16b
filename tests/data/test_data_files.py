"""Files on disk as plain bytes: gzip unpacked, the stored bytes hashed, what is no data file refused in words."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import tarfile
import tempfile
import zipfile
from pathlib import Path
from random import Random
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles.data_files import ROW, records_of, seen, values, write
from loralab.data import files
from loralab.data.files import data_blocks, read_head
from loralab.data.records import open_records
from loralab.errors import DataError, ResourceError

OPEN_FILES = Path("/proc/self/fd")
LINES = (ROW + "\n").encode() * 3


def refused(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        seen(path)
    assert caught.value.text("zh") != caught.value.text("en")
    return str(caught.value)


# -------------------------------------------------------------------------------------------------- gzip


@given(
    members=st.lists(st.binary(max_size=50), min_size=1, max_size=3),
    padding=st.integers(0, 3),
    block=st.integers(1, 7) | st.just(1 << 18),
)
def test_gzip_members_are_unpacked_one_after_the_other(
    tmp_path_factory: pytest.TempPathFactory, members: list[bytes], padding: int, block: int
) -> None:
    stored = b"".join(gzip.compress(member) + b"\0" * padding for member in members)
    path = write(tmp_path_factory.getbasetemp() / "any.gz", stored)
    digest = hashlib.sha256()
    with mock.patch.object(files, "BLOCK", block):
        assert b"".join(data_blocks(path, digest.update)) == b"".join(members)
        assert read_head(path) == b"".join(members)
    assert digest.digest() == hashlib.sha256(stored).digest()


@given(st.data())
def test_gzip_that_is_cut_off_is_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    stored = gzip.compress(LINES) + gzip.compress(LINES)
    length = data.draw(st.integers(2, len(stored) - 1).filter(lambda n: n != len(gzip.compress(LINES))))
    said = refused(write(tmp_path_factory.getbasetemp() / "rows.jsonl.gz", stored[:length]))
    assert "cannot be read: the gzip data end too early\n  next: the file is incomplete" in said


def test_gzip_is_known_by_its_content(tmp_path: Path) -> None:
    packed = gzip.compress(LINES)
    for name in ("rows.jsonl.gz", "rows.jsonl", "rows", "rows.GZ"):
        assert len(values(write(tmp_path / name, packed))) == 3
    assert "cannot be read: not gzip data\n  next: rename it" in refused(
        write(tmp_path / "a.jsonl.gz", LINES)
    )


@pytest.mark.parametrize("name", ["rows.csv.gz", "rows.CSV.GZ", "rows.csv"])
def test_a_packed_table(tmp_path: Path, name: str) -> None:
    assert values(write(tmp_path / name, gzip.compress(b"input,output\na,b\n"))) == [
        {"input": "a", "output": "b"}
    ]


def test_damaged_gzip_is_refused(tmp_path: Path) -> None:
    packed = gzip.compress(Random(0).randbytes(500))
    for changed in (packed[:12] + b"\xff" * 20, packed + b"more", packed[:-6] + b"xxxxxx"):
        assert "cannot be read: " in refused(write(tmp_path / "rows.jsonl.gz", changed))


def test_what_stands_after_a_syntax_error_is_hashed_and_checked(tmp_path: Path) -> None:
    broken = b"[1,x" + Random(0).randbytes(200_000).hex().encode()
    records_of(write(tmp_path / "rows.json", broken))
    records_of(write(tmp_path / "rows.json", gzip.compress(broken)))
    assert "end too early" in refused(write(tmp_path / "rows.json", gzip.compress(broken)[:-9]))


# ------------------------------------------------------------------------------------- what is no data file


def zipped(name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, "x")
    return buffer.getvalue()


def without_times(value: object) -> str | None:
    """The id of a parameter: packed bytes hold the time at which they were packed."""
    return f"{len(value)}-bytes" if isinstance(value, bytes) else None


def tarred(mode: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        archive.addfile(tarfile.TarInfo("rows.jsonl"), io.BytesIO(b""))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "what", "way_out"),
    [
        ("rows.zip", zipped("rows.jsonl"), "holds zip data", "unzip {path}"), ("a b.jsonl", zipped("rows.jsonl"), "holds zip data", "unzip {path}"),
        ("rows.xlsx", zipped("[Content_Types].xml"), "is an Office file", "CSV UTF-8"), ("rows.csv", zipped("xl/a"), "is an Office file", "CSV UTF-8"),
        ("rows.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 99, "is an Office file", "CSV UTF-8"),
        ("rows.bz2", bz2.compress(LINES), "holds bzip2 data", "bunzip2 -k {path}"), ("rows.xz", lzma.compress(LINES), "holds xz data", "xz -dk {path}"),
        ("rows.zst", b"\x28\xb5\x2f\xfd" + b"x" * 9, "holds zstd data", "zstd -d {path}"), ("rows.7z", b"7z\xbc\xaf\x27\x1c\0\4", "holds 7z data", "7z x {path}"),
        ("rows.tar", tarred("w"), "holds tar data", "tar -xf {path}"), ("rows.tar.gz", tarred("w:gz"), "holds tar data", "tar -xf {path}"),
        ("rows.gz", gzip.compress(gzip.compress(LINES)), "holds gzip data", "gunzip -k {path}"),
        ("rows.jsonl", b"<!DOCTYPE html>\n<html>", "is a web page", "not the page"), ("rows.jsonl", b"\xef\xbb\xbf\n <HTML lang='zh'>", "is a web page", "not the page"),
        ("rows.csv", b"<?xml version='1.0'?>", "is a web page or XML", "not the page"),
        ("rows.parquet", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "is a Git LFS pointer", "git lfs pull"),
        ("rows.parquet", b"PARE" + b"\0" * 50, "is encrypted Parquet", "without encryption"),
    ],
    ids=without_times,
)  # fmt: skip
def test_what_holds_no_rows_is_named_with_the_way_out(
    tmp_path: Path, name: str, data: bytes, what: str, way_out: str
) -> None:
    path = write(tmp_path / name, data)
    said = refused(path)
    assert f"{name}: {what}" in said
    quoted = f"'{path}'" if " " in name else str(path)
    assert way_out.replace("{path}", quoted) in said.partition("\n  next: ")[2]


@pytest.mark.parametrize(
    "data",
    [b"", b"\n \t\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n", gzip.compress(b""), gzip.compress(b"\n")],
    ids=without_times,
)
def test_an_empty_file(tmp_path: Path, data: bytes) -> None:
    assert "rows.json: is empty" in refused(write(tmp_path / "rows.json", data))


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    assert "cannot be read: Is a directory" in refused(tmp_path)
    assert "cannot be read: No such file" in refused(tmp_path / "none.json")
    assert "cannot be read: File name too long" in refused(tmp_path / ("x" * 400))
    assert "cannot be read: embedded null byte" in refused(tmp_path / "a\0b")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert "cannot be read: Too many levels" in refused(tmp_path / "loop")


@pytest.mark.timeout(10)
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "it is a pipe or a device" in refused(tmp_path / "pipe")
    assert "it is a pipe or a device" in refused(Path("/dev/null"))


class BadDisk(io.BytesIO):
    """A file that fails at the second read."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell():
            raise OSError(5, "Input/output error")
        return super().read(size)


def test_a_disk_that_fails_midway_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.json", LINES)
    with (
        mock.patch.object(files, "BLOCK", 8),
        mock.patch.object(files, "HEAD", 8),
        mock.patch.object(Path, "open", lambda *_, **__: BadDisk(LINES)),
    ):
        assert "cannot be read: Input/output error" in refused(path)


def test_a_file_that_goes_away_after_it_was_opened_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.json", LINES)
    _, records = open_records(path)
    path.unlink()
    with pytest.raises(DataError, match="cannot be read: No such file"):
        next(records)


def test_a_full_temporary_folder_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.parquet.gz", gzip.compress(b"PAR1" + b"\0" * 99))

    class Full(io.BytesIO):
        def writelines(self, lines: object) -> None:
            raise OSError(28, "No space left on device")

    _, records = open_records(path)
    with (
        mock.patch.object(tempfile, "TemporaryFile", Full),
        pytest.raises(ResourceError, match="No space left"),
    ):
        next(records)


@pytest.mark.skipif(not OPEN_FILES.exists(), reason="the system does not list open files")
def test_a_file_is_closed_when_its_records_are_left(tmp_path: Path) -> None:
    for data, name in (
        (LINES, "rows.json"),
        (gzip.compress(LINES), "rows.gz"),
        (b"input\na\nb\n", "rows.csv"),
    ):
        path = write(tmp_path / name, data)
        before = len(list(OPEN_FILES.iterdir()))
        _, records = open_records(path)
        assert len(list(OPEN_FILES.iterdir())) == before
        next(records)
        del records
        assert len(list(OPEN_FILES.iterdir())) == before
