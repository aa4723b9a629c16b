"""`loralab show` and `loralab report`: a run in words, as JSON and as a page."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from doubles.command import Job, invoke
from loralab.run.view import open_run


@pytest.fixture
def copy(job: Job, tmp_path: Path) -> Path:
    return shutil.copytree(job.run, tmp_path / job.run.name)


def test_json_is_one_document(job: Job) -> None:
    said = invoke("show", job.run, "--json")
    document = json.loads(said.out)
    assert said.code == 0 and said.err.startswith("next: loralab ")
    assert set(document) == {"run", "status", "manifest", "scores", "steps"}
    assert document["run"] == "0001-job" and document["status"] == "finished"
    assert list(document["scores"]) == ["before", "epoch-1", "epoch-2", "after"]
    entry = document["scores"]["after"]["heldout"]["rouge_l"]
    assert set(entry) == {"value", "n", "low", "high", "floor", "abstention"}
    assert [e["step"] for e in document["steps"]] == list(range(1, 11))
    assert document["manifest"]["format"] == 1


def test_words_name_status_data_steps_scores_and_verdict(job: Job) -> None:
    said = invoke("show", job.run)
    assert said.code == 0 and said.out == "" and "\r" not in said.err
    for word in (
        "0001-job: finished",
        "24 rows read, 24 kept",
        "steps 10: loss",
        "heldout/rouge_l",
        "Held-out loss:",
    ):
        assert word in said.err, word
    assert said.err.rstrip().endswith(f"next: loralab report {job.run}")


def test_fixed_and_broken_answers_are_counted_for_each_metric(copy: Path) -> None:
    path = copy / "scores" / "after.rows.jsonl"
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    mine = [row for row in rows if (row["task"], row["metric"]) == ("heldout", "exact_match")]
    assert len(mine) > 3 and {row["value"] for row in mine} == {0.0}
    mine[0]["value"] = mine[2]["value"] = 1.0
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    said = invoke("show", copy)
    assert "changed answers, before to after:" in said.err
    assert f"  heldout/exact_match: 2 fixed, 0 broken, of {len(mine)}" in said.err
    assert (
        f"heldout/exact_match：{len(mine)} 题中 2 题由错变对，0 题由对变错"
        in invoke("show", copy, "--lang", "zh").err
    )
    (copy / "scores" / "before.rows.jsonl").unlink()
    (copy / "scores" / "epoch-1.rows.jsonl").unlink()
    assert "changed answers, epoch 2 to after:" in invoke("show", copy).err
    (copy / "scores" / "epoch-2.rows.jsonl").unlink()
    assert "changed answers" not in invoke("show", copy).err


def test_quiet_says_nothing(job: Job) -> None:
    assert (invoke("show", job.run, "-q").err, invoke("-q", "show", job.run).err) == ("", "")


def test_words_in_chinese(job: Job) -> None:
    said = invoke("show", job.run, "--lang", "zh")
    assert said.code == 0 and "下一步" in said.err and "next:" not in said.err


def test_a_run_that_stopped_short_says_how_to_go_on(copy: Path) -> None:
    events = copy / "events.jsonl"
    lines = events.read_text("utf-8").splitlines(keepends=True)
    events.write_text("".join(lines[:-1]) + '{"seq"', "utf-8")
    (copy / "scores" / "after.json").unlink()
    said = invoke("show", copy)
    assert said.code == 0, said.err
    assert "torn" in said.err and said.err.rstrip().endswith(f"next: loralab resume {copy}")


def test_a_path_with_spaces_is_quoted_in_commands(job: Job, tmp_path: Path) -> None:
    folder = shutil.copytree(job.run, tmp_path / "my runs" / "0001-job")
    assert invoke("show", folder).err.rstrip().endswith(f"next: loralab report '{folder}'")


@pytest.mark.parametrize("content", [b"", b"\x00\xff{["])
def test_a_wreck_is_shown_as_far_as_it_can_be_read(tmp_path: Path, content: bytes) -> None:
    folder = tmp_path / "0001-wreck"
    for name in ("manifest.json", "events.jsonl", "config.yaml", "scores/after.json", "data/report.json"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    for words in (["show", folder], ["show", folder, "--json"], ["report", folder]):
        said = invoke(*words)
        assert said.code == 0, said.err
    assert f"{folder / 'manifest.json'} is missing or damaged" in invoke("show", folder).err
    assert json.loads(invoke("show", folder, "--json").out)["status"] == "stale"


@pytest.mark.parametrize("verb", ["show", "report"])
def test_what_is_no_run(verb: str, tmp_path: Path) -> None:
    assert "no such run folder" in invoke(verb, tmp_path / "absent").err
    said = invoke(verb, tmp_path)
    assert said.code == 2 and "is not a run folder" in said.err


def test_report_writes_the_page_and_prints_its_path(copy: Path) -> None:
    page = copy / "report.html"
    page.unlink()
    said = invoke("report", copy)
    assert said.code == 0 and said.out.strip() == str(page)
    assert "<html" in page.read_text("utf-8") and open_run(copy).id in page.read_text("utf-8")
