"""The training benchmark: equal rows and equal losses for all, rounds that go on, honest ratios."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loralab.encode.encode import Encoded
from loralab.engine.base import TokenRow
from side_by_side.job import (
    BenchError,
    Found,
    Job,
    Settings,
    in_order,
    read_job,
    read_rows,
    to_pair,
    write_job,
)
from side_by_side.limit import Shape, least_flops, read_shape, shared_tokens
from side_by_side.own import measure_own, padded_tokens
from side_by_side.peers import measure_peer
from side_by_side.table import Work, notes, table

BENCH = Path(__file__).parents[2] / "bench"
WORK = Work(tokens=1000, label_tokens=600, least_flops=50e9)


def load_bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_train", BENCH / "train.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


bench = load_bench()


def row(*ids: int, labels: int = 1) -> TokenRow:
    return TokenRow("r", Encoded(ids, (False,) * (len(ids) - labels) + (True,) * labels))


def record(variant: str, number: int, cpu: float, *losses: float) -> dict[str, Any]:
    return {
        "variant": variant, "round": number, "cpu_seconds": cpu, "wall_seconds": 2 * cpu, "peak_bytes": 1 << 30,
        "computed_tokens": 1250, "losses": list(losses or (3.0, 2.0)),
    }  # fmt: skip


def limit(number: int, gflops: float) -> dict[str, Any]:
    return {"variant": "limit", "round": number, "gflops": gflops}


@pytest.fixture
def job(tiny_model: Path, rows_file: Path, tmp_path: Path) -> Job:
    settings = Settings(str(tiny_model), row_count=4, batch_rows=2, max_tokens=80, dropout=0.0)
    return write_job(tmp_path / "job", settings, read_rows(rows_file, settings).rows)


# ---------------------------------------------------------------------------------------------- the job


def test_the_folder_gives_back_the_same_rows(job: Job) -> None:
    assert read_job(job.folder) == job
    assert [len(job.step_rows(step)) for step in (1, 2)] == [4, 4]


def test_a_tokenised_file_is_taken_as_it_is(job: Job) -> None:
    assert read_rows(job.folder / "rows.jsonl", job.settings) == Found(job.rows)


def test_rows_that_are_cut_and_left_out_are_counted(tiny_model: Path, rows_file: Path) -> None:
    whole, cut = (read_rows(rows_file, Settings(str(tiny_model), 4, max_tokens=n)) for n in (9999, 80))
    lengths = [[len(row.encoded.ids) for row in found.rows] for found in (whole, cut)]
    assert (whole.cut, whole.left_out, cut.left_out) == (0, 0, 0)
    assert cut.cut == sum(a != b for a, b in zip(*lengths, strict=True)) > 0
    rows_file.write_text(
        '{"input": "' + "长" * 99 + '", "output": "短"}\n' + rows_file.read_text("utf-8"), "utf-8"
    )
    assert read_rows(rows_file, Settings(str(tiny_model), 4, max_tokens=80)) == Found(cut.rows, cut.cut, 1)


def test_too_few_rows_and_strange_labels_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"input_ids": [1, 2], "labels": [-100, 2]}\n', "utf-8")
    with pytest.raises(BenchError):
        read_rows(path, Settings("m", row_count=1))
    path.write_text('{"input_ids": [1, 2], "labels": [-100, 3]}\n' * 2, "utf-8")
    with pytest.raises(BenchError):
        read_rows(path, Settings("m", row_count=1))


def test_sorting_keeps_the_rows_of_the_step(job: Job) -> None:
    mine = job.step_rows(1)
    assert sorted(map(str, in_order(mine, True))) == sorted(map(str, mine))
    assert padded_tokens(in_order(mine, True), 2) <= padded_tokens(mine, 2)


def test_every_variant_has_the_same_losses(job: Job) -> None:
    measured = [measure_own(job, "plain"), measure_own(job, "fast"), measure_peer(job, "hf-tuned")]
    losses = [m["losses"] for m in measured]
    assert [len(x) for x in losses] == [2, 2, 2] and losses[0][0] != losses[0][1]
    for other in losses[1:]:
        assert other == pytest.approx(losses[0], rel=1e-5)
    assert all(m["cpu_seconds"] > 0 and m["peak_bytes"] > 0 for m in measured)
    assert measured[0]["computed_tokens"] == padded_tokens(job.step_rows(2), 2)
    assert measured[2]["computed_tokens"] == padded_tokens(in_order(job.step_rows(2), True), 2)


# ---------------------------------------------------------------------------------------------- the limit


def test_the_least_work_of_a_known_model() -> None:
    """Qwen2.5-0.5B: 358 M parameters in its layers, 35.2 M in the adapter, 136 M in the head."""
    per_layer = ((896, 896), (896, 128), (896, 128), (896, 896), (896, 4864), (896, 4864), (4864, 896))
    shape = Shape(per_layer * 24, (896, 151936), 896 * 24)
    one = least_flops(shape, [row(*range(100), labels=71)], 0.1) / 100
    assert one == pytest.approx(4 * 357.8e6 + 6 * 35.2e6 + 4 * 0.71 * 136.1e6 + 6 * 896 * 24 * 100, rel=2e-3)


def test_the_shape_is_that_of_the_weights(tiny_model: Path) -> None:
    shape = read_shape(tiny_model)
    settings = json.loads((tiny_model / "config.json").read_text("utf-8"))
    assert len(shape.linears) == 7 * settings["num_hidden_layers"]
    assert shape.head == (settings["hidden_size"], settings["vocab_size"])


def test_a_shared_beginning_counts_once_and_without_dropout_only() -> None:
    shape = Shape(((8, 8),), (8, 16), 8)
    rows = [row(1, 2, 3, 9, 5), row(1, 2, 3, 8, 7, 6)]
    assert shared_tokens(rows) == 3
    saved = least_flops(shape, rows, 0.1) - least_flops(shape, rows, 0.0)
    assert saved == 3 * (4 * 64 + 6 * 64 * 16) + 6 * 8 * 9


@given(st.lists(st.integers(0, 2), min_size=2, max_size=9), st.integers(1, 8), st.integers(1, 4))
def test_what_is_shared_predicts_no_label(ids: list[int], labels: int, copies: int) -> None:
    labels = min(labels, len(ids) - 1)
    assert shared_tokens([row(*ids, labels=labels)] * copies) == len(ids) - labels - 1


def test_a_step_that_only_warms_up_has_short_rows_with_a_label(tmp_path: Path) -> None:
    ids = list(range(100, 200))
    pairs = [{"input_ids": ids, "labels": [-100] * n + ids[n:]} for n in (60, 1, 99, 30)]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(p) + "\n" for p in pairs), "utf-8")
    settings = Settings("", row_count=2, warm_tokens=20)
    rows = [row.encoded for row in read_rows(path, settings).rows]
    assert [len(e.ids) for e in rows] == [20, 20, 100, 100] and all(any(e.trained[1:]) for e in rows)
    assert rows[0].ids == tuple(range(150, 170)) and rows[0].trained == (False,) * 10 + (True,) * 10
    whole = read_rows(path, replace(settings, warm_tokens=0)).rows
    assert {len(row.encoded.ids) for row in whole} == {100}


# ---------------------------------------------------------------------------------------------- rounds


def test_every_round_measures_each_variant_once_and_goes_on_after_a_stop() -> None:
    plan = bench.left_to_measure([], ["plain", "fast"], 2)
    assert plan == [(1, "plain"), (1, "fast"), (1, "limit"), (2, "limit"), (2, "fast"), (2, "plain")]
    done = [limit(1, 50.0), record("plain", 1, 2.0), {"variant": "fast", "round": 1, "failed": ["x"]}]
    assert bench.left_to_measure(done, ["plain", "fast"], 2) == [plan[1], *plan[3:]]
    assert bench.left_to_measure(done[:2], ["plain"], 1) == []


def test_a_file_is_continued_without_the_line_that_was_cut_off(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, head = tmp_path / "out.jsonl", {"settings": {"threads": 1}}
    assert bench.continue_file(path, head) == []
    whole = record("fast", 1, 1.0)
    with path.open("a", encoding="utf-8") as out:
        out.write(json.dumps(whole) + "\n" + json.dumps(whole)[:20])
    assert bench.continue_file(path, head) == [whole]
    assert "cut off" in capsys.readouterr().out
    assert bench.continue_file(path, head) == [whole]
    with pytest.raises(BenchError):
        bench.continue_file(path, {"settings": {"threads": 2}})


@pytest.mark.parametrize(
    "arguments",
    [["--row-count", "6"], ["--rounds", "0"], ["--variants", "fsat"], ["--variants", "fast,fast"]],
)
def test_a_wrong_use_is_refused_before_anything_is_written(arguments: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    assert bench.main(["--model", "m", "--rows", "r", "--out", str(out), *arguments]) == 2
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------------------------------------- the table


def cells(records: list[dict[str, Any]], *variants: str) -> dict[str, list[str]]:
    lines = [line.split() for line in table(records, variants, WORK)[1:]]
    return {line[0]: line[1:] for line in lines}


def test_ratios_are_taken_within_a_round() -> None:
    """A machine that is twice as slow in a round slows both: the ratio stays."""
    records = [
        r
        for number, slow in ((1, 1.0), (2, 2.0), (3, 4.0))
        for r in (limit(number, 100 / slow), record("plain", number, 2 * slow), record("fast", number, slow))
    ]
    found = cells(records, "plain", "fast")
    assert found["plain"][1:3] == ["4.00", "2.00-8.00"]
    assert found["plain"][8:11] == ["25%", "2.00", "2.00-2.00"]
    assert found["fast"][8:11] == ["50%", "1.00", "1.00-1.00"]


def test_rates_are_of_real_tokens_and_padding_is_shown() -> None:
    found = cells([record("plain", 1, 2.0)], "plain")["plain"]
    assert found[4:7] == ["500.0", "300.0", "20%"]
    assert found[8:11] == ["-", "-", "-"]


def test_notes_say_what_is_missing_and_what_differs() -> None:
    records = [limit(1, 50.0), record("plain", 1, 2.0), record("fast", 1, 1.0, 3.0, 2.5)]
    failed = {"variant": "trl", "round": 1, "failed": ["out of memory"]}
    text = "\n".join(notes([*records, failed], ["plain", "fast", "trl"], 1, 0.0))
    assert "trl: measured in 0 of 1 rounds" in text
    assert "not in the table: 1" in text
    assert "5.0e-01" in text and "masks" not in text
    assert "masks" in "\n".join(notes(records, ["plain", "fast"], 1, 0.1))


def test_losses_that_differ_between_rounds_are_said() -> None:
    records = [record("fast", 1, 1.0), record("fast", 2, 1.0, 3.0, 2.001)]
    assert any("differ between rounds: fast" in line for line in notes(records, ["fast"], 2, 0.1))


def test_labels_are_the_trained_ids() -> None:
    assert to_pair(row(5, 6, 7, labels=2)) == {"input_ids": [5, 6, 7], "labels": [-100, 6, 7]}
