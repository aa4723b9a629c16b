"""`loralab check`: the data report, whole, at every exit code."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from doubles.command import Job, invoke


def test_a_clean_config(job: Job) -> None:
    said = invoke("check", job.config, "--json")
    assert said.code == 0
    document = json.loads(said.out)
    report = document["data"]
    assert (report["read"], report["kept"], report["cut"], report["dropped"]) == (24, 24, 0, {})
    assert set(report) >= {
        "files", "read", "kept", "repaired", "dropped", "cut", "cut_answers", "duplicates", "conflicts", "overlap", "tokens",
    }  # fmt: skip
    assert set(report["tokens"]) >= {"median", "p95", "max", "total", "label_total"}
    assert set(report["files"][0]) >= {"path", "sha256", "rows", "format"}
    assert document["split"] == {"train": 18, "test": 4, "probes": 2}
    assert document["template"]["end"] == "<|im_end|>"
    assert said.err.rstrip().endswith(f"next: loralab train {job.config}")


def test_the_report_of_check_is_that_of_the_run(job: Job) -> None:
    document = json.loads(invoke("check", job.config, "--json").out)
    assert document["data"] == json.loads((job.run / "data" / "report.json").read_text("utf-8"))


def test_bad_rows_are_all_named_and_the_report_is_whole(bad_rows: Path) -> None:
    said = invoke("check", bad_rows, "--json")
    assert said.code == 3
    report = json.loads(said.out)["data"]
    assert (
        report["dropped"] == {"bad_json": 1, "empty_answer": 1}
        and report["read"] == 5
        and report["kept"] == 3
    )
    assert f"{bad_rows}:2" in said.err and f"{bad_rows}:4" in said.err and "Traceback" not in said.err


def test_bad_rows_may_be_dropped(bad_rows: Path) -> None:
    said = invoke("check", bad_rows, "data.on_bad_row=drop")
    assert said.code == 0 and "2 of 5 rows dropped: bad_json 1, empty_answer 1" in said.err and said.out == ""


def test_a_preview_shows_what_is_trained_on(job: Job) -> None:
    said = invoke("check", job.config, "--show", "2")
    assert said.code == 0
    marked = [line for line in said.err.splitlines() if line.startswith("⟦答")]
    assert len(marked) == 2
    assert all("⟧⟦<|im_end|>⟧" in line for line in marked)


def test_a_preview_needs_a_tokenizer(bad_rows: Path) -> None:
    said = invoke("check", bad_rows, "data.on_bad_row=drop", "--show", "1")
    assert said.code == 2 and "--model FOLDER" in said.err


@pytest.mark.parametrize("words", [["absent.yaml"], ["absent.jsonl"]])
def test_a_path_that_does_not_exist(tmp_path: Path, words: list[str]) -> None:
    said = invoke("check", *(tmp_path / w for w in words))
    assert said.code == 2 and "no such file" in said.err


def test_every_mistake_of_a_config_at_once(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("model: {nmae: x}\ndata: {train: a.jsonl}\ntrain: {epochs: -1, batch_rows: many}\n")
    said = invoke("check", config)
    assert said.code == 2 and "Traceback" not in said.err
    for word in (
        "model.nmae; did you mean name?",
        "train.epochs",
        "train.batch_rows",
        f"{config}:1",
        f"{config}:3",
    ):
        assert word in said.err, word


def test_weights_are_not_needed(job: Job, tiny_model: Path, tmp_path: Path, rows_file: Path) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "light", ignore=shutil.ignore_patterns("*.safetensors"))
    said = invoke("check", rows_file, "--model", folder, "--json")
    assert said.code == 0, said.err
    assert json.loads(said.out)["data"]["tokens"]["total"] > 0


def test_init_writes_a_config_that_check_reads(tmp_path: Path, tiny_model: Path, rows_file: Path) -> None:
    path = tmp_path / "my.yaml"
    said = invoke("init", path)
    assert said.code == 0 and said.out.strip() == str(path) and f"next: loralab check {path}" in said.err
    text = path.read_text("utf-8")
    assert "#" in text and "model:" in text
    checked = invoke("check", path, f"model.name={tiny_model}", f"data.train={rows_file}")
    assert checked.code == 0, checked.err
    again = invoke("init", path)
    assert again.code == 2 and "exists already" in again.err and path.read_text("utf-8") == text


def test_init_comments_in_the_readers_language(tmp_path: Path) -> None:
    invoke("init", tmp_path / "en.yaml")
    invoke("init", tmp_path / "zh.yaml", "--lang", "zh")
    texts = [(tmp_path / n).read_text("utf-8") for n in ("en.yaml", "zh.yaml")]
    assert "模型文件夹" in texts[1] and "模型文件夹" not in texts[0]


def test_a_page_is_written_in_the_readers_language(job: Job, tmp_path: Path) -> None:
    page = tmp_path / "check.html"
    said = invoke("check", job.config, "--html", page, "--lang", "zh")
    assert said.code == 0 and str(page) in said.err
    text = page.read_text("utf-8")
    assert 'lang="zh' in text and "job.yaml" in text and "答1：" in text
    bad = invoke("check", job.config, "--html", job.config / "below.html", "--json")
    assert bad.code in (2, 4) and "Traceback" not in bad.err


def test_a_page_is_written_of_bad_rows_too(bad_rows: Path, tmp_path: Path) -> None:
    page = tmp_path / "check.html"
    assert invoke("check", bad_rows, "--html", page).code == 3
    assert "bad_json" in page.read_text("utf-8")


def test_benchmark_questions_are_searched_for_in_the_rows(job: Job, tmp_path: Path) -> None:
    questions = [
        {"question": "1. 试用期最长可以约定多久？"},
        {"question": "与任何一行都没有关系的一个问题？"},
    ]
    bench = tmp_path / "bench.jsonl"
    bench.write_text("\n".join(map(json.dumps, questions)), "utf-8")
    said = invoke("check", job.config, "--against", bench, "--json")
    found = json.loads(said.out)["contamination"][str(bench)]
    assert said.code == 0
    assert (found["asked"], found["found"], found["items"]) == (2, 1, [0])
    words = invoke("check", job.config, "--against", bench)
    assert f"{bench}: 1 of 2 questions" in words.err and "item 0" in words.err


def test_a_mixture_is_told_in_rows_and_tokens(
    job: Job, tiny_model: Path, tmp_path: Path, rows_file: Path
) -> None:
    config = tmp_path / "mix.yaml"
    other = tmp_path / "other.jsonl"
    other.write_text('{"question": "另一个问题", "answer": "另一个回答"}', "utf-8")
    config.write_text(
        f"model: {{name: {tiny_model}}}\ndata:\n  test: none\n  probes: 0\n"
        f"  train:\n    - {{path: {rows_file}, weight: 0.5}}\n    - {{path: {other}, weight: 4}}\n", "utf-8",
    )  # fmt: skip
    said = invoke("check", config, "--json")
    mixture = json.loads(said.out)["data"]["mixture"]
    assert [(m["train_rows"], m["epoch_rows"]) for m in mixture] == [(24, 12), (1, 4)]
    assert sum(m["share"] for m in mixture) == pytest.approx(1)
    assert all(m["epoch_label_tokens"] > 0 for m in mixture)
    assert "in an epoch: 4 rows (25.0%)" in invoke("check", config).err


def test_the_memory_plan_is_printed(job: Job) -> None:
    memory = json.loads(invoke("check", job.config, "--json").out)["memory"]
    assert memory["total_bytes"] == max(phase["bytes"] for phase in memory["phases"])
    assert {phase["name"] for phase in memory["phases"]} == {
        "loading", "check of the fast engine", "training", "answering",
    }  # fmt: skip
    assert all(part["how"] for phase in memory["phases"] for part in phase["parts"])
    assert memory["engine"] == "fast" and memory["knobs"]
    said = invoke("check", job.config)
    assert "weights" in said.err and "frees" in said.err and "--calibrate" in said.err


def test_without_a_model_the_plan_says_what_it_needs(bad_rows: Path) -> None:
    said = invoke("check", bad_rows, "data.on_bad_row=drop")
    assert said.code == 0 and "no memory plan: it needs a model" in said.err
    document = json.loads(invoke("check", bad_rows, "data.on_bad_row=drop", "--json").out)
    assert set(document["memory"]) == {"reason"} and document["time"] is None
    assert invoke("check", bad_rows, "--calibrate").code == 2


def test_calibration_gives_a_forecast_and_writes_nothing(job: Job) -> None:
    before = sorted(job.folder.rglob("*"))
    said = invoke("check", job.config, "--calibrate", "--json")
    time = json.loads(said.out)["time"]
    assert said.code == 0 and time["steps"] == 10 and time["train_seconds"] > 0 and time["answers"] > 0
    assert sorted(job.folder.rglob("*")) == before


def test_bad_rows_are_reported_before_calibration_loads_a_model(bad_rows: Path, tiny_model: Path) -> None:
    said = invoke("check", bad_rows, "--model", tiny_model, "--calibrate", "--json")
    assert said.code == 3 and json.loads(said.out)["time"] is None


def test_an_engine_that_cannot_be_had_is_said_before_a_run(
    job: Job, tiny_model: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "other")
    settings = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps(settings | {"model_type": "phi3"}), "utf-8")
    words = ("check", job.config, f"model.name={folder}")
    said = invoke(*words, "train.engine=fast")
    assert said.code == 2 and "does not know the architecture Phi3ForCausalLM" in said.err
    assert invoke(*words).code == 0
