"""Benchmark questions in the rows of a run: found, counted by file, and never removed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from doubles.shared_data import SHARED, needs_shared_data, real_files
from loralab.config import make_config
from loralab.data.doctor.near import THRESHOLD
from loralab.errors import DataError, UsageError
from loralab.train.contamination import find_contamination
from loralab.train.prepare import Prepared, prepare

LONG = "甲公司与乙公司签订买卖合同约定货到付款后来乙公司拒绝支付货款第{}次催告仍然无果甲公司可以主张什么权利"


def write(path: Path, rows: list[dict[str, Any] | str]) -> str:
    path.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in rows), "utf-8")
    return str(path)


def prepared(path: str, *overrides: str) -> Prepared:
    return prepare(make_config(["model.name=none/such", f"data.train={path}", *overrides]), None)


def test_items_are_numbered_in_their_file_and_their_set_is_told(tmp_path: Path) -> None:
    train = write(
        tmp_path / "train.jsonl",
        [{"input": LONG.format(i) + "甲乙丙丁"[i] * 20, "output": "a"} for i in range(4)],
    )
    found = prepared(train, "data.test=0:1", "data.probes=1:2")
    items = [
        {"question": "q"},
        "broken",
        {"question": LONG.format(0) + "甲" * 20},
        {"question": LONG.format(3) + "丁" * 20},
    ]
    result = find_contamination([write(tmp_path / "b.jsonl", items)], found)
    (file,) = result.values()
    assert list(result) == [str(tmp_path / "b.jsonl")]
    assert (file["asked"], file["found"], file["found_in_training"], file["unread"]) == (3, 2, 1, 1)
    assert file["unread_rows"][0]["place"].endswith(":2") and file["unread_rows"][0]["reason"] == "bad_json"
    assert file["items"] == [2, 3]
    assert [(p["item"], p["place"].rpartition(":")[2], p["row"].rpartition(":")[2], p["set"]) for p in file["pairs"]] == [
        (2, "3", "1", "test"), (3, "4", "4", "train"),
    ]  # fmt: skip
    assert found.report.kept == 4


def test_files_of_a_folder_are_counted_apart(tmp_path: Path) -> None:
    train = write(tmp_path / "train.jsonl", [{"input": LONG, "output": "a"}])
    (tmp_path / "bench").mkdir()
    for name in ("one", "two"):
        write(tmp_path / "bench" / f"{name}.jsonl", [{"question": LONG if name == "two" else "q"}])
    found = find_contamination([str(tmp_path / "bench")], prepared(train))
    assert [(Path(path).stem, file["found"]) for path, file in found.items()] == [("one", 0), ("two", 1)]


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_a_benchmark_may_have_another_encoding_than_the_training_files(tmp_path: Path, encoding: str) -> None:
    train, bench = tmp_path / "train.jsonl", tmp_path / "bench.jsonl"
    row = {"input": LONG, "output": "a"}
    train.write_text(json.dumps(row, ensure_ascii=False), "gb18030")
    bench.write_text(json.dumps(row, ensure_ascii=False), encoding)
    found = find_contamination([str(bench)], prepared(str(train), "data.encoding=gb18030"), "gb18030")
    assert [file["found"] for file in found.values()] == [1]


def test_a_benchmark_that_is_not_there_or_empty_is_an_error(tmp_path: Path) -> None:
    train = prepared(write(tmp_path / "train.jsonl", [{"input": "q", "output": "a"}]))
    with pytest.raises(UsageError, match="no such data file"):
        find_contamination([str(tmp_path / "no.json")], train)
    with pytest.raises(DataError, match="is empty"):
        find_contamination([write(tmp_path / "e.json", [])], train)
    with pytest.raises(DataError, match="holds no questions"):
        find_contamination([write(tmp_path / "n.json", ["[]"])], train)
    with pytest.raises(DataError, match="bad_json"):
        find_contamination([write(tmp_path / "b.json", ["{'question': 'q'}"])], train)


@needs_shared_data
@pytest.mark.parametrize(("pattern", "listed"), [("*.json", 72), ("*.train.json", 61)])
def test_every_known_overlap_of_lawbench_with_these_rows_is_found(pattern: str, listed: int) -> None:
    files = ", ".join(map(str, real_files(f"lawyer_llama/{pattern}")))
    rows = prepared(f"[{files}]")
    tasks = {"LawBench 1-2": "1-2.json", "LawBench 3-6": "3-6.json"}
    folder = SHARED / "lawbench"
    known = json.loads((folder / "overlap_with_shared_rows.json").read_text("utf-8"))["overlap"]
    pairs = set()
    for task, name in tasks.items():
        (file,) = find_contamination([str(folder / "data_zero_shot" / name)], rows).values()
        assert all(pair["share"] >= THRESHOLD for pair in file["pairs"])
        pairs |= {(task, p["item"], Path(p["row"]).name.partition(".")[0]) for p in file["pairs"]}
    wanted = {
        (task, item, source) for task, by in known.items() for source, items in by.items() for item in items
    }
    assert len(wanted & pairs) == listed
    # beyond the list: two questions that are the same down to their options, but short
    assert pairs - wanted <= {("LawBench 1-2", 104, "fakao_gpt4"), ("LawBench 1-2", 176, "fakao_gpt4")}
