"""Prepared files: the rows of a run for any other tool, and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from loralab.config import Config, make_config
from loralab.train.prepare import prepare
from loralab.train.prepared_files import write_prepared


def config(tmp_path: Path, *overrides: str) -> Config:
    rows = [{"input": f"q{i} ", "output": f"a{i}"} for i in range(10)]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return make_config(["model.name=none/such", f"data.train={path}", *overrides])


def read(path: Path) -> list[Any]:
    return [json.loads(line)["messages"] for line in path.read_text("utf-8").splitlines()]


def test_the_files_hold_the_split_with_the_system_prompt(tmp_path: Path) -> None:
    settings = config(tmp_path, "data.test=2", "data.probes=1", "data.system=s")
    prepared = prepare(settings, None)
    counts = write_prepared(prepared, settings.data, tmp_path / "out")
    assert counts == {"train": 7, "test": 2, "probes": 1}
    for name, rows in (
        ("train", prepared.split.train),
        ("test", prepared.split.test),
        ("probes", prepared.split.probes),
    ):
        assert read(tmp_path / "out" / f"{name}.jsonl") == [
            [{"role": "system", "content": "s"}, *row.plain()["messages"]] for row in rows
        ]


def test_what_was_written_reads_back_as_the_same_rows(tmp_path: Path) -> None:
    settings = config(tmp_path, "data.test=2", "data.probes=1")
    prepared = prepare(settings, None)
    write_prepared(prepared, settings.data, tmp_path)
    again = make_config(
        [
            "model.name=none/such",
            *(
                f"data.{k}={tmp_path / f'{v}.jsonl'}"
                for k, v in (("train", "train"), ("test", "test"), ("probes", "probes"))
            ),
        ]
    )
    found = prepare(again, None)
    for part in ("train", "test", "probes"):
        assert getattr(found.split, part).ids() == getattr(prepared.split, part).ids()
    assert found.report.repaired == {} and prepared.report.repaired == {"trailing_space": 10}


def test_answers_that_are_not_trained_on_are_marked(tmp_path: Path) -> None:
    """data.train_turns was forgotten."""
    talk = [{"role": r, "content": c} for r, c in zip(("user", "assistant") * 2, "qapb", strict=True)]
    path = tmp_path / "talk.jsonl"
    path.write_text(json.dumps({"messages": talk}), "utf-8")
    settings = config(
        tmp_path, f"data.train={path}", "data.train_turns=last", "data.test=none", "data.probes=0"
    )
    counts = write_prepared(prepare(settings, None), settings.data, tmp_path)
    assert counts == {"train": 1, "test": 0, "probes": 0}
    assert not (tmp_path / "test.jsonl").exists()
    (row,) = read(tmp_path / "train.jsonl")
    assert [turn.get("train", True) for turn in row] == [True, False, True, True]


def test_a_weight_of_two_writes_each_training_row_twice(tmp_path: Path) -> None:
    one = config(tmp_path, "data.test=2", "data.probes=1")
    source = one.data.train[0]
    settings = config(tmp_path, "data.test=2", "data.probes=1", f"data.train=[{{path: {source}, weight: 2}}]")
    counts = write_prepared(prepare(settings, None), settings.data, tmp_path)
    assert counts["train"] == 14
