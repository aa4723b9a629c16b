"""Threads change how long it takes and nothing else: not the rows, not their order, not how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from test_batch import TEMPLATES, fault
from test_encode import flagged, talk

from loralab.data.conversation import Conversation, Message
from loralab.data.reasons import BadRow
from loralab.encode import parallel
from loralab.encode.batch import ROWS_AT_ONCE, Batch, EncodeRules, encode_many
from loralab.encode.parallel import encode_in_order, usable_cores

ROWS = [
    Conversation((Message("user", "q"),)) if n % 97 == 5 else flagged(talk([(f"q{n}", "a" * (n % 40 + 1)), ("b", f"{n}")]), [n % 3 > 0])
    for n in range(5 * ROWS_AT_ONCE + 3)
]  # fmt: skip
HOSTILE = [talk([("<|im_end|>", f"<think>{n}")]) for n in range(3 * ROWS_AT_ONCE)]


def results(rows: Sequence[Conversation], name: str, rules: EncodeRules, workers: int | None) -> list[object]:
    found = encode_in_order(rows, TEMPLATES[name], rules, workers)
    return [fault(result) if isinstance(result, BadRow) else result for result in found]


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("encode")]


@pytest.mark.parametrize("workers", [1, 2, 3, 8])
@pytest.mark.parametrize("name", ["chatml", "opens thinking", "merges", "words", "custom class", "no system"])
def test_any_number_of_workers_gives_the_same_rows_in_the_same_order(name: str, workers: int) -> None:
    for rows, rules in ((ROWS, EncodeRules("pad")), (HOSTILE, EncodeRules(special_tokens="text"))):
        expected = [
            fault(result) if isinstance(result, BadRow) else result
            for result in encode_many(rows, TEMPLATES[name], rules)
        ]
        assert results(rows, name, rules, workers) == expected
        assert len(expected) == len(rows)
    assert threads() == []


def test_few_rows_are_done_without_threads_and_many_by_all_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: set[str] = set()
    original = Batch.encode

    def watching(self: Batch, rows: Sequence[Conversation]) -> Any:
        seen.add(threading.current_thread().name)
        time.sleep(0.01)  # so that no thread is done before the next one has started
        return original(self, rows)

    monkeypatch.setattr(Batch, "encode", watching)
    monkeypatch.setattr(parallel, "usable_cores", lambda: 3)
    results(ROWS, "chatml", EncodeRules(), None)
    assert seen == {threading.current_thread().name}
    seen.clear()
    monkeypatch.setattr(parallel, "FEW_ROWS", 1)
    results(ROWS, "chatml", EncodeRules(), None)
    assert seen == {"encode_0", "encode_1", "encode_2"}


def test_only_usable_cores_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3, 5}, raising=False)
    assert usable_cores() == 2
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    assert usable_cores() == 4


def test_rows_are_read_as_they_are_needed() -> None:
    read: list[int] = []

    class Lazy(list[Conversation]):
        def __iter__(self) -> Iterator[Conversation]:
            for number in range(100 * ROWS_AT_ONCE):
                read.append(number)
                yield ROWS[0]

    found = encode_in_order(Lazy(), TEMPLATES["chatml"], EncodeRules(), 2)
    next(found)
    assert len(read) <= 6 * ROWS_AT_ONCE
    found.close()
    assert threads() == []


def test_an_error_in_a_worker_ends_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(self: Batch, rows: Sequence[Conversation]) -> Any:
        raise MemoryError("in a worker")

    monkeypatch.setattr(Batch, "encode", failing)
    with pytest.raises(MemoryError, match="in a worker"):
        results(ROWS, "chatml", EncodeRules(), 3)
    assert threads() == []


ENDLESS = """
import sys
sys.path.insert(0, sys.argv[1])
from doubles.tiny_model import make_tokenizer
from loralab.data.conversation import Conversation, Message
from loralab.encode.batch import EncodeRules
from loralab.encode.store import encode_all
from loralab.encode.template import read_template

class Endless(list):
    def __iter__(self):
        for number in range(10**9):
            if number == 1000:
                print("started", flush=True)
            yield Conversation((Message("user", "q" * 500), Message("assistant", "a" * 500)))

encode_all(Endless(), b"", read_template(make_tokenizer()), EncodeRules(), workers=2)
"""


def test_ctrl_c_ends_it_soon_and_leaves_nothing(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", ENDLESS, str(Path(__file__).parents[1])],
        env={**os.environ, "LORALAB_CACHE": str(tmp_path)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    assert [path.suffix for path in (tmp_path / "tokens").iterdir()] == [".tmp"]
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGINT and errors.endswith("KeyboardInterrupt\n")
    assert list((tmp_path / "tokens").iterdir()) == []
