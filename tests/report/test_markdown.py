"""The summary in Markdown: true to the record, safe to paste, and silent about the machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from markdown_reader import elements, rows, texts
from strange_run import HOSTILE, write_strange_run

from doubles.made_run import STAGES, Recipe, make_config, make_data_report, make_scores
from loralab.report.markdown import build_markdown
from loralab.report.text import amount
from loralab.run.files import write_json
from loralab.run.view import Run, open_run


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_adds_no_element(tmp_path: Path, hostile: str) -> None:
    harmless, other = (
        build_markdown(write_strange_run(tmp_path / name / "0001-x", text))
        for name, text in (("a", "harmless"), ("b", hostile))
    )
    assert elements(other) == elements(harmless)
    assert not {"html_inline", "html_block", "link_open", "image", "strong_open"} & set(elements(other))


def test_a_text_of_the_run_is_shown_whole(tmp_path: Path) -> None:
    text = "<b> a | b `c` [d](e) #1 @f * g"
    shown = texts(build_markdown(write_strange_run(tmp_path / "0001-x", text)))
    assert sum(text in line for line in shown) > 10


@pytest.mark.parametrize(("language", "words"), [("en", "Verdict"), ("zh", "结论")])
def test_scores_stand_in_the_column_of_their_stage(finished: Run, language: str, words: str) -> None:
    markdown = build_markdown(finished, language)
    assert f"### {words}" in markdown
    head, loss, rouge = (cells for cells in rows(markdown) if len(cells) == 1 + len(STAGES))
    assert head[1:] == {"en": ["before", "epoch 1", "epoch 2", "after"]}.get(language, head[1:])
    for cells, metric, share in ((loss, "loss", False), (rouge, "rouge_l", False)):
        assert cells[0].startswith(f"heldout/{metric}")
        for cell, stage in zip(cells[1:], STAGES, strict=True):
            entry = make_scores(stage)["heldout"][metric]
            low, high = (amount(entry[key], share) for key in ("low", "high"))
            assert cell.startswith(f"{amount(entry['value'], share)} [{low}, {high}], n = {entry['n']}")
    assert "5.0 %" in rouge[1] and "lower is better" not in rouge[0]


def test_data_cost_settings_and_warnings_are_there(recipe: Recipe, run_folder: Path) -> None:
    recipe.extra_events = [{"kind": "warning", "code": "slow", "message": "the disk is slow"}] * 3
    markdown = build_markdown(recipe.write(run_folder))
    cells = dict(row[:2] for row in rows(markdown))
    report = make_data_report()
    assert cells["rows read"] == str(report["read"]) and cells["rows kept"] == str(report["kept"])
    assert cells["Dropped, by reason: empty_answer"] == "2" and cells["Training rows"] == "640"
    assert ["train.epochs", "3", "2"] in rows(markdown)
    assert "lora.rank" not in cells
    shown = texts(markdown)
    assert "slow: the disk is slow (× 3)" in shown and "Wall time: 29 min 6 s" in shown


def test_no_folder_of_the_machine_is_told(
    recipe: Recipe, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = "/home/alice/my secrets"
    monkeypatch.setenv("SOME_API_KEY", "hunter2hunter2")
    recipe.config = make_config()
    recipe.config["model"]["name"] = f"{place}/qwen"
    recipe.config["data"]["train"] = [f"{place}/law.jsonl", {"path": f"{place}/b.jsonl", "weight": 2}]
    recipe.config["run"]["dir"] = f"{place}/runs"
    recipe.extra_events = [
        {"kind": "warning", "code": "x", "message": f"'{place}/law.jsonl' is odd, so is hunter2hunter2"},
        {"kind": "run_failed", "error": "no space in /home/alice/tmp", "where": "/home/alice/loop.py:12"},
    ]
    recipe.ending = ""
    markdown = build_markdown(recipe.write(run_folder))
    assert "alice" not in markdown and "secrets" not in markdown and "hunter2" not in markdown
    assert "x: 'law.jsonl' is odd, so is ***" in texts(markdown)
    values = {row[0]: row[1] for row in rows(markdown) if row[0].startswith("data.train")}
    assert list(values.values()) == ["law.jsonl", "b.jsonl", "2"]


def test_a_run_with_nothing_but_a_manifest_says_what_is_missing(run_folder: Path) -> None:
    write_json(run_folder / "manifest.json", {"format": 1})
    shown = texts(build_markdown(open_run(run_folder)))
    for part in (
        "Nothing was scored.",
        "The run has no data report.",
        "The run has no readable config.",
        "none",
    ):
        assert part in shown, part
    assert any(line.startswith("status: stale") for line in shown)
